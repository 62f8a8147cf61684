"""evaluate: scores of the logged model on the held-out rows, and the verdict."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Outcome, Project

Check = Callable[[Outcome, int], str]


def test_metrics_and_verdict_are_in_run_and_receipt(evaluated: Project) -> None:
    """The gate's metric has its interval, and run and receipt hold the same figures."""
    found = evaluated.receipt("evaluate")
    run = evaluated.client.get_run(found["run_id"])
    assert run.info.status == "FINISHED"
    assert found["verdict"] == run.data.tags["modelmake.verdict"] == "pass"
    assert found["lower"] <= found["value"] <= found["upper"]
    assert run.data.metrics["accuracy"] == found["value"]
    assert run.data.metrics["accuracy_lower"] == found["lower"]
    assert {name: run.data.metrics[name] for name in found["metrics"]} == found["metrics"]


def test_a_run_that_is_gone_is_named_with_the_way_out(evaluated: Project, error_line: Check, empty_store: Path) -> None:
    """The receipts outlive a server that lost its state: the stage says so."""
    shutil.copy(empty_store, evaluated.path / ".mlflow/mlflow.db")
    line = error_line(evaluated.stage("evaluate"), 2)
    assert f"not on sqlite:///{evaluated.path}/.mlflow/mlflow.db" in line
    assert "make clean all" in line


def test_the_model_comes_from_mlflow(trained: Project, error_line: Check) -> None:
    """Without its files on the server there is nothing to evaluate, whatever was in memory."""
    for path in (trained.path / ".mlflow/artifacts").rglob("model.skops"):
        path.unlink()
    line = error_line(trained.stage("evaluate"), 2)
    assert "make train FORCE=1" in line
    assert trained.receipts == {"train"}


def test_a_run_id_stands_in_for_the_receipt(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an empty build/ RUN_ID, or MLFLOW_RUN_ID, is enough."""
    path = trained.path / "build/train.json"
    run_id = trained.receipt("train")["run_id"]
    for name in ("RUN_ID", "MLFLOW_RUN_ID"):
        path.unlink(missing_ok=True)
        monkeypatch.setenv(name, run_id)
        assert trained.stage("evaluate").code == 0
        assert trained.receipt("evaluate")["run_id"] == run_id
        monkeypatch.delenv(name)


def test_other_data_is_refused(trained: Project, error_line: Check) -> None:
    """A row added after training: the line names the file and both hashes, and the run stays as it was."""
    with Path("data/iris.csv").open("a") as file:
        file.write("5.1,3.5,1.4,0.2,setosa\n")
    line = error_line(trained.stage("evaluate"), 2)
    assert "data/iris.csv: not what run" in line
    run_id = trained.receipt("train")["run_id"]
    assert trained.client.get_run(run_id).info.status == "FINISHED"
    assert trained.receipts == {"train"}


def test_another_split_is_refused(trained: Project, error_line: Check) -> None:
    """A changed seed would score the model on rows that it was trained on."""
    trained.edit("seed = 42", "seed = 43")
    assert "pipeline.toml: not what run" in error_line(trained.stage("evaluate"), 2)


@pytest.mark.parametrize("run_id", ["0" * 32, "no/such/../run", "-", "x" * 500])
def test_an_unknown_run_is_named(
    trained: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch, run_id: str
) -> None:
    """The line says which server does not know it, and how to start afresh."""
    monkeypatch.setenv("RUN_ID", run_id)
    line = error_line(trained.stage("evaluate"), 2)
    assert "not on sqlite:///" in line
    assert "make clean all" in line


def test_a_run_without_a_model_is_named(project: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that failed before it logged one can't be evaluated or registered."""
    project.edit("n_estimators = 5", "n_estimators = 0")
    project.stage("train")
    [run] = project.client.search_runs([project.client.get_experiment_by_name("flowers").experiment_id])
    monkeypatch.setenv("RUN_ID", run.info.run_id)
    for stage in ("evaluate", "register"):
        assert "has no model that is READY" in error_line(project.stage(stage), 2)


def test_no_receipt_and_no_run_id_is_named(project: Project, error_line: Check) -> None:
    """Each stage says which one comes before it."""
    assert "build/train.json: no such receipt" in error_line(project.stage("evaluate"), 2)
    assert "build/evaluate.json: no such receipt" in error_line(project.stage("register"), 2)


def test_a_metric_that_needs_probabilities_is_named(project: Project, error_line: Check) -> None:
    """An estimator without predict_proba can't be gated by log loss."""
    project.edit("sklearn.ensemble.RandomForestClassifier", "sklearn.svm.LinearSVC")
    project.edit("n_estimators = 5", "")
    project.edit('"accuracy"', '"neg_log_loss"')
    assert project.stage("train").code == 0
    assert "'neg_log_loss' needs probabilities" in error_line(project.stage("evaluate"), 2)


def test_a_tampered_model_is_refused_before_it_is_loaded(trained: Project, error_line: Check) -> None:
    """The trust list that counts is ours: what the artifact says of itself opens nothing."""
    [path] = (trained.path / ".mlflow/artifacts").rglob("model.skops")
    path.write_bytes(b"not an archive")
    assert "model.skops: cannot be read" in error_line(trained.stage("evaluate"), 2)
