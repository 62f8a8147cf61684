"""Explain: show how each column of the table is prepared for the estimator."""

from collections.abc import Iterator, Sequence

import pandas as pd
from sklearn.base import BaseEstimator, clone, is_classifier

from modelmake.config import config as configuration
from modelmake.config.config import Config
from modelmake.config.data import Data
from modelmake.config.receipt import aligned
from modelmake.core.progress import Progress
from modelmake.data import schema
from modelmake.data.read import read_table
from modelmake.data.split import hold_out
from modelmake.model.estimator import build, steps
from modelmake.model.groups import Group, plan
from modelmake.model.kinds import kinds
from modelmake.model.preprocess import pipeline

ROWS = 20_000  # training rows that the preprocessing is fitted on, to count the features
HEADER = ("column", "kind", "treatment", "features")

Row = tuple[str, str, str, str]


def main() -> None:
    """Print a line for each column, in the order of the table, and one for what follows."""
    config = configuration.load()
    with Progress(f"explain: reading {config.data.path} and preparing its columns"):
        text = _explanation(config)
    print(text)


def rows(config: Config, names: Sequence[str], members: Sequence[BaseEstimator], X: pd.DataFrame) -> list[Row]:
    """Return a row for each column of the table: its name, its kind, what becomes of it, and how many features.

    Parameters
    ----------
    config : Config
        The whole of pipeline.toml.
    names : sequence of str
        The columns of the table.
    members : sequence of estimators
        The steps and the estimator.
    X : pandas.DataFrame of shape (n_rows, n_features)
        The training rows.

    """
    kind_of = kinds(X, config.data)
    if config.model.raw:
        prepared = dict.fromkeys(kind_of, ("as it is, in a data frame", "1"))
    else:
        prepared = {name: cells for group in plan(config, members, X) for name, cells in _prepared(group, X)}
    times = {config.data.time: ", orders the rows"}
    listed = []
    for name in names:
        treatment, count = prepared.get(name) or (_role(name, config.data), "")
        listed.append((name, kind_of.get(name, ""), treatment + times.get(name, ""), count))
    return listed


def _explanation(config: Config) -> str:
    """Return the table of columns, and the line about the estimator."""
    frame = read_table(config.data)
    schema.check(frame, config.data)
    estimator = build(config.model, seed=config.seed)
    split = hold_out(frame, config.data, seed=config.seed, classifier=is_classifier(estimator))
    X = split.X_train
    pipeline(config, estimator, X, split.y_train)  # refuses what `train` refuses
    members = [*(step for _, step in steps(config.model, seed=config.seed)), estimator]
    listed = rows(config, [str(name) for name in frame.columns], members, X)
    total = sum(int(count) for *_, count in listed if count)
    sample = f"; features counted on {ROWS} of them" if len(X) > ROWS else ""
    after = " → ".join(type(member).__name__ for member in members)
    return f"{aligned([HEADER, *listed])}\n\n{total} features → {after}, on {len(X)} training rows{sample}"


def _prepared(group: Group, X: pd.DataFrame) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each column of a group, and its cells; the transformer is fitted on each one, to count the features."""
    single = isinstance(group.columns, str)
    for name in [group.columns] if isinstance(group.columns, str) else group.columns:
        count = 1
        if group.transformer != "passthrough":
            column = X[name] if single else X[[name]]
            count = clone(group.transformer).fit_transform(column.head(ROWS)).shape[1]
        yield name, (group.treatment, str(count))


def _role(name: str, data: Data) -> str:
    """Return what a column is that is not a feature."""
    roles = {data.target: "target", data.id: "id: identifies the row", data.group: "group: stays on one side"}
    return roles.get(name, "dropped")
