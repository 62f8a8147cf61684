"""Predictions on held-out rows, and their scores.

Every metric has its scikit-learn scorer name, so higher is always better.
"""

import hashlib
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from modelmake.config.gate import CLASSIFICATION_METRICS, OF_CLASS_1, OF_PROBABILITIES, REGRESSION_METRICS, REPORTED
from modelmake.scores import ranking
from modelmake.scores.ranking import Bools, Floats, Integers, ratio

OF_POSITIVE = ("precision", "recall", "f1")  # shown too where `[data] positive` names a class


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for rows whose true value is known.

    Parameters
    ----------
    y_true, y_pred : ndarray of shape (n_rows,)
    y_proba : ndarray of shape (n_rows, n_classes) or None
        Probabilities, where the estimator gives them.
    classes : ndarray of shape (n_classes,) or None
        The classes of the training rows, in the order of `y_proba`'s columns; None for a regressor.
    positive : object
        The class of two that f1, precision, recall, jaccard and areas under curves score; None for class 1, and for
        the areas the last class.

    """

    y_true: np.ndarray
    y_pred: np.ndarray
    y_proba: Floats | None = None
    classes: np.ndarray | None = None
    positive: object = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y_true)

    def take(self, rows: Bools | Integers) -> Self:
        """Return the predictions of some rows: a mask, or their positions."""
        proba = None if self.y_proba is None else self.y_proba[rows]
        return replace(self, y_true=self.y_true[rows], y_pred=self.y_pred[rows], y_proba=proba)

    @cached_property
    def labels(self) -> np.ndarray:
        """The classes, then those that occur in `y_true` or `y_pred` alone."""
        values = (self.classes, pd.unique(self.y_true), pd.unique(self.y_pred))
        return np.asarray(pd.unique(np.concatenate([np.asarray(part, dtype=object) for part in values])))

    @cached_property
    def true_codes(self) -> Integers:
        """Each row's true class as its position in `labels`."""
        return np.asarray(pd.Index(self.labels).get_indexer(self.y_true))

    @cached_property
    def pred_codes(self) -> Integers:
        """Each row's predicted class as its position in `labels`."""
        return np.asarray(pd.Index(self.labels).get_indexer(self.y_pred))

    @property
    def probabilities(self) -> Floats:
        """The probabilities, for a metric that needs them.

        Raises
        ------
        ValueError
            The estimator gives none.

        """
        if self.y_proba is None:
            raise ValueError("the estimator gives no probabilities")
        return self.y_proba

    @property
    def keys(self) -> list[np.ndarray]:
        """Columns to sort the rows by, so that only equal rows keep the order of the file."""
        if self.classes is None:
            return [self.y_true, self.y_pred]
        return [self.true_codes, self.pred_codes, *(() if self.y_proba is None else self.y_proba.T)]

    @property
    def sha256(self) -> str:
        """The hexadecimal SHA-256 of all predictions: two models have the same one only if every bit is the same."""
        digest = hashlib.sha256("\n".join(map(repr, self.y_pred.tolist())).encode())
        if self.y_proba is not None:
            digest.update(np.ascontiguousarray(self.y_proba).tobytes())
        return digest.hexdigest()


def scores(p: Predictions, requested: Iterable[str] = ()) -> dict[str, float]:
    """Return the metrics that the report shows, and the `requested` ones; without probabilities, those without them."""
    fitting = REGRESSION_METRICS if p.classes is None else CLASSIFICATION_METRICS
    of_positive = () if p.positive is None else OF_POSITIVE
    names = dict.fromkeys((*(name for name in REPORTED if name in fitting), *of_positive, *requested))
    return {name: score(p, name) for name in names if p.y_proba is not None or name not in OF_PROBABILITIES}


def score(p: Predictions, metric: str) -> float:
    """Return one metric's value; NaN where it is not defined, as ROC AUC is without a row of each class."""
    if metric in FROM_CONFUSION:
        return float(FROM_CONFUSION[metric](confusion(p, metric)[None])[0])
    rows, finish = FROM_ROWS[metric]
    return float(finish(rows(p).mean(0, keepdims=True))[0])


def binarized(p: Predictions, metric: str) -> Predictions:
    """Return the predictions that a metric of the confusion matrix scores: a metric of class 1 has two classes."""
    if metric not in OF_CLASS_1:
        return p
    positive = 1 if p.positive is None else p.positive
    return Predictions(p.y_true == positive, p.y_pred == positive, None, np.array([False, True]))


def confusion(p: Predictions, metric: str = "accuracy") -> Floats:
    """Return the confusion matrix: row, the true class; column, the predicted one, in the order of `p.labels`."""
    p = binarized(p, metric)
    k = len(p.labels)
    return np.bincount(p.true_codes * k + p.pred_codes, minlength=k * k).reshape(k, k).astype(float)


# These functions take confusion matrices of shape (n_resamples, n_classes, n_classes) and return (n_resamples,).
# A class with neither true nor predicted rows does not count, as in scikit-learn; 0 / 0 is 0.


def _mean(per_class: Floats, weights: Floats | Bools) -> Floats:
    return ratio((per_class * weights).sum(-1), weights.sum(-1).astype(float), 0.0)


def _parts(cells: Floats) -> tuple[Floats, Floats, Floats]:
    return np.diagonal(cells, axis1=-2, axis2=-1).copy(), cells.sum(-1), cells.sum(-2)


def _accuracy(cells: Floats) -> Floats:
    accuracy: Floats = np.trace(cells, axis1=-2, axis2=-1) / cells.sum((-2, -1))
    return accuracy


def _balanced_accuracy(cells: Floats) -> Floats:
    hits, true, _ = _parts(cells)
    return _mean(ratio(hits, true, 0.0), true > 0)


def _matthews(cells: Floats) -> Floats:
    hits, true, predicted = _parts(cells)
    n: Floats = true.sum(-1)
    spread = (n**2 - (true**2).sum(-1)) * (n**2 - (predicted**2).sum(-1))
    return ratio(n * hits.sum(-1) - (true * predicted).sum(-1), np.sqrt(spread), 0.0)


# Each class's metric is a ratio: from hits, true and predicted rows its numerator and its denominator.
RATIOS: dict[str, Callable[[Floats, Floats, Floats], tuple[Floats, Floats]]] = {
    "precision": lambda hits, true, predicted: (hits, predicted),  # noqa: ARG005
    "recall": lambda hits, true, predicted: (hits, true),  # noqa: ARG005
    "f1": lambda hits, true, predicted: (2 * hits, true + predicted),
    "jaccard": lambda hits, true, predicted: (hits, true + predicted - hits),
}


def _averaged(name: str, average: str) -> Callable[[Floats], Floats]:
    """Return the metric that averages a ratio over classes as scikit-learn does, or takes that of the last class."""

    def metric(cells: Floats) -> Floats:
        hits, true, predicted = _parts(cells)
        numerator, denominator = RATIOS[name](hits, true, predicted)
        if average == "micro":
            return ratio(numerator.sum(-1), denominator.sum(-1), 0.0)
        per_class = ratio(numerator, denominator, 0.0)
        if average == "of class 1":
            last: Floats = per_class[..., -1]
            return last
        return _mean(per_class, true if average == "weighted" else (true + predicted) > 0)

    return metric


def against_rest(p: Predictions) -> range:
    """Return the classes that areas under curves are averaged over, as columns of `y_proba`: of two, one."""
    k = p.probabilities.shape[1]
    if k != 2:
        return range(k)
    of = [] if p.classes is None or p.positive is None else np.flatnonzero(p.classes == p.positive).tolist()
    return range(of[0], of[0] + 1) if of else range(1, 2)


# These functions return columns of shape (n_rows, n_columns); a metric is a function of their means.


def _of_truth(p: Predictions) -> Floats:
    """Return the probability of each row's true class, 0 where the training rows do not have that class."""
    trained = p.true_codes < p.probabilities.shape[1]
    columns = np.where(trained, p.true_codes, 0)
    return np.where(trained, p.probabilities[np.arange(len(p)), columns], 0.0)


def _log_likelihoods(p: Predictions) -> Floats:
    likelihoods: Floats = np.log(np.clip(_of_truth(p), np.finfo(p.probabilities.dtype).eps, 1.0))
    return likelihoods[:, None]


def _brier(p: Predictions) -> Floats:
    errors: Floats = (p.probabilities**2).sum(1) - 2 * _of_truth(p) + 1
    return -(errors / 2 if p.probabilities.shape[1] == 2 else errors)[:, None]


def averaged_area(area: Callable[..., Floats], p: Predictions, *weights: Floats) -> Floats:
    """Return a function of one class against the rest, averaged over classes; of two it is that of the positive one."""
    return np.asarray(np.mean([area(p.true_codes == k, p.probabilities[:, k], *weights) for k in against_rest(p)], 0))


def _placed(placements: Callable[[Bools, Floats], Floats]) -> Callable[[Predictions], Floats]:
    return lambda p: averaged_area(placements, p)[:, None]


def _squares(p: Predictions) -> Floats:
    centred = p.y_true - p.y_true.mean()
    return np.column_stack([centred, centred**2, (p.y_true - p.y_pred) ** 2, p.y_true - p.y_pred])


def _share(rest: Floats, means: Floats) -> Floats:
    """Return the share of the target's variance that is not `rest`."""
    return 1 - ratio(rest, means[:, 1] - means[:, 0] ** 2, math.nan)


def _relative(p: Predictions) -> Floats:
    errors: Floats = np.abs(p.y_true - p.y_pred) / np.maximum(np.abs(p.y_true), np.finfo(float).eps)
    return errors


def _squared_logs(p: Predictions) -> Floats:
    """Return the squared difference of logarithms; NaN where a value is not above -1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        squares = (np.log1p(p.y_true) - np.log1p(p.y_pred)) ** 2
    return np.where(np.isfinite(squares), squares, np.nan)[:, None]


# What a metric is computed from: the confusion matrix, or means over rows. An area under a curve has both the area of
# weighted rows, and each row's part in it.
AREAS: dict[str, tuple[Callable[[Bools, Floats, Floats], Floats], Callable[[Bools, Floats], Floats]]] = {
    "roc_auc": (ranking.roc_area, ranking.roc_placements),
    "roc_auc_ovr": (ranking.roc_area, ranking.roc_placements),
    "average_precision": (ranking.average_precision, ranking.precision_placements),
}
FROM_CONFUSION: dict[str, Callable[[Floats], Floats]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "matthews_corrcoef": _matthews,
    **{f"{name}_{average}": _averaged(name, average) for name in RATIOS for average in ("macro", "micro", "weighted")},
    **{name: _averaged(name, "of class 1") for name in OF_CLASS_1},
}
FROM_ROWS: dict[str, tuple[Callable[[Predictions], Floats], Callable[[Floats], Floats]]] = {
    "neg_log_loss": (_log_likelihoods, lambda m: m[:, 0]),
    "neg_brier_score": (_brier, lambda m: m[:, 0]),
    **{name: (_placed(placements), lambda m: m[:, 0]) for name, (_, placements) in AREAS.items()},
    "r2": (_squares, lambda m: _share(m[:, 2], m)),
    "explained_variance": (_squares, lambda m: _share(m[:, 2] - m[:, 3] ** 2, m)),
    "neg_mean_absolute_error": (lambda p: np.abs(p.y_true - p.y_pred)[:, None], lambda m: -m[:, 0]),
    "neg_mean_squared_error": (lambda p: ((p.y_true - p.y_pred) ** 2)[:, None], lambda m: -m[:, 0]),
    "neg_root_mean_squared_error": (lambda p: ((p.y_true - p.y_pred) ** 2)[:, None], lambda m: -np.sqrt(m[:, 0])),
    "neg_mean_absolute_percentage_error": (lambda p: _relative(p)[:, None], lambda m: -m[:, 0]),
    "neg_mean_squared_log_error": (_squared_logs, lambda m: -m[:, 0]),
    "neg_root_mean_squared_log_error": (_squared_logs, lambda m: -np.sqrt(m[:, 0])),
}
