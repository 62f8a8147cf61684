"""Findings: what in a table often makes a model look better than it is, or adds nothing.

Every finding looks at a bounded number of rows, or at one pass over a column, so it costs little on millions of rows.
"""

from itertools import starmap

import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.data import keys, labels, redundancy
from modelmake.data.finding import Finding, leave
from modelmake.data.keys import certain_time, determines, in_order
from modelmake.data.leaks import leaks
from modelmake.data.measures import measures
from modelmake.data.moments import epochs

ROWS = 20_000  # rows that are looked at, evenly spread over the table


def findings(frame: pd.DataFrame, config: Data, *, classifier: bool) -> list[Finding]:
    """Return the findings in a fixed order; [] for a table in which nothing is unusual.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        As `read_table` returns it.
    config : Data
        What `drop`, `id`, `group` and `time` answer is not found again.
    classifier : bool
        Whether the target has classes.

    """
    outside = {config.target, config.time, *config.not_features}
    features = frame[[name for name in frame.columns if name not in outside]]
    sample, target = _spread(features), _spread(frame[[config.target]])[config.target]
    ids = redundancy.ids(features, sample, ~frame.index.duplicated())
    rest = features.drop(columns=list(ids))
    times = [] if config.time else [name for name in sample.columns if in_order(sample[name])]
    group, certain = ("", False) if config.group else keys.group(rest)
    key, time = ("", "") if config.group or config.time or times or certain else keys.panel(rest, rest.columns)
    told = [name for name in rest.columns if name != group and determines(rest[name], frame[config.target])]
    tried = sample[[name for name in rest.columns if name not in told and not (certain and name == group)]]
    looked = frame[[name for name in frame.columns if name in rest or name == config.target]]
    return [
        *ids.values(),
        *redundancy.empty(features, sample),
        *redundancy.copies(features, tried),
        *redundancy.rounded(rest),
        *measures(sample[rest.columns], config),
        *epochs(_spread(frame[[name for name in frame.columns if name in rest or name == config.time]]), config),
        *labels.placeholders(frame[config.target]),
        *labels.coded(looked),
        *labels.spelled(looked, config),
        *starmap(_leak, leaks(tried, target, classifier=classifier, ordered=bool(config.time or times))),
        *(_determining(name, rest[name].nunique()) for name in told if not config.group),
        *([_grouped(rest[group], certain)] if group and not time else []),
        *([_panel(key, frame[time])] if time else [_time(features[name]) for name in times[:1]]),
        *(labels.rare(frame[config.target], config) if classifier else []),
    ]


def _spread(frame: pd.DataFrame) -> pd.DataFrame:
    """Return at most ROWS rows in their order, without their hashes."""
    return frame.iloc[:: -(-len(frame) // ROWS) or 1].reset_index(drop=True)


def _leak(names: tuple[str, ...], text: str) -> Finding:
    advice = f"if it is known only after the target, {leave(*names)}"
    if len(names) > 1:
        keys = " or ".join(toml.data("drop", [name]) for name in names)
        advice = f"if one of them is known only after the target, leave that column out: {keys}"
    return Finding(names, text, advice, "drop", list(names))


def _determining(name: str, many: int) -> Finding:
    text = f"the rows of each of the {many} values of column '{name}' have one target"
    ask = f"if they belong together, set {toml.data('group', name)}"
    why = "if the column is only left out, other columns may still show which rows belong together"
    return Finding((name,), text, f"{ask}; {why}", "group", name)


def _grouped(column: pd.Series, certain: bool) -> Finding:
    name, many = str(column.name), column.nunique()
    text = f"column '{name}' has {many} values with {len(column) / many:.3g} rows each on average"
    ask = f"if rows of one value belong together, set {toml.data('group', name)}"
    advice = f"{ask}, so that they are all trained on or all held out{_filled(column)}"
    return Finding((name,), text, advice, "group", name, certain and not column.isna().any())


def _panel(key: str, time: pd.Series) -> Finding:
    name = str(time.name)
    text = f"each pair of '{key}' and '{name}' is in one row"
    advice = f"if the model is for later rows, set {toml.data('time', name)}"
    advice += f"; if it is for other values of '{key}', set {toml.data('group', key)}"
    return Finding(
        (name, key), text, f"{advice}{_filled(time)}", "time", name, certain_time(time) and time.notna().all()
    )


def _filled(column: pd.Series) -> str:
    """Return what a key needs whose column has gaps, "" if it has none."""
    gaps = int(column.isna().sum())
    return f", once its {gaps} gap{'s are' if gaps > 1 else ' is'} filled" if gaps else ""


def _time(column: pd.Series) -> Finding:
    name = str(column.name)
    text = f"the rows are in the order of column '{name}'"
    advice = f"if the model is for later rows, set {toml.data('time', name)}, so that the last rows are held out"
    return Finding((name,), text, f"{advice}{_filled(column)}", "time", name, certain=not column.isna().any())
