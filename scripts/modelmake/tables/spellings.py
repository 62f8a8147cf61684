"""Spellings: texts that are the same but for their case and spaces, and values that stand for a missing one."""

from collections.abc import Collection

import pandas as pd


def folded(text: str) -> str:
    """Return what all spellings of a text have in common.

    Examples
    --------
    >>> folded("New  York "), folded("NEW YORK")
    ('new york', 'new york')

    """
    return " ".join(text.split()).casefold()


def spellings(column: pd.Series) -> dict[str, str]:
    """Return the most frequent spelling of each text of a column, by what all of its spellings have in common."""
    counts = column.value_counts()
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
    return {folded(str(text)): " ".join(str(text).split()) for text, _ in reversed(ordered)}


def spelled(column: pd.Series, known: dict[str, str]) -> pd.Series:
    """Return a column of text in the spellings that are known; another text has no other spaces than it needs."""
    texts = {text: known.get(folded(text), " ".join(text.split())) for text in column.dropna().unique()}
    return column.map(texts).astype(column.dtype).rename(column.name)


def is_empty(column: pd.Series, empty: Collection[str | float]) -> pd.Series:
    """Return which values of a column stand for a missing one: numbers by their value, texts without their spaces."""
    numbers = [value for value in empty if not isinstance(value, str)]
    if column.dtype == "str":
        return column.str.strip().isin([*map(str, empty)])
    if column.dtype.kind == "M":
        return column.isin(pd.to_datetime([str(value) for value in empty], errors="coerce").dropna())
    return column.isin(numbers) if column.dtype.kind != "b" else pd.Series(False, index=column.index)


def several(column: pd.Series) -> list[str]:
    """Return the texts of a column that have the same letters as another one."""
    texts = pd.Series(column.dropna().unique(), dtype="str")
    same = texts.map(folded)
    alike = texts[same.duplicated(keep=False)]
    return sorted(alike, key=lambda text: (folded(text), text))
