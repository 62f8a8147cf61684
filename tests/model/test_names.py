"""names: what skops trusts by default is not computed at each start, and is what skops would compute."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from modelmake.model import names
from tests.conftest import ROOT

LOADED = """\
import runpy, sys
give = runpy.run_path(sys.argv[1])["give"]
give()
given = "skops.io._trusted_types" in sys.modules
import skops.io
from skops.io import _general
print(given, "sklearn.gaussian_process" in sys.modules, len(_general.SKLEARN_ESTIMATOR_TYPE_NAMES))
"""


def test_the_names_are_those_of_skops() -> None:
    """With other packages in the lock they are others: make docs writes them again."""
    record = json.loads(names.FILE.read_text(encoding="utf-8"))
    assert record == {"versions": names.versions(), "names": names.computed()}, "run make docs"


@pytest.mark.parametrize("version", ["", "0.1"])
def test_skops_takes_the_names_of_its_version_alone(tmp_path: Path, version: str) -> None:
    """It imports no estimator for them; for another version it computes its own."""
    record = json.loads(names.FILE.read_text(encoding="utf-8"))
    record["versions"]["skops"] = version or record["versions"]["skops"]
    (tmp_path / "names.json").write_text(json.dumps(record))
    file = tmp_path / "names.py"
    file.write_text((ROOT / "scripts/modelmake/model/names.py").read_text())
    done = subprocess.run([sys.executable, "-c", LOADED, str(file)], capture_output=True, text=True, check=True)
    count = len(record["names"]["SKLEARN_ESTIMATOR_TYPE_NAMES"])
    assert done.stdout.split() == [str(not version), str(bool(version)), str(count)]
