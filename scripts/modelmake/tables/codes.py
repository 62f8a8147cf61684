"""Codes: digits that are not a number, such as a postcode or a version, by the zeros that a number would lose."""

import re
from collections.abc import Collection

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from modelmake.config.data import Data
from modelmake.core.types import MISSING

ZEROS = r"^0\d\d"
CODE = r"\d{3,}"  # shorter ones are months, hours or days


def kept(fields: pa.Table, config: Data) -> tuple[str, ...]:
    """Return the columns whose digits are text: those that the user calls text, and those `with_zeros`."""
    stated = [name for name, column in (config.columns or {}).items() if column.type == "text"]
    return tuple(sorted({*with_zeros(fields, config.target), *stated}))


def with_zeros(fields: pa.Table, target: str) -> tuple[str, ...]:
    """Return the features whose fields are digits of one length for the most part, of which some begin with a zero.

    Examples
    --------
    >>> fields = pa.table({"zip": ["01067", "80331"], "month": ["01", "12"], "y": ["0001", "1000"]})
    >>> with_zeros(fields, "y")
    ('zip',)

    """
    columns = {name: fields.column(name) for name in fields.column_names if name != target}
    zeros = [name for name in columns if pc.any(pc.match_substring_regex(columns[name], ZEROS)).as_py()]
    return tuple(sorted(name for name in zeros if _are_codes(columns[name].to_pandas())))


def with_versions(fields: pa.Table, without: Collection[str], decimal: str = ".") -> tuple[str, ...]:
    """Return the columns of texts such as 1.1 and 1.10, which are one number; numbers of one precision are none.

    Examples
    --------
    >>> fields = pa.table({"release": ["1.1", "1.10", "1.9"], "price": ["1.10", "1.20", "1.25"]})
    >>> with_versions(fields, ())
    ('release',)

    """
    columns = {name: fields.column(name) for name in fields.column_names if name not in without}
    return tuple(name for name, column in columns.items() if _are_versions(column, decimal))


def _are_versions(column: pa.ChunkedArray, decimal: str) -> bool:
    # A measure such as 0.05 has zeros behind the mark too.
    version = rf"^\s*\d{{1,3}}{re.escape(decimal)}(?:0|[1-9]\d{{0,2}})\s*$"
    if not all(pc.all(pc.match_substring_regex(part, version), min_count=0).as_py() for part in column.chunks):
        return False
    texts = {text.strip() for text in pc.unique(column).to_pylist() if text is not None}
    return any(text.endswith("0") and text[:-1] in texts for text in texts)


def are_codes(texts: pd.Index) -> bool:
    """Return whether all texts of a column are digits of one length, and one begins with a zero."""
    digits = texts.str.fullmatch(CODE).all() and texts.str.len().nunique() == 1
    return bool(digits and texts.str.startswith("0").any())


def _are_codes(column: pd.Series) -> bool:
    present = column[column.notna() & ~column.isin(MISSING)]
    codes = present[present.str.fullmatch(CODE, na=False)]
    of_one_length = len(codes) > len(present) / 2 and codes.str.len().nunique() == 1
    return bool(of_one_length and codes.str.startswith("0").any())
