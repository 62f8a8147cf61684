"""Numbers: texts as numbers, to the last bit as JSON has them; and as 1 and 0 where they may be booleans."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from modelmake.core.types import BOOLEANS

NUMBER = r"^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$"
MINUS = "\u2212"  # as word processors write it
SIGNS = [pa.array([text for text, value in BOOLEANS.items() if value is one]) for one in (True, False)]


def read(given: pd.Series, decimal: str, thousands: str, *, truth: bool) -> NDArray[np.float64]:
    """Return the numbers that texts are, NaN for other texts."""
    texts = pa.array(given.array, pa.large_string(), from_pandas=True)
    if (decimal, thousands, truth) == (".", "", False):
        try:
            return _array(pc.cast(texts, pa.float64()))
        except pa.ArrowInvalid:  # one of them is not a number
            pass
    texts = pc.replace_substring(pc.utf8_trim_whitespace(texts), MINUS, "-")
    if thousands:
        texts = pc.replace_substring(texts, thousands, "")
    if decimal != ".":
        texts = pc.replace_substring(texts, decimal, ".")
    if truth:
        yes, no = (pc.is_in(texts, signs.cast(texts.type)) for signs in SIGNS)
        texts = pc.if_else(yes, "1", pc.if_else(no, "0", texts))
    fits = pc.match_substring_regex(texts, NUMBER)
    return _array(pc.cast(pc.if_else(fits, texts, pa.scalar(None, texts.type)), pa.float64()))


def booleans(column: pd.Series) -> pd.Series:
    """Return texts as booleans, or as 1, 0 and NaN where one is missing; unchanged where a text is neither."""
    values = pd.Series(read(column, ".", "", truth=True), index=column.index, name=column.name)
    if not values[column.notna()].isin([0, 1]).all():
        return column
    return values if column.isna().any() else values.astype(bool)


def number(text: str, *, truth: bool) -> float | None:
    """Return the number that a text is, as `read` does; None for another text."""
    text = text.strip()
    if truth and text in BOOLEANS:
        return float(BOOLEANS[text])
    return float(text) if re.match(NUMBER, text, re.ASCII) else None


def exact(text: str, decimal: str, thousands: str) -> int:
    """Return a large whole number with all of its digits."""
    plain = text.strip().replace(MINUS, "-")
    plain = plain.replace(thousands, "") if thousands else plain
    return int(plain) if plain.lstrip("+-").isdecimal() else int(float(plain.replace(decimal, ".")))


def _array(numbers: pa.Array) -> NDArray[np.float64]:
    array: NDArray[np.float64] = numbers.to_numpy(zero_copy_only=False)
    return array
