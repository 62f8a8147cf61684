"""evaluate: scores of the logged model on the held-out rows, the verdict, and the report."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import yaml

from modelmake.config import why
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
    assert f"does not exist on sqlite:///{evaluated.path}/.mlflow/mlflow.db" in line
    assert "make clean all" in line


def test_the_model_comes_from_mlflow(trained: Project, error_line: Check) -> None:
    """Without its files on the server there is nothing to evaluate, also if memory has it."""
    for path in (trained.path / ".mlflow/artifacts").rglob("model.skops"):
        path.unlink()
    line = error_line(trained.stage("evaluate"), 2)
    assert "make train FORCE=1" in line
    assert trained.receipts == {"train"}


@pytest.mark.long
def test_a_run_id_stands_in_for_the_receipt(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an empty build/ RUN_ID, or MLFLOW_RUN_ID, is enough."""
    path = trained.path / "build/train.json"
    run_id = trained.receipt("train")["run_id"]
    for name in ("MODELMAKE_RUN_ID", "MLFLOW_RUN_ID"):
        path.unlink(missing_ok=True)
        monkeypatch.setenv(name, run_id)
        assert trained.stage("evaluate").code == 0
        assert trained.receipt("evaluate")["run_id"] == run_id
        monkeypatch.delenv(name)


def test_other_data_is_refused(trained: Project, error_line: Check) -> None:
    """A row added after training: the line names the file and both hashes, and the run stays as it was."""
    with Path("data/iris.csv").open("a") as file:
        file.write("5.1,3.5,1.4,0.2,setosa\n")
    assert "data/iris.csv: not what run" in error_line(trained.stage("evaluate"), 3)
    run = trained.client.get_run(trained.receipt("train")["run_id"])
    assert run.info.status == "FINISHED"
    assert "modelmake.verdict" not in run.data.tags
    found = trained.receipt("evaluate")
    assert (found["verdict"], found["metrics"]) == ("refuse", {})
    assert "data/iris.csv: not what run" in found["reasons"][0]
    assert "data/iris.csv: not what run" in (trained.path / "build/report.html").read_text()


def test_another_split_is_refused(trained: Project, error_line: Check) -> None:
    """A changed seed would score the model on rows that it was trained on."""
    trained.edit("seed = 42", "seed = 43")
    assert "pipeline.toml: not what run" in error_line(trained.stage("evaluate"), 3)


@pytest.mark.parametrize("run_id", ["0" * 32, "no/such/../run", "-", "x" * 500])
def test_an_unknown_run_is_named(
    trained: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch, run_id: str
) -> None:
    """The line says which server does not know it, and how to start afresh."""
    monkeypatch.setenv("MODELMAKE_RUN_ID", run_id)
    line = error_line(trained.stage("evaluate"), 2)
    assert "does not exist on sqlite:///" in line
    assert "make clean all" in line


def test_a_run_without_a_model_is_named(project: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that failed before it logged one can't be evaluated or registered."""
    project.edit("n_estimators = 5", "n_estimators = 0")
    project.stage("train")
    [run] = project.client.search_runs([project.client.get_experiment_by_name("flowers").experiment_id])
    monkeypatch.setenv("MODELMAKE_RUN_ID", run.info.run_id)
    for stage in ("evaluate", "register"):
        assert "has no model that is READY" in error_line(project.stage(stage), 2)


def test_no_receipt_and_no_run_id_is_named(project: Project, error_line: Check) -> None:
    """Each stage says which one comes before it."""
    assert "build/train.json: the receipt does not exist" in error_line(project.stage("evaluate"), 2)
    assert "build/evaluate.json: the receipt does not exist" in error_line(project.stage("register"), 2)


def test_a_metric_that_needs_probabilities_is_named(project: Project, error_line: Check) -> None:
    """An estimator without predict_proba can't be gated by log loss."""
    project.edit("sklearn.ensemble.RandomForestClassifier", "sklearn.svm.LinearSVC")
    project.edit("n_estimators = 5", "")
    project.edit("accuracy > 0.8", "neg_log_loss > -1")
    assert project.stage("train").code == 0
    assert "'neg_log_loss' needs probabilities" in error_line(project.stage("evaluate"), 2)


def test_a_tampered_model_is_refused_before_it_is_loaded(trained: Project, error_line: Check) -> None:
    """The trust list that counts is ours: the list in the artifact has no effect."""
    [path] = (trained.path / ".mlflow/artifacts").rglob("model.skops")
    path.write_bytes(b"not an archive")
    assert "model.skops: cannot be read" in error_line(trained.stage("evaluate"), 2)


def artifact(project: Project, path: str) -> str:
    """Return the text of an artifact of the evaluated run."""
    run_id = project.receipt("evaluate")["run_id"]
    return Path(project.client.download_artifacts(run_id, f"evaluate/{path}", str(project.path))).read_text()


def test_the_terminal_shows_what_was_checked(trained: Project) -> None:
    """A table, the verdict, and where the report is."""
    lines = trained.stage("evaluate").out.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("pass "))
    assert [line.split()[1:3] for line in lines[start : start + 5]] == [
        ["accuracy", ">"],
        ["better", "than"],
        ["duplicates", "<="],
        ["served", "as"],
        ["champion:", "not_worse"],
    ]
    assert lines[start + 5].startswith("verdict pass: accuracy 0.9667 [0.")
    assert lines[-1] == "report  build/report.html"


def test_a_refusal_is_red_and_stays_so(trained: Project, error_line: Check) -> None:
    """Exit code 3; the verdict and its reasons are in receipt, run and report; the receipt has Make ask again."""
    trained.edit("accuracy > 0.8", "accuracy > 1")
    line = error_line(trained.stage("evaluate"), 3)
    assert "is not above the threshold 1" in line
    found = trained.receipt("evaluate")
    assert found["verdict"] == "refuse"
    run = trained.client.get_run(found["run_id"])
    assert (run.info.status, run.data.tags["modelmake.verdict"]) == ("FINISHED", "refuse")
    assert "❌ refuse | accuracy > 1" in Path("build/report.md").read_text().replace("&gt;", ">")
    assert why.reasons()["evaluate"] == "the gate refused"


@pytest.mark.long
def test_a_refusal_can_be_no_failure(trained: Project) -> None:
    """on_refusal = "skip" is for those who want a green job and nothing registered."""
    trained.edit("[registry]", 'on_refusal = "skip"\n[registry]')
    trained.edit("accuracy > 0.8", "accuracy > 1")
    assert trained.stage("evaluate").code == 0
    assert trained.receipt("evaluate")["verdict"] == "refuse"


@pytest.mark.long
def test_too_few_rows_are_kept_green(trained: Project) -> None:
    """Exit code 0, nothing registered, and how many rows would do."""
    trained.edit("[registry]", "min_test_rows = 31\n[registry]")
    done = trained.stage("evaluate")
    assert done.code == 0
    assert "not enough data: 30 test rows, gate.min_test_rows = 31" in done.out
    assert trained.receipt("evaluate")["verdict"] == "keep"
    assert "kept as it is. Not registering." in trained.stage("register").out
    assert trained.receipt("register")["version"] is None


@pytest.mark.long
def test_a_model_that_knows_nothing_is_refused(project: Project, error_line: Check) -> None:
    """Dummy against Dummy: no better than the shares of the classes."""
    project.edit("sklearn.ensemble.RandomForestClassifier", "sklearn.dummy.DummyClassifier")
    project.edit("n_estimators = 5", "")
    project.edit("accuracy > 0.8", "accuracy > 0")
    assert project.stage("train").code == 0
    assert "is not better than the Dummy estimator's" in error_line(project.stage("evaluate"), 3)


@pytest.mark.long
def test_rows_of_the_training_set_are_counted_and_named(project: Project, error_line: Check) -> None:
    """Copies that fell into both parts: by number, and refused above the share that may be."""
    frame = pd.read_csv("data/iris.csv")
    pd.concat([frame, frame.head(40)]).to_csv("data/iris.csv", index=False)
    assert project.stage("train").code == 0
    assert "are training rows too, and gate.max_duplicates allows 5.0%" in error_line(project.stage("evaluate"), 3)
    evidence = json.loads(artifact(project, "evidence.json"))
    assert evidence["duplicates"] > 5
    rows = pd.read_csv("data/iris.csv")
    for number in evidence["duplicate_rows"]:
        assert rows.duplicated(keep=False)[number - 1]
    project.edit("[registry]", "max_duplicates = 1.0\n[registry]")
    assert project.stage("evaluate").code == 0


@pytest.mark.long
def test_uncommitted_changes_can_be_refused(trained: Project, error_line: Check) -> None:
    """The scratch project has no commit."""
    trained.edit("[registry]", "require_clean = true\n[registry]")
    assert "has uncommitted changes, or no commit" in error_line(trained.stage("evaluate"), 3)


@pytest.mark.long
def test_every_slice_is_asked(trained: Project, error_line: Check) -> None:
    """By class, and by quarters of a number: no slice may be below."""
    trained.edit(
        '["accuracy > 0.8"]', '["accuracy > 0.8", "accuracy > 0.95 by species", "accuracy >= 0.1 by sepal_length"]'
    )
    line = error_line(trained.stage("evaluate"), 3)
    assert "where species is " in line
    measured = json.loads(artifact(trained, "evidence.json"))["measured"]
    assert [each["slice"] for each in measured if each["by"] == "species"] == ["setosa", "versicolor", "virginica"]
    assert sum(each["rows"] for each in measured if each["by"] == "sepal_length") == 30
    assert "<h2>Slices</h2>" in Path("build/report.html").read_text()


def promoted(project: Project) -> None:
    """Make the evaluated run's version the champion."""
    assert project.stage("register").code == project.stage("promote").code == 0


@pytest.mark.long
def test_a_worse_challenger_leaves_the_champion(evaluated: Project) -> None:
    """Significantly worse on the same rows: exit code 0, nothing registered, both beside each other in the report."""
    promoted(evaluated)
    evaluated.edit("ensemble.RandomForestClassifier", "tree.DecisionTreeClassifier")
    evaluated.edit("n_estimators = 5", "max_depth = 1")
    evaluated.edit("accuracy > 0.8", "accuracy > 0.3")
    assert evaluated.stage("train").code == 0
    done = evaluated.stage("evaluate")
    assert done.code == 0, done
    assert evaluated.receipt("evaluate")["verdict"] == "keep"
    assert "significantly worse than champion version 1 in accuracy: -0." in done.out
    assert "McNemar p" in done.out
    assert "Not registering" in evaluated.stage("register").out
    assert "Champion, version 1" in artifact(evaluated, "report.html")
    assert "| metric | challenger | train | champion (version 1) | difference |" in artifact(evaluated, "report.md")
    assert "Effect (w)" in artifact(evaluated, "report.html")
    evaluated.edit("[registry]", 'champion = "off"\n[registry]')
    assert evaluated.stage("evaluate").code == 0
    assert evaluated.receipt("evaluate")["verdict"] == "pass"


@pytest.mark.long
def test_a_champion_like_this_one_is_no_obstacle_unless_better_is_asked(evaluated: Project) -> None:
    """The same model again is not worse, and not better."""
    promoted(evaluated)
    assert evaluated.stage("train").code == evaluated.stage("evaluate").code == 0
    assert evaluated.receipt("evaluate")["verdict"] == "pass"
    evaluated.edit("[registry]", 'champion = "better"\n[registry]')
    assert evaluated.stage("evaluate").code == 0
    assert evaluated.receipt("evaluate")["verdict"] == "keep"


@pytest.mark.long
def test_a_champion_is_not_asked_about_rows_that_it_was_trained_on(evaluated: Project, error_line: Check) -> None:
    """With another seed it was trained on most of what is held out now, and would look better than it is."""
    promoted(evaluated)
    evaluated.edit("seed = 42", "seed = 43")
    assert evaluated.stage("train").code == evaluated.stage("evaluate").code == 0
    found = evaluated.receipt("evaluate")
    assert found["verdict"] == "keep"
    assert "not enough data: champion version 1 was trained on " in found["reasons"][0]
    evaluated.edit("[registry]", "min_test_rows = 1\n[registry]")
    assert evaluated.stage("evaluate").code == 0
    assert "of 30 test rows that it was trained on" in evaluated.receipt("evaluate")["reasons"][-1]
    rows = json.loads(artifact(evaluated, "evidence.json"))["champion"]["rows"]
    assert 0 < rows < 30
    text = artifact(evaluated, "report.html")
    assert f"Champion and difference are measured on the {rows} rows that the champion was not trained on." in text


@pytest.mark.long
def test_a_champion_of_last_week_is_compared_on_this_weeks_rows(evaluated: Project) -> None:
    """The data has grown, and what was held out is so still: all but a few rows are new to both."""
    promoted(evaluated)
    frame = pd.read_csv("data/iris.csv")
    more = frame.sample(60, random_state=1).assign(sepal_length=lambda rows: rows.sepal_length + 0.05)
    pd.concat([more, frame]).to_csv("data/iris.csv", index=False)
    evaluated.edit("[registry]", "max_duplicates = 1.0\n[registry]")
    assert evaluated.stage("train").code == evaluated.stage("evaluate").code == 0
    assert evaluated.receipt("evaluate")["verdict"] == "pass"
    assert json.loads(artifact(evaluated, "evidence.json"))["champion"]["rows"] >= 38


@pytest.mark.long
def test_a_champion_whose_rows_nobody_knows_refuses(evaluated: Project, error_line: Check) -> None:
    """Its run has lost that file."""
    promoted(evaluated)
    [path] = (evaluated.path / ".mlflow/artifacts").rglob("train/rows")
    path.unlink()
    assert evaluated.stage("train").code == 0
    assert "does not record which rows it was trained on" in error_line(evaluated.stage("evaluate"), 3)


@pytest.mark.long
def test_a_champion_that_cannot_be_scored_refuses(evaluated: Project, error_line: Check) -> None:
    """Lost files, then other columns: never a silent pass, and the line says the way out."""
    promoted(evaluated)
    frame = pd.read_csv("data/iris.csv").rename(columns={"petal_width": "width"})
    frame.to_csv("data/iris.csv", index=False)
    assert evaluated.stage("train").code == 0
    line = error_line(evaluated.stage("evaluate"), 3)
    assert "champion version 1 can't be compared: " in line
    assert 'champion = "off"' in line
    for path in (evaluated.path / ".mlflow/artifacts/models").glob("m-*/artifacts/model.skops"):
        if path.parent.parent.name != evaluated.receipt("train")["model_id"]:
            path.unlink()
    assert "model.skops: cannot be read" in error_line(evaluated.stage("evaluate"), 3)


@pytest.mark.long
def test_a_champion_without_probabilities_refuses_where_they_are_asked_for(
    evaluated: Project, error_line: Check
) -> None:
    """The line says what it lacks."""
    evaluated.edit("sklearn.ensemble.RandomForestClassifier", "sklearn.svm.LinearSVC")
    evaluated.edit("n_estimators = 5", "")
    assert evaluated.stage("train").code == evaluated.stage("evaluate").code == 0
    promoted(evaluated)
    evaluated.edit("sklearn.svm.LinearSVC", "sklearn.linear_model.LogisticRegression")
    evaluated.edit("accuracy > 0.8", "neg_brier_score > -1")
    assert evaluated.stage("train").code == 0
    line = error_line(evaluated.stage("evaluate"), 3)
    assert "can't be compared: version 1: it gives no probabilities" in line


@pytest.mark.long
def test_a_target_of_zeros_and_ones_is_judged_by_metrics_of_class_1(project: Project) -> None:
    """As of churn or fraud: f1, precision, recall and the areas, by scikit-learn's names."""
    frame = pd.read_csv("data/iris.csv")
    frame.assign(species=(frame.species == "virginica").astype(int)).to_csv("data/iris.csv", index=False)
    names = ("average_precision", "roc_auc", "f1", "recall", "lower(precision)", "matthews_corrcoef")
    project.edit('["accuracy > 0.8"]', str([f"{name} > 0.5" for name in names]))
    assert project.stage("train").code == 0
    done = project.stage("evaluate")
    assert done.code == 0, done
    assert {"average_precision", "f1", "precision"} <= set(project.receipt("evaluate")["metrics"])
    assert {"average_precision_lower", "f1_upper"} <= set(project.receipt("evaluate")["bounds"])


@pytest.mark.long
def test_a_champion_of_other_classes_refuses(evaluated: Project, error_line: Check) -> None:
    """With only new labels the champion would always be wrong; with one new class the two are compared."""
    promoted(evaluated)
    frame = pd.read_csv("data/iris.csv")
    half = frame.index % 2 == 1
    frame.assign(species=frame.species.mask(half & (frame.species == "setosa"), "sibirica")).to_csv(
        "data/iris.csv", index=False
    )
    evaluated.edit("accuracy > 0.8", "accuracy > 0.3")
    evaluated.edit("[registry]", "min_test_rows = 20\n[registry]")  # rows with another label may change sides
    assert evaluated.stage("train").code == 0
    done = evaluated.stage("evaluate")
    assert done.code == 0, done
    assert "than champion version 1 in accuracy" in done.out
    frame.assign(species=frame.species.str.upper()).to_csv("data/iris.csv", index=False)
    assert evaluated.stage("train").code == 0
    line = error_line(evaluated.stage("evaluate"), 3)
    assert "champion version 1 can't be compared: " in line
    assert "its classes are 'setosa', 'versicolor', 'virginica', the model's 'SETOSA', " in line


@pytest.mark.outside
@pytest.mark.long
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"name": "length"}, "the served model refuses the test rows"),
        ({"type": "string"}, "the served model does not refuse rows with text as 'petal_length' by its schema"),
        (None, "the served model accepts any rows: it has no signature"),
    ],
)
def test_a_model_that_is_served_otherwise_is_refused(
    trained: Project, error_line: Check, change: dict[str, str] | None, expected: str
) -> None:
    """The signature in its MLmodel asks for another column, or for text, or is not there."""
    [path] = (trained.path / ".mlflow/artifacts").rglob("MLmodel")
    about = yaml.safe_load(path.read_text())
    first, *others = json.loads(about["signature"]["inputs"])
    if change is None:
        del about["signature"]
    else:
        about["signature"]["inputs"] = json.dumps([first | change, *others])
    path.write_text(yaml.safe_dump(about))
    assert expected in error_line(trained.stage("evaluate"), 3)


@pytest.mark.long
def test_text_columns_and_gaps_are_served_too(project: Project) -> None:
    """Rows as the file has them: text, missing numbers, booleans."""
    frame = pd.read_csv("data/iris.csv")
    frame.insert(0, "town", ["Kiel", "Ulm", None] * 50)
    frame.insert(1, "old", [True, False] * 75)
    frame.loc[::7, "petal_width"] = None
    frame.to_csv("data/iris.csv", index=False)
    project.edit("RandomForestClassifier", "HistGradientBoostingClassifier")
    project.edit("n_estimators = 5", "max_iter = 10")
    assert project.stage("train").code == 0
    done = project.stage("evaluate")
    assert done.code == 0, done


def test_a_model_that_mlflow_would_load_from_elsewhere_is_refused(trained: Project, error_line: Check) -> None:
    """The file that was looked at is the file that others get."""
    [path] = (trained.path / ".mlflow/artifacts").rglob("MLmodel")
    text = path.read_text()
    assert "loader_module: mlflow.sklearn" in text
    path.write_text(text.replace("loader_module: mlflow.sklearn", "loader_module: os"))
    assert "makes MLflow load something other than" in error_line(trained.stage("evaluate"), 2)


@pytest.mark.long
def test_a_column_of_names_is_no_column_of_slices(project: Project, error_line: Check) -> None:
    """More slices than a person reads."""
    frame = pd.read_csv("data/iris.csv")
    pd.concat([frame] * 4).assign(name=[f"n{i}" for i in range(600)]).to_csv("data/iris.csv", index=False)
    project.edit('"accuracy > 0.8"', '"accuracy > 0.8", "accuracy > 0.1 by name"')
    assert project.stage("train").code == 0
    assert "'name' has 120 values on the held-out rows, too many for a rule" in error_line(project.stage("evaluate"), 2)


def test_a_run_that_is_not_of_this_data_is_not_registered(evaluated: Project) -> None:
    """It passed on its own data; with on_refusal = "skip" the refusal is green, and still no version comes of it."""
    evaluated.edit("[registry]", 'on_refusal = "skip"\n[registry]')
    with Path("data/iris.csv").open("a") as file:
        file.write("5.1,3.5,1.4,0.2,setosa\n")
    assert evaluated.stage("evaluate").code == evaluated.stage("register").code == 0
    assert evaluated.receipt("register")["version"] is None
