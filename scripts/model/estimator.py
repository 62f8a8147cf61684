"""From the config to an unfitted estimator."""

import importlib
import re
from collections.abc import Callable

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline

from scripts.core.config import Model
from scripts.core.errors import UserError, first_line, suggestion


def build(config: Model, *, seed: int) -> BaseEstimator:
    """Return the unfitted estimator that `config` names; every `random_state` that is not set becomes `seed`.

    Raises
    ------
    UserError
        The estimator can't be imported, refuses a parameter, or is not one of scikit-learn's.

    """
    factory = _imported(config.estimator)
    try:
        estimator = factory(**config.params)
    except (TypeError, ValueError) as error:
        raise UserError("pipeline.toml: model.params", first_line(error), f"see {config.estimator}") from None
    if not (isinstance(estimator, BaseEstimator) and hasattr(estimator, "fit") and hasattr(estimator, "predict")):
        raise _no_estimator(config.estimator)
    params = estimator.get_params()
    unseeded = [name for name, value in params.items() if name.endswith("random_state") and value is None]
    return estimator.set_params(**dict.fromkeys(unseeded, seed))


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
        scikit-learn refuses the parameters or the values in the data.

    """
    try:
        return unfitted.fit(X, y)
    except (TypeError, ValueError) as error:
        name = type(unfitted[-1]).__name__
        raise UserError(f"{name}.fit", first_line(error), "see model.params in pipeline.toml, and the data") from None


def _imported(path: str) -> Callable[..., BaseEstimator]:
    """Return the class or function at the import path `path`."""
    where = "pipeline.toml: model.estimator"
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's own module may fail in any way
        what = f"cannot import '{module_name}': {first_line(error)}"
        raise UserError(where, what, "name an installed module") from None
    if not hasattr(module, name):
        classes = [member for member in dir(module) if member[0].isupper()]
        raise UserError(where, f"no '{name}' in {module_name}", suggestion(name, classes))
    factory: object = getattr(module, name)
    if not callable(factory):
        raise _no_estimator(path)
    return factory


def _no_estimator(path: str) -> UserError:
    what = f"'{path}' does not create a scikit-learn estimator"
    return UserError("pipeline.toml: model.estimator", what, "it needs fit and predict")
