"""Profiles of a data set, column by column, which later data is compared with (scripts/modelmake/data/drift.py)."""

from collections.abc import Iterable
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from modelmake.core.types import EXACT, Kind, of
from modelmake.data.vocabulary import Vocabulary, blank, hashes, repeats

Floats = NDArray[np.float64]
BINS = 10
ROWS_A_BIN = 20  # fewer rows make fewer bins
LISTED = 50  # the most common values of a column


class Column(BaseModel):
    """One column: the rows in each bin; bins of numbers are bounded by `edges`, bins of text are its values.

    Parameters
    ----------
    name : str
        The column.
    rows, missing : int
        All rows, and those without a value.
    edges : list of float or None
        The quantiles between the bins; None where each value is a bin.
    counts : dict
        The rows of each bin; of many values the most common ones.
    summary : str
        The column in words.
    low, high : float or None
        The least and the greatest number; None for text.
    kind : Kind
        The type of the values.
    vocabulary : Vocabulary or None
        Of a column of texts with more values than are listed.

    """

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    missing: int
    edges: list[float] | None
    counts: dict[str, int]
    summary: str
    low: float | None
    high: float | None
    kind: Kind
    vocabulary: Vocabulary | None = None

    @property
    def others(self) -> int:
        """The rows whose value is not listed; 0 where the list is complete."""
        return self.rows - self.missing - sum(self.counts.values())


class Profile(BaseModel):
    """A data set, column by column."""

    model_config = ConfigDict(frozen=True)

    rows: int
    columns: list[Column]


class Rows(Protocol):
    """Rows of which one column at a time is looked at: a frame, or a file."""

    @property
    def columns(self) -> Iterable[Any]:
        """The names of the columns."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def __getitem__(self, name: str, /) -> pd.Series:
        """Return a column of shape (n_rows,)."""


def describe(rows: Rows) -> Profile:
    """Return the profile of rows of shape (n_rows, n_columns)."""
    return Profile(rows=len(rows), columns=[_column(rows[name]) for name in rows.columns])


def _column(column: pd.Series) -> Column:
    """Count by quantile bins where there are more numbers or dates than bins, else by value."""
    kind, edges, vocabulary = of(column.dtype).name, None, None
    present = np.sort(numbers(column)) if column.dtype.kind in "iufM" else np.empty(0)
    present = present[: len(present) - np.count_nonzero(np.isnan(present))]
    if np.count_nonzero(present[1:] != present[:-1]) >= BINS:
        edges = _edges(present)
        first, middle, last = _shown(np.quantile(present, [0, 0.5, 1]), column)
        summary = f"{first} to {last}, median {middle}"
    else:
        common = texts(column).value_counts()
        shares = [f"{value} {count / len(column):.0%}" for value, count in common.head(4).items()]
        summary = ", ".join(shares) + (f", and {len(common) - 4} more" if len(common) > 4 else "")
        vocabulary = _vocabulary(texts(column)) if kind == "text" and len(common) > LISTED else None
    low, high = (float(present[0]), float(present[-1])) if len(present) else (None, None)
    return Column(
        name=str(column.name),
        rows=len(column),
        missing=int(column.isna().sum()),
        edges=edges,
        counts=count(column, edges, None),
        summary=summary,
        low=low,
        high=high,
        kind=kind,
        vocabulary=vocabulary,
    )


def _vocabulary(present: pd.Series) -> Vocabulary:
    lengths = present.str.len()
    edges = _edges(np.sort(lengths.to_numpy(dtype=float)))
    return Vocabulary(
        edges=edges,
        lengths=[*count(lengths, edges, None).values()],
        blank=blank(present),
        repeats=repeats(present),
        hashes=hashes(present),
    )


def _edges(present: Floats) -> list[float]:
    """Return the quantiles between the bins; a value that is several of them, such as many zeros, is its own bin."""
    bins = max(2, min(BINS, len(present) // ROWS_A_BIN))
    quantiles = np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1])
    repeated = quantiles[1:][quantiles[1:] == quantiles[:-1]]
    edges: list[float] = np.unique([*quantiles, *np.nextafter(repeated, np.inf)]).tolist()
    return edges


def texts(column: pd.Series) -> pd.Series:
    """Return the values that are present as texts; a whole number has no decimals, also as a float."""
    present = column.dropna()
    if present.dtype.kind == "f":
        whole = (present % 1 == 0) & (present.abs() < EXACT)
        return present.astype(str).where(~whole, present.where(whole, 0).astype(np.int64).astype(str))
    return present.astype(str)


def numbers(column: pd.Series) -> Floats:
    """Return a column's numbers, or its dates as microseconds, with NaN for what is neither."""
    if column.dtype.kind == "M":
        dates = column.to_numpy(dtype="datetime64[us]")
        moments: Floats = np.where(np.isnat(dates), np.nan, dates.astype(np.int64).astype(float))
        return moments
    if column.dtype.kind in "iuf":
        return np.asarray(column, dtype=float)
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)


def _shown(values: Floats, column: pd.Series) -> list[str]:
    """Return numbers as texts, dates by their day, and moments of one day by their time."""
    if column.dtype.kind != "M":
        return [f"{value:.4g}" for value in values]
    texts = [str(np.datetime64(int(value), "us").astype("datetime64[s]")) for value in values]
    return [text[11:16] for text in texts] if texts[0][:10] == texts[-1][:10] else [text[:10] for text in texts]


def count(column: pd.Series, edges: list[float] | None, listed: set[str] | None) -> dict[str, int]:
    """Count the rows in each bin: by `edges`, else by value, the `listed` or the most common ones."""
    if edges is not None:
        found = numbers(column)
        places = np.searchsorted(edges, found[~np.isnan(found)], side="right")
        filled = np.bincount(places, minlength=len(edges) + 1)
        return {str(number): int(count) for number, count in enumerate(filled)}
    values = texts(column).value_counts()
    names = listed if listed is not None else set(values.index[:LISTED])
    return {name: int(values.get(name, 0)) for name in sorted(names)}
