"""Vocabulary: what a profile keeps of a column of texts with many values, of which it lists only the most common."""

import hashlib

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from scipy import stats

MOST = 10_000  # values, beyond which it is not kept which values there are


class Vocabulary(BaseModel):
    """How long the texts of a column are, how many are blank, and how its rows are spread over its values.

    Parameters
    ----------
    edges : list of float
        Between the bins of the lengths in characters.
    lengths : list of int
        The rows of each bin.
    blank : int
        The rows whose text is empty or white space.
    repeats : dict of int to int
        How many values occur in so many rows.
    hashes : tuple of str or None
        Hashes of all values, so that the profile has no text beside those that it lists; None for more than MOST.

    """

    model_config = ConfigDict(frozen=True)

    edges: list[float]
    lengths: list[int]
    blank: int
    repeats: dict[int, int]
    hashes: tuple[str, ...] | None

    @property
    def rows(self) -> int:
        """The rows that have a text."""
        return sum(self.lengths)

    @property
    def unseen(self) -> tuple[float, float]:
        """The share of further rows whose value is new, and its variance: the share of values seen once (Good 1953)."""
        once, twice, rows = self.repeats.get(1, 0), self.repeats.get(2, 0), self.rows
        share = (once + 1) / (rows + 2)
        return share, (rows * share * (1 - share) + 2 * twice) / rows**2

    def known(self, texts: pd.Series) -> int | None:
        """Return how many texts have a value that was seen, None where it is not kept which values there are."""
        if self.hashes is None:
            return None
        values, own = texts.value_counts(), set(self.hashes)
        return int(values[[_hash(value) in own for value in values.index]].sum())


def repeats(texts: pd.Series) -> dict[int, int]:
    """Return how many values occur in so many rows."""
    return {int(rows): int(values) for rows, values in texts.value_counts().value_counts().items()}


def rarefied(repeats: dict[int, int], rows: int) -> tuple[float, float]:
    """Return the number of values to expect in some of the rows (Hurlbert 1971), and its variance.

    The variance is at most that of the multinomial distribution, where no more values are to come than were seen once.

    Examples
    --------
    >>> rarefied({1: 100}, 50), rarefied({50: 2}, 50)
    ((50.0, 0.0), (2.0, 0.0))

    """
    counts, values = np.array([*repeats]), np.array([*repeats.values()])
    some, one = (stats.hypergeom.pmf(k, int(counts @ values), counts, rows) for k in (0, 1))
    once = float(values @ one)
    return round(float(values @ (1 - some)), 6), round(max(0.0, once - once**2 / rows), 6)


def blank(texts: pd.Series) -> int:
    """Return how many texts are empty or white space."""
    return int((texts.str.strip() == "").sum())


def hashes(texts: pd.Series) -> tuple[str, ...] | None:
    """Return the hashes of all values, None for more than MOST."""
    values = texts.unique()
    return tuple(sorted(map(_hash, values))) if len(values) <= MOST else None


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
