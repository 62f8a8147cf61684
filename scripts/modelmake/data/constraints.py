"""Constraints: the tests of a column that [data.schema] states, each True for the values that pass."""

import datetime
import operator
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from pandas.api import types

from modelmake.config.column import Column
from modelmake.core.types import Kind, of

Test = Callable[[pd.Series], pd.Series]


def kind(values: pd.Series) -> Kind:
    """Return what a column contains, as its values show it: text where they are of several kinds.

    Examples
    --------
    >>> kind(pd.Series([1, 2])), kind(pd.Series([True, None])), kind(pd.Series(["a", 1]))
    ('integer', 'boolean', 'text')

    """
    return of(types.infer_dtype(values, skipna=True)).name


def constraints(column: Column) -> Iterator[tuple[str, Test]]:
    """Yield the name and the test of each constraint of a column; a bound needs values that it can be compared with."""
    bounded = next((bound for bound in (column.min, column.max) if bound is not None), None)
    stated = column.type or (None if bounded is None else "date" if isinstance(bounded, str) else "number")
    if stated:
        yield f"type {stated}", _present(FITTING[stated])
    if column.min is not None:
        yield f"min {_shown(column.min)}", _present(_bounded(column.min, operator.ge))
    if column.max is not None:
        yield f"max {_shown(column.max)}", _present(_bounded(column.max, operator.le))
    if column.values is not None:
        yield "values", _present(_listed(column.values))
    if column.unique:
        yield "unique", _present(lambda values: ~values.duplicated(keep=False))
    if (most := column.missing) is not None:
        yield f"missing {most:g}", lambda values: values.notna() | (values.isna().mean() <= most)


def _present(test: Test) -> Test:
    """Apply a test to the values that are present; a missing value passes."""

    def whole(values: pd.Series) -> pd.Series:
        present = values.dropna()
        return test(present).astype(bool).reindex(values.index, fill_value=True)

    return whole


def _all(values: pd.Series, passed: bool) -> pd.Series:
    return pd.Series(passed, index=values.index)


def _is_number(values: pd.Series) -> pd.Series:
    """Return which values are numbers; in a column of text that are those that do not read as numbers, if any."""
    if types.is_bool_dtype(values) or types.is_datetime64_any_dtype(values):
        return _all(values, False)
    if types.is_numeric_dtype(values):
        return _all(values, True)
    numbers = _numbers(values).notna()
    return numbers & (kind(values) == "number") if numbers.all() else numbers


def _is_integer(values: pd.Series) -> pd.Series:
    return _is_number(values) & (_numbers(values) % 1 == 0)


def _is_boolean(values: pd.Series) -> pd.Series:
    """Return which values are booleans; where one is missing, they are 0 and 1."""
    if types.is_numeric_dtype(values):
        return values.isin([0, 1])
    return values.astype(object).map(lambda value: isinstance(value, bool | np.bool_))


def _is_text(values: pd.Series) -> pd.Series:
    return values.astype(object).map(lambda value: isinstance(value, str))


def _is_category(values: pd.Series) -> pd.Series:
    return _is_text(values) | _is_boolean(values) | _is_integer(values)


def _is_date(values: pd.Series) -> pd.Series:
    return _dates(values).notna()


FITTING: dict[Kind, Test] = {
    "number": _is_number,
    "integer": _is_integer,
    "boolean": _is_boolean,
    "category": _is_category,
    "text": _is_text,
    "date": _is_date,
}


def _numbers(values: pd.Series) -> pd.Series:
    """Return the values as numbers, NaN for what is not one."""
    if types.is_numeric_dtype(values) and not types.is_bool_dtype(values):
        return values
    objects = values.astype(object)
    objects = objects.where(~objects.map(lambda value: isinstance(value, bool | np.bool_ | datetime.date)), None)
    return pd.to_numeric(objects, errors="coerce")


def _dates(values: pd.Series) -> pd.Series:
    """Return the values as moments in UTC, NaT for what is neither a date nor its ISO 8601 text."""
    if types.is_numeric_dtype(values):
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[ns, UTC]")
    texts = values if types.is_datetime64_any_dtype(values) else values.astype(object).map(_iso)
    return pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)


def _iso(value: object) -> str | None:
    if isinstance(value, datetime.date):  # and datetime, which is one
        return value.isoformat()
    return value if isinstance(value, str) else None


def _bounded(bound: float | str, compare: Callable[..., pd.Series]) -> Test:
    """Return the test that values are within a bound; those of the wrong type fail as such, and pass here.

    A date without a time is a whole day, in UTC as every moment without a time zone.
    """

    def test(values: pd.Series) -> pd.Series:
        if not isinstance(bound, str):
            numbers = _numbers(values)
            return compare(numbers, bound) | numbers.isna()
        moments, limit = _dates(values), pd.Timestamp(bound)
        limit = limit.tz_localize("UTC") if limit.tz is None else limit.tz_convert("UTC")
        if len(bound) == len("2026-01-31"):
            moments = moments.dt.floor("D")
        return compare(moments, limit) | moments.isna()

    return test


def _listed(allowed: list[str | int | float | bool]) -> Test:
    """Return the test that values are among those allowed; True is not 1, and a date is its ISO 8601 text."""

    def test(values: pd.Series) -> pd.Series:
        if kind(values) == "date":
            texts = [str(one) for one in allowed]
            moments = pd.to_datetime(texts, format="ISO8601", utc=True, errors="coerce")  # a number is not a date
            return _dates(values).isin(moments.dropna())
        boolean = kind(values) == "boolean"
        return values.isin([value for value in allowed if isinstance(value, bool) or not boolean])

    return test


def _shown(bound: float | str) -> str:
    return bound if isinstance(bound, str) else f"{bound:.12g}"
