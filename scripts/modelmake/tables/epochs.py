"""Epochs: numbers that count seconds or days from a moment, as Unix and Excel write dates."""

import numpy as np
import pandas as pd

UNIX, EXCEL = np.datetime64("1970-01-01", "us"), np.datetime64("1899-12-30", "us")
DAY = 86_400_000_000  # microseconds
EPOCHS = {  # by the words that stand in the place of a format: from when, and the microseconds of one
    "Unix seconds": (UNIX, 1_000_000.0),
    "Unix milliseconds": (UNIX, 1_000.0),
    "Unix microseconds": (UNIX, 1.0),
    "Unix nanoseconds": (UNIX, 0.001),
    "days of Excel": (EXCEL, float(DAY)),
}
FROM, TO = np.datetime64("1990-01-01", "us"), np.datetime64("2050-01-01", "us")  # what is plausible
LONGEST = 2.0**55  # microseconds: a thousand years


def moments(values: pd.Series, epoch: str) -> pd.Series:
    """Return numbers as moments in UTC; NaT for a gap, and for one that is a thousand years away.

    Examples
    --------
    >>> print(moments(pd.Series([1704448800, None]), "Unix seconds")[0])
    2024-01-05 10:00:00

    """
    start, each = EPOCHS[epoch]
    away = np.asarray(values, dtype=float) * each
    with np.errstate(invalid="ignore"):
        near = np.abs(away) < LONGEST
    found = start + np.where(near, np.round(away), 0).astype("timedelta64[us]")
    return pd.Series(np.where(near, found, np.datetime64("NaT", "us")), index=values.index, name=values.name)


def epoch_of(values: pd.Series) -> str:
    """Return the epoch from which numbers are moments of today's data, "" for other numbers.

    Examples
    --------
    >>> epoch_of(pd.Series([1704448800, 1704452400])), epoch_of(pd.Series([45296, 45297])), epoch_of(pd.Series([7, 9]))
    ('Unix seconds', 'days of Excel', '')

    """
    ends = pd.Series([values.min(), values.max()], dtype=float)
    return next((epoch for epoch in EPOCHS if moments(ends, epoch).between(FROM, TO).all()), "")
