"""Profiles of a data set, column by column, and the drift between two of them."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import special

Floats = NDArray[np.float64]
BINS = 10
ROWS_A_BIN = 20  # fewer rows make fewer bins
OTHER = "other"


class Column(BaseModel):
    """One column: the rows in each bin; bins of numbers are bounded by `edges`, bins of text are its values."""

    model_config = ConfigDict(frozen=True)

    name: str
    rows: int
    missing: int
    edges: list[float] | None
    counts: dict[str, int]
    summary: str


class Profile(BaseModel):
    """A data set, column by column."""

    model_config = ConfigDict(frozen=True)

    rows: int
    columns: list[Column]


class Drift(BaseModel):
    """The drift of one column.

    Parameters
    ----------
    name : str
        The column.
    psi : float
        Population stability index over the bins of the earlier profile; above 0.25 usually counts as a shift.
    p_value : float
        Of the chi-squared test that both have the same distribution; on few rows a large `psi` can be chance.

    """

    model_config = ConfigDict(frozen=True)

    name: str
    psi: float
    p_value: float

    @property
    def moved(self) -> bool:
        """Whether the drift is a shift and not chance."""
        return self.psi > 0.25 and self.p_value < 0.01


def describe(frame: pd.DataFrame) -> Profile:
    """Return the profile of a frame of shape (n_rows, n_columns)."""
    return Profile(rows=len(frame), columns=[_column(frame[name]) for name in frame.columns])


def drift(then: Profile, now: pd.DataFrame) -> list[Drift]:
    """Return the drift of each column that is in `then` and in `now`."""
    return [_moved(column, now[column.name]) for column in then.columns if column.name in now.columns]


def _column(column: pd.Series) -> Column:
    """Count by quantile bins where there are more numbers or dates than bins, else by value."""
    edges = None
    present = np.sort(_numbers(column)) if column.dtype.kind in "iufM" else np.empty(0)
    present = present[: len(present) - np.count_nonzero(np.isnan(present))]
    if np.count_nonzero(present[1:] != present[:-1]) >= BINS:
        bins = max(2, min(BINS, len(present) // ROWS_A_BIN))
        edges = np.unique(np.quantile(present, np.linspace(0, 1, bins + 1)[1:-1])).tolist()
        first, middle, last = (_shown(value, column) for value in np.quantile(present, [0, 0.5, 1]))
        summary = f"{first} to {last}, median {middle}"
    else:
        common = column.dropna().astype(str).value_counts()
        shares = [f"{value} {count / len(column):.0%}" for value, count in common.head(4).items()]
        summary = ", ".join(shares) + (f", and {len(common) - 4} more" if len(common) > 4 else "")
    counts = _count(column, edges, None)
    missing = int(column.isna().sum())
    return Column(name=str(column.name), rows=len(column), missing=missing, edges=edges, counts=counts, summary=summary)


def _numbers(column: pd.Series) -> Floats:
    """Return a column's numbers, or its dates as microseconds, with NaN for what is neither."""
    if column.dtype.kind == "M":
        dates = column.to_numpy(dtype="datetime64[us]")
        numbers: Floats = np.where(np.isnat(dates), np.nan, dates.astype(np.int64).astype(float))
        return numbers
    if column.dtype.kind in "iuf":
        return np.asarray(column, dtype=float)
    return np.asarray(pd.to_numeric(column, errors="coerce"), dtype=float)


def _shown(value: float, column: pd.Series) -> str:
    return str(np.datetime64(int(value), "us"))[:10] if column.dtype.kind == "M" else f"{value:.4g}"


def _count(column: pd.Series, edges: list[float] | None, listed: set[str] | None) -> dict[str, int]:
    """Count the rows in each bin: by `edges`, else by value, the `listed` or the 50 most common, and the rest."""
    missing = {"missing": int(column.isna().sum())}
    if edges is not None:
        numbers = _numbers(column)
        places = np.searchsorted(edges, numbers[~np.isnan(numbers)], side="right")
        filled = np.bincount(places, minlength=len(edges) + 1)
        return {str(number): int(count) for number, count in enumerate(filled)} | missing
    values = column.dropna().astype(str).value_counts()
    names = listed if listed is not None else set(values.index[:50])
    counts = {name: int(values.get(name, 0)) for name in sorted(names)}
    counts[OTHER] = int(values.sum()) - sum(counts.values())
    return counts | missing


def _moved(then: Column, column: pd.Series) -> Drift:
    """Compare counts in the bins of `then`; each count gets half a row, since the index of an empty bin is infinite."""
    listed = set(then.counts) - {OTHER, "missing"} if then.edges is None else None
    now = _count(column, then.edges, listed)
    a, b = (np.array([counts.get(name, 0) for name in then.counts], dtype=float) for counts in (then.counts, now))
    used = (a + b) > 0
    a, b = a[used], b[used]
    if len(a) < 2 or not a.sum() or not b.sum():
        return Drift(name=then.name, psi=0.0, p_value=1.0)
    p, q = ((counts + 0.5) / (counts + 0.5).sum() for counts in (a, b))
    psi = float(np.sum((q - p) * np.log(q / p)))
    expected = np.outer([a.sum(), b.sum()], a + b) / (a.sum() + b.sum())
    p_value = float(special.chdtrc(len(a) - 1, np.sum((np.array([a, b]) - expected) ** 2 / expected)))
    return Drift(name=then.name, psi=psi, p_value=1.0 if math.isnan(p_value) else p_value)
