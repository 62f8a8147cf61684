"""A project with a search, run as `make tune` does, in a process that a test can kill."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelmake.__main__ import run as run_stage
from tests.conftest import ROOT, Once, Project, copy, enter, forget, scratch
from tests.support.warm import python

SEARCH = """
[search]
trials = 12
batch = 4
folds = 3
[search.space]
max_depth = { low = 1, high = 8 }
criterion = { choices = ["gini", "entropy"] }
"""
WIDE = "max_depth = { low = 1, high = 1000 }"  # no trial comes twice
# An estimator of the user: what it does is a parameter. A trial begins when the file "allowed" has a larger number than
# trials have begun.
OWN = """
import fcntl, multiprocessing, os, pathlib, signal, sys, time
from sklearn.tree import DecisionTreeClassifier

FOLDS = 3
allowed, fits = pathlib.Path("allowed"), 0
own = multiprocessing.parent_process() is None and sys.argv[-1] == "tune"  # it scores the parameters of [model] too

def begins():
    with open("begun", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        begun = os.fstat(file.fileno()).st_size
        if allowed.exists() and begun >= int(allowed.read_text()):
            return False
        file.write(".")
        return True

class Own(DecisionTreeClassifier):
    def __init__(self, what="fit", max_depth=3, seconds=0.0, random_state=None):
        super().__init__(max_depth=max_depth, random_state=random_state)
        self.what = what
        self.seconds = seconds
    def fit(self, X, y):
        global fits
        if len(X) < 100 and not own:  # a fold; the fit that looks for types has all 120 rows
            while fits % FOLDS == 0 and not begins():
                time.sleep(0.02)
            fits += 1
        time.sleep(self.seconds)
        if self.what == "fail":
            raise ValueError(f"no luck with {self!r} at {hex(id(self))}")
        if self.what == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)
"""


class Searching(Project):
    """A project with `[search]`."""

    def __init__(self, path: Path, capture: pytest.CaptureFixture[str]) -> None:
        """Begin without a process."""
        super().__init__(path, capture)
        self.started: list[subprocess.Popen[str]] = []

    @property
    def journal(self) -> list[str]:
        """The lines of the journal; a finished search leaves them in the order of their numbers."""
        [path] = (self.path / "build/search").glob("*.jsonl")
        return path.read_text().splitlines()

    @property
    def tuned(self) -> str:
        """build/tuned.toml, without the run's id."""
        lines = (self.path / "build/tuned.toml").read_text().splitlines()
        return "\n".join(line for line in lines if not line.startswith("run_id"))

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a command: that of the test, and these settings."""
        return os.environ | {
            "PYTHONPATH": f"{ROOT}/scripts:{self.path}",
            "PYTHONDONTWRITEBYTECODE": "1",
            **settings,
        }

    def start(self, **settings: str) -> subprocess.Popen[str]:
        """Start `python -m modelmake tune`."""
        words = [python(), "-m", "modelmake", "tune"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(words, env=self.environment(**settings), cwd=self.path, text=True, **pipes)
        self.started.append(process)
        return process

    def tune(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        process = self.start(**settings)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def killed_after(self, lines: int, **settings: str) -> None:
        """Run it, and kill it when the journal has so many lines."""
        process = self.start(**settings)
        self.wait_for(lines, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()

    def allow(self, trials: int) -> None:
        """Let so many more trials begin, on whichever process; the next ones wait."""
        begun = self.path / "begun"
        (self.path / "new").write_text(str(trials + (begun.stat().st_size if begun.exists() else 0)))
        (self.path / "new").rename(self.path / "allowed")

    def forget(self) -> None:
        """Remove journal and receipts here, and the runs on the server, from which a search would take its trials."""
        shutil.rmtree(self.path / "build")
        experiment = self.client.get_experiment_by_name("flowers")
        for run in self.client.search_runs([experiment.experiment_id]):
            self.client.delete_run(run.info.run_id)

    def wait_for(self, lines: int, process: subprocess.Popen[str]) -> None:
        """Wait until the journal has so many lines."""
        for _ in range(2400):
            found = [*(self.path / "build/search").glob("*.jsonl")]
            if found and found[0].read_bytes().count(b"\n") >= lines:
                return
            if process.poll() is not None:
                raise AssertionError(process.communicate())
            time.sleep(0.05)
        raise AssertionError("no progress")


def with_search(path: Path) -> None:
    """Give the project in a folder a search among small trees."""
    text = (path / "pipeline.toml").read_text()
    text = text.replace("sklearn.ensemble.RandomForestClassifier", "sklearn.tree.DecisionTreeClassifier")
    (path / "pipeline.toml").write_text(text.replace("[model.params]\nn_estimators = 5\n", "") + SEARCH)


@pytest.fixture
def searching(project: Project) -> Iterator[Searching]:
    """A project with a search among small trees."""
    with_search(project.path)
    made = Searching(project.path, project.capture)
    yield made
    for process in made.started:
        if process.poll() is None:  # of a test that has failed
            process.kill()
            process.communicate()


@pytest.fixture
def searched(searching: Searching, once: Once, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> Searching:
    """The project after `make tune`, which runs once for all tests that ask for it."""

    def make(path: Path) -> None:
        scratch(path, empty_store)
        with_search(path)
        with pytest.MonkeyPatch.context() as patch:
            enter(path, patch)
            patch.setenv("MODELMAKE_WORKERS", "2")
            assert run_stage("tune") == 0

    copy(once("searched", make), searching.path)
    forget()
    monkeypatch.setenv("MODELMAKE_WORKERS", "2")
    return searching


@pytest.fixture
def own(searching: Searching) -> Callable[[str], Searching]:
    """A project with an estimator of the user, and a space for it."""

    def made(space: str) -> Searching:
        (searching.path / "models").mkdir(exist_ok=True)
        Path(searching.path, "models/own.py").write_text(OWN)
        searching.edit("sklearn.tree.DecisionTreeClassifier", "models.own.Own")
        searching.edit(SEARCH.partition("[search.space]")[2].strip(), space)
        searching.edit("[gate]", "trusted_types = ['models.own.Own']\n[gate]")
        return searching

    return made
