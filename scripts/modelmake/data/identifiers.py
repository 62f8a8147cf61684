"""Identifiers: columns that count or name the rows, and measure nothing."""

import re

import pandas as pd

LONG = 40  # characters of a text that is not an id
IDENTIFIER = re.compile(
    r"(?i)(.*[_ .-])?(id|ids|uuid|guid|key|nr|no|num|number|code|serial|rownames?|index|row|obs)|.*[a-z]I[Dd]|"
    r".*(nr|nummer|num[eé]ro|número)"
)
CALENDAR = re.compile(r"(?i)(.*[_ .-])?(time|timestamp|date|datetime|year|yr|month|week|day|period|quarter)s?")


def counts_rows(column: pd.Series) -> bool:
    """Return whether a column numbers the rows, in any order: from 0 or 1, or by equal steps from any number."""
    if column.dtype.kind not in "iu" or len(column) < 3 or CALENDAR.fullmatch(str(column.name)):
        return False
    first, last = int(column.min()), int(column.max())
    step, rest = divmod(last - first, len(column) - 1)
    if rest or step < 1 or not ((first in (0, 1) and step == 1) or len(column) >= 30):
        return False
    return bool(((column - first) % step == 0).all() and column.is_unique)


def identifies(column: pd.Series) -> bool:
    """Return whether a column with different values is not a measurement: by its name, dense numbers or short texts."""
    name = str(column.name)
    if column.dtype.kind in "iu":
        dense = len(column) >= 30 and int(column.max()) - int(column.min()) < 2 * len(column)
        named = IDENTIFIER.fullmatch(name) or (dense and not CALENDAR.fullmatch(name))
        return bool(named and column.is_unique)
    if column.dtype != "str" or CALENDAR.fullmatch(name) or not column.is_unique:
        return False
    return len(column) >= 10 and bool(column.iloc[:1000].str.len().mean() <= LONG)
