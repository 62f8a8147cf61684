"""Casts: the values of a column in the model's type, and which of them do not fit, wherever they come from."""

import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.core.errors import UserError
from modelmake.core.types import EXACT
from modelmake.data.constraints import constraints
from modelmake.model.contract import Feature
from modelmake.tables import dates, numbers
from modelmake.tables.epochs import EPOCHS
from modelmake.tables.forms import PLAIN, Form
from modelmake.tables.marks import has_form, written_as
from modelmake.tables.reading import Reading
from modelmake.tables.spellings import is_empty, spelled

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Array = Any  # of NumPy, or of pandas for texts
Given: TypeAlias = pd.Series | Sequence[Any]  # of a file, or as JSON has them

TEXT = pd.StringDtype(na_value=np.nan)  # "str", which is looked up by its name otherwise
OF_A_TABLE = ("unique", "missing")  # keys about a whole column, of which some rows say nothing
GAP = "missing"  # what a value is that is not there
NUMBERS, TRUTH = {int, float, type(None)}, {int, float, bool, type(None)}


@dataclass(frozen=True)
class Cast:
    """A column in its type; each array has the shape (n_rows,)."""

    values: Array  # any value of the type where one is missing or does not fit
    missing: Mask
    wrong: tuple[tuple[str, Mask], ...]  # what the model does not accept, never a value, and where it is

    @property
    def lost(self) -> Mask:
        """Where a value is not of the type, as a mask of shape (n_rows,)."""
        return next(mask for reason, mask in self.wrong if reason != GAP)

    def with_gaps(self, rows: Mask | None = None) -> Array:
        """Return the values; whole numbers and booleans as floating-point numbers if one of `rows` is missing."""
        if self.values.dtype.kind in "iub" and (self.missing if rows is None else self.missing & rows).any():
            return np.where(self.missing, np.nan, self.values.astype(float))
        return self.values


def form(texts: pd.Series, feature: Feature, reading: Reading, decimal: str, where: str) -> Form:
    """Return how a file writes a column: as the training table where that fits, else as its first rows, `texts`, do.

    Numbers without marks are the plain ones of the file, with its `decimal`: 979.460 is not 979,460 in a request of
    one row.

    Raises
    ------
    UserError
        The column has dates whose day and month could be exchanged.

    """
    moments = feature.type.name == "date"
    if (decided := reading.forms.get(feature.name)) and has_form(texts, decided, dates=moments):
        return decided
    plain = Form(decimal=decimal)
    if not moments and not np.isnan(numbers.read(texts.dropna(), plain, truth=True)).any():
        return plain
    written, exchanged = written_as(texts, decimal, dates=moments)
    if exchanged:
        what = f"column '{feature.name}' has dates whose day and month could be exchanged"
        raise UserError(where, what, "write them as YYYY-MM-DD")
    return written


def without_gaps(given: Given, gaps: Collection[str]) -> Given:
    """Return values, of which the texts that stand for a missing value are missing."""
    if not isinstance(given, pd.Series):
        return [None if type(value) is str and value in gaps else value for value in given] if gaps else given
    return given.mask(given.isin([*gaps])) if gaps and given.dtype == "str" else given


def of_json(given: Sequence[Any], feature: Feature, reading: Reading) -> Cast:
    """Return a column of JSON in the type of the training rows, with the gaps and the dates of the training table."""
    written = reading.forms.get(feature.name, PLAIN) if feature.type.name in ("date", "text") else PLAIN
    return cast(without_gaps(given, reading.gaps), feature, written)


def cast(given: Given, feature: Feature, written: Form) -> Cast:
    """Return a column in the type of the training rows.

    A text of a file is read as the training table's is. A text of JSON is a number or a boolean where a program writes
    one so: "3.5" and "true", as in a file that has types, and as MLflow's own server takes it.
    """
    missing: Mask = given.isna().to_numpy() if isinstance(given, pd.Series) else np.array([v is None for v in given])
    values, fits = CASTS[feature.type.name](given, feature, written)
    lost: Mask = ~fits & ~missing
    if feature.stated and feature.stated.empty:
        gone: Mask = is_empty(pd.Series(values), feature.stated.empty).to_numpy(dtype=bool)
        missing = missing | gone
        values = values if values.dtype.kind in "iub" else pd.Series(values).mask(gone).array
        values = values if feature.type.name == "text" else np.asarray(values)
    wrong = [] if feature.optional else [(GAP, missing)]
    wrong.append((f"not {feature.type.words}", lost))
    made = Cast(values, missing, tuple(wrong))
    if feature.stated is None:
        return made
    series = pd.Series(made.with_gaps())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for title, test in constraints(feature.stated.model_copy(update=dict.fromkeys(OF_A_TABLE))):
            passed: Mask = test(series).to_numpy(dtype=bool)
            wrong.append((f"against the schema: {title}", ~passed & ~missing & ~lost))
    return Cast(values, missing, tuple(wrong))


def _numbers(given: Given, feature: Feature, written: Form) -> tuple[Array, Mask]:
    with np.errstate(over="ignore"):
        values = _floats(given, written, truth=feature.truth).astype(feature.dtype)
    fits = np.isfinite(values)
    return np.where(fits, values, values.dtype.type(np.nan)), fits


def _integers(given: Given, feature: Feature, written: Form) -> tuple[Array, Mask]:
    """Return whole numbers: 3.0 is one, since other languages write it so."""
    limits = np.iinfo(feature.dtype)
    if isinstance(given, pd.Series) and given.dtype.kind in "iu":
        fits: Mask = (given.to_numpy() >= limits.min) & (given.to_numpy() <= limits.max)
        return given.where(fits, 0).to_numpy(dtype=feature.dtype), fits
    floats = _floats(given, written, truth=feature.truth)
    with np.errstate(invalid="ignore"):
        fits = (floats % 1 == 0) & (floats >= float(limits.min)) & (floats < float(limits.max) + 1)
    values = np.where(fits, floats, 0).astype(feature.dtype)
    if not _is_typed(given):
        for row in np.flatnonzero(fits & (abs(floats) >= EXACT)).tolist():  # these have more digits than a float
            exact = _exact(given[row], written)
            fits[row] = limits.min <= exact <= limits.max
            values[row] = exact if fits[row] else 0
    return values, fits


def _exact(value: float | str, written: Form) -> int:
    """Return a large whole number with all of its digits."""
    if not isinstance(value, str):
        return int(value)
    return numbers.exact(value, written)


def _booleans(given: Given, _feature: Feature, written: Form) -> tuple[Array, Mask]:
    """Return booleans, which 1 and 0 are too."""
    floats = _floats(given, written, truth=True)
    return floats == 1, (floats == 0) | (floats == 1)


def _texts(given: Given, _feature: Feature, written: Form) -> tuple[Array, Mask]:
    if not isinstance(given, pd.Series):
        fits = np.array([type(value) is str for value in given])
        texts = pd.array([value if type(value) is str else None for value in given], dtype=TEXT)
        return spelled(pd.Series(texts), written.spellings).array if written.spellings else texts, fits
    if given.dtype == "str":
        column = spelled(given, written.spellings) if written.spellings else given
        return column.array, column.notna().to_numpy()
    return pd.array([None] * len(given), dtype=TEXT), np.zeros(len(given), dtype=bool)


def _dates(given: Given, _feature: Feature, written: Form) -> tuple[Array, Mask]:
    """Return moments without a zone, in UTC where one names a zone."""
    if not isinstance(given, pd.Series):
        values = _dates_of_json(given, written.date)
    elif given.dtype.kind in "iuf":
        values = dates.of_numbers(given, written.date).to_numpy()
    elif given.dtype.kind == "M":
        values = given.to_numpy(dtype="datetime64[us]")
    elif given.dtype == "str":
        values = dates.read(given.str.strip(), written.date).to_numpy()
    else:
        values = np.full(len(given), np.datetime64("NaT", "us"))
    return values, ~np.isnat(values)


def _dates_of_json(given: Sequence[Any], form: str) -> Array:
    """Return texts of ISO 8601, or of a form, as dates; numbers too where the form is one of numbers."""
    texts = [value.strip() if type(value) is str else None for value in given]
    if form in dates.NUMBERS:
        texts = [str(value) if type(value) in (int, float) else text for value, text in zip(given, texts, strict=True)]
    iso = np.array([text and dates.moment(text) for text in texts], dtype="datetime64[us]")
    if not form or not (np.isnat(iso).any() or form in EPOCHS):
        return iso
    read = dates.read(pd.Series(texts, dtype="str"), form).to_numpy()
    first, second = (read, iso) if form in EPOCHS else (iso, read)  # 1704010112000 is a moment in 1704 too
    return np.where(np.isnat(first), second, first)


CASTS: dict[str, Callable[[Given, Feature, Form], tuple[Array, Mask]]] = {
    "number": _numbers,
    "integer": _integers,
    "boolean": _booleans,
    "text": _texts,
    "date": _dates,
}


def _is_typed(given: Given) -> bool:
    return isinstance(given, pd.Series) and given.dtype.kind in "iufb"


def _floats(given: Given, written: Form, *, truth: bool) -> Floats:
    """Return numbers, NaN for what is none; with `truth` a boolean is 1 or 0."""
    if not isinstance(given, pd.Series):
        return _of_json(given, TRUTH if truth else NUMBERS)
    if given.dtype.kind in ("iufb" if truth else "iuf"):
        array: Floats = given.to_numpy(dtype=float)
        return array
    if given.dtype != "str":
        return np.full(len(given), np.nan)
    return numbers.read(given, written, truth=truth)


def _of_json(given: Sequence[Any], allowed: set[type]) -> Floats:
    """Return the numbers of JSON, also those that are texts."""
    if not set(map(type, given)) <= allowed:
        truth = bool in allowed
        texts = [numbers.number(value, truth=truth) if type(value) is str else None for value in given]
        given = [value if type(value) in allowed else text for value, text in zip(given, texts, strict=True)]
    try:
        return np.array(given, dtype=float)  # NumPy reads None as NaN
    except OverflowError:
        return np.array([np.inf if abs(value or 0) > 1e308 else value for value in given], dtype=float)
