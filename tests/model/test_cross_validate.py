"""Folds, training scores, the positive class and honest splits: from pipeline.toml to the verdict."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.pipeline import Pipeline

from modelmake.config import config
from modelmake.core.errors import UserError
from modelmake.data.folds import folds
from modelmake.data.read import identified, read_table
from modelmake.data.split import hold_out
from modelmake.model import store
from modelmake.model.cross_validate import cross_validated
from tests.conftest import Outcome, Project

Check = Callable[[Outcome, int], str]
PIPELINE = """\
experiment = "tumours"
[data]
path = "data/table.csv"
target = "y"
{data}
[model]
estimator = "sklearn.linear_model.{estimator}"
{model}
[gate]
rules = [{rules}]
[registry]
name = "tumours"
"""


def lay_out(
    project: Project,
    frame: pd.DataFrame,
    *rules: str,
    data: str = "",
    model: str = "",
    estimator: str = "LogisticRegression",
) -> None:
    """Write the table and the config of a project."""
    frame.to_csv(project.path / "data/table.csv", index=False)
    asked = ", ".join(f'"{rule}"' for rule in rules)
    text = PIPELINE.format(data=data, model=model, estimator=estimator, rules=asked)
    (project.path / "pipeline.toml").write_text(text)


def tumours(*, positives: int | None = None) -> pd.DataFrame:
    """Return scikit-learn's breast cancer data, of two columns, with the labels `yes` (malignant) and `no`."""
    data, target = load_breast_cancer(return_X_y=True, as_frame=True)
    frame = data[["mean radius", "mean texture"]].assign(y=np.where(target == 0, "yes", "no"))
    return (
        frame if positives is None else pd.concat([frame[frame["y"] == "no"], frame[frame["y"] == "yes"][:positives]])
    )


def panel() -> pd.DataFrame:
    """Return 8 years of 60 persons, whose label depends on the person alone, which no other person shows."""
    rng = np.random.default_rng(0)
    rows = [
        {"person": f"p{person}", "year": 1980 + year, "height": height + rng.normal(0, 0.01), "y": label}
        for person, (height, label) in enumerate(zip(rng.normal(170, 10, 60), rng.integers(0, 2, 60), strict=True))
        for year in range(8)
    ]
    return pd.DataFrame(rows)


def test_folds_are_scored_as_scikit_learn_does(project: Project) -> None:
    """Mean and spread of the run's folds are cross_validate's, with its `scoring` of the positive class."""
    lay_out(project, tumours(), "cv(f1) > 0.5", "accuracy > 0.5", data='positive = "yes"', model="[train]\nfolds = 4")
    done = project.stage("train")
    assert done.code == 0, done.err
    assert [line.split(":")[0] for line in done.out.splitlines() if line.startswith("fold")] == [
        f"fold    {number} of 4" for number in range(1, 5)
    ]
    loaded = config.load()
    split = hold_out(read_table(loaded.data), loaded.data, seed=loaded.seed, classifier=True)
    pipeline, _ = store.load(project.receipt("train")["model_id"], ())
    of = np.zeros(len(split.X_train), dtype=int)
    for number, fold in enumerate(folds(split, loaded.data, 4, seed=loaded.seed, classifier=True)):
        of[fold.test] = number
    y = (split.y_train == "yes").astype(int)
    expected = cross_validate(clone(pipeline), split.X_train, y, cv=PredefinedSplit(of), scoring=("f1", "accuracy"))
    metrics = project.client.get_run(project.receipt("train")["run_id"]).data.metrics
    for name in ("f1", "accuracy"):
        assert metrics[f"cv_{name}_mean"] == pytest.approx(expected[f"test_{name}"].mean())
        assert metrics[f"cv_{name}_std"] == pytest.approx(expected[f"test_{name}"].std())
    predicted = pipeline.predict(split.X_train)
    assert metrics["train_accuracy"] == pytest.approx(accuracy_score(split.y_train, predicted))
    assert metrics["train_f1"] == pytest.approx(f1_score(split.y_train, predicted, pos_label="yes"))
    params = project.client.get_run(project.receipt("train")["run_id"]).data.params
    assert (params["positive"], params["folds"]) == ("yes", "4")


@pytest.mark.long
def test_the_gate_asks_the_folds_by_run_id(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """In another job, without a receipt: the folds are in the run; a metric that is not there refuses."""
    lay_out(project, tumours(), "cv(accuracy) > 0.8", model="[train]\nfolds = 3")
    assert project.stage("train").code == 0
    monkeypatch.setenv("MODELMAKE_RUN_ID", project.receipt("train")["run_id"])
    (project.path / "build/train.json").unlink()
    done = project.stage("evaluate")
    assert done.code == 0, done.out + done.err
    [line] = [line for line in done.out.splitlines() if line.startswith("pass    cv(accuracy) > 0.8")]
    assert " ± " in line
    header = next(line for line in done.out.splitlines() if line.startswith("metric"))
    assert header.split() == ["metric", "held", "out", "training", "folds"]
    assert project.stage("register").code == 0
    project.edit("cv(accuracy) > 0.8", "cv(f1_micro) > 0.8")
    assert "the mean of f1_micro over the folds is not known" in error_line(project.stage("evaluate"), 3)


@pytest.mark.long
def test_the_positive_class_is_scored(project: Project) -> None:
    """`f1` of yes, though its letters come last, and of no, though they come first."""
    values = {}
    for positive in ("yes", "no"):
        lay_out(project, tumours(), "f1 > 0.1", data=f'positive = "{positive}"')
        assert project.stage("train").code == 0
        done = project.stage("evaluate")
        assert done.code == 0, done.out + done.err
        loaded = config.load()
        split = hold_out(read_table(loaded.data), loaded.data, seed=loaded.seed, classifier=True)
        pipeline, _ = store.load(project.receipt("train")["model_id"], ())
        values[positive] = f1_score(split.y_test, pipeline.predict(split.X_test), pos_label=positive)
        assert project.receipt("evaluate")["metrics"]["f1"] == pytest.approx(values[positive])
    assert values["yes"] != values["no"]


@pytest.mark.parametrize(
    ("data", "rule", "expected"),
    [
        ("", "f1 > 0.5", 'set positive = "yes" under [data], or use f1_macro'),
        ('positive = "ja"', "f1 > 0.5", "data.positive: 'ja' is not a class (one of: 'no', 'yes')"),
        ('positive = "yes"', "r2 > 0.5", "'r2' does not score a classifier"),
        ('stratify = true\ntime = "y"', "accuracy > 0.5", "'stratify' and 'time'"),
        ('group = "mean texture"\ntime = "mean radius"\ntest_size = 0.01', "accuracy > 0.5", None),
    ],
)
def test_a_wrong_positive_class_is_named(
    project: Project, error_line: Check, data: str, rule: str, expected: str | None
) -> None:
    """One line before there is a run; keys that fit give none."""
    lay_out(project, tumours(), rule, data=data)
    done = project.stage("train")
    if expected is None:
        assert done.code == 0, done.err
    else:
        assert expected in error_line(done, 2)
        assert project.client.get_experiment_by_name("tumours") is None


def test_few_rows_of_a_class_keep_and_say_how_many_would_do(project: Project) -> None:
    """An f1 of 1 on 2 positives proves nothing, and is not an error."""
    frame = tumours(positives=10).assign(sure=lambda frame: (frame["y"] == "yes") * 9.0)
    lay_out(project, frame, "f1 > 0.9", data='positive = "yes"\nstratify = true', model="[model.params]\nC = 1e6")
    assert project.stage("train").code == 0
    done = project.stage("evaluate")
    assert done.code == 0, done.out + done.err
    verdict = project.receipt("evaluate")
    assert (verdict["value"], verdict["verdict"]) == (1.0, "keep")
    assert verdict["reasons"] == ["not enough data: 2 test rows of class 'yes', at least 4 are needed"]


@pytest.mark.long
def test_persons_are_held_out_whole(project: Project) -> None:
    """A tree that knows each person's height is right about every year of that person, and wrong about others."""
    frame = panel()
    accuracy = {}
    for key in ("", 'group = "person"\ndrop = ["year"]'):
        lay_out(project, frame.drop(columns="person") if not key else frame, "accuracy > 0", data=key)
        project.edit("sklearn.linear_model.LogisticRegression", "sklearn.tree.DecisionTreeClassifier")
        done = project.stage("train")
        assert done.code == 0, done.err
        project.stage("evaluate")
        accuracy[key] = project.receipt("evaluate")["value"]
    assert "split   12 of 60 groups of 'person' are held out: 96 of 480 rows" in done.out.splitlines()
    assert accuracy[""] > 0.9
    assert accuracy['group = "person"\ndrop = ["year"]'] < 0.75


@pytest.mark.long
def test_the_latest_months_are_held_out(project: Project) -> None:
    """A trend: the rows of the end are predicted from those before, in the folds too."""
    months = pd.period_range("1949-01", periods=144, freq="M").astype(str)
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"month": months, "x": np.arange(144.0), "y": np.arange(144) * 2 + rng.normal(0, 5, 144)})
    lay_out(
        project,
        frame.sample(frac=1, random_state=1),
        "cv(neg_mean_absolute_error) > -50",
        data='time = "month"\ndrop = ["month"]',
        model="[train]\nfolds = 4",
        estimator="LinearRegression",
    )
    done = project.stage("train")
    assert done.code == 0, done.err
    assert "split   the rows from month = 1958-08-01 on are held out: 29 of 144 rows" in done.out.splitlines()
    done = project.stage("evaluate")
    assert "neg_mean_absolute_error" in done.out
    assert project.receipt("train")["metrics"]["test_rows"] == 29


@pytest.mark.long
def test_warnings_are_printed_and_shown_in_the_report(project: Project) -> None:
    """A row number is named at train, in the run, and in the report of another job."""
    frame = tumours()
    frame.insert(0, "rownames", range(1, len(frame) + 1))
    lay_out(project, frame, "accuracy > 0.5")
    done = project.stage("train")
    [warning] = [line for line in done.out.splitlines() if line.startswith("warning: ") and "rownames" in line]
    run_id = project.receipt("train")["run_id"]
    logged = json.loads(
        Path(project.client.download_artifacts(run_id, "train/findings.json", str(project.path))).read_text()
    )
    assert warning.removeprefix("warning: ") in logged
    assert project.stage("evaluate").code == 0
    assert "rownames" in (project.path / "build/report.md").read_text()


@pytest.mark.parametrize("labels", [["no"] * 99 + ["yes"], ["a"] * 60 + ["b"] * 39 + ["c"], [False] * 95 + [True] * 5])
@pytest.mark.parametrize("keys", [{}, {"group": "g"}, {"time": "t"}])
def test_a_class_of_few_rows_is_no_crash(labels: list[object], keys: dict[str, str]) -> None:
    """Whichever part its rows are in: scored over the folds, or one line that says why not."""
    rng = np.random.default_rng(3)
    columns = {"a": rng.normal(size=100), "g": rng.integers(0, 30, 100), "t": rng.permutation(100), "y": labels}
    table = {"path": "t.csv", "target": "y", "drop": ["t"], **keys}
    loaded = config.Config.model_validate(
        {
            "experiment": "x",
            "data": table,
            "model": {"estimator": "sklearn.linear_model.LogisticRegression"},
            "gate": {"rules": ["balanced_accuracy > 0"]},
            "registry": {"name": "x"},
        }
    )
    for seed in range(2):
        try:
            split = hold_out(identified(pd.DataFrame(columns), ["t"]), loaded.data, seed=seed, classifier=True)
            parts = folds(split, loaded.data, 3, seed=seed, classifier=True)
        except UserError:
            continue
        values = cross_validated(Pipeline([("model", LogisticRegression())]), split, parts, loaded)
        assert 0 < values["cv_accuracy_mean"] <= 1
