"""Split: which rows are held out, and which of them are among the training rows too."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scripts.core.config import Data
from scripts.core.errors import UserError

TRAINED, ROWS, HASH = "train", "rows", "<u8"  # the run's artifact with the hashes of its training rows


@dataclass(frozen=True)
class Split:
    """Features and target of the training rows and of the held-out rows, each with the rows' hashes as its index.

    `test_places` has the held-out rows' positions in the table, from 0: ndarray of shape (n_test,).
    """

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series
    test_places: NDArray[np.intp]


def hold_out(frame: pd.DataFrame, config: Data, *, seed: int, classifier: bool) -> Split:
    """Hold out `test_size` of the rows, chosen by `seed` and by the content of each row.

    The order of the rows in the file does not matter. As the data grows, held-out rows stay held out, except a few
    at the bound of the share: so last week's model was not trained on this week's held-out rows.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_features + 1)
        As `read_table` returns it.
    config : Data
        Names the target, the held-out share and whether to stratify by class.
    seed : int
        The same rows and seed give the same split.
    classifier : bool
        Whether the target has classes.

    Raises
    ------
    UserError
        A target with one class, a class too small to stratify, or too few rows.

    Examples
    --------
    >>> from scripts.data.read import identified
    >>> frame = identified(pd.DataFrame({"width": range(10), "kind": ["a", "b"] * 5}))
    >>> split = hold_out(frame, Data(path="data.csv", target="kind"), seed=1, classifier=True)
    >>> split.X_train.shape, split.X_test.shape
    ((8, 1), (2, 1))

    """
    X, y = frame.drop(columns=config.target), frame[config.target]
    stratify = classifier and config.stratify
    if classifier:
        _check_classes(y, config)
    n_test = math.ceil(config.test_size * len(frame))
    if min(n_test, len(frame) - n_test) < (y.nunique() if stratify else 1):
        where = f"{config.path}: {len(frame)} rows, data.test_size = {config.test_size}"
        least = "fewer rows than there are classes" if stratify else "no rows"
        raise UserError(where, f"the train or test part would have {least}", "add rows, or change test_size")
    order = _shuffled(frame, seed)
    first = np.arange(len(order))
    if stratify:  # spread the rows of each class evenly, so a share of all rows is a share of each class
        drawn = y.iloc[order].reset_index(drop=True)
        of_class = drawn.groupby(drawn)
        first = np.argsort(((of_class.cumcount() + 0.5) / of_class.transform("size")).to_numpy(), kind="stable")
    test, train = order[np.sort(first[:n_test])], order[np.sort(first[n_test:])]
    if classifier and y.iloc[train].nunique() < 2:
        raise UserError(config.path, "the training rows have only one class", "set data.stratify = true, or add rows")
    return Split(X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test], test)


def duplicates(split: Split) -> NDArray[np.intp]:
    """Return the positions in the table of the held-out rows that equal a training row, target included.

    Examples
    --------
    >>> from scripts.data.read import identified
    >>> frame = identified(pd.DataFrame({"width": [1] * 10, "kind": ["a", "b"] * 5}))
    >>> split = hold_out(frame, Data(path="data.csv", target="kind"), seed=1, classifier=True)
    >>> len(duplicates(split))
    2

    """
    return split.test_places[np.isin(split.X_test.index, split.X_train.index)]


def _shuffled(frame: pd.DataFrame, seed: int) -> NDArray[np.intp]:
    """Return the rows' positions, ordered by a hash of `seed` and the row; equal rows have different hashes."""
    rows = frame.index.to_numpy()
    copy = pd.Series(rows).groupby(rows).cumcount()
    drawn = pd.util.hash_pandas_object(pd.DataFrame({"row": rows, "copy": copy, "seed": seed}), index=False)
    return np.argsort(drawn.to_numpy(), kind="stable")


def _check_classes(y: pd.Series, config: Data) -> None:
    counts = y.value_counts()
    where = f"{config.path}: {config.target}"
    if len(counts) < 2:
        raise UserError(where, f"the target has only one class ({counts.index[0]!r})", "a classifier needs two or more")
    if y.dtype.kind == "f" and len(counts) > max(20, len(y) // 10):
        raise UserError(where, f"{len(counts)} different numbers, not classes", "choose a regressor as model.estimator")
    if config.stratify and counts.iloc[-1] < 2:
        what = f"class {counts.index[-1]!r} has 1 row, too few to stratify"
        raise UserError(where, what, "set data.stratify = false, or add rows of this class")
