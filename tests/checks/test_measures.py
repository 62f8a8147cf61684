"""`make bench` and `make chaos`: the parts that ARGS names."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(("measure", "part"), [("bench", "idle"), ("chaos", "kill")])
def test_a_part_that_does_not_exist_is_one_line(measure: str, part: str) -> None:
    """With its like; before anything is started."""
    words = {"MODELMAKE_ARGS": f"{part}s", "MODELMAKE_RUNNER": "docker"}
    command = [sys.executable, "-m", "modelmake", measure]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"ARGS={part}s: no part of this" in done.stderr
    assert f"'{part}'" in done.stderr
