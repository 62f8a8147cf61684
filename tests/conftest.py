"""What the tests share: a scratch project with real data, a real MLflow store, and a way to run a stage."""

import fcntl
import gc
import json
import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling, Scheduling

from modelmake.__main__ import run
from modelmake.core import settings as chosen
from modelmake.core.settings import IMAGE
from modelmake.gate import isolation

if TYPE_CHECKING:
    import mlflow  # a second of imports that only the workers should spend

    import docker
    from tests.support.checkout import Checkout

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "tests/support/fixtures/example"  # the tests' own: data/ and pipeline.toml are the user's
collect_ignore = ["support"]  # the benchmark's, run by themselves
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
rules = ["accuracy > 0.8"]
[registry]
name = "flower_classifier"
stage = "Staging"
"""

Once = Callable[[str, Callable[[Path], object]], Path]

examples = 100 if chosen.in_ci() else 20
set_hypothesis_home_dir(Path(tempfile.gettempdir(), "hypothesis"))  # the checkout is read-only in the image
settings.register_profile("house", deadline=None, derandomize=True, max_examples=examples)
settings.load_profile("house")


def pytest_configure() -> None:
    """Forget what a hook of git and an outer make tell all that they start; the tests have their own."""
    gc.disable()  # halves the time of collection: imports create no garbage
    for name in [name for name in os.environ if name.startswith(("GIT_", "MAKE", "MFLAGS", "MODELMAKE_ARGS"))]:
        del os.environ[name]


def pytest_collection_finish() -> None:
    """Collect garbage again, but not among what was imported."""
    gc.freeze()
    gc.enable()


class ByFolder(LoadScopeScheduling):
    """One worker for the tests of a folder.

    They share servers that take long to start, an engine runs one replay at a time, and replays use the name that
    `make image` moves. With pytest 9.2, xdist's own groups are not kept (pytest-dev/pytest-xdist#1386).
    """

    def _split_scope(self, nodeid: str) -> str:
        return str(Path(nodeid.partition("::")[0]).parent)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Distribute the tests of the stack by folder (docker/host/stack.sh)."""
    return ByFolder(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """A way to make a folder that all workers of this run of pytest share: the first one makes it, the others wait."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def made(name: str, make: Callable[[Path], object]) -> Path:
        path = shared / name
        with (shared / f"{name}.made").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not Path(lock.name).stat().st_size:
                make(path)
                lock.write("made")
        return path

    return made


@pytest.fixture(scope="session")
def empty_store(once: Once) -> Path:
    """An MLflow database with all its tables: the image's own, or made once, since migrations take seconds."""

    def make(folder: Path) -> None:
        import mlflow

        folder.mkdir()
        database = folder / "mlflow.db"
        if IMAGE.exists():
            shutil.copy("/mlflow/mlflow.db", database)
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")  # one file, to be copied
        mlflow.MlflowClient(f"sqlite:///{database}").search_experiments()

    return once("store", make) / "mlflow.db"


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
        """Run a stage as `python -m modelmake` does, in this process."""
        self.capture.readouterr()
        code = run(name)
        return Outcome(code, *self.capture.readouterr())

    def edit(self, old: str, new: str, file: str = "pipeline.toml") -> None:
        """Replace text in one of the project's files; it must be there."""
        path = self.path / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    @property
    def client(self) -> "mlflow.MlflowClient":
        """A client of the project's store."""
        import mlflow

        return mlflow.MlflowClient(os.environ["MLFLOW_TRACKING_URI"])

    def receipt(self, stage: str) -> dict[str, Any]:
        """Read a stage's receipt."""
        return json.loads((self.path / f"build/{stage}.json").read_text())

    @property
    def receipts(self) -> set[str]:
        """The receipts that lie under build/."""
        return {path.stem for path in (self.path / "build").glob("*.json")}


def scratch(path: Path, store: Path) -> None:
    """Lay a project out in `path`."""
    for folder in ("data", "docker", ".mlflow"):
        (path / folder).mkdir(parents=True)
    shutil.copy(EXAMPLE / "data/iris.csv", path / "data")
    shutil.copy(ROOT / "docker/requirements.txt", path / "docker")
    shutil.copy(store, path / ".mlflow/mlflow.db")
    (path / "pipeline.toml").write_text(PIPELINE)


def forget() -> None:
    """Let MLflow forget where runs keep their artifacts: copies of one template share their runs' ids."""
    from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

    _artifact_repos_cache.clear()


def enter(path: Path, patch: pytest.MonkeyPatch) -> None:
    """Work in `path`, on its store, and with nothing of the outer environment."""
    forget()
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "GITHUB_", "MODELMAKE_")) or name in ("ACT", "CI"):
            patch.delenv(name)
    patch.chdir(path)
    # Absolute, since MLflow keeps one engine for each address.
    patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}/.mlflow/mlflow.db")


@pytest.fixture
def project(
    tmp_path: Path,
    empty_store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> Project:
    """A scratch project on a store of its own, in the working directory."""
    if not request.node.get_closest_marker("outside"):
        from tests.support.inside import Inside

        monkeypatch.setattr(isolation, "take", Inside)
    path = tmp_path / "project"
    scratch(path, empty_store)
    enter(path, monkeypatch)
    return Project(path, capsys)


def copy(template: Path, path: Path) -> None:
    """Copy a project, and correct the paths that name its folder."""
    shutil.copytree(template, path, dirs_exist_ok=True)
    for receipt in (path / "build").glob("*.json"):
        receipt.write_text(receipt.read_text().replace(str(template), str(path)))
    with closing(sqlite3.connect(path / ".mlflow/mlflow.db")) as database, database:
        for place in ("experiments.artifact_location", "runs.artifact_uri", "logged_models.artifact_location"):
            table, column = place.split(".")
            move = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"  # noqa: S608  # names from above
            database.execute(move, (str(template), str(path)))


@pytest.fixture
def after(project: Project, empty_store: Path, once: Once) -> Callable[..., Project]:
    """A way to get the project after some stages, which are run once for all tests that ask for them."""

    def template(*stages: str) -> Path:
        def make(path: Path) -> None:
            *before, last = stages
            if before:
                copy(template(*before), path)
            else:
                scratch(path, empty_store)
            with pytest.MonkeyPatch.context() as patch:
                enter(path, patch)
                assert run(last) == 0

        return once("-".join(stages), make)

    def done(*stages: str) -> Project:
        copy(template(*stages), project.path)
        forget()
        return project

    return done


@pytest.fixture
def trained(after: Callable[..., Project]) -> Project:
    """A project whose `train` has run."""
    return after("train")


@pytest.fixture
def evaluated(after: Callable[..., Project]) -> Project:
    """A project whose `train` and `evaluate` have run."""
    return after("train", "evaluate")


@pytest.fixture
def registered(once: Once, empty_store: Path, tmp_path: Path) -> "Checkout":
    """A copy of a checkout in which `make register` has done all that comes before it."""
    from tests.support.checkout import Checkout

    def make(path: Path) -> None:
        done = Checkout(path).fill(empty_store).make("register")
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.findall("^▸ (.+)$", done.stdout, re.M)[-3:] == ["train", "evaluate", "register"]

    shutil.copytree(once("a check out", make), tmp_path / "a check out")
    return Checkout(tmp_path / "a check out")


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


@pytest.fixture(scope="session")
def engine() -> "docker.DockerClient":
    """Return the engine, or skip with the reason."""
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers")
    import docker

    return docker.from_env()
