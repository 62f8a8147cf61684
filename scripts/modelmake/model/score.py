"""Score: a fitted estimator's predictions of some rows, and its scores on the rows that it was trained on."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier

from modelmake.config.gate import positive_class
from modelmake.data.split import Split
from modelmake.model.padding import predictions
from modelmake.scores import metrics, sample_size

MOST = 100_000  # training rows that are predicted, evenly spread over all of them


def predict(
    estimator: BaseEstimator, X: pd.DataFrame, y: pd.Series, positive: object = None, *, probabilities: bool = True
) -> metrics.Predictions:
    """Predict rows whose target is known, with `probabilities` if the estimator has them.

    `positive` is `[data] positive`; it has no effect on more than two classes.
    """
    y_true, y_pred = y.to_numpy(), np.asarray(predictions(estimator.predict, X))
    if not is_classifier(estimator):
        return metrics.Predictions(y_true, y_pred)
    y_proba = estimator.predict_proba(X) if probabilities and hasattr(estimator, "predict_proba") else None
    classes = np.asarray(estimator.classes_)
    return metrics.Predictions(y_true, y_pred, y_proba, classes, of_two(positive, classes))


def of_two(positive: object, classes: np.ndarray | None) -> object:
    """Return the class of two that `positive` names; None if there are not two."""
    if positive is None or classes is None or len(classes) != 2:
        return None
    return positive_class(positive, classes.tolist())


def undefined(metric: str, y_fit: pd.Series, y_test: pd.Series, positive: object, *, classifier: bool) -> str:
    """Return why a metric says nothing about the rows of `y_test`, whatever a model of `y_fit` predicts, or ""."""
    classes = np.sort(y_fit.unique()) if classifier else None
    return sample_size.undefined(metric, y_test.to_numpy(), classes, of_two(positive, classes))


Rows = TypeVar("Rows", pd.DataFrame, pd.Series)


def sample(rows: Rows) -> Rows:
    """Return all rows, or MOST of them, evenly spread."""
    return rows if len(rows) <= MOST else rows.iloc[np.linspace(0, len(rows) - 1, MOST).astype(int)]


def on_training_rows(
    estimator: BaseEstimator, split: Split, requested: Iterable[str], positive: object
) -> tuple[dict[str, float], int]:
    """Return the scores on the training rows, on a sample of them if there are many, and the number of rows."""
    X, y = sample(split.X_train), sample(split.y_train)
    return metrics.scores(predict(estimator, X, y, positive), requested), len(X)
