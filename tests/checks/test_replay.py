"""A replay that fails: the steps that failed, from the log of act."""

from modelmake.checks.replay import failed

FAILURE = "   \u274c  Failure - Main make {} [2.1s]"


def test_a_step_of_a_pipeline_is_named_with_its_pipeline() -> None:
    """Act numbers the pipelines if there are several; the name of pipeline.toml needs no variable."""
    lines = [
        "[mlops-pipeline/ci    ]   \u2705  Success - Main make lint [1.0s]",
        "[pipeline-1/pipeline/train]" + FAILURE.format("train"),
        "[churn-2/pipeline/cd]" + FAILURE.format("evaluate"),
        "[mlops-pipeline/ci    ]" + FAILURE.format("test-stack"),
    ]
    assert failed("\n".join(lines)) == [
        "job train failed; to run that step alone: make train",
        "job cd of churn failed; to run that step alone: make evaluate PIPELINE=pipelines/churn.toml",
        "job ci failed; to run that step alone: make test-stack",
    ]


def test_a_name_that_ends_in_a_number_stays() -> None:
    """With one pipeline act numbers nothing."""
    [line] = failed("[churn-2/pipeline/train]" + FAILURE.format("train"))
    assert line == "job train of churn-2 failed; to run that step alone: make train PIPELINE=pipelines/churn-2.toml"


def test_a_log_without_a_failed_step_gives_none() -> None:
    """As of a workflow that act cannot read."""
    assert failed("Error: workflow is not valid\n") == []
