"""Scores on held-out rows, and their bootstrap confidence intervals.

Every metric goes by its scikit-learn scorer name, so higher is always better.
"""

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from sklearn import metrics as sk

from scripts.pipeline.config import CLASSIFICATION_METRICS, REGRESSION_METRICS

RESAMPLES = 2000
CONFIDENCE = 0.95
CHUNK = 4_000_000  # weights held at once, 32 MB


@dataclass(frozen=True)
class Predictions:
    """What a model said of rows whose truth is known.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_rows,)
    y_proba : ndarray of shape (n_rows, n_classes) or None
        Probabilities, where the estimator gives them.
    classes : ndarray of shape (n_classes,) or None
        The classes known from training, in the order of `y_proba`'s columns; None for a regressor.

    """

    y_true: np.ndarray
    y_pred: np.ndarray
    y_proba: np.ndarray | None = None
    classes: np.ndarray | None = None

    @property
    def sha256(self) -> str:
        """The hexadecimal SHA-256 of all that the model said: the same for the same bits, and for no others."""
        digest = hashlib.sha256("\n".join(map(repr, self.y_pred.tolist())).encode())
        if self.y_proba is not None:
            digest.update(np.ascontiguousarray(self.y_proba).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Estimate:
    """A metric's value with the bounds of its confidence interval."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        """Give value and interval to four digits."""
        return f"{self.value:.4f} [{self.lower:.4f}, {self.upper:.4f}]"


def names(*, classifier: bool, probabilities: bool) -> tuple[str, ...]:
    """Return the metrics that such an estimator can be scored by."""
    if not classifier:
        return REGRESSION_METRICS
    return CLASSIFICATION_METRICS if probabilities else CLASSIFICATION_METRICS[:-2]


def scores(p: Predictions) -> dict[str, float]:
    """Return each metric's value; NaN where it is not defined, as ROC AUC is without a row of each class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # undefined metrics warn; ours come out as 0 or NaN
        if p.classes is None:
            return {
                "r2": float(sk.r2_score(p.y_true, p.y_pred)) if len(p.y_true) > 1 else math.nan,
                "neg_mean_absolute_error": -float(sk.mean_absolute_error(p.y_true, p.y_pred)),
                "neg_root_mean_squared_error": -float(sk.root_mean_squared_error(p.y_true, p.y_pred)),
            }
        cells = _confusion(p)
        found = {name: float(score(cells[None])[0]) for name, score in _FROM_CONFUSION.items()}
        if p.y_proba is not None:
            ones = np.ones((1, len(p.y_true)))
            found |= {name: float(score(p, ones)[0]) for name, score in _FROM_WEIGHTS.items()}
        return found


def bootstrap(p: Predictions, metric: str, *, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """Return `metric` with its percentile bootstrap interval (Efron & Tibshirani 1993, chapter 13).

    Metrics of the confusion matrix draw the matrix itself from its multinomial distribution, which is what
    resampling the rows amounts to, at a cost that does not grow with their number.

    Parameters
    ----------
    p : Predictions
        Of n_rows rows.
    metric : str
        One of `names(...)`.
    seed : int
        The same seed and predictions give the same interval.
    resamples : int
        Number of bootstrap resamples.

    """
    rng = np.random.default_rng(seed)
    value = scores(p)[metric]
    if metric in _FROM_CONFUSION:
        cells = _confusion(p)
        n = int(cells.sum())
        drawn = rng.multinomial(n, cells.ravel() / n, size=resamples).reshape(resamples, *cells.shape)
        statistics = _FROM_CONFUSION[metric](drawn.astype(float))
    else:
        score = (_FROM_WEIGHTS | _FROM_ERRORS)[metric]
        statistics = np.concatenate([score(p, weights) for weights in _weights(len(p.y_true), resamples, rng)])
    defined = statistics[np.isfinite(statistics)]
    if len(defined) < resamples / 2:
        return Estimate(value, math.nan, math.nan)
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(defined, [tail, 1 - tail])
    return Estimate(value, float(lower), float(upper))


def _weights(n: int, resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Yield how often each of `n` rows is drawn in each resample, a chunk of resamples at a time."""
    step = max(1, CHUNK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(0, n, size=(rows, n)) + np.arange(rows)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


def _confusion(p: Predictions) -> np.ndarray:
    """Return the confusion matrix: row, the true class; column, the predicted one."""
    labels = np.union1d(p.classes, p.y_true)
    return sk.confusion_matrix(p.y_true, p.y_pred, labels=labels).astype(float)


# Each takes confusion matrices of shape (n_resamples, n_classes, n_classes) and returns (n_resamples,).
# A class with neither true nor predicted rows does not count, as in scikit-learn; 0 / 0 is 0.


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _macro(per_class: np.ndarray, counted: np.ndarray) -> np.ndarray:
    return _ratio((per_class * counted).sum(-1), counted.sum(-1).astype(float))


def _parts(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    hits = np.diagonal(cells, axis1=-2, axis2=-1).copy()
    true, predicted = cells.sum(-1), cells.sum(-2)
    return hits, true, predicted, (true + predicted) > 0


def _accuracy(cells: np.ndarray) -> np.ndarray:
    return np.trace(cells, axis1=-2, axis2=-1) / cells.sum((-2, -1))


def _balanced_accuracy(cells: np.ndarray) -> np.ndarray:
    hits, true, _, _ = _parts(cells)
    return _macro(_ratio(hits, true), true > 0)


def _precision(cells: np.ndarray) -> np.ndarray:
    hits, _, predicted, counted = _parts(cells)
    return _macro(_ratio(hits, predicted), counted)


def _recall(cells: np.ndarray) -> np.ndarray:
    hits, true, _, counted = _parts(cells)
    return _macro(_ratio(hits, true), counted)


def _f1(cells: np.ndarray) -> np.ndarray:
    hits, true, predicted, counted = _parts(cells)
    return _macro(_ratio(2 * hits, true + predicted), counted)


# Each takes predictions and row weights of shape (n_resamples, n_rows) and returns (n_resamples,).


def _neg_log_loss(p: Predictions, weights: np.ndarray) -> np.ndarray:
    column = {label: index for index, label in enumerate(p.classes.tolist())}
    index = np.array([column.get(label, -1) for label in p.y_true.tolist()])
    of_truth = np.where(index < 0, 0.0, p.y_proba[np.arange(len(index)), index])
    return weights @ np.log(np.clip(of_truth, np.finfo(p.y_proba.dtype).eps, 1.0)) / weights.sum(1)


def _roc_auc(p: Predictions, weights: np.ndarray) -> np.ndarray:
    """Average one-against-rest areas over classes (for two classes: the area of the second)."""
    columns = range(1, 2) if len(p.classes) == 2 else range(len(p.classes))
    return np.mean([_area(p.y_true == p.classes[k], p.y_proba[:, k], weights) for k in columns], axis=0)


def _area(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the area under the ROC curve: the share of (positive, negative) pairs in order, ties a half."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(score[order]) > 0])
    up = np.add.reduceat(weights[:, order] * positive[order], starts, axis=1)
    down = np.add.reduceat(weights[:, order] * ~positive[order], starts, axis=1)
    pairs = up.sum(1) * down.sum(1)
    below = np.cumsum(down, axis=1) - down / 2
    return np.divide((up * below).sum(1), pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def _r2(p: Predictions, weights: np.ndarray) -> np.ndarray:
    n = weights.sum(1)
    centred = p.y_true - p.y_true.mean()
    total = weights @ centred**2 - (weights @ centred) ** 2 / n
    residual = weights @ (p.y_true - p.y_pred) ** 2
    return 1 - np.divide(residual, total, out=np.full(len(n), np.nan), where=total > 0)


def _neg_mae(p: Predictions, weights: np.ndarray) -> np.ndarray:
    return -(weights @ np.abs(p.y_true - p.y_pred)) / weights.sum(1)


def _neg_rmse(p: Predictions, weights: np.ndarray) -> np.ndarray:
    return -np.sqrt((weights @ (p.y_true - p.y_pred) ** 2) / weights.sum(1))


Score = Callable[[Predictions, np.ndarray], np.ndarray]
_FROM_CONFUSION: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision_macro": _precision,
    "recall_macro": _recall,
    "f1_macro": _f1,
}
_FROM_WEIGHTS: dict[str, Score] = {"neg_log_loss": _neg_log_loss, "roc_auc_ovr": _roc_auc}
_FROM_ERRORS: dict[str, Score] = {
    "r2": _r2,
    "neg_mean_absolute_error": _neg_mae,
    "neg_root_mean_squared_error": _neg_rmse,
}
