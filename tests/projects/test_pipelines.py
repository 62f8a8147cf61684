"""More than one pipeline: each with its own receipts, errors that name its file, and one run of all of them."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from modelmake.core import files
from modelmake.projects import pipelines
from tests.conftest import PIPELINE, Once, Outcome, Project
from tests.support.checkout import Checkout

CHURN = PIPELINE.replace('"flowers"', '"churn"').replace("flower_classifier", "churn_classifier")


def started(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the stages and pipelines that make ran, in order."""
    return [line.removeprefix("▸ ") for line in done.stdout.splitlines() if line.startswith("▸ ")]


@pytest.fixture
def fresh(empty_store: Path, tmp_path: Path) -> Checkout:
    """Return a checkout with a second pipeline, in which nothing was done yet."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    (checkout.path / "pipelines").mkdir()
    (checkout.path / "pipelines/churn.toml").write_text(CHURN)
    return checkout


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("pipelines/none.toml", "no such file (one of: pipeline.toml pipelines/churn.toml)"),
        ("churn.toml", "not pipeline.toml or pipelines/<name>.toml"),
        ("pipelines/two words.toml", "not pipeline.toml or pipelines/<name>.toml"),
        ("pipelines/../pipeline.toml", "not pipeline.toml or pipelines/<name>.toml"),
        ("pipelines/it's.toml", "not pipeline.toml or pipelines/<name>.toml"),
        ("pipelines/pipeline.toml", "has the name of pipeline.toml"),
    ],
)
def test_a_wrong_name_is_one_line(fresh: Checkout, name: str, expected: str) -> None:
    """It names the value and the choice, before anything runs."""
    done = fresh.make("why", f"PIPELINE={name}")
    assert done.returncode == 2
    assert f"PIPELINE={name}: {expected}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_pipeline_has_its_own_inputs(fresh: Checkout) -> None:
    """An edit of one makes the stages of that one stale; lint and the tests are the same for all."""
    files = [fresh.path / "build/inputs.json", fresh.path / "build/pipelines/churn/inputs.json"]

    def inputs() -> list[dict[str, dict[str, str]]]:
        assert fresh.make("why").returncode == 0
        assert fresh.make("why", "PIPELINE=pipelines/churn.toml").returncode == 0
        return [json.loads(path.read_text()) for path in files]

    before = inputs()
    fresh.edit("pipelines/churn.toml", "seed = 42", "seed = 43")
    (ours, churns), (old, olds) = inputs(), before
    assert ours == old
    assert {stage for stage in churns if churns[stage] != olds[stage]} == {"tune", "train", "evaluate", "register"}


def test_an_error_names_the_file_of_its_pipeline(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Callable[[Outcome, int], str]
) -> None:
    """Also where the code says pipeline.toml: for a key that is unknown, and for one that does not fit the table."""
    (project.path / "pipelines").mkdir()
    monkeypatch.setenv("MODELMAKE_PIPELINE", "pipelines/churn.toml")
    for old, new, expected in (
        ('target = "species"', 'target = "specie"', "pipelines/churn.toml:5: data.target: no column 'specie'"),
        ("seed = 42", "sed = 42", "pipelines/churn.toml:2: sed: unknown key"),
    ):
        (project.path / "pipelines/churn.toml").write_text(CHURN.replace(old, new))
        assert expected in error_line(project.stage("train"), 2)


def test_the_pipelines_are_listed_with_their_models(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which they run; in a workflow the names are an output, and PIPELINE chooses one."""
    (project.path / "pipelines").mkdir()
    (project.path / "pipelines/churn.toml").write_text(CHURN)
    (project.path / "pipelines/broken.toml").write_text("[")
    output = project.path / "output"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    rows = [line.split(maxsplit=1) for line in project.stage("pipelines").out.splitlines()]
    assert rows == [
        ["pipeline.toml", "flower_classifier"],
        ["pipelines/broken.toml", "not valid"],
        ["pipelines/churn.toml", "churn_classifier"],
    ]
    assert json.loads(output.read_text().partition("=")[2]) == ["pipeline", "broken", "churn"]
    monkeypatch.setenv("MODELMAKE_PIPELINE", "pipelines/churn.toml")
    assert project.stage("pipelines").out.split() == ["pipelines/churn.toml", "churn_classifier"]
    assert files.build() == Path("build/pipelines/churn")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("churn", PIPELINE, "registry.name: 'flower_classifier' is also the name in pipeline.toml"),
        ("pipeline", CHURN, "pipelines/pipeline.toml: has the name of pipeline.toml"),
        ("two words", CHURN, "pipelines/two words.toml: the name has characters other than letters, digits, - and _"),
    ],
)
def test_two_pipelines_never_share_a_name(
    project: Project, error_line: Callable[[Outcome, int], str], name: str, text: str, expected: str
) -> None:
    """Neither that of their file nor that of their model, which would be compared with the champion of the other."""
    (project.path / "pipelines").mkdir()
    (project.path / f"pipelines/{name}.toml").write_text(text)
    assert expected in error_line(project.stage("pipelines"), 2)


def test_the_name_of_the_main_pipeline_is_reserved_without_it_too(
    project: Project, error_line: Callable[[Outcome, int], str]
) -> None:
    """PIPELINE= refuses it, so the list does."""
    (project.path / "pipelines").mkdir()
    (project.path / "pipeline.toml").rename(project.path / "pipelines/pipeline.toml")
    assert "has the name of pipeline.toml (rename it)" in error_line(project.stage("pipelines"), 2)


def test_a_repository_without_a_pipeline_says_how_to_get_one(
    project: Project, error_line: Callable[[Outcome, int], str]
) -> None:
    """The line names `make new`; where there are others, it names one of them."""
    (project.path / "pipeline.toml").unlink()
    assert "make new DATA=… TARGET=… writes one" in error_line(project.stage("pipelines"), 2)
    (project.path / "pipelines").mkdir()
    (project.path / "pipelines/churn.toml").write_text(CHURN)
    assert "name a pipeline: PIPELINE=pipelines/churn.toml" in error_line(project.stage("train"), 2)


def test_an_error_names_the_file_of_the_pipeline_and_quotes_the_values_in_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Callable[[Outcome, int], str]
) -> None:
    """A column that is called pipeline.toml keeps its name."""
    (project.path / "pipelines").mkdir()
    column = 'target = "pipeline.toml"'
    (project.path / "pipelines/churn.toml").write_text(CHURN.replace('target = "species"', column))
    monkeypatch.setenv("MODELMAKE_PIPELINE", "pipelines/churn.toml")
    line = error_line(project.stage("train"), 2)
    assert line.startswith("error: pipelines/churn.toml:5: data.target: no column 'pipeline.toml' in data/iris.csv (")


@pytest.mark.long
def test_all_pipelines_run_also_after_a_refusal(once: Once, empty_store: Path, tmp_path: Path) -> None:
    """Each with a line in the end; the exit code is the worst; the second time nothing runs but the refused one."""

    def make(path: Path) -> None:
        checkout = Checkout(path).fill(empty_store)
        (path / "pipelines").mkdir()
        (path / "pipelines/churn.toml").write_text(CHURN.replace("> 0.8", "> 1.0"))
        (path / "pipelines/later.toml").write_text(CHURN.replace("churn", "later"))
        checkout.why()
        inputs = json.loads((path / "build/inputs.json").read_text())
        for stage in ("lint", "test"):  # the tests of the tests would take minutes
            (path / f"build/{stage}.json").write_text(json.dumps({"inputs": inputs[stage]}))

    path = tmp_path / "several"
    shutil.copytree(once("several", make), path)
    checkout = Checkout(path)
    stages = ["train", "evaluate", "register"]
    done = checkout.make("all-pipelines")
    assert started(done) == [
        "pipeline.toml",
        *stages,
        "pipelines/churn.toml",
        *stages[:2],
        "pipelines/later.toml",
        *stages,
    ]
    rows = [line for line in done.stdout.splitlines() if "  " in line][-3:]
    assert rows[0].startswith("pipeline.toml         version 1 of iris_classifier_rf, alias staging")
    assert rows[1].startswith("pipelines/churn.toml  the gate refused")
    assert rows[2].startswith("pipelines/later.toml  version 1 of later_classifier, alias staging")
    assert done.returncode == 2
    assert re.search(r"all-pipelines\] Error 3$", done.stderr.strip())
    again = checkout.make("all-pipelines")
    assert [name for name in started(again) if name in stages] == ["evaluate"]


def test_without_a_second_pipeline_all_pipelines_is_all(empty_store: Path, tmp_path: Path) -> None:
    """The same stages in the same order."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    plans = [checkout.make("--dry-run", target).stdout.splitlines() for target in ("all", "all-pipelines")]
    assert plans[0] == plans[1]
    assert any("modelmake train evaluate register summary" in line for line in plans[0])


def test_a_result_says_what_happened_to_each_exit_code(project: Project) -> None:
    """A stage that could not run has no receipt, so its line sends to its output."""
    for code, outcome in ((2, "stopped: fix the input"), (4, "stopped: problem with the tracking"), (1, "failed")):
        assert pipelines.result(Path("pipelines/churn.toml"), code)[1].startswith(outcome)
