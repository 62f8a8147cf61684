"""Labels: values that are written in several ways, that stand for a missing one, or that are rare."""

from collections.abc import Iterator

import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import few
from modelmake.data.finding import Finding, listed
from modelmake.tables.spellings import folded, several

CODES = [sign * int("9" * nines) for nines in range(2, 7) for sign in (1, -1)]
FAR = 0.5  # of the range of all other values, from the nearest of them
FEWEST = 10  # other values, by which that can be told
PLACEHOLDERS = frozenset("? - -- --- . ... n.a. na none nil null unknown missing undefined".split())
MANY = 1_000  # different texts of a column that are not labels
RARE, RARE_OF_MANY = 0.05, 0.01  # shares of the rarest class of two, and of more


def sentinels(column: pd.Series) -> list[int]:
    """Return the numbers of nines that are far from all other values of a column.

    Examples
    --------
    >>> sentinels(pd.Series([*range(20, 70), -99, 999])), sentinels(pd.Series(range(1000)))
    ([999, -99], [])

    """
    if column.dtype.kind not in "iuf":
        return []
    present = column.dropna()
    coded = present.isin(CODES)
    codes = sorted(map(int, present[coded].unique()), reverse=True)
    others = present[~coded]
    if len(others) < FEWEST or not codes:
        return []
    low, high = others.min(), others.max()
    return [code for code in codes if max(low - code, code - high) > FAR * (high - low)]


def coded(frame: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for each column with numbers that may stand for a missing value."""
    for name in frame.columns:
        if codes := sentinels(frame[name]):
            rows = ", ".join(f"{int((frame[name] == code).sum())} × {code}" for code in codes)  # noqa: RUF001
            ask = "if that stands for a missing value, set"
            advice = f"{ask} empty = {toml.value(codes)} under [data.schema.{toml.key(str(name))}]"
            yield Finding((str(name),), f"column '{name}' has {rows}, far from all its other values", advice)


def placeholders(target: pd.Series) -> Iterator[Finding]:
    """Yield a finding about the classes that may stand for a missing target."""
    if target.dtype == "str" and (texts := [text for text in target.unique() if folded(text) in PLACEHOLDERS]):
        rows, name = int(target.isin(texts).sum()), str(target.name)
        text = f"{rows} row{'s have' if rows > 1 else ' has'} the class {few(texts)} of '{name}'"
        key = f"empty = {toml.value(texts)} under [data.schema.{toml.key(name)}]"
        yield Finding((name,), text, f"if that stands for a missing value, set {key}")


def spelled(frame: pd.DataFrame, config: Data) -> Iterator[Finding]:
    """Yield a finding about the columns with texts that differ only in case or spaces; free text is not one."""
    texts = [name for name in frame.columns if frame[name].dtype == "str" and frame[name].nunique() <= MANY]
    found = {str(name): several(frame[name]) for name in texts if name not in (config.ignore_case or [])}
    if names := [name for name, same in found.items() if same]:
        text = listed(names, "has texts", "have texts") + f" that differ only in case or spaces: {few(found[names[0]])}"
        advice = f"if they are the same, set {toml.data('ignore_case', names)}"
        yield Finding(tuple(names), text, advice, "ignore_case", names)


def rare(target: pd.Series, config: Data) -> list[Finding]:
    """Return a finding about the rarest class, if it is rare."""
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
