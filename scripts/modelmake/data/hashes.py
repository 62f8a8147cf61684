"""Hashes: a number for each row that depends on its values alone, which identifies the row in every file."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.core import processors
from modelmake.core.types import EXACT

Hashes = NDArray[np.uint64]
PART = 1 << 15  # rows whose hashes fit into the cache of a processor
FIRST, LAST = np.uint64(0x345678), np.uint64(97531)  # of a tuple's hash in Python
MIXED = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))  # splitmix64


@dataclass(frozen=True)
class Hashed:
    """The hashes of a column that has no numbers: ndarray of uint64 of shape (n_rows,)."""

    hashes: Hashes


def row_hashes(frame: pd.DataFrame) -> Hashes:
    """Return a hash of each row: ndarray of uint64 of shape (n_rows,).

    The same row has the same hash in every file: the order of the columns does not matter, and whole numbers hash as
    floating-point numbers, which pandas uses where the column has a gap. The hashes are those of
    `pandas.util.hash_pandas_object`, without its copies of the frame.

    Examples
    --------
    >>> frame = pd.DataFrame({"width": [1, 2], "kind": ["a", "b"]})
    >>> bool((row_hashes(frame) == row_hashes(frame[["kind", "width"]].astype({"width": float}))).all())
    True

    """
    workers = min(8, processors.available())
    rows = np.full(len(frame), FIRST)
    bounds = [len(frame) * worker // workers for worker in range(workers + 1)]
    with ThreadPoolExecutor(workers) as pool:
        columns = list(pool.map(lambda name: _values(frame[name]), sorted(frame.columns)))
        list(pool.map(lambda start, end: _hash(rows, columns, start, end), bounds, bounds[1:]))
    return rows


def exceeds_float(column: pd.Series) -> bool:
    """Return whether a column of whole numbers has some above 2^53, which floating-point numbers do not tell apart."""
    return len(column) > 0 and max(-int(column.min()), int(column.max())) > EXACT


def _values(column: pd.Series) -> NDArray[np.generic] | Hashed:
    """Return the numbers of a column: ndarray of shape (n_rows,), or the hashes of its other values."""
    if column.dtype.kind in "iu" and exceeds_float(column):
        return Hashed(pd.util.hash_array(column.to_numpy()))
    if column.dtype.kind in "biuf":
        return np.asarray(column)
    if column.dtype != "str":
        return Hashed(pd.util.hash_array(column.array))
    codes, texts = pd.factorize(column)
    # the code of a gap is -1, and its hash is the last
    return Hashed(np.append(pd.util.hash_array(texts.to_numpy(dtype=object), categorize=False), ~np.uint64(0))[codes])


def _hash(rows: Hashes, columns: list[NDArray[np.generic] | Hashed], start: int, end: int) -> None:
    """Hash the hashes of each row from `start` to `end` as Python hashes a tuple, in place."""
    buffer, scratch = np.empty(PART), np.empty(PART, dtype=np.uint64)
    for place in range(start, end, PART):
        part = slice(place, min(place + PART, end))
        hashes, factor = rows[part], 1_000_003
        for left, column in zip(range(len(columns), 0, -1), columns, strict=True):
            own = column.hashes[part] if isinstance(column, Hashed) else _of_numbers(column[part], buffer, scratch)
            hashes ^= own
            hashes *= np.uint64(factor)
            factor += 82_520 + 2 * left
        hashes += LAST


def _of_numbers(numbers: NDArray[np.generic], buffer: NDArray[np.float64], scratch: Hashes) -> Hashes:
    """Hash floating-point numbers, in `buffer`; every zero is equal, and every NaN."""
    values, shifted = np.add(numbers, 0.0, out=buffer[: len(numbers)]), scratch[: len(numbers)]
    if (gaps := np.isnan(values)).any():
        values[gaps] = np.nan
    bits: Hashes = values.view(np.uint64)
    for bits_shifted, factor in MIXED:
        bits ^= np.right_shift(bits, bits_shifted, out=shifted)
        bits *= factor
    bits ^= np.right_shift(bits, np.uint64(31), out=shifted)
    return bits
