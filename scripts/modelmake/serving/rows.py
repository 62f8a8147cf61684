"""Rows: the values of a request as the frame that the model was trained on, or why they do not fit."""

import datetime
import math
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.core.errors import suggestion
from modelmake.core.types import BOOLEANS
from modelmake.data.constraints import constraints
from modelmake.model.contract import Contract, Feature
from modelmake.model.even import EVEN, filled
from modelmake.serving.body import LONG, Columns, Table
from modelmake.serving.refusal import Refusal

NULL = type(None)
NUMBERS = {int, float}
TEXT = pd.StringDtype(na_value=np.nan)  # "str", which is looked up by its name otherwise
OF_A_TABLE = ("unique", "missing")  # constraints of a whole column, which one request says nothing about


def frame(table: Table, contract: Contract) -> pd.DataFrame:
    """Return the rows as a frame with the columns and the types of the training rows.

    Parameters
    ----------
    table : Table
        The request.
    contract : Contract
        The model's.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_features)
        Null is a missing value, which only an optional column has.

    Raises
    ------
    Refusal
        With 422: a column is missing or unknown, a value is of another type, is missing where it may not be, or is
        outside of what [data.schema] states.

    """
    if not table.rows:
        raise Refusal(422, "there are no rows: send at least one")
    _check_names(table, contract)
    arrays = [values(feature, table.columns[feature.name]) for feature in contract.features]
    # The public constructor looks at each array again, which takes longer than all that is done to a row here.
    return pd.DataFrame._from_arrays(
        arrays, _index(tuple(contract.names)), pd.RangeIndex(table.rows), verify_integrity=False
    )


def even(table: Table) -> Table:
    """Return the rows, filled up with copies of the last one (scripts/modelmake/model/even.py)."""
    if not table.rows:
        return table
    columns: Columns = {name: filled(given) for name, given in table.columns.items()}
    return Table(columns, table.rows + -table.rows % EVEN, table.text)


def typed(table: Table, contract: Contract) -> Table:
    """Return the rows of a CSV with the values that JSON would have; raises Refusal for a text that is not a number."""
    features = {feature.name: feature for feature in contract.features if feature.name in table.columns}
    columns = {
        name: [_of_text(feature, value, row) for row, value in enumerate(table.columns[name])]
        for name, feature in features.items()
    }
    return Table(dict(table.columns) | columns, table.rows)


def values(feature: Feature, given: Sequence[Any]) -> Any:  # noqa: ANN401  # an array of either library
    """Return the values of one column as an array of its type; raises as `frame`."""
    kinds = set(map(type, given))
    if NULL in kinds and not feature.optional:
        row = next(row for row, value in enumerate(given) if value is None)
        raise Refusal(
            422,
            "a value is missing, which this column never has in the training table",
            feature.name,
            row,
        )
    array = CASTS[feature.type.name](feature, given, kinds - {NULL})
    if feature.stated is not None:
        _check_stated(feature, array)
    return array


@lru_cache(maxsize=8)
def _index(names: tuple[str, ...]) -> pd.Index:
    """Return the names as pandas has them; frames that share them find a column faster."""
    return pd.Index(names)


def _check_names(table: Table, contract: Contract) -> None:
    """Raise Refusal for a column that is missing or unknown."""
    for name in contract.names:
        if name not in table.columns:
            raise Refusal(422, "the column is missing: send every column, with null for a missing value", name)
    if len(table.columns) > len(contract.features):
        accepted = {*contract.names, *contract.ignored}
        for name in (name[:LONG] for name in table.columns if name not in accepted):
            raise Refusal(422, f"the model has no such column: {suggestion(name, contract.names)}", name)


def _of_text(feature: Feature, value: str, row: int) -> object:
    """Return a field of a CSV as JSON would have it; an empty field is a missing value."""
    if value == "":
        return None
    if feature.dtype in ("str", "bool") or feature.dtype.startswith("datetime"):
        return BOOLEANS.get(value, value) if feature.dtype == "bool" else value
    if feature.truth and value in BOOLEANS:
        return BOOLEANS[value]
    if not NUMBER.fullmatch(value.strip()):
        raise _wrong(feature, row)
    try:
        return int(value)
    except ValueError:  # with a point or an exponent, or of thousands of digits
        return float(value)


NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)  # Python reads 1_000 too


def _floats(feature: Feature, given: Sequence[Any], kinds: set[type]) -> NDArray[Any]:
    """Return numbers, NaN for null; true and false where the training rows have 0 and 1 alone."""
    allowed = NUMBERS | {bool} if feature.truth else NUMBERS
    if not kinds <= allowed:
        raise _wrong(feature, _first(given, allowed))
    try:
        array = np.array(given, dtype=float)  # NumPy reads None as NaN
    except OverflowError:
        array = np.array([math.inf if abs(value or 0) > 1e308 else value for value in given], dtype=float)
    if feature.dtype != "float64":
        with np.errstate(over="ignore"):
            array = array.astype(feature.dtype)
    if not np.isfinite(array).all():
        for row in np.flatnonzero(~np.isfinite(array)).tolist():
            if given[row] is not None:
                raise Refusal(422, "a number is too large", feature.name, row)
    return array


def _integers(feature: Feature, given: Sequence[Any], kinds: set[type]) -> NDArray[Any]:
    """Return whole numbers: 3.0 is one, since other languages write it so; with a gap they are floating."""
    allowed = NUMBERS | {bool} if feature.truth else NUMBERS
    if not kinds <= allowed:
        raise _wrong(feature, _first(given, allowed))
    limits = np.iinfo(feature.dtype)
    for row, value in enumerate(given):
        if value is not None and not (limits.min <= value <= limits.max and value == int(value)):
            raise Refusal(422, "a value is not a whole number of this column's size", feature.name, row)
    if None in given:
        return np.array(given, dtype=float)
    return np.array([int(value) for value in given], dtype=feature.dtype)


def _booleans(feature: Feature, given: Sequence[Any], kinds: set[type]) -> NDArray[Any]:
    if not kinds <= {bool}:
        raise _wrong(feature, _first(given, {bool}))
    return np.array(given, dtype=float if None in given else bool)


def _texts(feature: Feature, given: Sequence[Any], kinds: set[type]) -> Any:  # noqa: ANN401  # pandas' array
    if not kinds <= {str}:
        raise _wrong(feature, _first(given, {str}))
    return pd.array(list(given), dtype=TEXT)


def _dates(feature: Feature, given: Sequence[Any], kinds: set[type]) -> NDArray[Any]:
    """Return moments without a zone, in UTC where one names a zone."""
    if not kinds <= {str}:
        raise _wrong(feature, _first(given, {str}))
    moments = []
    for row, value in enumerate(given):
        try:
            moment = None if value is None else datetime.datetime.fromisoformat(value)
            if moment is not None and moment.tzinfo is not None:
                moment = moment.astimezone(datetime.UTC).replace(tzinfo=None)
        except (ValueError, OverflowError):
            raise _wrong(feature, row) from None
        moments.append(moment)
    return np.array(moments, dtype="datetime64[us]")


CASTS = {
    "number": _floats,
    "integer": _integers,
    "boolean": _booleans,
    "text": _texts,
    "date": _dates,
}


def _first(given: Sequence[Any], allowed: set[type]) -> int:
    return next(row for row, value in enumerate(given) if value is not None and type(value) not in allowed)


def _wrong(feature: Feature, row: int) -> Refusal:
    return Refusal(422, f"a value is not {feature.type.words}", feature.name, row)


def _check_stated(feature: Feature, array: object) -> None:
    """Raise Refusal for a value outside of what [data.schema] states about the column."""
    if feature.stated is None:
        return
    series = pd.Series(array)
    for title, test in constraints(feature.stated):
        if title.startswith(OF_A_TABLE):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            failed = np.flatnonzero(~test(series).to_numpy(dtype=bool))
        if len(failed):
            raise Refusal(422, f"a value violates the schema: {title}", feature.name, int(failed[0]))
