"""reproduce: a run is compared with what its commit gives anew, and the likeliest cause of a difference is named."""

import json
import shutil
from collections.abc import Callable

import pytest

from tests.conftest import Outcome, Project
from tests.test_parity import plant

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
        ({}, "a random_state that nobody set"),
        ({"modelmake.data": "1"}, "the data is another one now"),
        ({"modelmake.lock": "1"}, "another lock"),
        ({"modelmake.image": "other"}, "another image"),
        ({"modelmake.config": "1"}, "another config"),
        ({"modelmake.platform": "Darwin arm64"}, "another kind of machine"),
        ({"modelmake.data": "1", "modelmake.image.id": "1"}, "the data is another one now"),
    ],
)
def test_a_difference_has_a_likeliest_cause(
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
    assert "differ: predictions (" in line
    assert f"likeliest cause: {cause}" in line


def test_a_dirty_run_is_named(again: Project, error_line: Check) -> None:
    """What was not committed is not in the commit."""
    again.client.set_tag(again.receipt("train")["run_id"], "modelmake.git.dirty", "true")
    assert again.stage("origin").code == 0
    plant(again.path / "build/reproduce/build/evaluate.json", "metrics", "accuracy", value=0.1)
    assert "the run had uncommitted changes" in error_line(again.stage("reproduce"), 1)


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
    monkeypatch.setenv("VERSION", "1")
    assert again.stage("origin").code == 0
    assert json.loads((again.path / "build/origin.json").read_text())["run_id"] == again.receipt("train")["run_id"]
    monkeypatch.setenv("VERSION", "7")
    assert "has no version 7" in error_line(again.stage("origin"), 2)


def test_a_run_of_no_commit_cannot_be_made_again(evaluated: Project, error_line: Check) -> None:
    """The scratch project has no history."""
    assert "was made from no commit" in error_line(evaluated.stage("origin"), 2)
