"""Columns: values of any type as numbers, booleans, texts and dates, so that every format gives the same model."""

import numpy as np
import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import UserError
from modelmake.core.types import LARGEST
from modelmake.tables.forms import Form
from modelmake.tables.marks import written_as
from modelmake.tables.spellings import is_empty, spelled, spellings
from modelmake.tables.texts import Suspect, explain, read_texts

SECONDS = "turn them into seconds"
REFUSED = {  # by what pandas infers: what the column contains, and the cast
    "time": ("times of day", f"{SECONDS} since midnight"),
    "timedelta": ("durations", f"{SECONDS}: .dt.total_seconds()"),
    "bytes": ("bytes", 'turn them into text: .str.decode("utf-8")'),
    "complex": ("complex numbers", "turn them into two columns: .real and .imag"),
    "interval": ("intervals", "turn them into their midpoints, or into text"),
    "list": ("lists", "split it into several columns"),
    "dict": ("records in records", "split it into several columns"),
    "ndarray": ("lists", "split it into several columns"),
    "tuple": ("lists", "split it into several columns"),
}


def plain(frame: pd.DataFrame, config: Data) -> pd.DataFrame:
    """Return the frame as `typed` does."""
    return typed(frame, config)[0]


def typed(frame: pd.DataFrame, config: Data) -> tuple[pd.DataFrame, dict[str, Form]]:
    """Return the frame with plain columns, and how those of text that are numbers or dates are written.

    The columns of `drop` and `id` stay as they are, unless they are `time` too.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        As a file has it.
    config : Data
        `schema` says which texts are numbers, categories or dates where that is not certain.

    Returns
    -------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        Columns of bool, int, float, str and datetime64[us]. Booleans with gaps are 0, 1 and NaN, since JSON can say
        these; times with a zone are in UTC.
    forms : dict of str to Form
        By the name of the column.

    Raises
    ------
    UserError
        A column can't be a feature, or its texts are numbers in part.

    """
    suspects: list[Suspect] = []
    forms: dict[str, Form] = {}
    untouched = {*(config.drop or []), config.id} - {config.time}
    for place, name in enumerate(frame.columns):
        if name in untouched:
            continue
        column = frame.iloc[:, place]
        values = emptied(_plain(column, config), config)
        if values.dtype == "str" and name in (config.ignore_case or []):
            forms[str(name)] = Form(spellings=spellings(values))
            values = spelled(values, forms[str(name)].spellings)
        elif values.dtype == "str" and name != config.group:
            texts = values
            values, suspect = read_texts(texts, config)
            suspects += [suspect] if suspect else []
            if values is not texts:
                forms[str(name)] = written_as(
                    texts, config.decimal or ".", dates=values.dtype.kind == "M", stated=config.numbers or ""
                )[0]
        _check(values, config)
        if values is not column:
            frame.isetitem(place, values)
    if suspects:
        raise explain(suspects, config)
    return frame, forms


def emptied(column: pd.Series, config: Data) -> pd.Series:
    """Return a column without the values that [data.schema] calls empty."""
    declared = (config.columns or {}).get(str(column.name))
    if not (declared and declared.empty):
        return column
    gone = is_empty(column, declared.empty)
    return column.mask(gone) if gone.any() else column


def _plain(column: pd.Series, config: Data) -> pd.Series:
    """Return one column of a plain type."""
    dtype = column.dtype
    if dtype == "str":
        return column.astype(float) if column.isna().all() else column
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _of_numbers(column)
    if dtype.kind == "M":
        return _without_zone(column)
    if isinstance(dtype, np.dtype):
        return _of_objects(column.astype(object), config)
    return _of_extension(column, config)


def _of_numbers(column: pd.Series) -> pd.Series:
    """Return numbers that JSON clients and estimators can have, as text where one is too large."""
    if column.dtype == np.uint64:
        return column.astype("str" if column.max() > LARGEST else np.int64)
    return column.astype(np.float32) if column.dtype == np.float16 else column


def _of_extension(column: pd.Series, config: Data) -> pd.Series:
    """Return a column of one of pandas' own types as a plain one."""
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _plain(column.astype(dtype.categories.dtype), config)
    if isinstance(dtype, pd.PeriodDtype):
        return column.dt.to_timestamp().astype("datetime64[us]")
    if isinstance(dtype, pd.SparseDtype):
        return _plain(column.sparse.to_dense(), config)
    return _plain(_without_extension(column), config) if dtype.kind in "biuf" else _of_objects(column, config)


def _without_zone(column: pd.Series) -> pd.Series:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert(None)
    return column if column.dtype == "datetime64[us]" else column.astype("datetime64[us]")


def _without_extension(column: pd.Series) -> pd.Series:
    """Return a nullable column as a plain one, a number where it has gaps."""
    if not column.isna().any():
        return column.astype(column.dtype.numpy_dtype)
    return pd.Series(column.to_numpy(dtype=float, na_value=np.nan), index=column.index, name=column.name)


def _of_objects(column: pd.Series, config: Data) -> pd.Series:
    """Return values of Python as one plain type."""
    column = column.astype(object)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in OBJECTS:
        return OBJECTS[kind](column)
    if kind.startswith("mixed") and column.dropna().map(lambda value: isinstance(value, (str, int, float))).all():
        return _strings(column)
    raise _refused(column, "timedelta" if kind == "timedelta64" else kind, config)


def _strings(column: pd.Series) -> pd.Series:
    return column.where(column.isna(), column.map(str)).astype("str")


def _booleans(column: pd.Series) -> pd.Series:
    return column.astype(float if column.isna().any() else bool)


def _periods(column: pd.Series) -> pd.Series:
    return pd.Series(pd.PeriodIndex(column).to_timestamp(), index=column.index, name=column.name)


def _decimals(column: pd.Series) -> pd.Series:
    """Return floating-point numbers, or whole ones for decimal numbers without decimal places."""
    present = column.dropna()
    numbers = column.astype(float)
    places = present.map(lambda value: getattr(value, "as_tuple", lambda: None)())
    if len(present) < len(column) or places.isna().any() or not places.map(lambda value: value.exponent >= 0).all():
        return numbers
    return _integers(column.map(int))


def _integers(column: pd.Series) -> pd.Series:
    """Return whole numbers, as text where one is too large."""
    present = column.dropna()
    if len(present) and (max(present) > LARGEST or min(present) < -LARGEST):
        return _strings(column)
    return column.astype(float if len(present) < len(column) else np.int64)


def _dates(column: pd.Series) -> pd.Series:
    dates = pd.to_datetime(column, utc=True, errors="coerce")
    return dates.dt.tz_convert(None).astype("datetime64[us]")


OBJECTS = {  # by what pandas infers
    "string": lambda column: column.astype("str"),
    **dict.fromkeys(("empty", "floating", "decimal", "mixed-integer-float"), _decimals),
    "boolean": _booleans,
    "integer": _integers,
    **dict.fromkeys(("datetime", "datetime64", "date"), _dates),
    "period": _periods,
}


def _refused(column: pd.Series, kind: str, config: Data) -> UserError:
    """Return the error for a column that can't be a feature, with the cast that makes one of it."""
    names = dict.fromkeys(type(value).__name__ for value in column.dropna())
    kind = kind if kind in REFUSED else next((name for name in names if name in REFUSED), "")
    values, cast = REFUSED.get(kind, (f"objects of the type{'s' * (len(names) > 1)} {', '.join(list(names)[:3])}", ""))
    what = f"column '{column.name}' contains {values}: values that are neither numbers nor text"
    if column.name == config.target:
        return UserError(config.path, what, cast or "turn them into numbers or texts")
    leave = f"leave the column out: {toml.data('drop', [column.name])}"
    return UserError(config.path, what, f"{cast or 'turn them into numbers or texts'}, or {leave}")


def _check(column: pd.Series, config: Data) -> None:
    """Raise UserError for infinite numbers, and for dates in the target."""
    if column.dtype.kind == "M" and column.name == config.target:
        what = f"column '{column.name}' contains dates, and is the target"
        raise UserError(config.path, what, "turn them into numbers, such as days")
    if column.dtype.kind == "f" and (infinite := np.isinf(column.to_numpy())).any():
        many = int(infinite.sum())
        what = f"column '{column.name}' has {many} infinite value{'s' * (many > 1)}"
        fix = 'leave these fields empty, or set data.missing = ["inf", "-inf"] where the file is a CSV'
        raise UserError(config.path, what, fix)
