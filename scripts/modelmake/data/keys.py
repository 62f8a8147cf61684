"""Keys: columns that count or name the rows, that say which rows belong together, and that order them in time."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from modelmake.data.measures import HEXADECIMAL, notation
from modelmake.data.moments import NAMED as NAMED_MOMENT
from modelmake.data.moments import epoch
from modelmake.tables.dates import MOMENT

LONG = 40  # characters of a text that is not an id
WORDS = 2  # words of letters, on average, of a text that is not an id
TEXTS = 1_000  # by which a column of text is judged
SAME = 0.95  # share of the rows of a class, or of a number, in whose value of a key all rows are alike
IN_ORDER = 0.99  # share of the rows that are not earlier than the row before
MANY, A_FEW = 20, 30  # different values of a key that groups the rows, and the most rows of one, on average
SOME = 500  # values of a key, by which it is judged
PANEL, DENSE = 3, 0.2  # different values of the key of a panel, and the least share of all pairs with a time

IDENTIFIER = re.compile(
    r"(?i)(.*[_ .-])?(id|ids|uuid|guid|key|nr|no|num|number|code|serial|rownames?|index|row|obs)|.*[a-z]I[Dd]|"
    r".*(nr|nummer|num[eé]ro|número)"
)
CALENDAR = re.compile(r"(?i)(.*[_ .-])?(time|timestamp|date|datetime|year|yr|month|week|day|period|quarter)s?")
YEAR = re.compile(r"(?i)(.*[_ .-])?(year|yr)s?")
WHO = (
    r"(person|user|customer|client|patient|session|subject|household|family|member|student|pupil|player|employee|"
    r"worker|driver|account|device|machine|engine|visitor|respondent|participant|animal|individual|speaker|author)"
)
ENTITY = re.compile(rf"(?i).*{WHO}.*")
OF_A_KIND = re.compile(  # keys of what many rows share
    r"(?i)(.*[_ .-])?(type|kind|category|class|status|level|grade|group|region|country|state|city|zone|colou?r)[_ .-]?"
    r"(ids?|key|nr|no|num|number|code)"
)
KEY = re.compile(
    r"(?i)(.*[_ .-])?(id|ids|uuid|guid|key|nr)|(?-i:.*[a-z]I[Dd])|"
    rf"(?!(?:num|n|count|total)[_ .-])(.*[_ .-])?{WHO}([_ .-]?(nr|no|num|number|code|name))?"
)
NAMED = re.compile(r"(?i)(.*[_ .-])?(no|num|number|name|title)|.*nummer")  # as a key may be, too
WORD = r"(?:^|\s)[\"'(]?[^\W\d_]{2,}"


def counts_rows(column: pd.Series) -> bool:
    """Return whether a column numbers the rows, in whatever order: from 0 or 1, or by equal steps from any number."""
    if column.dtype.kind not in "iu" or len(column) < 3 or CALENDAR.fullmatch(str(column.name)):
        return False
    if NAMED_MOMENT.fullmatch(str(column.name)) and epoch(column):
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
    if column.dtype != "str" or CALENDAR.fullmatch(name) or not column.is_unique or len(column) < 10:
        return False
    texts = column.iloc[:TEXTS]
    measured = notation(texts) not in ("", HEXADECIMAL)
    return bool(texts.str.len().mean() <= LONG and not (measured or _has_words(texts) or _has_moments(texts)))


def _has_words(texts: pd.Series) -> bool:
    """Return whether texts are of several words, as a headline or the name of a product is."""
    return bool(texts.str.count(WORD).mean() >= WORDS)


def _has_moments(texts: pd.Series) -> bool:
    """Return whether most texts have a date or a time of day."""
    return bool(texts.str.contains(MOMENT).mean() > 1 / 2)


def group(features: pd.DataFrame) -> tuple[str, bool]:
    """Return the column whose equal values belong together, and whether that is certain; "" for none.

    It is certain where its name ends as a key does, and its values behave as keys: many, and each in a few rows.
    """
    names = [name for name in features.columns if may_group(features[name])]
    keys = [name for name in names if KEY.fullmatch(name) and not OF_A_KIND.fullmatch(name)]
    if certain := [name for name in keys if _few_each(features[name])]:
        return certain[0], True
    texts = [name for name in names if features[name].dtype == "str"]
    proposed = [name for name in names if KEY.fullmatch(name) or NAMED.fullmatch(name)]
    proposed += [name for name in texts if ENTITY.fullmatch(name) and _few_each(features[name])]
    return next(iter(proposed), ""), False


def determines(column: pd.Series, target: pd.Series) -> bool:
    """Return whether the other rows of a value have the target of a row, as the visits of a patient have one diagnosis.

    Each of many values has several rows; a column that has a value for each target is another writing of it.
    """
    name, many = str(column.name), column.nunique()
    key = KEY.fullmatch(name) or NAMED.fullmatch(name) or ENTITY.fullmatch(name)
    if not may_group(column) or many < MANY or not (key or many > 2 * target.nunique()):
        return False
    some = column.isin(column.drop_duplicates().iloc[:SOME]).to_numpy()
    column, target = column[some], target[some]
    rows = target.groupby(column.to_numpy())
    several = rows.transform("size") > 1
    same = rows.transform("nunique")[several] == 1
    return bool(several.mean() > 1 / 2 and same.groupby(target[several]).mean().min() >= SAME)


def panel(frame: pd.DataFrame, names: Iterable[str]) -> tuple[str, str]:
    """Return the key and the time of a panel, whose pairs occur once: the years of a person, the days of a shop."""
    names = list(names)
    keys = [name for name in names if frame[name].nunique() >= PANEL and may_group(frame[name])]
    times = [name for name in names if _is_date(frame[name])]
    pairs = ((key, time) for time in times for key in keys if key != time and _is_panel(frame, key, time))
    return next(pairs, ("", ""))


def certain_time(column: pd.Series) -> bool:
    """Return whether a column of times is a date, a year, or a count of more times than months or weekdays."""
    return bool(column.dtype.kind == "M" or YEAR.fullmatch(str(column.name)) or column.nunique() > 12)


def may_group(column: pd.Series) -> bool:
    """Return whether values of a column occur several times each, and none of them is a measurement or a time."""
    if CALENDAR.fullmatch(str(column.name)) or not (column.dtype.kind in "iu" or column.dtype == "str"):
        return False
    return bool(5 <= column.nunique() <= len(column) / 1.5)


def _few_each(column: pd.Series) -> bool:
    return bool(column.nunique() >= max(MANY, column.count() / A_FEW))


def _is_date(column: pd.Series) -> bool:
    return column.dtype.kind == "M" or (column.dtype.kind in "iu" and bool(CALENDAR.fullmatch(str(column.name))))


def _is_panel(frame: pd.DataFrame, key: str, time: str) -> bool:
    keys, times = frame[key].nunique(), frame[time].nunique()
    if len(frame) < max(2 * keys, 2 * times, DENSE * keys * times):
        return False
    return not (frame.iloc[:TEXTS].duplicated([key, time]).any() or frame.duplicated([key, time]).any())


def in_order(column: pd.Series) -> bool:
    """Return whether the rows are in the order of a date, or of a number that is called like a time."""
    numeric = column.dtype.kind in "iuf" and CALENDAR.fullmatch(str(column.name))
    if not numeric and column.dtype.kind != "M":
        return False
    steps = np.diff(column.dropna().to_numpy()).astype(float)
    return bool(column.nunique() > 10 and max((steps >= 0).mean(), (steps <= 0).mean()) >= IN_ORDER)
