"""Digits: those of all scripts, and the powers of Fortran, as a program writes a number."""

import unicodedata

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MARKS = {  # of Arabic, of full width, and the minus of word processors
    "\u066b": ".",
    "\u066c": ",",
    "\u066a": "%",
    "\uff0e": ".",
    "\uff0c": ",",
    "\uff05": "%",
    "\uff0b": "+",
    "\uff0d": "-",
    "\u2212": "-",
}
FORTRAN = r"^(\s*[-+]?(?:\d+\.\d*|\.\d+))[dD]([-+]\d{1,3}\s*)$"  # 1.5D+03


class _Digits(dict[int, str]):
    """The characters of a number by their code; another character is itself."""

    def __missing__(self, code: int) -> str:
        digit = unicodedata.decimal(chr(code), None)
        self[code] = chr(code) if digit is None else str(digit)
        return self[code]


DIGITS = _Digits(str.maketrans(MARKS))


def ascii_digits(text: str) -> str:
    """Return a text with the digits and the marks of numbers that ASCII has.

    Examples
    --------
    >>> ascii_digits("\u0663\u066b\u0665 kg"), ascii_digits("\uff11\uff12")
    ('3.5 kg', '12')

    """
    return text if text.isascii() else text.translate(DIGITS)


def of_array(texts: pa.Array) -> pa.Array:
    """Return texts of Arrow as `ascii_digits` does, and the powers of Fortran as those of other languages."""
    if not pc.all(pc.string_is_ascii(texts), min_count=0).as_py():
        given = (None if text is None else ascii_digits(text) for text in texts.to_pylist())
        texts = pa.array(given, texts.type)
    return pc.replace_substring_regex(texts, FORTRAN, r"\1e\2")


def of_series(texts: pd.Series) -> pd.Series:
    """Return texts of pandas as `of_array` does."""
    given = pa.array(texts.array, pa.large_string(), from_pandas=True)
    array = of_array(given)
    if array.equals(given):
        return texts
    return pd.Series(array.to_numpy(zero_copy_only=False), index=texts.index, dtype="str", name=texts.name)
