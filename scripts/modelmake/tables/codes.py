"""Codes: digits that are not a number, such as a postcode, by the zeros that a number would lose."""

import pandas as pd

from modelmake.core.types import MISSING

ROWS = 1_000  # first rows by which the codes are guessed, before all of them are looked at
CODE = r"\d{3,}"  # shorter ones are months, hours or days


def with_zeros(fields: pd.DataFrame, target: str) -> list[str]:
    """Return the features whose fields are digits of one length for the most part, of which some begin with a zero.

    Examples
    --------
    >>> fields = pd.DataFrame({"zip": ["01067", "80331"], "month": ["01", "12"], "y": ["0001", "1000"]})
    >>> with_zeros(fields, "y")
    ['zip']

    """
    return [str(name) for name, column in fields.items() if name != target and _are_codes(column)]


def are_codes(texts: pd.Index) -> bool:
    """Return whether all texts of a column are digits of one length, and one begins with a zero."""
    digits = texts.str.fullmatch(CODE).all() and texts.str.len().nunique() == 1
    return bool(digits and texts.str.startswith("0").any())


def may_be(frame: pd.DataFrame, target: str) -> list[str]:
    """Return the features whose numbers may have been codes: most of them are whole, and not negative."""
    numbers = [name for name in frame.columns if name != target and frame[name].dtype.kind in "iuf"]
    return [name for name in numbers if ((frame[name] >= 0) & (frame[name] % 1 == 0)).sum() > frame[name].count() / 2]


def _are_codes(column: pd.Series) -> bool:
    present = column[column.notna() & ~column.isin(MISSING)]
    codes = present[present.str.fullmatch(CODE, na=False)]
    of_one_length = len(codes) > len(present) / 2 and codes.str.len().nunique() == 1
    return bool(of_one_length and codes.str.startswith("0").any())
