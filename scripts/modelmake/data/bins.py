"""Bins: whether rows before and now are spread alike over the same bins."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

EXPECTED = 5  # rows of a bin, below which bins are merged

Counts = NDArray[np.float64]


def with_rest(counts: list[int], rows: int) -> Counts:
    """Return the counts, and the rest of the rows."""
    return np.array([*counts, rows - sum(counts)], dtype=float)


def merged(a: Counts, b: Counts, *, ordered: bool) -> tuple[Counts, Counts]:
    """Merge bins until each is expected to have enough rows on both sides: neighbours, or the rarest values."""
    smaller = min(a.sum(), b.sum())
    if not smaller:
        return a[:0], b[:0]
    order = np.arange(len(a)) if ordered else np.argsort(-(a + b), kind="stable")
    share = (a + b)[order] / (a + b).sum() * smaller
    starts, filled = [0], 0.0
    for place, rows in enumerate(share):
        if filled >= EXPECTED and share[place:].sum() >= EXPECTED:
            starts.append(place)
            filled = 0.0
        filled += rows
    return np.add.reduceat(a[order], starts), np.add.reduceat(b[order], starts)


def homogeneity(a: Counts, b: Counts) -> tuple[float, float]:
    """Return Cohen's w without its bias, and the p-value of the chi-squared test that the counts are of one kind."""
    n, m = b.sum(), a.sum()
    expected = np.outer([m, n], a + b) / (m + n)
    statistic, degrees = float(np.sum((np.array([a, b]) - expected) ** 2 / expected)), len(a) - 1
    effect = math.sqrt(max(0.0, statistic - degrees) * (m + n) / (m * n))
    return effect, float(special.chdtrc(degrees, statistic))


def exact(one: tuple[int, int], other: tuple[int, int], *, more: bool = False) -> float:
    """Return the p-value of Fisher's exact test that some of all rows are as many in both, or are not `more` in one."""
    table = [[some, rows - some] for some, rows in (one, other)]
    return float(stats.fisher_exact(table, alternative="greater" if more else "two-sided").pvalue)


def all_among(k: int, n: int, m: int) -> float:
    """Return the probability that k rows of n + m, drawn by chance, are all among the n."""
    gamma = special.gammaln
    return float(np.exp(gamma(n + 1) - gamma(n - k + 1) - gamma(n + m + 1) + gamma(n + m - k + 1)))
