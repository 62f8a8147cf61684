"""Split: which rows are held out, and which of those the model has seen all the same."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scripts.core.config import Data
from scripts.core.errors import UserError

TRAINED, ROWS, HASH = "train", "rows", "<u8"  # the run's artifact with the hash of each row that it was trained on


@dataclass(frozen=True)
class Split:
    """Features and target of the training rows and of the held-out rows, each with the rows' hashes as its index.

    `test_places` has the places in the table at which the held-out rows stand, from 0: ndarray of shape (n_test,).
    """

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series
    test_places: np.ndarray


def hold_out(frame: pd.DataFrame, config: Data, *, seed: int, classifier: bool) -> Split:
    """Hold out `test_size` of the rows, chosen by `seed` and by what stands in each row.

    Where a row stands in the file does not matter, and as the data grows, rows that were held out stay held out
    (but for a few, as the share's bound moves): a model of last week has not been trained on this week's test.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_features + 1)
        As `read_table` returns it.
    config : Data
        Names the target, the held-out share and whether to stratify by class.
    seed : int
        The same rows and seed give the same split.
    classifier : bool
        Whether the target holds classes.

    Raises
    ------
    UserError
        A target with one class, a class too small to stratify, or too few rows.

    """
    X, y = frame.drop(columns=config.target), frame[config.target]
    stratify = classifier and config.stratify
    if classifier:
        _check_classes(y, config)
    n_test = math.ceil(config.test_size * len(frame))
    if min(n_test, len(frame) - n_test) < (y.nunique() if stratify else 1):
        where = f"{config.path}: {len(frame)} rows, data.test_size = {config.test_size}"
        raise UserError(where, "one part would have too few", "more rows, or another test_size")
    order = _shuffled(frame, seed)
    first = np.arange(len(order))
    if stratify:  # each class's rows are spread over the whole, so that a share of all is a share of each
        drawn = y.iloc[order].reset_index(drop=True)
        of_class = drawn.groupby(drawn)
        first = np.argsort(((of_class.cumcount() + 0.5) / of_class.transform("size")).to_numpy(), kind="stable")
    test, train = order[np.sort(first[:n_test])], order[np.sort(first[n_test:])]
    if classifier and y.iloc[train].nunique() < 2:
        raise UserError(config.path, "the training rows hold one class only", "set data.stratify = true, or more rows")
    return Split(X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test], test)


def duplicates(split: Split) -> np.ndarray:
    """Return the places in the table of the held-out rows that stand among the training rows too, target and all."""
    return split.test_places[np.isin(split.X_test.index, split.X_train.index)]


def _shuffled(frame: pd.DataFrame, seed: int) -> np.ndarray:
    """Return the rows' positions in an order that `seed` and the rows themselves give; copies are rows of their own."""
    rows = frame.index.to_numpy()
    copy = pd.Series(rows).groupby(rows).cumcount()
    drawn = pd.util.hash_pandas_object(pd.DataFrame({"row": rows, "copy": copy, "seed": seed}), index=False)
    return np.argsort(drawn.to_numpy(), kind="stable")


def _check_classes(y: pd.Series, config: Data) -> None:
    counts = y.value_counts()
    where = f"{config.path}: {config.target}"
    if len(counts) < 2:
        raise UserError(where, f"one class only ({counts.index[0]!r})", "a classifier needs two or more")
    if y.dtype.kind == "f" and len(counts) > max(20, len(y) // 10):
        raise UserError(where, f"{len(counts)} different numbers, not classes", "choose a regressor as model.estimator")
    if config.stratify and counts.iloc[-1] < 2:
        what = f"class {counts.index[-1]!r} has 1 row, too few to stratify"
        raise UserError(where, what, "data.stratify = false, or more rows of it")
