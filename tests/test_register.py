"""register: one version for each run that passes, and nothing for one that does not."""

import os
from collections.abc import Callable

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from tests.conftest import Outcome, Project

Check = Callable[[Outcome, int], str]
NAME = "flower_classifier"


def test_a_passing_run_gets_a_version_with_alias_stage_and_tags(evaluated: Project) -> None:
    """The version is READY, loads by its alias, and says where it came from and how good it is."""
    assert evaluated.stage("register").code == 0
    version = evaluated.client.get_model_version_by_alias(NAME, "staging")
    assert (version.status, version.current_stage, str(version.version)) == ("READY", "Staging", "1")
    assert version.run_id == evaluated.receipt("train")["run_id"]
    assert version.tags["modelmake.verdict"] == "pass"
    assert float(version.tags["accuracy"]) == pytest.approx(evaluated.receipt("evaluate")["value"], abs=1e-5)
    assert "RandomForestClassifier trained on data/iris.csv (120 rows, 30 held out)" in version.description
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    rows = pd.read_csv("data/iris.csv").drop(columns="species").head()
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}@staging").predict(rows)) == ["setosa"] * 5


def test_registering_again_gives_the_same_version(evaluated: Project) -> None:
    """MLflow would make a second one."""
    for _ in range(3):
        assert evaluated.stage("register").code == 0
        assert evaluated.receipt("register")["version"] == "1"
    assert len(evaluated.client.search_model_versions(f"name = '{NAME}'")) == 1


def test_another_run_gets_another_version_and_the_alias(evaluated: Project) -> None:
    """The alias moves to the newest that passed."""
    evaluated.stage("register")
    for stage in ("train", "evaluate", "register"):
        assert evaluated.stage(stage).code == 0
    assert str(evaluated.client.get_model_version_by_alias(NAME, "staging").version) == "2"


def test_below_the_threshold_nothing_is_registered(evaluated: Project, error_line: Check) -> None:
    """The gate is asked again here, with the config as it is now: exit code 3, and the figures."""
    evaluated.edit("threshold = 0.8", "threshold = 1.0")
    outcome = evaluated.stage("register")
    assert "below threshold. Not registering." in outcome.out
    assert "is not above the threshold 1" in error_line(outcome, 3)
    assert outcome.err.splitlines()[-1] == "register: the gate refused"
    assert evaluated.receipts == {"train", "evaluate"}
    with pytest.raises(MlflowException):
        evaluated.client.get_registered_model(NAME)


def test_a_refusal_can_be_no_failure(evaluated: Project) -> None:
    """With on_refusal = "skip" the exit code is 0, and the receipt says that there is no version."""
    evaluated.edit("threshold = 0.8", 'threshold = 1.0\non_refusal = "skip"')
    outcome = evaluated.stage("register")
    assert outcome.code == 0
    assert "below threshold. Not registering." in outcome.out
    assert evaluated.receipt("register")["version"] is None


def test_an_unevaluated_run_is_named(trained: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody goes round the gate by leaving evaluate out."""
    run_id = trained.receipt("train")["run_id"]
    monkeypatch.setenv("RUN_ID", run_id)
    line = error_line(trained.stage("register"), 2)
    assert "has no accuracy on held-out rows" in line
    assert f"make evaluate RUN_ID={run_id}" in line


def test_a_model_that_does_not_load_makes_no_version(evaluated: Project, error_line: Check) -> None:
    """MLflow would register a version without files, and call it READY."""
    [path] = (evaluated.path / ".mlflow/artifacts").rglob("model.skops")
    path.unlink()
    error_line(evaluated.stage("register"), 2)
    assert evaluated.client.search_model_versions(f"name = '{NAME}'") == []
    assert evaluated.receipts == {"train", "evaluate"}
