"""Whole groups: which of them make up a share of the rows, or a fold."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def nearest(codes: NDArray[np.intp], classes: pd.Series | None, share: float) -> NDArray[np.bool_]:
    """Choose groups, in their order, while they bring the chosen rows nearer to `share` of all rows.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Each row's group, from 0.
    classes : pandas.Series of shape (n_rows,) or None
        Come near to the share of each class, not of all rows together.
    share : float
        Between 0 and 1.

    Returns
    -------
    ndarray of bool of shape (n_groups,)
        At least one group is chosen, and at least one is not.

    Examples
    --------
    >>> nearest(np.array([0, 1, 1, 1, 2, 3]), None, 0.3).tolist()
    [True, False, True, False]

    """
    sizes = counts(codes, classes)
    chosen = np.zeros(len(sizes), dtype=bool)
    weights = (1 / sizes.sum(0)).tolist()
    rest = (sizes.sum(0) * share).tolist()
    for place, rows in enumerate(sizes.tolist()):
        after = [left - row for left, row in zip(rest, rows, strict=True)]
        if _distance(after, weights) < _distance(rest, weights):
            chosen[place], rest = True, after
    if not chosen.any():
        chosen[np.argmin(sizes.sum(1))] = True
    if chosen.all():
        chosen[-1] = False
    return chosen


def dealt(codes: NDArray[np.intp], classes: pd.Series | None, n_folds: int) -> NDArray[np.intp]:
    """Deal whole groups out to folds, the largest first, each to the fold that it leaves most even.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,)
        Each row's group, from 0.
    classes : pandas.Series of shape (n_rows,) or None
        Even in each class, not in all rows together.
    n_folds : int
        At most the number of groups.

    Returns
    -------
    ndarray of shape (n_groups,)
        Each group's fold.

    Examples
    --------
    >>> dealt(np.array([0, 0, 0, 1, 1, 2]), None, 2).tolist()
    [0, 1, 1]

    """
    sizes = counts(codes, classes)
    shares = sizes / sizes.sum(0)
    filled, members = np.zeros((n_folds, sizes.shape[1])), np.zeros(n_folds)
    folds = np.zeros(len(sizes), dtype=np.intp)
    order = np.argsort(-sizes.sum(1), kind="stable")
    for place, group in enumerate(order):
        growth = (2 * filled + shares[group]) @ shares[group]
        if len(order) - place <= np.count_nonzero(members == 0):  # as many groups are left as empty folds
            growth[members > 0] = math.inf
        fold = np.lexsort([members, growth.round(12)])[0]
        folds[group] = fold
        filled[fold] += shares[group]
        members[fold] += 1
    return folds


def counts(codes: NDArray[np.intp], classes: pd.Series | None) -> Floats:
    """Return each group's rows, class by class in the order of the classes' text: shape (n_groups, n_classes)."""
    if classes is None:
        return np.bincount(codes).astype(float)[:, None]
    column, names = pd.factorize(classes)
    table = np.bincount(codes * len(names) + column, minlength=(int(codes.max()) + 1) * len(names))
    order = sorted(range(len(names)), key=lambda place: str(names[place]))
    return table.reshape(-1, len(names))[:, order].astype(float)


def _distance(rest: list[float], weights: list[float]) -> float:
    return math.fsum((left * weight) ** 2 for left, weight in zip(rest, weights, strict=True))
