"""Forest: the predictions of a forest without joblib, which takes ten milliseconds to call a hundred trees in turn."""

import copy
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble._forest import ForestClassifier, ForestRegressor
from sklearn.pipeline import Pipeline

Predict = Callable[[pd.DataFrame], NDArray[Any]]


def predictor(pipeline: Pipeline, golden: pd.DataFrame, expected: NDArray[Any]) -> Predict:
    """Return the pipeline's `predict`, or a faster one of a forest that gives the same on the golden rows.

    Parameters
    ----------
    pipeline : Pipeline
        The fitted model.
    golden : pandas.DataFrame of shape (n_rows, n_features)
        Rows for which both must give the same bits.
    expected : ndarray of shape (n_rows,)
        What the pipeline's own `predict` gives for them.

    """
    forest, slow = pipeline[-1], cast("Predict", pipeline.predict)
    kind = next((kind for kind in (ForestClassifier, ForestRegressor) if _predicts_as(forest, kind)), None)
    if kind is None or forest.n_outputs_ != 1:
        return slow
    before = pipeline[:-1] if len(pipeline) > 1 else None
    check = forest._validate_X_predict if before else _checked(forest)
    trees = [tree.tree_ for tree in forest.estimators_]
    vote = _classes(forest) if kind is ForestClassifier else _mean(forest)

    def predict(X: pd.DataFrame) -> NDArray[Any]:
        """Predict as scikit-learn does: its checks of the input, then each tree in its order."""
        rows = check(before.transform(X) if before else X)
        return vote(tree.predict(rows) for tree in trees)

    try:
        same = np.array_equal(predict(golden), expected)
    except Exception:  # another version of scikit-learn may have other insides
        same = False
    return predict if same else slow


def _predicts_as(forest: object, kind: type) -> bool:
    """Whether an estimator predicts by the methods of this class of scikit-learn, none of its own."""
    names = [name for name in ("predict", "predict_proba") if hasattr(kind, name)]
    return all(getattr(type(forest), name, None) is getattr(kind, name) for name in names)


def _checked(forest: ForestClassifier | ForestRegressor) -> Predict:
    """Return scikit-learn's check of a frame, which spends half of its time on the names; those are compared here."""
    names = list(getattr(forest, "feature_names_in_", ()))
    nameless = copy.copy(forest)
    nameless.__dict__.pop("feature_names_in_", None)

    def check(X: pd.DataFrame) -> NDArray[Any]:
        same = list(X.columns) == names
        rows: NDArray[Any] = (
            nameless._validate_X_predict(X.to_numpy(dtype=np.float32)) if same else forest._validate_X_predict(X)
        )
        return rows

    return check


def _classes(forest: ForestClassifier) -> Callable[[Iterable[NDArray[Any]]], NDArray[Any]]:
    classes, trees = forest.classes_, len(forest.estimators_)

    def vote(answers: Iterable[NDArray[Any]]) -> NDArray[Any]:
        """Return the class with the highest mean probability."""
        proba = reduce(np.add, (answer[:, : len(classes)] for answer in answers)) / trees
        labels: NDArray[Any] = classes.take(np.argmax(proba, axis=1), axis=0)
        return labels

    return vote


def _mean(forest: ForestRegressor) -> Callable[[Iterable[NDArray[Any]]], NDArray[Any]]:
    trees = len(forest.estimators_)
    return lambda answers: reduce(np.add, (answer[:, 0] for answer in answers)) / trees
