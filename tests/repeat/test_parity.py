"""parity: every difference between two runs is seen and named."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import Project


@pytest.fixture
def sides(evaluated: Project) -> Path:
    """The same receipts on both sides."""
    for side in ("direct", "act"):
        folder = evaluated.path / "build/parity" / side / "build"
        folder.mkdir(parents=True)
        for stage in ("train", "evaluate"):
            shutil.copy(evaluated.path / f"build/{stage}.json", folder)
    return evaluated.path / "build/parity/act/build"


def plant(path: Path, *keys: str, value: object) -> None:
    """Change one value of a receipt."""
    receipt = json.loads(path.read_text())
    place = receipt
    for key in keys[:-1]:
        place = place[key]
    assert place[keys[-1]] != value
    place[keys[-1]] = value
    path.write_text(json.dumps(receipt))


def test_the_same_receipts_are_the_same(evaluated: Project, sides: Path) -> None:
    """Seconds and run ids are not compared; parameters, metrics, hashes, predictions and verdict are."""
    plant(sides / "train.json", "seconds", value=99.0)
    plant(sides / "train.json", "metrics", "fit_seconds", value=99.0)
    done = evaluated.stage("parity")
    assert done.code == 0
    for name in (
        "image.id",
        "lock",
        "data",
        "config",
        "param random_state",
        "metric accuracy",
        "predictions",
        "verdict",
    ):
        assert f"ok    {name} " in done.out


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "keys", "value", "named"),
    [
        ("train.json", ("provenance", "modelmake.image.id"), "sha256:0", "image.id"),
        ("train.json", ("provenance", "modelmake.lock"), "0", "lock"),
        ("train.json", ("provenance", "modelmake.data"), "0", "data"),
        ("train.json", ("provenance", "modelmake.config"), "0", "config"),
        ("train.json", ("params", "random_state"), "43", "param random_state"),
        ("evaluate.json", ("metrics", "neg_log_loss"), -0.1, "metric neg_log_loss"),
        ("evaluate.json", ("predictions_sha256",), "0", "predictions"),
        ("evaluate.json", ("verdict",), "refuse", "verdict"),
    ],
)
def test_a_difference_is_named(
    evaluated: Project, sides: Path, file: str, keys: tuple[str, ...], value: object, named: str
) -> None:
    """Exit code 1, a line in the table, and the name in the error."""
    plant(sides / file, *keys, value=value)
    done = evaluated.stage("parity")
    assert done.code == 1
    assert f"DIFF  {named} " in done.out
    assert f"differ: {named} (" in done.err


def test_a_side_that_registered_alone_differs(evaluated: Project, sides: Path) -> None:
    """A version on one side and none on the other is a difference."""
    assert evaluated.stage("register").code == 0
    shutil.copy(evaluated.path / "build/register.json", sides)
    assert "differ: registered (" in evaluated.stage("parity").err


def test_a_side_that_did_not_get_there_is_named(evaluated: Project, sides: Path) -> None:
    """A replay that failed early leaves no receipt: exit code 2."""
    (sides / "evaluate.json").unlink()
    done = evaluated.stage("parity")
    assert done.code == 2
    assert "build/parity/act/build/evaluate.json: the receipt does not exist" in done.err
