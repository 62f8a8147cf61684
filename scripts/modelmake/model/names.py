"""Names: the types that skops trusts by default, as its own module computes them for the versions in the lock.

skops computes the lists at each start, and imports all of scikit-learn for it: half a second, in two processes of a
run. names.json has the lists, which `make docs` writes and a test compares with those of skops. With any other version
of a package skops computes them itself. Also gate/answers.py runs this file, without the rest of the package.
"""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

MODULE = "skops.io._trusted_types"
FILE = Path(__file__).with_suffix(".json")
COMPUTED = f"""\
import json, {MODULE} as names
print(json.dumps({{name: list(values) for name, values in vars(names).items() if name.endswith("_TYPE_NAMES")}}))
"""
PACKAGES = ("numpy", "scikit-learn", "scipy", "skops")  # which the lists depend on


def give() -> None:
    """Give skops its lists before it is imported, if they are of the installed versions."""
    if MODULE in sys.modules or not FILE.exists():
        return
    recorded = json.loads(FILE.read_bytes())
    if recorded["versions"] == versions():
        module = ModuleType(MODULE)
        vars(module).update(recorded["names"])
        sys.modules[MODULE] = module


def write() -> None:
    """Write names.json from the lists that skops computes."""
    record = {"versions": versions(), "names": computed()}
    FILE.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Return the installed versions of the packages."""
    return {name: metadata.version(name) for name in PACKAGES}


def computed() -> dict[str, list[str]]:
    """Return the lists of skops by their names, computed in a new process: one that has imported more may add some."""
    done = subprocess.run([sys.executable, "-I", "-W", "ignore", "-c", COMPUTED], capture_output=True, check=True)
    lists: dict[str, list[str]] = json.loads(done.stdout)
    return lists
