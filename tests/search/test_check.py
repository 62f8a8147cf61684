"""Mistakes in `[search]` and in the variables of `make tune`: one line with the key, before the first fit."""

import re
from collections.abc import Callable

import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from skrub._to_str import ToStr

from modelmake.search.check import _check_values
from tests.conftest import Outcome
from tests.search.conftest import SEARCH, Searching

Check = Callable[[Outcome, int], str]


@pytest.mark.parametrize(
    ("space", "says"),
    [
        ("max_dept = { low = 1, high = 8 }", "search.space.max_dept: "),
        ('criterion = { choices = ["ginni", "gini"] }', "search.space.criterion: "),
        ("max_depth = { low = 1.0, high = 8.0 }", "search.space.max_depth: "),
        ('estimator = { choices = ["sklearn.tree.DecisionTreeClasifier"] }', "search.space.estimator: "),
        ('estimator = { choices = ["sklearn.tree.DecisionTreeRegressor"] }', "search.space.estimator: "),
        ("max_depth = { low = 8, high = 1 }", "search.space.max_depth: low 8 is not below high 1"),
        ("max_depth = 3", "search.space.max_depth: 3 is not a range"),
        ("max_depth = { low = 3 }", "search.space.max_depth: high is missing"),
        ("max_depth = { low = 3, high = 3 }", "(write choices = [3])"),
        ("max_depth = { low = 1, high = inf }", "search.space.max_depth: high is not a number: inf"),
        ("max_depth = { choices = [] }", "search.space.max_depth: choices is empty"),
        ("", "search: space is empty"),
        ("estimator = { low = 1, high = 3 }", "space.estimator: a range is not an estimator"),
        ('estimator = { choices = ["tree"] }', "space.estimator: 'tree' is not an estimator"),
        ('estimator.choices = [{ estimator = "sklearn.svm.SVC", parms = { C = 3.0 } }]', "(did you mean 'params'?)"),
        (
            'estimator.choices = [{ estimator = "sklearn.svm.SVC", params = 3 }]',
            "search.space.estimator: choices has {",
        ),
        (
            'criterion.choices = ["gini"]\nmax_depth = { low = 1, high = 3, when = { criterion = [] } }',
            "no value of criterion",
        ),
        (
            "estimator.choices = ['sklearn.svm.SVC', 'sklearn.tree.DecisionTreeClassifier']\n"
            "C = { low = 0.1, high = 1.0 }",
            "say which",
        ),
    ],
)
def test_mistakes_are_named_before_the_first_fit(
    searching: Searching, error_line: Check, space: str, says: str
) -> None:
    """In one line with the key; no journal is begun, and no run."""
    searching.edit(SEARCH.partition("[search.space]")[2].strip(), space)
    assert says in error_line(searching.stage("tune"), 2)
    assert not (searching.path / "build/search").exists()
    assert searching.client.get_experiment_by_name("flowers") is None


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('metric = "r2"', "search.metric: 'r2' does not score this estimator"),
        ('metric = "acuracy"', "search.metric: no metric 'acuracy' (did you mean 'accuracy'?)"),
        ('method = "grid"', "search: a grid has as many trials as it has points"),
        ('method = "bayes"', "search.method: "),
        ("minutes = 0", "search.minutes: "),
        ('budget = { parameter = "max_depth", low = 1, high = 5 }', "search: max_depth is the budget and in the space"),
        (
            'budget = { parameter = "n_estimators", low = 1, high = 5 }',
            "search.budget: no parameter 'n_estimators' in ",
        ),
        ('budget = { parameter = "max_leaf_nodes", low = 10, high = 90.0 }', "are not of one type"),
        ('budget = { parameter = "max_leaf_nodes", low = 0.5, high = 9.5 }', "search.budget: "),
        (
            'budget = { parameter = "rows", low = 0.01, high = 1.0 }',
            "search.budget: 0.01 of the rows that fold 1 is fitted on",
        ),
        ("folds = 1000", "search.folds: "),
    ],
)
def test_so_are_those_of_the_search(searching: Searching, error_line: Check, lines: str, says: str) -> None:
    """Each names its own key."""
    if "folds" in lines:
        searching.edit("folds = 3\n", "")
    searching.edit("[search]\n", f"[search]\n{lines}\n")
    assert says in error_line(searching.stage("tune"), 2)


def test_steps_without_constraints_are_not_checked() -> None:
    """As those that prepare a column of text; a wrong value of another step is still named."""
    _check_values(make_pipeline(ToStr(), DecisionTreeClassifier()))
    with pytest.raises(ValueError, match="max_depth"):
        _check_values(make_pipeline(ToStr(), DecisionTreeClassifier(max_depth=-1)))


def test_a_metric_that_no_trial_has_is_named_before_trial_0(searching: Searching, error_line: Check) -> None:
    """A class of two rows is in two of three folds; no journal is begun, and no run."""
    table = searching.path / "data/iris.csv"
    header, *rows = table.read_text().splitlines()
    rare = [f"{row.rpartition(',')[0]},rare" if place in (3, 77) else row for place, row in enumerate(rows)]
    table.write_text("\n".join([header, *rare, ""]))
    searching.edit("[search]\n", '[search]\nmetric = "roc_auc_ovr"\n')
    line = error_line(searching.stage("tune"), 2)
    assert re.search(
        r"search.metric: 'roc_auc_ovr' is not defined on fold \d of 3, where no row is of class 'rare'", line
    )
    assert not (searching.path / "build/search").exists()


def test_a_grid_without_end(searching: Searching, error_line: Check) -> None:
    """It is refused at once, and not counted to its end."""
    searching.edit("trials = 12\n", 'method = "grid"\n')
    searching.edit("high = 8", "high = 1_000_000_000_000")
    assert "search.space: a grid of more than 100,000 points" in error_line(searching.stage("tune"), 2)


@pytest.mark.parametrize("name", ["WORKERS=0", "WORKERS=two", "ENGINE=ray", "ENGINE=dask"])
def test_variables_that_make_no_sense(
    searching: Searching, monkeypatch: pytest.MonkeyPatch, error_line: Check, name: str
) -> None:
    """One line, which names the variable."""
    key, _, value = name.partition("=")
    monkeypatch.setenv(f"MODELMAKE_{key}", value)
    assert name in error_line(searching.stage("tune"), 2)
