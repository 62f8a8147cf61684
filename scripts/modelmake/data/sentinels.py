"""Sentinels: numbers that stand for a missing value, such as -999, far from all others of their column."""

import pandas as pd

CODES = [sign * int("9" * nines) for nines in range(2, 7) for sign in (1, -1)]
FAR = 0.5  # of the range of all other values, from the nearest of them
FEWEST = 10  # other values, by which that can be told


def sentinels(column: pd.Series) -> list[int]:
    """Return the numbers of nines that are far from all other values of a column.

    Examples
    --------
    >>> sentinels(pd.Series([*range(20, 70), -99, 999])), sentinels(pd.Series(range(1000)))
    ([999, -99], [])

    """
    if column.dtype.kind not in "iuf":
        return []
    present = column.dropna()
    coded = present.isin(CODES)
    codes = sorted(map(int, present[coded].unique()), reverse=True)
    others = present[~coded]
    if len(others) < FEWEST or not codes:
        return []
    low, high = others.min(), others.max()
    return [code for code in codes if max(low - code, code - high) > FAR * (high - low)]
