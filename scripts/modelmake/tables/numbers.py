"""Numbers: texts as numbers, to the last bit as JSON has them; and as 1 and 0 where they may be booleans."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modelmake.core.types import BOOLEANS, LARGEST
from modelmake.tables import digits
from modelmake.tables.forms import PLAIN, Form

NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
LONG = r"^\s*[-+]?\d{19,}\s*$"
SPACES = ("\u00a0", "\u2009", "\u202f")  # which do not break
SCALES = (("k|K", "e3"), ("M|mn", "e6"), ("B|bn", "e9"))
SIGNS = [pa.array([text for text, value in BOOLEANS.items() if value is one]) for one in (True, False)]


def body(decimal: str, thousands: str) -> str:
    """Return the pattern of the digits of a number with these marks."""
    point, mark = re.escape(decimal), re.escape(thousands)
    whole = rf"(?:[1-9]\d{{0,2}}(?:{mark}\d{{3}})+|\d+)" if thousands else r"\d+"
    return rf"(?:{whole}(?:{point}\d*)?|{point}\d+)"


def read(given: pd.Series, written: Form, *, truth: bool = False) -> NDArray[np.float64]:
    """Return the numbers that texts are, NaN for other texts."""
    texts = pa.array(given.array, pa.large_string(), from_pandas=True)
    plain = written.model_copy(update={"date": ""}) == PLAIN
    if plain and not truth:
        try:
            return _array(pc.cast(texts, pa.float64()))
        except pa.ArrowInvalid:  # one of them is not a number
            pass
    texts = digits.of_array(pc.utf8_trim_whitespace(texts))
    if truth:
        yes, no = (pc.is_in(texts, signs.cast(texts.type)) for signs in SIGNS)
        texts = pc.if_else(yes, "1", pc.if_else(no, "0", texts))
    texts = _without_marks(texts, written)
    fits = pc.match_substring_regex(texts, NUMBER)
    return _array(pc.cast(pc.if_else(fits, texts, pa.scalar(None, texts.type)), pa.float64()))


def _without_marks(texts: pa.Array, written: Form) -> pa.Array:
    """Return numbers without their marks, and an empty text for what is not a number."""
    for mark, others in (("'", "\u2019"), (" ", SPACES)):
        for other in others:
            texts = pc.replace_substring(texts, other, mark)
    if written.unit:
        texts = pc.replace_substring_regex(texts, rf" ?{re.escape(written.unit)} ?", "")
    texts = pc.replace_substring_regex(texts, r"^\(([^-+]*)\)$", r"-\1")  # as accountants write a negative number
    texts = pc.replace_substring_regex(texts, r"^([^-+].*)-$", r"-\1")
    texts = pc.replace_substring_regex(texts, r"^([-+]) +", r"\1")
    for letters, power in SCALES if written.scaled else ():
        texts = pc.replace_substring_regex(texts, rf" ?(?:{letters})$", power)
    fits = pc.match_substring_regex(texts, rf"^[-+]?{body(written.decimal, written.thousands)}(?:[eE][-+]?\d+)?$")
    if written.thousands:
        texts = pc.replace_substring(texts, written.thousands, "")
    return pc.if_else(fits, pc.replace_substring(texts, written.decimal, "."), "")


def inferred(texts: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray:
    """Return a column of texts as whole numbers, numbers or booleans, if all of its texts are; else as it is.

    Whole numbers of 2^63 and more stay texts, since a floating-point number would lose digits.
    """
    if (numbers := _numbers(texts, decimal)) is not None:
        try:
            return pc.cast(texts, pa.int64())
        except pa.ArrowInvalid:  # not all are whole
            if decimal == "." and _grouped(texts):  # their mark of thousands is the point
                return texts
            large = pc.any(pc.greater_equal(pc.abs(numbers), float(LARGEST))).as_py()
            return texts if large and not _each(lambda part: pc.invert(_matches(part, LONG)), texts) else numbers
    if _each(lambda part: pc.is_in(part, pa.concat_arrays(SIGNS)), texts):
        return pc.if_else(pc.is_null(texts), None, pc.is_in(texts, SIGNS[0]))
    return texts


def _grouped(texts: pa.ChunkedArray) -> bool:
    """Return whether numbers are such as 1.500 beside 900: three digits behind a point, of which one is a zero."""
    if not _each(lambda part: _matches(part, r"^[-+]?(?:[1-9]\d{0,2}\.\d{3}|\d{1,3})$"), texts):
        return False
    zeros, whole = (_matches(texts, pattern) for pattern in (r"\.\d+0$", r"^[-+]?\d+$"))
    return bool(pc.any(zeros).as_py() and pc.any(whole).as_py())


def _numbers(texts: pa.ChunkedArray, decimal: str) -> pa.ChunkedArray | None:
    """Return texts as floating-point numbers if all are, else None."""
    if decimal != ".":
        if not _each(lambda part: pc.invert(pc.match_substring(part, ".")), texts):
            return None
        texts = pc.replace_substring(texts, decimal, ".")
    try:
        numbers = pc.cast(texts, pa.float64())
    except pa.ArrowInvalid:  # one has a space or a plus, or is none
        plain = _each(lambda part: _matches(pc.utf8_trim_whitespace(part), NUMBER), texts)
        return pc.cast(pc.utf8_trim_whitespace(texts), pa.float64()) if plain else None
    return None if pc.any(pc.is_nan(numbers)).as_py() else numbers


def _each(fits: Callable[[pa.Array], pa.Array], texts: pa.ChunkedArray) -> bool:
    """Return whether all texts that are not missing fit; the parts behind the first one that does not are not read."""
    return all(pc.all(fits(part.drop_null()), min_count=0).as_py() for part in texts.chunks)


def _matches(texts: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(texts, pattern)


def booleans(column: pd.Series) -> pd.Series:
    """Return texts as booleans, or as 1, 0 and NaN where one is missing; unchanged where a text is neither."""
    values = pd.Series(read(column, PLAIN, truth=True), index=column.index, name=column.name)
    if not values[column.notna()].isin([0, 1]).all():
        return column
    return values if column.isna().any() else values.astype(bool)


def number(text: str, *, truth: bool) -> float | None:
    """Return the number that a text is, as `read` does; None for another text."""
    text = re.sub(digits.FORTRAN, r"\1e\2", digits.ascii_digits(text.strip()))
    if truth and text in BOOLEANS:
        return float(BOOLEANS[text])
    return float(text) if re.match(NUMBER, text, re.ASCII) else None


def exact(text: str, written: Form) -> int:
    """Return a large whole number with all of its digits."""
    [plain] = _without_marks(digits.of_array(pa.array([text.strip()])), written).to_pylist()
    return int(plain) if plain.lstrip("+-").isdecimal() else int(float(plain))


def _array(numbers: pa.Array) -> NDArray[np.float64]:
    array: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return array
