"""Predictions on held-out rows, and their scores.

Every metric goes by its scikit-learn scorer name, so higher is always better.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from scripts.pipeline.config import CLASSIFICATION_METRICS, REGRESSION_METRICS


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

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y_true)

    def take(self, rows: np.ndarray) -> Self:
        """Return the predictions of some rows: a mask, or their positions."""
        proba = None if self.y_proba is None else self.y_proba[rows]
        return type(self)(self.y_true[rows], self.y_pred[rows], proba, self.classes)

    @cached_property
    def labels(self) -> np.ndarray:
        """The classes, then those that occur in `y_true` or `y_pred` alone."""
        found = [pd.unique(values) for values in (self.y_true, self.y_pred)]
        return pd.unique(np.concatenate([np.asarray(each, dtype=object) for each in (self.classes, *found)]))

    @cached_property
    def true_codes(self) -> np.ndarray:
        """Each row's true class as its position in `labels`."""
        return pd.Index(self.labels).get_indexer(self.y_true)

    @cached_property
    def pred_codes(self) -> np.ndarray:
        """Each row's predicted class as its position in `labels`."""
        return pd.Index(self.labels).get_indexer(self.y_pred)

    @property
    def keys(self) -> list[np.ndarray]:
        """Columns by which rows can be put into an order of their own: equal rows alone are left as they come."""
        if self.classes is None:
            return [self.y_true, self.y_pred]
        return [self.true_codes, self.pred_codes, *(() if self.y_proba is None else self.y_proba.T)]

    @property
    def sha256(self) -> str:
        """The hexadecimal SHA-256 of all that the model said: the same for the same bits, and for no others."""
        digest = hashlib.sha256("\n".join(map(repr, self.y_pred.tolist())).encode())
        if self.y_proba is not None:
            digest.update(np.ascontiguousarray(self.y_proba).tobytes())
        return digest.hexdigest()


def names(*, classifier: bool, probabilities: bool) -> tuple[str, ...]:
    """Return the metrics that such an estimator can be scored by."""
    if not classifier:
        return REGRESSION_METRICS
    return CLASSIFICATION_METRICS if probabilities else CLASSIFICATION_METRICS[:-2]


def scores(p: Predictions) -> dict[str, float]:
    """Return each metric's value."""
    known = names(classifier=p.classes is not None, probabilities=p.y_proba is not None)
    return {name: score(p, name) for name in known}


def score(p: Predictions, metric: str) -> float:
    """Return one metric's value; NaN where it is not defined, as ROC AUC is without a row of each class."""
    if metric in FROM_CONFUSION:
        return float(FROM_CONFUSION[metric](confusion(p)[None])[0])
    rows, finish = FROM_ROWS[metric]
    return float(finish(rows(p).mean(0, keepdims=True))[0])


def confusion(p: Predictions) -> np.ndarray:
    """Return the confusion matrix: row, the true class; column, the predicted one, in the order of `p.labels`."""
    k = len(p.labels)
    return np.bincount(p.true_codes * k + p.pred_codes, minlength=k * k).reshape(k, k).astype(float)


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


def against_rest(p: Predictions) -> range:
    """Return the classes that ROC AUC is averaged over, as columns of `y_proba`."""
    return range(1, 2) if len(p.classes) == 2 else range(len(p.classes))


# Each gives columns of shape (n_rows, n_columns); a metric is a function of their means.


def _log_likelihoods(p: Predictions) -> np.ndarray:
    known = p.true_codes < len(p.classes)
    of_truth = np.where(known, p.y_proba[np.arange(len(p)), np.where(known, p.true_codes, 0)], 0.0)
    return np.log(np.clip(of_truth, np.finfo(p.y_proba.dtype).eps, 1.0))[:, None]


def _areas(p: Predictions) -> np.ndarray:
    """Give each row's part in the area under the ROC curve: their mean is the area, their spread its error.

    These are the placement values of DeLong, DeLong and Clarke-Pearson (1988), centred so that resampling rows
    resamples the number of positives too.
    """
    found = np.zeros(len(p))
    for k in against_rest(p):
        positive, score = p.y_true == p.classes[k], p.y_proba[:, k]
        found += _placements(positive, score) / len(against_rest(p))
    return found[:, None]


def _placements(positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    n_up = int(positive.sum())
    n_down = len(positive) - n_up
    if not n_up or not n_down:
        return np.full(len(score), np.nan)
    order = np.argsort(score, kind="stable")
    up = positive[order]
    first = np.r_[True, np.diff(score[order]) > 0]
    starts = np.flatnonzero(first)
    ups = np.add.reduceat(up.astype(float), starts)
    downs = np.diff(np.r_[starts, len(up)]) - ups
    beaten = (np.cumsum(downs) - downs / 2) / n_down  # ties count a half
    beating = 1 - (np.cumsum(ups) - ups / 2) / n_up
    tie = np.cumsum(first) - 1
    area = float(beaten @ ups) / n_up
    share = n_up / len(up)
    found = np.empty(len(score))
    found[order] = area + np.where(up, (beaten[tie] - area) / share, (beating[tie] - area) / (1 - share))
    return found


def _squares(p: Predictions) -> np.ndarray:
    centred = p.y_true - p.y_true.mean()
    return np.column_stack([centred, centred**2, (p.y_true - p.y_pred) ** 2])


def _r2(means: np.ndarray) -> np.ndarray:
    total = means[:, 1] - means[:, 0] ** 2
    return 1 - np.divide(means[:, 2], total, out=np.full(len(means), np.nan), where=total > 0)


def _first(means: np.ndarray) -> np.ndarray:
    return means[:, 0]


# What a metric is computed from: the confusion matrix, or means over rows.
FROM_CONFUSION: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "precision_macro": _precision,
    "recall_macro": _recall,
    "f1_macro": _f1,
}
FROM_ROWS: dict[str, tuple[Callable[[Predictions], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "neg_log_loss": (_log_likelihoods, _first),
    "roc_auc_ovr": (_areas, _first),
    "r2": (_squares, _r2),
    "neg_mean_absolute_error": (lambda p: -np.abs(p.y_true - p.y_pred)[:, None], _first),
    "neg_root_mean_squared_error": (lambda p: ((p.y_true - p.y_pred) ** 2)[:, None], lambda m: -np.sqrt(m[:, 0])),
}
