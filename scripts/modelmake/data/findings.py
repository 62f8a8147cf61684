"""Findings: what in a table often makes a model look better than it is, or adds nothing.

Every finding looks at a bounded number of rows, or at one pass over a column, so it costs little on millions of rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import starmap
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import few
from modelmake.data import keys
from modelmake.data.hashes import exceeds_float
from modelmake.data.keys import certain_time, counts_rows, determines, identifies, in_order
from modelmake.data.leaks import leaks
from modelmake.data.sentinels import sentinels
from modelmake.tables.names import UNNAMED
from modelmake.tables.spellings import folded, several

ROWS = 20_000  # rows that are looked at, evenly spread over the table
SHOWN = 3  # columns in a sentence
PLACEHOLDERS = {
    "?",
    "-",
    "--",
    "---",
    ".",
    "...",
    "n.a.",
    "na",
    "none",
    "nil",
    "null",
    "unknown",
    "missing",
    "undefined",
}
MANY_TEXTS = 1_000  # different texts of a column that are not labels
GAPS = 0.5  # share of missing values that is worth a word
RARE, RARE_OF_MANY = 0.05, 0.01  # shares of the rarest class of two, and of more


@dataclass(frozen=True)
class Finding:
    """What a look at a table found, and the key of [data] that answers it.

    Parameters
    ----------
    columns : tuple of str
        The columns that it is about.
    text : str
        What is unusual.
    advice : str
        What to do about it.
    key, value
        The key of [data] that answers it and the value that it gets; "" for none.
    certain : bool
        Whether the key can be set without asking.
    identifies : bool
        Whether the column tells the rows apart, as an id does.

    """

    columns: tuple[str, ...]
    text: str
    advice: str
    key: Literal["drop", "group", "time", "stratify", "ignore_case", ""] = ""
    value: list[str] | str | bool = ""
    certain: bool = False
    identifies: bool = False

    def __str__(self) -> str:
        """Return it as one sentence."""
        return f"{self.text}; {self.advice}"


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
    ids = _ids(features, sample, ~frame.index.duplicated())
    rest = features.drop(columns=list(ids))
    times = [] if config.time else [name for name in sample.columns if in_order(sample[name])]
    group, certain = ("", False) if config.group else keys.group(rest)
    key, time = ("", "") if config.group or config.time or times or certain else keys.panel(rest, rest.columns)
    told = [name for name in rest.columns if name != group and determines(rest[name], frame[config.target])]
    tried = sample[[name for name in rest.columns if name not in told and not (certain and name == group)]]
    return [
        *ids.values(),
        *_empty(features, sample),
        *_copies(features, tried),
        *_rounded(rest),
        *_placeholders(frame[config.target]),
        *_sentinels(frame[[name for name in frame.columns if name in rest or name == config.target]]),
        *_spellings(frame[[name for name in frame.columns if name in rest or name == config.target]], config),
        *starmap(_leak, leaks(tried, target, classifier=classifier, ordered=bool(config.time or times))),
        *(_determining(name, rest[name].nunique()) for name in told if not config.group),
        *([_grouped(rest[group], certain)] if group and not time else []),
        *([_panel(key, frame[time])] if time else [_time(features[name]) for name in times[:1]]),
        *(_rare(frame[config.target], config) if classifier else []),
    ]


def _spread(frame: pd.DataFrame) -> pd.DataFrame:
    """Return at most ROWS rows in their order, without their hashes."""
    return frame.iloc[:: -(-len(frame) // ROWS) or 1].reset_index(drop=True)


def _leave(*names: str) -> str:
    return f"leave {'them' if len(names) > 1 else 'it'} out: {toml.data('drop', names)}"


def _drop(names: list[str], one: str, many: str) -> Iterator[Finding]:
    """Yield a finding about columns that add nothing, if there are any."""
    if names:
        text = _listed(names, one, many)
        yield Finding(tuple(names), text, _leave(*names), "drop", names, certain=True)


def _listed(names: list[str], one: str, many: str) -> str:
    """Return a sentence about one column, or about many."""
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN]) + f" and {len(names) - SHOWN} more" * (len(names) > SHOWN)
    return f"column {shown} {one}" if len(names) == 1 else f"columns {shown} {many}"


def _ids(features: pd.DataFrame, sample: pd.DataFrame, first: NDArray[np.bool_]) -> dict[str, Finding]:
    """Return a finding for each column that counts or identifies the rows, or that has no name.

    Only the `first` of equal rows counts: a copy has the id of its row.
    """
    different = first[:: -(-len(features) // ROWS) or 1]
    ids = {}
    for name in features.columns:
        unnamed = UNNAMED.fullmatch(name) or not name.strip()
        what = ""
        shown = sample[name][different]
        if shown.dtype.kind != "f" and shown.is_unique and not shown.isna().any():
            column = features[name] if first.all() else features[name][first]
            if counts_rows(column):
                what = "counts the rows"
            elif identifies(column):
                what = "has another value in every row, as an id has"
        if what:
            text = f"column '{name}'{' has no name in the file and' if unnamed else ''} {what}"
            ids[name] = Finding((name,), text, _leave(name), "drop", [name], certain=True, identifies=True)
        elif unnamed:
            text = f"column '{name}' has no name in the file"
            ids[name] = Finding((name,), text, f"name it there, or {_leave(name)}", "drop", [name])
    return ids


def _empty(features: pd.DataFrame, sample: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for the columns without a value, for those with one, and for each with many gaps."""
    shares = sample.isna().mean()
    empty = [name for name, share in shares.items() if share == 1 and features[name].isna().all()]
    yield from _drop(empty, "has no value at all", "have no value at all")
    same = [name for name, share in shares.items() if share == 0 and _is_constant(features[name], sample[name])]
    yield from _drop(same, "is the same in every row", "are the same in every row")
    gaps = [name for name, share in shares.items() if share > GAPS and name not in empty]
    if gaps:
        most = f"{shares[gaps].max():.0%}"
        text = _listed(gaps, f"is {most} empty", f"are more than {GAPS:.0%} empty, up to {most}")
        yield Finding(tuple(gaps), text, "check that these gaps are meant")


def _is_constant(column: pd.Series, sample: pd.Series) -> bool:
    return bool(sample.nunique() == 1 and column.nunique(dropna=False) == 1)


def _copies(features: pd.DataFrame, sample: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for the columns that equal an earlier one."""
    first: dict[tuple[str, int], str] = {}
    copies = {}
    for name in (name for name in sample.columns if sample[name].nunique() > 1):
        kind = "number" if sample[name].dtype.kind in "biuf" else str(sample[name].dtype)
        values = sample[name].astype(float) if kind == "number" else sample[name]
        earlier = first.setdefault((kind, int(pd.util.hash_pandas_object(values, index=False).sum())), name)
        if earlier != name and _same(features[earlier], features[name]):
            copies[name] = earlier
    of = next(iter(copies.values()), "")
    yield from _drop(list(copies), f"is a copy of '{of}'", "are copies of other columns")


def _rounded(features: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for the columns whose numbers an estimator can't tell apart."""
    large = [name for name in features.columns if features[name].dtype.kind in "iu" and exceeds_float(features[name])]
    what = "whole numbers above 2^53, which estimators round"
    yield from _drop(large, f"has {what}", f"have {what}")


def _sentinels(frame: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for each column with numbers that may stand for a missing value."""
    for name in frame.columns:
        if codes := sentinels(frame[name]):
            rows = ", ".join(f"{int((frame[name] == code).sum())} × {code}" for code in codes)  # noqa: RUF001
            ask = "if that stands for a missing value, set"
            advice = f"{ask} empty = {toml.value(codes)} under [data.schema.{toml.key(str(name))}]"
            yield Finding((str(name),), f"column '{name}' has {rows}, far from all its other values", advice)


def _placeholders(target: pd.Series) -> Iterator[Finding]:
    """Yield a finding about the classes that may stand for a missing target."""
    if target.dtype == "str" and (texts := [text for text in target.unique() if folded(text) in PLACEHOLDERS]):
        rows, name = int(target.isin(texts).sum()), str(target.name)
        text = f"{rows} row{'s have' if rows > 1 else ' has'} the class {few(texts)} of '{name}'"
        key = f"empty = {toml.value(texts)} under [data.schema.{toml.key(name)}]"
        yield Finding((name,), text, f"if that stands for a missing value, set {key}")


def _spellings(frame: pd.DataFrame, config: Data) -> Iterator[Finding]:
    """Yield a finding about the columns with texts that differ only in case or spaces; free text is not one."""
    texts = [name for name in frame.columns if frame[name].dtype == "str" and frame[name].nunique() <= MANY_TEXTS]
    found = {str(name): several(frame[name]) for name in texts if name not in (config.ignore_case or [])}
    if names := [name for name, same in found.items() if same]:
        text = (
            _listed(names, "has texts", "have texts") + f" that differ only in case or spaces: {few(found[names[0]])}"
        )
        advice = f"if they are the same, set {toml.data('ignore_case', names)}"
        yield Finding(tuple(names), text, advice, "ignore_case", names)


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(((one == other) | (one.isna() & other.isna())).all())


def _leak(names: tuple[str, ...], text: str) -> Finding:
    which, leave = "it is", _leave(*names)
    if len(names) > 1:
        which, leave = "one of them is", f"leave that one out of {toml.data('drop', names)}"
    return Finding(names, text, f"if {which} known only after the target, {leave}", "drop", list(names))


def _determining(name: str, many: int) -> Finding:
    text = f"the rows of each of the {many} values of column '{name}' have one target"
    ask = f"if they belong together, set {toml.data('group', name)}"
    return Finding((name,), text, f"{ask}: without the column other ones may still tell these rows", "group", name)


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


def _rare(target: pd.Series, config: Data) -> list[Finding]:
    counts = target.value_counts()
    share = counts.iloc[-1] / len(target)
    if len(counts) < 2 or len(counts) > 50 or share >= (RARE if len(counts) == 2 else RARE_OF_MANY):
        return []
    many = int(counts.iloc[-1])
    text = f"class '{counts.index[-1]}' has {many} of {len(target)} rows ({share:.2g})"
    advice = "ask the gate for a metric that such rows count in, such as balanced_accuracy or average_precision"
    if config.stratify or config.time or many < 2:
        return [Finding((config.target,), text, advice)]
    return [Finding((config.target,), text, f"{advice}, and set {toml.data('stratify', True)}", "stratify", value=True)]
