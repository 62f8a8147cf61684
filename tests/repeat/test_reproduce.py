"""reproduce: a run is compared with what its commit gives again, and the likely cause of a difference is named."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.conftest import Outcome, Project
from tests.repeat.test_parity import plant
from tests.support.checkout import Checkout

pytestmark = pytest.mark.long
Check = Callable[[Outcome, int], str]


@pytest.fixture
def again(evaluated: Project) -> Project:
    """A run, and the receipts of another try that gave the same."""
    tags = {"modelmake.git.commit": "c0ffee", "modelmake.git.dirty": "false"}
    run_id = evaluated.receipt("train")["run_id"]
    for name, value in tags.items():
        evaluated.client.set_tag(run_id, name, value)
    folder = evaluated.path / "build/reproduce/build"
    folder.mkdir(parents=True)
    for stage in ("train", "evaluate"):
        shutil.copy(evaluated.path / f"build/{stage}.json", folder)
    for name, value in tags.items():
        evaluated_provenance(folder, name, value)
    assert evaluated.stage("origin").code == 0
    return evaluated


def evaluated_provenance(folder: object, name: str, value: str) -> None:
    receipt = json.loads((folder / "train.json").read_text())
    receipt["provenance"][name] = value
    (folder / "train.json").write_text(json.dumps(receipt))


def test_the_same_bits_are_reproduced(again: Project) -> None:
    """Seconds do not count; intervals do."""
    plant(again.path / "build/reproduce/build/train.json", "metrics", "fit_seconds", value=99.0)
    done = again.stage("reproduce")
    assert done.code == 0, done
    assert "reproduced: all " in done.out
    for name in ("param n_estimators", "metric accuracy_lower", "predictions", "data"):
        assert f"ok    {name} " in done.out


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({}, "a random_state that is not set"),
        ({"modelmake.data": "1"}, "the data has changed"),
        ({"modelmake.lock": "1"}, "the lock differs"),
        ({"modelmake.image": "other"}, "the image differs"),
        ({"modelmake.config": "1"}, "the config differs"),
        ({"modelmake.platform": "Darwin arm64"}, "the platform differs"),
        ({"modelmake.cpu": "Z80"}, "the processor differs, and sums may differ in their last bit"),
        ({"modelmake.data": "1", "modelmake.image.id": "1"}, "the data has changed"),
    ],
)
def test_a_difference_has_a_likely_cause(
    again: Project, error_line: Check, changes: dict[str, str], cause: str
) -> None:
    """Exit code 1; the table marks it, the line counts it and says what to look at."""
    folder = again.path / "build/reproduce/build"
    plant(folder / "evaluate.json", "predictions_sha256", value="0")
    for name, value in changes.items():
        plant(folder / "train.json", "provenance", name, value=value)
    done = again.stage("reproduce")
    line = error_line(done, 1)
    assert "DIFF  predictions " in done.out
    assert "differ: " in line
    assert "predictions" in line
    assert f"likely cause: {cause}" in line


def test_a_dirty_run_is_named(again: Project, error_line: Check) -> None:
    """What was not committed is not in the commit."""
    again.client.set_tag(again.receipt("train")["run_id"], "modelmake.git.dirty", "true")
    assert again.stage("origin").code == 0
    plant(again.path / "build/reproduce/build/evaluate.json", "metrics", "accuracy", value=0.1)
    done = again.stage("reproduce")
    assert "the run had uncommitted changes" in error_line(done, 1)
    assert re.search(r"^metrics: 1 of \d+ differs, by up to \de-1 relative$", done.out, re.M)


def test_another_build_of_the_image_with_the_same_bits_is_reproduced(again: Project) -> None:
    """What counts are the results; the table shows the rest."""
    plant(again.path / "build/reproduce/build/train.json", "provenance", "modelmake.image.id", value="sha256:1")
    done = again.stage("reproduce")
    assert done.code == 0
    assert "DIFF  image.id " in done.out


def test_a_version_names_its_run(again: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check) -> None:
    """VERSION=1 works as well as RUN_ID; a version that is not there is named."""
    assert again.stage("register").code == 0
    (again.path / "build/origin.json").unlink()
    monkeypatch.setenv("MODELMAKE_VERSION", "1")
    assert again.stage("origin").code == 0
    assert json.loads((again.path / "build/origin.json").read_text())["run_id"] == again.receipt("train")["run_id"]
    monkeypatch.setenv("MODELMAKE_VERSION", "7")
    assert "has no version 7" in error_line(again.stage("origin"), 2)


def test_a_run_of_no_commit_cannot_be_made_again(evaluated: Project, error_line: Check) -> None:
    """The scratch project has no history."""
    assert "has no commit" in error_line(evaluated.stage("origin"), 2)


DICE = """
import random
from sklearn.ensemble import RandomForestClassifier

def forest(n_estimators):
    return RandomForestClassifier(n_estimators, max_depth=1, random_state=random.SystemRandom().randrange(2**31))
"""


@pytest.fixture
def checkout(registered: Checkout) -> Checkout:
    """A copy of the checkout in which one run was evaluated."""
    return registered


def evaluate(checkout: Checkout) -> None:
    done = checkout.make("train", "evaluate", "FORCE=1")
    assert done.returncode == 0, done.stdout + done.stderr


def commit(checkout: Checkout) -> None:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
    for words in (["add", "-A"], [*identity, "commit", "-qm", "Change"]):
        subprocess.run(["git", *words], cwd=checkout.path, check=True)


def test_a_run_is_made_again_from_its_commit(checkout: Checkout) -> None:
    """Whatever has become of the tree since: other parameters and other data are not the commit's."""
    run_id = checkout.receipt("train")["run_id"]
    checkout.edit("pipeline.toml", "n_estimators = 100", "n_estimators = 3")
    checkout.edit("data/iris.csv", "5.1,3.5", "9.1,9.5")
    done = checkout.make("reproduce", f"RUN_ID={run_id}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"parameters, metrics and predictions of run {run_id} are the same" in done.stdout
    assert "2 uncommitted files are not in this" in done.stdout
    assert checkout.receipt("train")["run_id"] == run_id
    assert (checkout.path / "build/reproduce/build/train.json").exists()
    assert not (checkout.path / "build/reproduce/.mlflow").exists()


def test_a_missing_seed_is_found_out(checkout: Checkout) -> None:
    """An estimator that throws dice gives another forest each time."""
    (checkout.path / "dice.py").write_text(DICE)
    checkout.edit("pipeline.toml", "sklearn.ensemble.RandomForestClassifier", "dice.forest")
    checkout.edit("pipeline.toml", "n_estimators = 100\nrandom_state = 42\n", "n_estimators = 3\n")
    checkout.edit("pipeline.toml", "accuracy > 0.9", "accuracy > 0.1")
    commit(checkout)
    evaluate(checkout)
    done = checkout.make("reproduce")
    assert done.returncode != 0
    assert "DIFF  param random_state" in done.stdout
    assert "likely cause: a random_state that is not set" in done.stderr


def test_uncommitted_changes_are_found_out(checkout: Checkout) -> None:
    """What was trained from a dirty tree is not in the commit."""
    checkout.edit("pipeline.toml", "n_estimators = 100", "n_estimators = 3")
    evaluate(checkout)
    done = checkout.make("reproduce")
    assert done.returncode != 0
    assert "DIFF  param n_estimators" in done.stdout
    assert "the run had uncommitted changes" in done.stderr


def test_data_outside_of_git_is_named_when_it_changed_or_went(checkout: Checkout) -> None:
    """It is read from its place; its content now is compared with that of the run."""
    with (checkout.path / ".gitignore").open("a") as file:
        file.write("/data/\n")
    subprocess.run(["git", "rm", "-q", "--cached", "data/iris.csv"], cwd=checkout.path, check=True)
    commit(checkout)
    evaluate(checkout)
    checkout.edit("data/iris.csv", "5.1,3.5", "9.1,9.5")
    done = checkout.make("reproduce")
    assert done.returncode != 0
    assert "likely cause: the data has changed" in done.stderr
    (checkout.path / "data/iris.csv").unlink()
    done = checkout.make("reproduce")
    assert done.returncode != 0
    assert "error: data/iris.csv: is neither in the commit of the run nor in this checkout" in done.stderr


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("c0ffee", "error: commit c0ffee: is not in this checkout (git fetch origin c0ffee)"),
        ("HEAD", "error: run's commit: 'HEAD' is not a commit"),
        ("--help", "error: run's commit: '--help' is not a commit"),
    ],
)
def test_a_commit_that_is_not_here_is_named(checkout: Checkout, tag: str, expected: str) -> None:
    """A run from another clone, whose commit was never fetched; or a tag that somebody has written over."""
    run_id = checkout.receipt("train")["run_id"]
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{checkout.path}/.mlflow/mlflow.db"}
    subprocess.run(
        ["python", "-c", f"import mlflow; mlflow.MlflowClient().set_tag('{run_id}', 'modelmake.git.commit', '{tag}')"],
        env=checkout.environment() | environment,
        check=True,
    )
    done = checkout.make("reproduce", f"RUN_ID={run_id}")
    assert done.returncode != 0
    assert expected in done.stderr
