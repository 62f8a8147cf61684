"""make: what runs again after which change. The stages run bare, as they do in the image."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

TREE = ("Makefile", "pipeline.toml", "pyproject.toml", "data", "docker", "scripts")


class Checkout:
    """A copy of the checkout under a path with a space in it."""

    def __init__(self, path: Path, store: Path) -> None:
        """Copy what make reads, and give it a git history and a store."""
        self.path = path
        path.mkdir()
        for name in TREE:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, path / name)
        (path / ".gitignore").write_text("/build/\n/.mlflow/\n__pycache__/\n")
        (path / ".mlflow").mkdir()
        shutil.copy(store, path / ".mlflow/mlflow.db")
        identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "Start"]):
            subprocess.run(["git", *words], cwd=path, check=True)

    def environment(self) -> dict[str, str]:
        """Return the environment of a make that runs in the image, without what an outer make left in it."""
        outer = ("MLFLOW_", "MODELMAKE_", "MAKE", "MFLAGS", "GITHUB_", "RUN", "FORCE", "ARGS", "COMPOSE_", "TRACKING")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        kept |= {"IN_IMAGE": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONDONTWRITEBYTECODE": "1"}
        return kept | {"PATH": f"{Path(sys.executable).parent}:{kept['PATH']}"}

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run make and return what it printed."""
        settings = self.environment() | environment
        return subprocess.run(
            ["make", *words], cwd=self.path, env=settings, capture_output=True, text=True, check=False
        )

    def why(self, **environment: str) -> dict[str, str]:
        """Return what `make why` says of each stage."""
        done = self.make("why", **environment)
        assert done.returncode == 0, done.stderr
        return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file; it has to be there."""
        path = self.path / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    def receipt(self, stage: str) -> dict[str, object]:
        """Read a stage's receipt."""
        return json.loads((self.path / f"build/{stage}.json").read_text())


def started(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the stages that make ran, in order."""
    return [line.removeprefix("▸ ") for line in done.stdout.splitlines() if line.startswith("▸ ")]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Checkout:
    """Return a checkout in which `make register` has done all that comes before it."""
    checkout = Checkout(tmp_path_factory.mktemp("make") / "a check out", empty_store)
    done = checkout.make("register")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("▸")] == [
        "▸ train",
        "▸ evaluate",
        "▸ register",
    ]
    return checkout


@pytest.fixture
def checkout(registered: Checkout, tmp_path: Path) -> Checkout:
    """Return the registered checkout, put back as it was after the test."""
    kept = tmp_path / "kept"
    shutil.copytree(registered.path, kept)
    yield registered
    shutil.rmtree(registered.path)
    shutil.copytree(kept, registered.path)


def test_nothing_changed_nothing_runs(checkout: Checkout) -> None:
    """The second time each stage says that it is up to date; FORCE=1 runs it anyway."""
    done = checkout.make("train", "evaluate", "register")
    assert started(done) == []
    assert done.stdout.count("up to date (FORCE=1 runs it anyway)") == 3
    assert started(checkout.make("evaluate", "FORCE=1")) == ["evaluate"]


@pytest.mark.parametrize(
    ("file", "old", "new", "runs"),
    [
        ("pipeline.toml", "n_estimators = 100", "n_estimators = 101", {"train", "evaluate", "register"}),
        ("pipeline.toml", "seed = 42", "seed = 43", {"train", "evaluate", "register"}),
        ("pipeline.toml", "threshold = 0.9", "threshold = 0.8", {"evaluate", "register"}),
        ("pipeline.toml", 'alias = "staging"', 'alias = "canary"', {"register"}),
        ("pipeline.toml", "# The one file to edit", "# The file to edit", set()),
        ("data/iris.csv", "5.1,3.5", "5.2,3.5", {"train", "evaluate", "register"}),
        ("scripts/train.py", '"""Train', '"""train', {"train", "evaluate", "register"}),
        ("scripts/pipeline/gate.py", '"""The gate', '"""the gate', {"evaluate", "register"}),
        ("scripts/register.py", '"""Register', '"""register', {"register"}),
        ("scripts/lint.py", '"""Lint', '"""lint', set()),
        ("docker/requirements.txt", "    # via", "    #  via", {"train", "evaluate", "register"}),
    ],
)
def test_a_change_runs_what_is_downstream_of_it(
    checkout: Checkout, file: str, old: str, new: str, runs: set[str]
) -> None:
    """`make why` names the stages that an edit makes stale, and no others."""
    checkout.edit(file, old, new)
    why = checkout.why()
    assert {stage for stage in ("train", "evaluate", "register") if why[stage].startswith("would run")} == runs
    if runs:
        first = next(stage for stage in ("train", "evaluate", "register") if stage in runs)
        assert file in why[first]
        assert "changed" in why[first]


def test_another_server_makes_the_receipts_stale(checkout: Checkout) -> None:
    """Half of a stage's result lives in MLflow; a new password is no new server."""
    why = checkout.why(MLFLOW_TRACKING_URI="http://elsewhere:5000")
    assert why["train"] == "would run: tracking server changed"
    assert why["register"].startswith("would run")


def test_a_changed_gate_does_not_retrain(checkout: Checkout) -> None:
    """Make runs just what `make why` announced, and the run stays the same."""
    before = checkout.receipt("train")["run_id"]
    checkout.edit("pipeline.toml", "threshold = 0.9", "threshold = 0.8")
    done = checkout.make("register")
    assert started(done) == ["evaluate", "register"]
    assert checkout.receipt("register")["run_id"] == before


def test_a_run_id_stands_in_for_build(checkout: Checkout) -> None:
    """`make register RUN_ID=…` with an empty build/ finds the version that the run has, and trains nothing."""
    run_id, version = checkout.receipt("train")["run_id"], checkout.receipt("register")["version"]
    for name in ("RUN_ID", "MLFLOW_RUN_ID"):
        assert checkout.make("clean").returncode == 0
        done = checkout.make("register", **{name: run_id})
        assert started(done) == ["register"]
        assert checkout.receipt("register")["version"] == version


def test_a_failing_stage_fails_make_and_is_not_skipped_next_time(checkout: Checkout) -> None:
    """What failed has no receipt, so it runs again; what came before it does not."""
    checkout.edit("pipeline.toml", "threshold = 0.9", "threshold = 1.0")
    for _ in range(2):
        done = checkout.make("-j2", "train", "evaluate", "register")
        assert done.returncode == 2
        assert "below threshold. Not registering." in done.stdout
        assert "register: the gate refused" in done.stderr
    assert started(done) == ["register"]


def test_a_run_that_is_gone_is_named_with_the_way_out(checkout: Checkout, empty_store: Path) -> None:
    """The receipts outlive a server that lost its state: the stage says so."""
    shutil.copy(empty_store, checkout.path / ".mlflow/mlflow.db")
    done = checkout.make("evaluate", "FORCE=1")
    assert done.returncode == 2
    assert "not on sqlite:///.mlflow/mlflow.db" in done.stderr
    assert "make clean all" in done.stderr


def test_help_shows_every_target_and_variable(checkout: Checkout) -> None:
    """`make` alone explains itself from the Makefile's own comments."""
    shown = checkout.make().stdout
    for word in ("all", "register", "doctor", "RUNNER", "MLFLOW_PORT", "RUN_ID", "FORCE"):
        assert f"\n  {word} " in shown


def test_an_unknown_runner_is_one_line(checkout: Checkout) -> None:
    """The line names the value and the choice."""
    done = checkout.make("train", "RUNNER=dcoker", IN_IMAGE="")
    assert done.returncode == 2
    assert "RUNNER=dcoker: unknown (docker or host)" in done.stderr
