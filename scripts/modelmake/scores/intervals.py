"""Intervals: confidence intervals of a score, and of the difference of two models' scores on the same rows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from modelmake.scores.metrics import (
    AREAS,
    FROM_CONFUSION,
    FROM_ROWS,
    Predictions,
    averaged_area,
    binarized,
    confusion,
    score,
)
from modelmake.scores.ranking import Floats, Integers

RESAMPLES = 2000
CONFIDENCE = 0.95
CHUNK = 4_000_000  # numbers in memory at once, 32 MB
GROUPS = 10_000  # more rows than this are first summed up in as many groups


@dataclass(frozen=True)
class Estimate:
    """A metric's value with the bounds of its confidence interval."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        """Give value and interval to four digits."""
        return f"{self.value:.4f} [{self.lower:.4f}, {self.upper:.4f}]"


@dataclass(frozen=True)
class Difference(Estimate):
    """How much better one model is than another on the same rows.

    Parameters
    ----------
    p_value : float
        Of the bootstrap, two-sided: how often resampling turns the sign.
    mcnemar : float or None
        P-value of McNemar's exact test; None for a regressor.

    """

    p_value: float
    mcnemar: float | None

    def __str__(self) -> str:
        """Give value, interval and p-values."""
        exact = "" if self.mcnemar is None else f", McNemar {_p(self.mcnemar)}"
        return f"{self.value:+.4f} [{self.lower:+.4f}, {self.upper:+.4f}], {_p(self.p_value)}{exact}"


def _p(value: float) -> str:
    return f"p = {value:.3f}" if value >= 0.001 else "p < 0.001"


def bootstrap(p: Predictions, metric: str, *, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """Return `metric` with its 95 % bootstrap interval.

    Metrics of the confusion matrix are drawn by the Bayesian bootstrap (Rubin 1981) under Jeffreys' prior, half a
    row right and half a row wrong: for accuracy that is the interval which Brown, Cai and DasGupta (2001) recommend
    for small samples, so thirty rows without a mistake do not give an interval of width 0. The other metrics resample
    rows and take percentiles (Efron and Tibshirani 1993, chapter 13).

    Parameters
    ----------
    p : Predictions
        Of n_rows rows; their order does not matter.
    metric : str
        A metric that can score such predictions.
    seed : int
        The same seed and predictions give the same interval.
    resamples : int
        Number of bootstrap resamples.

    Examples
    --------
    >>> truth = np.array(["a", "b"] * 20)
    >>> predicted = np.where(np.arange(40) < 4, "a", truth)
    >>> p = Predictions(truth, predicted, classes=np.array(["a", "b"]))
    >>> estimate = bootstrap(p, "accuracy", seed=1)
    >>> estimate.value
    0.95
    >>> estimate.lower < estimate.value < estimate.upper
    True

    """
    rng = np.random.default_rng(seed)
    value = score(p, metric)
    if metric in FROM_CONFUSION:
        statistics = _jeffreys(confusion(p, metric), metric, resamples, rng)
    else:
        [statistics] = resampled([p], metric, resamples, rng)
    lower, upper = bounds(statistics)
    return Estimate(value, min(lower, value), max(upper, value))  # min and max keep a NaN that comes first


def compare(
    model: Predictions, other: Predictions, metric: str, *, seed: int, resamples: int = RESAMPLES
) -> Difference:
    """Return how much better `model` is than `other`, by the paired bootstrap: both see the same resamples.

    Both have the same rows in the same order; the other parameters are those of `bootstrap`.

    Examples
    --------
    >>> truth = np.array(["a", "b"] * 20)
    >>> classes = np.array(["a", "b"])
    >>> model = Predictions(truth, truth, classes=classes)
    >>> other = Predictions(truth, np.repeat("a", 40), classes=classes)
    >>> difference = compare(model, other, "accuracy", seed=1)
    >>> difference.value
    0.5
    >>> difference.lower > 0
    True

    """
    value = score(model, metric) - score(other, metric)
    minuend, subtrahend = resampled([model, other], metric, resamples, np.random.default_rng(seed))
    differences = minuend - subtrahend
    lower, upper = bounds(differences)
    defined = differences[np.isfinite(differences)]
    rarer = min(np.count_nonzero(defined <= 0), np.count_nonzero(defined >= 0))
    p_value = min(1.0, 2 * (rarer + 1) / (len(defined) + 1))
    return Difference(value, min(lower, value), max(upper, value), p_value, mcnemar(model, other))


def mcnemar(model: Predictions, other: Predictions) -> float | None:
    """Return the p-value of McNemar's exact test (1947) on the rows where only one of two classifiers is right.

    It is None for regressors.

    Examples
    --------
    >>> truth, classes = np.repeat("a", 12), np.array(["a", "b"])
    >>> model = Predictions(truth, truth, classes=classes)
    >>> other = Predictions(truth, np.where(np.arange(12) < 10, "b", "a"), classes=classes)
    >>> mcnemar(model, other)  # ten rows to none: 2 / 2**10
    0.001953125

    """
    if model.classes is None:
        return None
    right, also = model.y_pred == model.y_true, other.y_pred == other.y_true
    alone, instead = int(np.count_nonzero(right & ~also)), int(np.count_nonzero(also & ~right))
    return float(stats.binomtest(alone, alone + instead).pvalue) if alone + instead else 1.0


def bounds(statistics: Floats) -> tuple[float, float]:
    """Return the percentiles that enclose 95 % of `statistics`; NaN where fewer than half are finite.

    Examples
    --------
    >>> lower, upper = bounds(np.arange(1001.0))
    >>> f"{lower:.1f} to {upper:.1f}"
    '25.0 to 975.0'

    """
    defined = statistics[np.isfinite(statistics)]
    if len(defined) < len(statistics) / 2:
        return math.nan, math.nan
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return float(lower), float(upper)


def resampled(models: Sequence[Predictions], metric: str, resamples: int, rng: np.random.Generator) -> list[Floats]:
    """Return the metric's value for each of `models` in each resample, as arrays of shape (resamples,).

    All of them see the same rows, which they have in the same order.

    Examples
    --------
    >>> truth = np.array([1.0, 2.0, 3.0])
    >>> [values] = resampled([Predictions(truth, truth)], "r2", 100, np.random.default_rng(1))
    >>> values.shape
    (100,)

    """
    if metric in FROM_CONFUSION:
        return _tables([binarized(model, metric) for model in models], metric, resamples, rng)
    n = len(models[0])
    order = np.lexsort([key for model in models for key in model.keys])
    models = [model.take(order) for model in models]
    if metric in AREAS and n <= GROUPS:
        area, _ = AREAS[metric]
        drawn = [[averaged_area(area, one, weights) for one in models] for weights in _weights(n, resamples, rng)]
        return [np.concatenate(parts) for parts in zip(*drawn, strict=True)]
    rows, finish = FROM_ROWS[metric]
    columns = [rows(model) for model in models]
    table = np.column_stack([np.ones(n), *columns])
    if n > GROUPS:
        group = rng.permutation(n) % GROUPS
        table = np.column_stack([np.bincount(group, column) for column in table.T])
    sums = np.concatenate([weights @ table for weights in _weights(len(table), resamples, rng)])
    means = sums[:, 1:] / sums[:, :1]
    return [finish(part) for part in np.split(means, len(models), axis=1)]


def _sizes(resamples: int, numbers: int) -> Iterator[int]:
    """Yield how many resamples are drawn at once, where each one has so many numbers."""
    step = max(1, CHUNK // numbers)
    yield from (min(step, resamples - start) for start in range(0, resamples, step))


def _weights(n: int, resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield how often each of `n` rows is drawn in each resample, a chunk of resamples at a time."""
    for rows in _sizes(resamples, n):
        drawn = rng.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


def _jeffreys(cells: Floats, metric: str, resamples: int, rng: np.random.Generator) -> Floats:
    """Return the metric of matrices drawn from the Dirichlet distribution that `cells` and half a row each give."""
    occurs = (cells.sum(0) + cells.sum(1)) > 0
    cells = cells[np.ix_(occurs, occurs)]
    k = len(cells)
    if k == 1:  # one class, always right: a mistake would be any other class
        return rng.beta(cells[0, 0] + 0.5, 0.5, size=resamples)
    prior = np.where(np.eye(k, dtype=bool), 0.5 / k, 0.5 / (k * k - k))
    drawn = (rng.standard_gamma(cells + prior, size=(size, k, k)) for size in _sizes(resamples, cells.size))
    return np.concatenate([FROM_CONFUSION[metric](matrices) for matrices in drawn])


def _tables(models: Sequence[Predictions], metric: str, resamples: int, rng: np.random.Generator) -> list[Floats]:
    """Draw the models' joint table from its multinomial distribution, which is equivalent to resampling the rows."""
    labels = pd.unique(np.concatenate([model.labels for model in models]))
    index, k = pd.Index(labels), len(labels)
    truth = index.get_indexer(models[0].y_true)
    row_cells = np.column_stack([truth * k + index.get_indexer(model.y_pred) for model in models])
    cells, counts = np.unique(row_cells, axis=0, return_counts=True)
    n = int(counts.sum())
    chunks: list[list[Floats]] = []
    for size in _sizes(resamples, max(len(counts), k * k)):
        drawn = rng.multinomial(n, counts / n, size=size).astype(float)
        chunks.append([FROM_CONFUSION[metric](_collected(drawn, column, k)) for column in cells.T])
    return [np.concatenate(parts) for parts in zip(*chunks, strict=True)]


def _collected(drawn: Floats, cell: Integers, k: int) -> Floats:
    """Return one model's confusion matrices, of shape (n_resamples, k, k), out of the joint tables' counts."""
    matrices = np.zeros((len(drawn), k * k))
    order = np.argsort(cell, kind="stable")
    occupied, starts = np.unique(cell[order], return_index=True)
    matrices[:, occupied] = np.add.reduceat(drawn[:, order], starts, axis=1)
    return matrices.reshape(-1, k, k)
