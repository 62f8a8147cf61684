"""Predictions on held-out rows, and their scores.

Every metric goes by its scikit-learn scorer name, so higher is always better.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from scripts.core.config import CLASSIFICATION_METRICS, OF_CLASS_1, OF_PROBABILITIES, REGRESSION_METRICS, REPORTED
from scripts.scores import ranking


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


def scores(p: Predictions, asked: Iterable[str] = ()) -> dict[str, float]:
    """Return the value of each metric that is reported of such predictions, and of those that are `asked` for."""
    fitting = REGRESSION_METRICS if p.classes is None else CLASSIFICATION_METRICS
    known = [name for name in REPORTED if name in fitting and (p.y_proba is not None or name not in OF_PROBABILITIES)]
    return {name: score(p, name) for name in dict.fromkeys((*known, *asked))}


def score(p: Predictions, metric: str) -> float:
    """Return one metric's value; NaN where it is not defined, as ROC AUC is without a row of each class."""
    if metric in FROM_CONFUSION:
        return float(FROM_CONFUSION[metric](confusion(p, metric)[None])[0])
    rows, finish = FROM_ROWS[metric]
    return float(finish(rows(p).mean(0, keepdims=True))[0])


def asked_of(p: Predictions, metric: str) -> Predictions:
    """Return what a metric of the confusion matrix looks at: one of class 1 sees that class and the rest."""
    if metric not in OF_CLASS_1:
        return p
    return Predictions(p.y_true == 1, p.y_pred == 1, None, np.array([False, True]))


def confusion(p: Predictions, metric: str = "accuracy") -> np.ndarray:
    """Return the confusion matrix: row, the true class; column, the predicted one, in the order of `p.labels`."""
    p = asked_of(p, metric)
    k = len(p.labels)
    return np.bincount(p.true_codes * k + p.pred_codes, minlength=k * k).reshape(k, k).astype(float)


# Each takes confusion matrices of shape (n_resamples, n_classes, n_classes) and returns (n_resamples,).
# A class with neither true nor predicted rows does not count, as in scikit-learn; 0 / 0 is 0.


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def _mean(per_class: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return _ratio((per_class * weights).sum(-1), weights.sum(-1).astype(float))


def _parts(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.diagonal(cells, axis1=-2, axis2=-1).copy(), cells.sum(-1), cells.sum(-2)


def _accuracy(cells: np.ndarray) -> np.ndarray:
    return np.trace(cells, axis1=-2, axis2=-1) / cells.sum((-2, -1))


def _balanced_accuracy(cells: np.ndarray) -> np.ndarray:
    hits, true, _ = _parts(cells)
    return _mean(_ratio(hits, true), true > 0)


def _matthews(cells: np.ndarray) -> np.ndarray:
    hits, true, predicted = _parts(cells)
    n = true.sum(-1)
    spread = (n**2 - (true**2).sum(-1)) * (n**2 - (predicted**2).sum(-1))
    return _ratio(n * hits.sum(-1) - (true * predicted).sum(-1), np.sqrt(spread))


# Each class's metric is a ratio: from hits, true and predicted rows its numerator and its denominator.
RATIOS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "precision": lambda hits, true, predicted: (hits, predicted),  # noqa: ARG005
    "recall": lambda hits, true, predicted: (hits, true),  # noqa: ARG005
    "f1": lambda hits, true, predicted: (2 * hits, true + predicted),
    "jaccard": lambda hits, true, predicted: (hits, true + predicted - hits),
}


def _averaged(name: str, average: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the metric that averages a ratio over classes as scikit-learn does, or takes that of the last class."""

    def metric(cells: np.ndarray) -> np.ndarray:
        hits, true, predicted = _parts(cells)
        numerator, denominator = RATIOS[name](hits, true, predicted)
        if average == "micro":
            return _ratio(numerator.sum(-1), denominator.sum(-1))
        per_class = _ratio(numerator, denominator)
        if average == "of class 1":
            return per_class[..., -1]
        return _mean(per_class, true if average == "weighted" else (true + predicted) > 0)

    return metric


def against_rest(p: Predictions) -> range:
    """Return the classes that areas under curves are averaged over, as columns of `y_proba`."""
    return range(1, 2) if len(p.classes) == 2 else range(len(p.classes))


# Each gives columns of shape (n_rows, n_columns); a metric is a function of their means.


def _of_truth(p: Predictions) -> np.ndarray:
    """Give the probability of each row's true class, 0 where the model does not know that class."""
    known = p.true_codes < len(p.classes)
    return np.where(known, p.y_proba[np.arange(len(p)), np.where(known, p.true_codes, 0)], 0.0)


def _log_likelihoods(p: Predictions) -> np.ndarray:
    return np.log(np.clip(_of_truth(p), np.finfo(p.y_proba.dtype).eps, 1.0))[:, None]


def _brier(p: Predictions) -> np.ndarray:
    found = (p.y_proba**2).sum(1) - 2 * _of_truth(p) + 1
    return -(found / 2 if len(p.classes) == 2 else found)[:, None]


def _areas(placements: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[[Predictions], np.ndarray]:
    """Give each row's part in the area under a curve, averaged over classes."""

    def rows(p: Predictions) -> np.ndarray:
        each = [placements(p.y_true == p.classes[k], p.y_proba[:, k]) for k in against_rest(p)]
        return np.mean(each, axis=0)[:, None]

    return rows


def _squares(p: Predictions) -> np.ndarray:
    centred = p.y_true - p.y_true.mean()
    return np.column_stack([centred, centred**2, (p.y_true - p.y_pred) ** 2, p.y_true - p.y_pred])


def _share(rest: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Give the share of the target's variance that is not `rest`."""
    total = means[:, 1] - means[:, 0] ** 2
    return 1 - np.divide(rest, total, out=np.full(len(means), np.nan), where=total > 0)


def _relative(p: Predictions) -> np.ndarray:
    return np.abs(p.y_true - p.y_pred) / np.maximum(np.abs(p.y_true), np.finfo(float).eps)


def _squared_logs(p: Predictions) -> np.ndarray:
    """Give the squared difference of logarithms; not known where a value is not above -1."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (np.log1p(p.y_true) - np.log1p(p.y_pred)) ** 2
    return np.where(np.isfinite(found), found, np.nan)[:, None]


# What a metric is computed from: the confusion matrix, or means over rows.
FROM_CONFUSION: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced_accuracy,
    "matthews_corrcoef": _matthews,
    **{f"{name}_{average}": _averaged(name, average) for name in RATIOS for average in ("macro", "micro", "weighted")},
    **{name: _averaged(name, "of class 1") for name in OF_CLASS_1},
}
FROM_ROWS: dict[str, tuple[Callable[[Predictions], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "neg_log_loss": (_log_likelihoods, lambda m: m[:, 0]),
    "neg_brier_score": (_brier, lambda m: m[:, 0]),
    "roc_auc": (_areas(ranking.roc_placements), lambda m: m[:, 0]),
    "roc_auc_ovr": (_areas(ranking.roc_placements), lambda m: m[:, 0]),
    "average_precision": (_areas(ranking.precision_placements), lambda m: m[:, 0]),
    "r2": (_squares, lambda m: _share(m[:, 2], m)),
    "explained_variance": (_squares, lambda m: _share(m[:, 2] - m[:, 3] ** 2, m)),
    "neg_mean_absolute_error": (lambda p: np.abs(p.y_true - p.y_pred)[:, None], lambda m: -m[:, 0]),
    "neg_mean_squared_error": (lambda p: ((p.y_true - p.y_pred) ** 2)[:, None], lambda m: -m[:, 0]),
    "neg_root_mean_squared_error": (lambda p: ((p.y_true - p.y_pred) ** 2)[:, None], lambda m: -np.sqrt(m[:, 0])),
    "neg_mean_absolute_percentage_error": (lambda p: _relative(p)[:, None], lambda m: -m[:, 0]),
    "neg_mean_squared_log_error": (_squared_logs, lambda m: -m[:, 0]),
    "neg_root_mean_squared_log_error": (_squared_logs, lambda m: -np.sqrt(m[:, 0])),
}
