"""Casts: whole columns of a table in the types of a model's contract, and which of their values are of another type."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modelmake.core.errors import UserError
from modelmake.core.types import BOOLEANS, EXACT
from modelmake.model.contract import Feature
from modelmake.tables import dates
from modelmake.tables.texts import MINUS, marks

Mask = NDArray[np.bool_]
Cast = tuple[pd.Series, Mask]

NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
SIGNS = [pa.array([text for text, value in BOOLEANS.items() if value is one]) for one in (True, False)]


@dataclass(frozen=True)
class Form:
    """How a column of text is written: the marks of its numbers, and the format of its dates, "" for ISO 8601."""

    decimal: str = "."
    thousands: str = ""
    date: str = ""


def form(texts: pd.Series, feature: Feature, decimal: str, where: str) -> Form:
    """Return how a file writes a column, by its first rows, as the training table is read.

    Parameters
    ----------
    texts : pandas.Series of shape (n_rows,)
        The first rows of the file.
    feature : Feature
        What the model needs.
    decimal : str
        The decimal mark of the file.
    where : str
        The file, for the error.

    Raises
    ------
    UserError
        The column has dates whose day and month could be exchanged.

    """
    counts = texts.dropna().str.strip().value_counts()
    unique = pd.Series(counts.index, index=counts.index, dtype="str")
    if unique.empty:
        return Form(decimal)
    if feature.type.name == "date":
        written, exchanged = dates.form_of(unique, counts)
        if exchanged:
            what = f"column '{feature.name}' has dates whose day and month could be exchanged"
            raise UserError(where, what, "write them as YYYY-MM-DD")
        return Form(date=written)
    return Form(*(marks(unique) or (decimal, "")))


def cast(given: pd.Series, feature: Feature, written: Form) -> Cast:
    """Return a column in its type, and which of its values are present and not of it; what is missing is any value."""
    values, fits = CASTS[feature.type.name](given, feature, written)
    return values, ~fits & given.notna().to_numpy()


def _numbers(given: pd.Series, feature: Feature, written: Form) -> Cast:
    values = _floats(given, feature, written)
    with np.errstate(over="ignore"):
        values = values.astype(feature.dtype)
    fits = np.isfinite(values)
    return pd.Series(np.where(fits, values, np.nan).astype(feature.dtype), index=given.index), fits


def _integers(given: pd.Series, feature: Feature, written: Form) -> Cast:
    limits = np.iinfo(feature.dtype)
    if given.dtype.kind in "iu":
        fits: Mask = (given.to_numpy() >= limits.min) & (given.to_numpy() <= limits.max)
        return given.where(fits, 0).astype(feature.dtype), fits
    floats = _floats(given, feature, written)
    fits = (floats % 1 == 0) & (floats >= float(limits.min)) & (floats < float(limits.max) + 1)
    values = np.where(fits, floats, 0).astype(feature.dtype)
    if _is_text(given) and (large := fits & (abs(floats) >= EXACT)).any():
        values[large] = [_exact(text, written) for text in given[large]]
    return pd.Series(values, index=given.index), fits


def _exact(text: str, written: Form) -> int:
    """Return a large whole number with all of its digits."""
    plain = text.strip().replace(MINUS, "-").replace(written.thousands, "") if written.thousands else text.strip()
    return int(plain) if plain.lstrip("+-").isdecimal() else int(float(plain.replace(written.decimal, ".")))


def _floats(given: pd.Series, feature: Feature, written: Form) -> NDArray[np.float64]:
    """Return numbers, NaN for what is none; true and false where the training rows have 0 and 1 alone."""
    if given.dtype.kind in ("iufb" if feature.truth else "iuf"):
        array: NDArray[np.float64] = given.to_numpy(dtype=float)
        return array
    if not _is_text(given):
        return np.full(len(given), np.nan)
    texts = pa.array(given.array, pa.large_string(), from_pandas=True)
    if written == Form() and not feature.truth:
        try:
            return _array(pc.cast(texts, pa.float64()))
        except pa.ArrowInvalid:  # one of them is no number
            pass
    return _array(_of_texts(texts, feature, written))


def _of_texts(texts: pa.Array, feature: Feature, written: Form) -> pa.Array:
    """Return the numbers that texts are, to the last bit as JSON's; null for other texts."""
    texts = pc.replace_substring(pc.utf8_trim_whitespace(texts), MINUS, "-")
    if written.thousands:
        texts = pc.replace_substring(texts, written.thousands, "")
    if written.decimal != ".":
        texts = pc.replace_substring(texts, written.decimal, ".")
    if feature.truth:
        yes, no = (pc.is_in(texts, signs.cast(texts.type)) for signs in SIGNS)
        texts = pc.if_else(yes, "1", pc.if_else(no, "0", texts))
    fits = pc.match_substring_regex(texts, NUMBER)
    return pc.cast(pc.if_else(fits, texts, pa.scalar(None, texts.type)), pa.float64())


def _array(numbers: pa.Array) -> NDArray[np.float64]:
    array: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return array


def _booleans(given: pd.Series, _feature: Feature, _written: Form) -> Cast:
    if given.dtype.kind in "iufb":
        fits: Mask = given.isin([0, 1]).to_numpy()
        return given.where(fits, 0).astype(bool), fits
    values = given.str.strip().map(BOOLEANS) if _is_text(given) else pd.Series(np.nan, index=given.index)
    fits = values.notna().to_numpy()
    return values.where(fits, False).astype(bool), fits


def _texts(given: pd.Series, _feature: Feature, _written: Form) -> Cast:
    if _is_text(given):
        return given, given.notna().to_numpy()
    return pd.Series(None, index=given.index, dtype="str"), np.zeros(len(given), dtype=bool)


def _dates(given: pd.Series, _feature: Feature, written: Form) -> Cast:
    if given.dtype.kind == "M":
        return given.astype("datetime64[us]"), given.notna().to_numpy()
    if not _is_text(given):
        values = pd.Series(pd.NaT, index=given.index, dtype="datetime64[us]")
    else:
        values = dates.read(given.str.strip(), written.date)
    return values, values.notna().to_numpy()


def _is_text(given: pd.Series) -> bool:
    return bool(given.dtype == "str")


CASTS: dict[str, Callable[[pd.Series, Feature, Form], Cast]] = {
    "number": _numbers,
    "integer": _integers,
    "boolean": _booleans,
    "text": _texts,
    "date": _dates,
}
