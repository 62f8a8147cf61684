"""Columns: values of any type as numbers, booleans, texts and dates, so that every format gives the same model."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import UserError
from modelmake.tables import arrow
from modelmake.tables.dates import DAYS, are_days, of_days
from modelmake.tables.epochs import epoch_of, moments
from modelmake.tables.forms import Form
from modelmake.tables.marks import written_as
from modelmake.tables.spellings import is_empty, spelled, spellings
from modelmake.tables.texts import Suspect, explain, read_texts

PLAIN = tuple(map(np.dtype, ("bool", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "f4", "f8", "M8[us]")))
SCALARS = (str, int, float, Decimal, datetime.date, datetime.time, np.generic)  # a moment is a date of Python's


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
        elif values.dtype.kind in "iuf" and _is_days(values, config):
            values, forms[str(name)] = of_days(values), Form(date=DAYS)
        elif values.dtype.kind in "iuf" and (epoch := _epoch(values, config)):
            values, forms[str(name)] = moments(values, epoch), Form(date=epoch)
        _check(values, config)
        if values is not column:
            frame.isetitem(place, values)
    if suspects:
        raise explain(suspects, config)
    return frame, forms


def _is_days(values: pd.Series, config: Data) -> bool:
    """Return whether whole numbers such as 20260131 are dates, which a declared type may say otherwise."""
    name = str(values.name)
    declared = (config.columns or {}).get(name)
    if name in (config.target, config.group) or (declared and declared.type not in (None, "date")):
        return False
    return are_days(values)


def _epoch(values: pd.Series, config: Data) -> str:
    """Return from when numbers count that are stated to be dates; "" for other numbers."""
    declared = (config.columns or {}).get(str(values.name))
    return epoch_of(values) if declared and declared.type == "date" else ""


def emptied(column: pd.Series, config: Data) -> pd.Series:
    """Return a column without the values that [data.schema] calls empty."""
    declared = (config.columns or {}).get(str(column.name))
    if not (declared and declared.empty):
        return column
    gone = is_empty(column, declared.empty)
    return column.mask(gone) if gone.any() else column


def _plain(column: pd.Series, config: Data) -> pd.Series:
    """Return one column of a plain type; raises UserError where it has none."""
    dtype = column.dtype
    if dtype == "str":
        return column.astype(float) if column.isna().all() else column
    if dtype in PLAIN:
        return column
    if isinstance(dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    values = arrow.array(column)
    scalars = dtype.kind != "O" or column.dropna().map(lambda value: isinstance(value, SCALARS)).all()
    if (words := arrow.refused(values.type)) or not scalars:
        raise _refused(column, words, config)
    return pd.Series(arrow.plain(values).to_pandas().array, index=column.index, name=column.name)


def _refused(column: pd.Series, words: tuple[str, str] | None, config: Data) -> UserError:
    """Return the error for a column that can't be a feature, with the cast that makes one of it."""
    names = dict.fromkeys(type(value).__name__ for value in column.dropna())
    objects = f"objects of the type{'s' * (len(names) > 1)} {', '.join(list(names)[:3])}"
    values, cast = words or (objects, "turn them into numbers or texts")
    what = f"column '{column.name}' contains {values}: values that are neither numbers nor text"
    if column.name == config.target:
        return UserError(config.path, what, cast)
    leave = f"leave the column out: {toml.data('drop', [column.name])}"
    return UserError(config.path, what, f"{cast}, or {leave}")


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
