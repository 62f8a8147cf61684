"""What a stage hands to GitHub."""

from pathlib import Path

import pytest

from tests.conftest import Project


@pytest.fixture
def step(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project in a workflow step, whose files GitHub has made."""
    for name in ("OUTPUT", "STEP_SUMMARY"):
        path = project.path / name
        path.write_text("before\n")
        monkeypatch.setenv(f"GITHUB_{name}", str(path))
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
    return project


def test_train_hands_its_run_on(step: Project) -> None:
    """The run's id is a step output, beside what other commands left there."""
    assert step.stage("train").code == 0
    assert Path("OUTPUT").read_text() == f"before\nrun_id={step.receipt('train')['run_id']}\n"


@pytest.mark.long
def test_each_stage_adds_to_the_summary_and_leaves_it_as_a_file(step: Project) -> None:
    """Time, run, metric with interval, verdict and version; act wipes the one, so the other stays."""
    for stage in ("train", "evaluate", "register"):
        assert step.stage(stage).code == 0
    summary = Path("STEP_SUMMARY").read_text()
    parts = [Path(f"build/{stage}.md").read_text() for stage in ("train", "report", "evaluate", "register")]
    assert summary == "before\n" + "\n".join(parts) + "\n"
    assert parts[0].startswith("| train | done in ")
    assert parts[1].startswith("## flower_classifier: pass\n")
    assert "| ✅ pass | accuracy > 0.8 | 0.9667 [0." in parts[1]
    assert parts[2].startswith("| evaluate | done in ")
    assert "| registered | version 1 of flower_classifier, alias staging |" in parts[3]


def test_a_failure_is_in_the_summary(step: Project) -> None:
    """With its line, and the command that shows it alone."""
    step.edit('"species"', '"specie"')
    assert step.stage("train").code == 2
    text = Path("build/train.md").read_text()
    assert "| train | **stopped: fix the input named above and run again** |" in text
    assert "no column 'specie'" in text
    assert "`make train`" in text
    assert text in Path("STEP_SUMMARY").read_text()


def test_a_bar_in_a_text_does_not_break_the_table(step: Project) -> None:
    """Markdown's own signs are escaped."""
    step.edit('"species"', '"a|b"')
    assert step.stage("train").code == 2
    assert "a\\|b" in Path("build/train.md").read_text()


def test_outside_of_a_workflow_there_is_the_file_alone(trained: Project) -> None:
    """A laptop has no summary page, and needs none."""
    assert (trained.path / "build/train.md").exists()
