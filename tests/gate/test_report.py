"""The report of an evaluation: one page for people, the same in the run, whatever stands in the data."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser

import pandas as pd
import pytest

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
    assert len(page.labels) == 5
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
    expected = ("confusion", "roc", "precision-recall", "calibration", "importance")
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
    assert "Permutation importance" not in text
