"""The report of an evaluation: one page, the same as in the run, for any data."""

import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser

import pandas as pd
import pytest

from modelmake.data import profile
from modelmake.data.drift import Drift, Finding
from modelmake.gate import rules
from modelmake.gate.facts import Evidence, Measured
from modelmake.gate.report import Report
from modelmake.report.drawing import Plot
from modelmake.scores.intervals import Difference, Estimate
from tests.conftest import Outcome, Project
from tests.gate.test_evaluate import artifact

Check = Callable[[Outcome, int], str]


class Page(HTMLParser):
    """What a page refers to, and the text of its parts."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__()
        self.links: list[str] = []
        self.labels: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note links, sources and labels of drawings."""
        named = dict(attributes)
        self.links += [named[name] for name in ("src", "href", "xlink:href") if named.get(name)]
        self.labels += [named["aria-label"]] if tag == "svg" else []


def test_the_report_is_one_page_that_needs_nothing_else(evaluated: Project) -> None:
    """No script, no font, no picture from elsewhere; a text for each plot; colours for light and dark."""
    text = (evaluated.path / "build/report.html").read_text()
    page = Page()
    page.feed(text)
    assert [link for link in page.links if not link.startswith(("#", "data:"))] == []
    assert len(page.labels) == 4
    assert "30 rows are too few for a curve of 5 points with 20 rows each" in text  # calibration
    assert all(label.endswith(".") for label in page.labels)
    assert "Of 30 rows 29 are predicted right, 1 wrong." in page.labels
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert "<script" not in text
    assert "#010203" not in text
    assert text.index("<h1>") < text.index("accuracy 0.9667") < text.index("<h2>Checks</h2>")


def test_everything_is_in_the_run(evaluated: Project) -> None:
    """Report, evidence, profile and each plot, which is XML."""
    assert artifact(evaluated, "report.html") == (evaluated.path / "build/report.html").read_text()
    assert artifact(evaluated, "report.md") == (evaluated.path / "build/report.md").read_text()
    assert json.loads(artifact(evaluated, "profile.json"))["rows"] == 30
    names = {
        path.path for path in evaluated.client.list_artifacts(evaluated.receipt("evaluate")["run_id"], "evaluate/plots")
    }
    expected = ("confusion", "roc", "precision-recall", "importance")
    assert names == {f"evaluate/plots/{name}.svg" for name in expected}
    for name in expected:
        assert ET.fromstring(artifact(evaluated, f"plots/{name}.svg")).tag.endswith("svg")  # noqa: S314  # our own


@pytest.mark.long
def test_what_stands_in_the_data_is_no_markup(project: Project) -> None:
    """A class, or a column, that is named like a tag or a formula is shown as it is, in any script."""
    frame = pd.read_csv("data/iris.csv").rename(columns={"petal_width": "<b>width</b>"})
    frame["species"] = frame["species"].replace({"setosa": "<script>alert(1)</script>", "virginica": "$a$ 草"})
    frame.to_csv("data/iris.csv", index=False)
    project.edit("accuracy > 0.8", "accuracy > 0.5 by species")
    assert project.stage("train").code == project.stage("evaluate").code == 0
    for name in ("report.html", "report.md"):
        text = (project.path / "build" / name).read_text()
        assert "<script>" not in text
        assert "<b>width" not in text
    page = (project.path / "build/report.html").read_text()
    assert "&lt;script&gt;" in page
    assert page.count("$a$ 草") > 2


@pytest.mark.long
def test_a_class_without_held_out_rows_is_reported_all_the_same(project: Project, error_line: Check) -> None:
    """ROC AUC is not known then, so it closes the gate; the report says so and draws what can be drawn."""
    frame = pd.read_csv("data/iris.csv")
    frame.loc[0, "species"] = "unheard-of"  # a row that the split puts into training
    frame.to_csv("data/iris.csv", index=False)
    project.edit("accuracy > 0.8", "roc_auc_ovr > 0.5")
    assert project.stage("train").code == 0
    assert "roc_auc_ovr is not defined on the held-out rows" in error_line(project.stage("evaluate"), 3)
    text = (project.path / "build/report.html").read_text()
    assert "Confusion matrix" in text
    assert "Left out: roc_auc_ovr is not defined on the sampled rows." in text


def reported(**more: object) -> Report:
    """Return a report with some fields of its own."""
    verdict = rules.refusal("one reason")
    estimate = Estimate(0.9, 0.8, 1.0)
    evidence = Evidence(
        model_id="m-1",
        rows=30,
        measured=(Measured(metric="accuracy", rows=30, estimate=estimate),),
        dummy=Difference(0.3, 0.2, 0.4, p_value=0.0, mcnemar=None),
    )
    fields = {
        "title": "flowers",
        "run": "0" * 32,
        "url": "",
        "verdict": verdict,
        "evidence": evidence,
        "metrics": {"accuracy": 0.9, "f1_macro": 0.8},
        "champion": {},
        "differences": {},
        "plots": (),
        "profile": None,
        "drift": None,
        "provenance": {},
    }
    return Report(**(fields | more))


def test_the_table_of_metrics_shows_training_rows_and_folds_where_there_are_some() -> None:
    """A metric without a value in a column has an empty cell; without any, the column is not there."""
    report = reported(train_scores={"accuracy": 1.0}, cv_scores={"accuracy": (0.91, 0.02), "r2": (math.nan, 0.1)})
    assert "| metric | challenger | train | folds |" in report.markdown
    assert "| accuracy | 0.9000 | 1.0000 | 0.9100 ± 0.0200 |" in report.markdown
    assert "| f1_macro | 0.8000 |  |  |" in report.markdown
    assert "| r2 |  |  | not defined ± 0.1000 |" in report.markdown
    for word in ("Train</th>", "Folds</th>", "0.9100 ± 0.0200", "not defined ± 0.1000"):
        assert word in report.html
    for text in (reported().html, reported().markdown):
        assert "Folds" not in text
        assert "train |" not in text


def test_large_values_are_short() -> None:
    """A squared error of 1e50 takes no fifty digits."""
    report = reported(metrics={"neg_mean_squared_error": -1.234567891e50, "r2": 0.5})
    assert "| neg_mean_squared_error | -1.234568e+50 |" in report.markdown


def test_warnings_about_the_table_stand_above_the_checks() -> None:
    """They are a list beside the verdict, as text; without any there is no heading."""
    report = reported(findings=["column '<b>id</b>' differs in each row", "column 'x|y' is constant"])
    for text in (report.html, report.markdown):
        assert text.index("one reason") < text.index("Warnings about the table") < text.lower().index("check")
        assert "<b>id" not in text
        assert "Warnings" not in reported().html
    assert "x\\|y" in report.markdown


def test_a_plot_that_is_left_out_says_why() -> None:
    """Its title stays, with the reason in place of the drawing."""
    plot = Plot("importance", "Permutation importance", "Left out: the estimator fails on shuffled columns: <oh>")
    assert "Left out: the estimator fails on shuffled columns: &lt;oh&gt;" in reported(plots=[plot]).html


def test_the_columns_of_a_wide_table_fold_and_those_that_moved_come_first() -> None:
    """The page shows some at once, and every table has headers for its columns and its rows."""
    frame = pd.DataFrame({f"column_{k}": [0.5, 1.5] for k in range(100)})
    names = [f"column_{k}" for k in range(100)]
    effects = {name: 0.5 * (name == "column_77") for name in names}
    drift = [Drift(name, (Finding(name, "distribution", effects[name], 0.001, "it moved"),)) for name in names]
    page = reported(profile=profile.describe(frame), drift=drift).html
    assert "<summary>60 more columns</summary>" in page
    assert page.index(">column_77<") < page.index(">column_0<") < page.index("<summary>") < page.index(">column_99<")
    assert "<th>" not in page
