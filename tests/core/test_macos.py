"""The tools of macOS: GNU Make 3.81 and bash 3.2, which are the oldest that modelmake runs with.

Where `make` and `bash` are newer, the two are looked for on the PATH as make-3.81 and bash-3.2.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Once
from tests.core.test_make import CHAIN, CHECKS, Stubbed, started

pytestmark = pytest.mark.long
TOOLS = {"make-3.81": "GNU Make 3.81", "bash-3.2": "version 3.2."}


def old(name: str, version: str) -> str:
    """Return the path of the old program; skip the test where it is not there."""
    for candidate in (name.partition("-")[0], name):
        if path := shutil.which(candidate):
            done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            if version in done.stdout.splitlines()[0]:
                return path
    pytest.skip(f"no {name} on the PATH")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """Return a folder with the old programs under their plain names."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name, version in TOOLS.items():
        (folder / name.partition("-")[0]).symlink_to(old(name, version))
    return folder


def test_the_pipeline_runs_with_the_tools_of_macos(tools: Path, once: Once, empty_store: Path, tmp_path: Path) -> None:
    """The stages run once, why knows what has changed, and what is misspelt is one line with a suggestion."""
    checkout = Stubbed(tmp_path / "a check out").fill(empty_store)
    path = f"{tools}:{checkout.environment()['PATH']}"

    def make(*words: str) -> subprocess.CompletedProcess[str]:
        return checkout.make(*words, PATH=path)

    assert make("--version").stdout.startswith(TOOLS["make-3.81"])
    command = [str(checkout.path / "docker/shell"), "-c", "echo $BASH_VERSION"]
    environment = checkout.environment() | {"PATH": path}
    assert subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.startswith(
        "3.2."
    )
    done = make("all")
    assert (done.returncode, done.stderr) == (0, "")
    assert started(done) == [*CHECKS, *CHAIN]
    assert started(make("all")) == []
    checkout.edit("pipeline.toml", "seed = 42", "seed = 43")
    assert [line for line in make("why").stdout.splitlines() if line.startswith("train") and "would run" in line]
    assert started(make("all")) == CHAIN
    for words, expected in (
        (("trian",), "make trian: no such target (did you mean train?"),
        (("promote", "VERISON=2"), "VERISON: not a variable of modelmake (did you mean VERSION?"),
        (("promote", "NOTHING_OF_OURS=2"), "NOTHING_OF_OURS: not a variable of modelmake (leave it out)"),
        (("all", "FORCE=maybe"), "FORCE=maybe: not yes or no"),
    ):
        done = make(*words)
        assert (done.returncode, done.stdout) == (2, "")
        assert expected in done.stderr
