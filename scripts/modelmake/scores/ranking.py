"""Areas under the ROC and the precision-recall curve: of weighted rows, and as means over rows."""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Integers = NDArray[np.intp]


def ratio(numerator: Floats, denominator: Floats, undefined: float) -> Floats:
    """Return numerator / denominator, and `undefined` where the denominator is not above 0."""
    quotient = np.full(numerator.shape, undefined)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient


def roc_area(positive: Bools, score: Floats, weights: Floats) -> Floats:
    """Return the area under the ROC curve: the share of (positive, negative) pairs in order, ties a half.

    Parameters
    ----------
    positive : ndarray of bool of shape (n_rows,)
        Which rows are of the class.
    score : ndarray of shape (n_rows,)
        Higher where the class is more likely.
    weights : ndarray of shape (n_resamples, n_rows)
        How often each row counts.

    Returns
    -------
    ndarray of shape (n_resamples,)
        NaN where there is no pair.

    """
    up, down = _by_score(positive, score, weights)
    below = np.cumsum(down, axis=1) - down / 2
    return ratio((up * below).sum(1), up.sum(1) * down.sum(1), math.nan)


def average_precision(positive: Bools, score: Floats, weights: Floats) -> Floats:
    """Return the average precision, with the parameters of `roc_area`: the precision at each positive, averaged."""
    up, down = _by_score(positive, -score, weights)
    hits = np.cumsum(up, axis=1)
    precision = ratio(hits, np.cumsum(up + down, axis=1), 0.0)
    return ratio((up * precision).sum(1), hits[:, -1], math.nan)


def roc_placements(positive: Bools, score: Floats) -> Floats:
    """Return each row's part in the area under the ROC curve: their mean is the area, their spread its error.

    These are the placement values of DeLong, DeLong and Clarke-Pearson (1988), centred so that resampling rows
    resamples the number of positives too. NaN where there is no pair.
    """
    n_up = int(positive.sum())
    n_down = len(positive) - n_up
    if not n_up or not n_down:
        return np.full(len(score), np.nan)
    ups, downs, tie = _ties(positive, score)
    beaten = (np.cumsum(downs) - downs / 2) / n_down  # ties count a half
    beating = 1 - (np.cumsum(ups) - ups / 2) / n_up
    area = float(beaten @ ups) / n_up
    share = n_up / len(positive)
    parts: Floats = np.where(positive, (beaten[tie] - area) / share, (beating[tie] - area) / (1 - share))
    return area + parts


def precision_placements(positive: Bools, score: Floats) -> Floats:
    """Return each row's part in the average precision: their mean is that precision, their spread its error.

    A row's part is the influence function (Hampel 1974): a positive row adds the precision at its own score, and
    every row changes the precision at each score that is not above its own. NaN without a positive row.
    """
    n_up = int(positive.sum())
    if not n_up:
        return np.full(len(score), np.nan)
    ups, downs, tie = _ties(positive, -score)
    retrieved = np.cumsum(ups + downs)
    precision: Floats = np.cumsum(ups) / retrieved
    average = float(precision @ ups) / n_up
    as_hit = np.cumsum((ups / retrieved)[::-1])[::-1]
    as_any = np.cumsum((ups * precision / retrieved)[::-1])[::-1]
    parts: Floats = np.where(positive, precision[tie] - average + as_hit[tie], 0.0) - as_any[tie]
    return average + parts * (len(positive) / n_up)


def _by_score(positive: Bools, score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the weights of positives and of others at each score, the lowest first, by resample."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])
    up = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    return up, np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)


def _ties(positive: Bools, score: Floats) -> tuple[Floats, Floats, Integers]:
    """Return how many positives and others have each score, the lowest first, and each row's place among these."""
    _, tie = np.unique(score, return_inverse=True)
    ups = np.bincount(tie, positive.astype(float)).astype(float)
    return ups, np.bincount(tie).astype(float) - ups, tie
