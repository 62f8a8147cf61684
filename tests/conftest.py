"""What the tests share: a scratch project with real data, a real MLflow store, and a way to run a stage."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest
from hypothesis import settings

from scripts.__main__ import run

ROOT = Path(__file__).parent.parent
PIPELINE = """\
experiment = "flowers"
seed = 42
[data]
path = "data/iris.csv"
target = "species"
[model]
estimator = "sklearn.ensemble.RandomForestClassifier"
[model.params]
n_estimators = 5
[gate]
metric = "accuracy"
threshold = 0.8
[registry]
name = "flower_classifier"
stage = "Staging"
"""

settings.register_profile("house", deadline=None, derandomize=True)
settings.load_profile("house")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with all its tables, made once: migrations take seconds."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    mlflow.MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@dataclass(frozen=True)
class Outcome:
    """What a stage did: its exit code and what it printed."""

    code: int
    out: str
    err: str


class Project:
    """A scratch checkout that stages run in."""

    def __init__(self, path: Path, capture: pytest.CaptureFixture[str]) -> None:
        """Keep the folder and the way to what is printed."""
        self.path = path
        self.capture = capture

    def stage(self, name: str) -> Outcome:
        """Run a stage as `python -m scripts` does, in this process."""
        self.capture.readouterr()
        code = run(name)
        return Outcome(code, *self.capture.readouterr())

    def edit(self, old: str, new: str, file: str = "pipeline.toml") -> None:
        """Replace text in one of the project's files; it has to be there."""
        path = self.path / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    @property
    def client(self) -> mlflow.MlflowClient:
        """A client of the project's store."""
        return mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])

    def receipt(self, stage: str) -> dict[str, Any]:
        """Read a stage's receipt."""
        return json.loads((self.path / f"build/{stage}.json").read_text())

    @property
    def receipts(self) -> set[str]:
        """The receipts that lie under build/."""
        return {path.stem for path in (self.path / "build").glob("*.json")}


@pytest.fixture
def project(
    tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Project:
    """A scratch project on a store of its own, in the working directory."""
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "GITHUB_", "MODELMAKE_")) or name in ("RUN_ID", "ACT", "ARGS"):
            monkeypatch.delenv(name)
    for folder in ("data", "docker", ".mlflow"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "data/iris.csv", tmp_path / "data")
    shutil.copy(ROOT / "docker/requirements.txt", tmp_path / "docker")
    shutil.copy(empty_store, tmp_path / ".mlflow/mlflow.db")
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    # Absolute, since MLflow keeps one engine for each address.
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/.mlflow/mlflow.db")
    return Project(tmp_path, capsys)


@pytest.fixture
def trained(project: Project) -> Project:
    """A project whose `train` has run."""
    assert project.stage("train").code == 0
    return project


@pytest.fixture
def evaluated(trained: Project) -> Project:
    """A project whose `train` and `evaluate` have run."""
    assert trained.stage("evaluate").code == 0
    return trained


@pytest.fixture
def error_line() -> Callable[[Outcome, int], str]:
    """Check that a stage ended with one line of error and this exit code, and return the line."""

    def check(outcome: Outcome, code: int) -> str:
        assert outcome.code == code, outcome
        lines = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1
        assert "Traceback" not in outcome.err
        return lines[0]

    return check
