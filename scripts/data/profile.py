"""Profiles of a data set, column by column, and the drift between two of them."""

import math

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from scipy import stats

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
    """Count by quantile bins where there are more numbers than bins, else by value."""
    present = column.dropna()
    edges = None
    if column.dtype.kind in "iuf" and present.nunique() > BINS:
        bins = max(2, min(BINS, len(present) // ROWS_A_BIN))
        edges = np.unique(np.quantile(present.astype(float), np.linspace(0, 1, bins + 1)[1:-1])).tolist()
        quartiles = present.quantile([0, 0.5, 1])
        summary = "{:.4g} to {:.4g}, median {:.4g}".format(*quartiles[[0, 1, 0.5]])
    else:
        common = present.astype(str).value_counts()
        shares = [f"{value} {count / len(column):.0%}" for value, count in common.head(4).items()]
        summary = ", ".join(shares) + (f", and {len(common) - 4} more" if len(common) > 4 else "")
    counts = _count(column, edges, None)
    missing = int(column.isna().sum())
    return Column(name=str(column.name), rows=len(column), missing=missing, edges=edges, counts=counts, summary=summary)


def _count(column: pd.Series, edges: list[float] | None, listed: set[str] | None) -> dict[str, int]:
    """Count the rows in each bin: by `edges`, else by value, the `listed` or the 50 most common, and the rest."""
    present = column.dropna()
    if edges is not None:
        numbers = pd.to_numeric(present, errors="coerce").to_numpy(dtype=float)
        filled = np.bincount(np.searchsorted(edges, numbers, side="right"), minlength=len(edges) + 1)
        counts = {str(number): int(count) for number, count in enumerate(filled)}
    else:
        values = present.astype(str).value_counts()
        names = listed if listed is not None else set(values.index[:50])
        counts = {name: int(values.get(name, 0)) for name in sorted(names)}
        counts[OTHER] = int(values.sum()) - sum(counts.values())
    return counts | {"missing": int(column.isna().sum())}


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
    p_value = float(stats.chi2_contingency([a, b], correction=False).pvalue)
    return Drift(name=then.name, psi=psi, p_value=1.0 if math.isnan(p_value) else p_value)
