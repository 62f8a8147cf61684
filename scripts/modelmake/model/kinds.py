"""Kinds: which of the columns are numbers, categories, texts or dates."""

import pandas as pd

from modelmake.config.data import Data
from modelmake.core.types import Kind

MANY = 40  # more different values are too many for a feature each
SAMPLE = 100_000  # rows that show how many different values there are
LONG = 65  # characters of a text without spaces; a SHA-256 has 64
WORDS = 2  # words on average, from which on many different texts are text


def kinds(X: pd.DataFrame, config: Data) -> dict[str, Kind]:
    """Return the kind of each column, by name.

    `[data.schema]` decides between number and category, and between category and text. Without it numbers are numbers,
    and texts are categories unless there are many of them, of several words or long.

    Examples
    --------
    >>> X = pd.DataFrame({"size": [1.5, 2.5], "colour": ["red", "blue"]})
    >>> kinds(X, Data(path="data.csv", target="price"))
    {'colour': 'category', 'size': 'number'}

    """
    declared = {name: column.type for name, column in (config.columns or {}).items()}
    return {name: _kind(X[name], declared.get(name)) for name in sorted(map(str, X.columns))}


def values(column: pd.Series) -> pd.Index:
    """Return the different values of the first `SAMPLE` rows, without gaps."""
    return pd.Index(column.head(SAMPLE).dropna().unique())


def _kind(column: pd.Series, declared: str | None) -> Kind:
    kind = column.dtype.kind
    if kind == "M" or declared == "date":
        return "date"
    if kind in "biuf" or pd.api.types.infer_dtype(column.head(SAMPLE)) == "boolean":
        if declared in ("category", "text"):
            return "category"
        return "boolean" if kind not in "iuf" else "number"
    if declared in ("category", "text"):
        return "text" if declared == "text" and not column.isna().all() else "category"
    return "text" if _is_text(column) else "category"


def _is_text(column: pd.Series) -> bool:
    """Return whether there are many different texts, of several words on average or long."""
    different = values(column)
    if len(different) <= min(MANY, len(column) / 2) or pd.api.types.infer_dtype(different) != "string":
        return False
    texts = pd.Series(different, dtype=object).str
    return bool(texts.split().str.len().mean() >= WORDS or texts.len().mean() >= LONG)
