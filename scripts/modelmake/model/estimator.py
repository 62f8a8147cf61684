"""Estimator: from the config to an unfitted estimator, and its fit."""

import re

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from modelmake.config.config import Model
from modelmake.config.position import entry
from modelmake.core.errors import UserError, first_line
from modelmake.model.imports import make

LABELLED = "labelled"  # the name of a classifier inside the one that numbers its labels
OTHER = {
    "clusterer": "a clusterer",
    "outlier_detector": "an outlier detector",
    "density_estimator": "a density estimator",
}


def build(config: Model, *, seed: int) -> BaseEstimator:
    """Return the unfitted estimator that `config` names; every `random_state` that is not set becomes `seed`.

    A parameter that is a table with the key `estimator` becomes an estimator, to any depth, also in lists.

    Raises
    ------
    UserError
        The estimator can't be imported, has no such parameter or refuses its value, or is neither a classifier nor a
        regressor.

    """
    estimator = make(config.estimator, config.params, "model", seed=seed)
    if not (_is_estimator(estimator) and hasattr(estimator, "predict")):
        what = f"'{config.estimator}' does not create a scikit-learn estimator"
        raise UserError(entry("model.estimator"), what, "it needs fit and predict")
    if other := OTHER.get(get_tags(estimator).estimator_type):
        what = f"'{config.estimator}' is {other}"
        raise UserError(entry("model.estimator"), what, "choose a classifier or a regressor")
    return estimator


def steps(config: Model, *, seed: int) -> list[tuple[str, BaseEstimator]]:
    """Return the unfitted transformers of `[model] steps`, each with the name of its class.

    Raises
    ------
    UserError
        A step can't be made, as in `build`, or is not a transformer.

    """
    named: list[tuple[str, BaseEstimator]] = []
    for place, step in enumerate(config.steps or []):
        key = f"model.steps.{place}"
        transformer = make(step.estimator, step.params, key, seed=seed)
        if not (_is_estimator(transformer) and hasattr(transformer, "transform")):
            what = f"'{step.estimator}' does not create a scikit-learn transformer"
            raise UserError(entry(f"{key}.estimator"), what, "it needs fit and transform")
        base = type(transformer).__name__.lower()
        same = sum(name.rpartition("-")[0] == base or name == base for name, _ in named)
        named.append((f"{base}-{same + 1}" if same or base in ("columns", "estimator") else base, transformer))
    return named


def parameters(unfitted: BaseEstimator, **more: object) -> dict[str, str]:
    """Return every parameter of an estimator, and `more`, as text that is the same in each process.

    The text of a function has no memory address; MLflow accepts 6,000 characters.
    """
    params = unfitted.get_params() | more
    return {name: re.sub(r" at 0x[0-9a-f]+", "", str(value))[:6000] for name, value in params.items()}


def dummy(X: pd.DataFrame, y: pd.Series, *, classifier: bool) -> BaseEstimator:
    """Return scikit-learn's Dummy estimator, fitted: it predicts from the classes' shares, or the mean, alone."""
    return (DummyClassifier(strategy="prior") if classifier else DummyRegressor()).fit(X, y)


def fit(unfitted: Pipeline, X: pd.DataFrame, y: pd.Series) -> Pipeline:
    """Fit in place and return the fitted pipeline.

    Raises
    ------
    UserError
        scikit-learn, or the package of the estimator, refuses the parameters or the values in the data.

    """
    try:
        return unfitted.fit(X, y)
    except Exception as error:
        if not isinstance(error, TypeError | ValueError) and not _is_own(error, unfitted):
            raise
        name = type(_inner(unfitted[-1])).__name__
        raise UserError(f"{name}.fit", first_line(error), f"see {entry('model.params')}, and the data") from None


def _is_estimator(made: object) -> bool:
    return all(hasattr(made, name) for name in ("fit", "get_params", "__sklearn_tags__")) and not isinstance(made, type)


def _inner(estimator: BaseEstimator) -> BaseEstimator:
    """Return the estimator of the config, without the one that numbers its labels (preprocess.py)."""
    named = getattr(estimator, "estimators", None) or []
    inner = dict(entry for entry in named if len(entry) == 2) if isinstance(named, list) else {}
    return inner.get(LABELLED, estimator)


def _is_own(error: Exception, pipeline: Pipeline) -> bool:
    """Return whether the class of the error is of the package of an estimator, as LightGBM's is."""
    package = type(error).__module__.partition(".")[0].lstrip("_")
    return package in {type(_inner(step)).__module__.partition(".")[0] for _, step in pipeline.steps}
