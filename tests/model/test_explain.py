"""explain: what becomes of each column."""

from collections.abc import Callable

import pandas as pd

from tests.conftest import Outcome, Project
from tests.model.test_preprocess import table

Check = Callable[[Outcome, int], str]


def lay_out(project: Project, *lines: str) -> None:
    """Put a table of every kind in the place of the project's, with lines under [data]."""
    X, y = table()
    people = pd.Series(range(len(X))) // 4
    X.assign(row=range(len(X)), person=people, note="-", species=y).to_csv(project.path / "data/mixed.csv", index=False)
    project.edit('"data/iris.csv"', "\n".join(['"data/mixed.csv"', *lines]))


def test_each_column_has_a_line_in_the_order_of_the_table(project: Project) -> None:
    """With its kind, what is done with it and the features that come of it, or why it is none."""
    lay_out(project, 'drop = ["note"]', 'id = "row"', 'group = "person"')
    project.edit("sklearn.ensemble.RandomForestClassifier", "sklearn.linear_model.LogisticRegression")
    project.edit("n_estimators = 5", "")
    outcome = project.stage("explain")
    assert outcome.code == 0
    header, *lines = outcome.out.splitlines()
    assert header.split() == ["column", "kind", "treatment", "features"]
    names = [line.split()[0] for line in lines[:11]]
    assert names == "age colour income own review when zip row person note species".split()
    cells = {line.split()[0]: line for line in lines[:11]}
    assert cells["age"].split(None, 2)[1] == "number"
    assert cells["income"].endswith(" 2")
    assert cells["colour"].endswith(" 4")
    assert "one-hot" in cells["colour"]
    assert "id: identifies the row" in cells["row"]
    assert cells["person"].split(None, 1)[1] == "group: stays on one side"
    assert cells["note"].split() == ["note", "dropped"]
    assert cells["species"].split() == ["species", "target"]
    total = sum(int(cells[name].split()[-1]) for name in names[:7])
    assert lines[-1].startswith(f"{total} features → LogisticRegression, on ")


def test_what_trees_take_as_it_is(project: Project) -> None:
    """Nothing is done with clean numbers, and the steps stand before the estimator."""
    project.edit("[model.params]", '[[model.steps]]\nestimator = "sklearn.decomposition.PCA"\n[model.params]')
    lines = project.stage("explain").out.splitlines()
    assert lines[-1] == "4 features → PCA → RandomForestClassifier, on 120 training rows"


def test_raw_columns_are_named_as_such(project: Project) -> None:
    """The user's own steps get the whole table."""
    project.edit("[model.params]", "raw = true\n[model.params]")
    assert "as it is, in a data frame" in project.stage("explain").out


def test_a_mistake_is_one_line(project: Project, error_line: Check) -> None:
    """The same ones as in train, and nothing is printed beside."""
    project.edit('target = "species"', 'target = "petal_width"')
    outcome = project.stage("explain")
    assert "choose a regressor" in error_line(outcome, 2)
    assert not outcome.out
