"""Card: what a version shows to people, and its tags."""

from modelmake.config.config import Config
from modelmake.gate.rules import Check, Verdict
from modelmake.registry import card
from modelmake.tracking.runs import Run

CONFIG = Config.model_validate(
    {
        "experiment": "churn",
        "data": {"path": "data/churn.csv", "target": "churned"},
        "model": {"estimator": "sklearn.dummy.DummyClassifier"},
        "gate": {"rules": ["accuracy > 0.8"]},
        "registry": {"name": "churn"},
    }
)
RUN = Run(
    run_id="r1",
    experiment_id="1",
    status="FINISHED",
    params={"estimator": "sklearn.ensemble.RandomForestClassifier"},
    metrics={
        "accuracy": 0.91234567,
        "accuracy_lower": 0.85,
        "accuracy_upper": 0.95,
        "train_accuracy": 1.0,
        "fit_seconds": 0.5,
        "train_rows": 120,
        "test_rows": 30,
    },
    tags={
        "modelmake.git.commit": "0123456789abcdef0123456789abcdef01234567",
        "modelmake.git.dirty": "true",
        "modelmake.data": "f" * 64,
        "modelmake.lock": "e" * 64,
        "modelmake.runner": "local",
        "modelmake.host": "this machine",
    },
)
CHECK = Check("accuracy > 0.8", "pass", "0.9123 [0.8500, 0.9500]", "accuracy 0.9123 is above the threshold 0.8")
VERDICT = Verdict("pass", (CHECK.reason,), (CHECK,))


def test_a_card_says_model_verdict_metrics_and_origin() -> None:
    """In Markdown, as MLflow shows it on the page of the version."""
    text = card.card(RUN, CONFIG, VERDICT)
    assert text.startswith(
        "**RandomForestClassifier** trained on data/churn.csv (120 rows, 30 held out); it predicts `churned`.\n\n"
        "Accuracy 0.9123 is above the threshold 0.8.\n"
    )
    for line in (
        "| verdict | **pass** |  |",
        "| pass | accuracy > 0.8 | 0.9123 [0.8500, 0.9500] |",
        "| accuracy | 0.9123 | 0.85 to 0.95 | 1 |",
        "| commit | 0123456789ab with uncommitted changes |",
        "| data | ffffffffffff |",
    ):
        assert line in text.splitlines()
    assert "`make reproduce RUN_ID=r1`" in text


def test_a_long_card_is_cut_at_a_line() -> None:
    """PostgreSQL refuses a description of more characters."""
    many = tuple(Check(f"accuracy > 0.8 where city = {'x' * 300} | {n}", "pass", "0.9", "r") for n in range(40))
    text = card.card(RUN, CONFIG, Verdict("pass", ("r",), many))
    assert len(text) <= card.MOST
    assert text.splitlines()[-1] == "…"
    assert text.splitlines()[-2].endswith(" |")


def test_a_version_has_few_tags() -> None:
    """The verdict and the metrics that `make registry` shows, and where it comes from; the run has all others."""
    assert card.tags(RUN, VERDICT) == {
        "accuracy": "0.912346",
        "modelmake.verdict": "pass",
        "modelmake.git.commit": "0123456789abcdef0123456789abcdef01234567",
        "modelmake.git.dirty": "true",
        "modelmake.data": "f" * 64,
        "modelmake.runner": "local",
    }
