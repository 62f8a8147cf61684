"""Preprocess: the pipeline that prepares the columns and ends with the estimator."""

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.pipeline import Pipeline

from modelmake.config.config import Config, check_columns
from modelmake.model.estimator import LABELLED, steps
from modelmake.model.groups import plan
from modelmake.model.needs import is_of, leaves
from modelmake.model.target import check_target

COUNTED_FROM_0 = ("xgboost",)  # the classes that their classifiers accept are 0, 1, 2 and so on, and nothing else
# Parameters of scikit-learn, LightGBM, XGBoost and CatBoost that name columns.
OF_COLUMNS = ("monotonic_cst", "categorical_features", "categorical_feature", "monotone_constraints", "cat_features")
OF_ONE_COLUMN = ("catboost",)  # their labels of more than two classes have the shape (n_rows, 1)


def pipeline(config: Config, unfitted: BaseEstimator, X: pd.DataFrame, y: pd.Series) -> Pipeline:
    """Return the unfitted pipeline: the columns prepared by their kind, `[model] steps`, and the estimator.

    The order of the columns of `X` and of the rows of a file changes nothing where `X` has its columns sorted by name.
    Where an estimator takes every column as it is, the pipeline is that estimator alone.

    Parameters
    ----------
    config : Config
        The whole of pipeline.toml.
    unfitted : estimator
        As `build` returns it.
    X : pandas.DataFrame of shape (n_rows, n_features)
        The training rows.
    y : pandas.Series of shape (n_rows,)
        Their target.

    Raises
    ------
    UserError
        A step cannot be made, the estimator does not fit the target, or a parameter names a column that is not there.

    """
    check_target(unfitted, y, config)
    if not config.model.steps:  # which may give columns other names
        _check_names(unfitted, X, config)
    after = [*steps(config.model, seed=config.seed), ("estimator", _encoding_labels(unfitted, y))]
    if config.model.raw:
        return Pipeline(after)
    groups = plan(config, [step for _, step in after], X)
    if all(group.transformer == "passthrough" for group in groups) and _takes_names(unfitted, X):
        return Pipeline(after)
    columns = ColumnTransformer([(group.name, group.transformer, group.columns) for group in groups])
    return Pipeline([("columns", columns), *after])


def _check_names(unfitted: BaseEstimator, X: pd.DataFrame, config: Config) -> None:
    """Raise UserError for a column that a parameter names and `X` does not have."""
    for name, value in unfitted.get_params().items():
        if name.rpartition("__")[2] in OF_COLUMNS and isinstance(value, list | tuple | dict):
            named = [one for one in value if isinstance(one, str)]
            check_columns(f"model.params.{name}", named, list(X.columns), f"the features of {config.data.path}")


def _takes_names(unfitted: BaseEstimator, X: pd.DataFrame) -> bool:
    """Return whether the estimator accepts these names of columns: LightGBM and XGBoost refuse characters in them."""
    own = all(type(leaf).__module__.startswith("sklearn.") for leaf in leaves(unfitted))
    return own or all(str(name).isidentifier() for name in X.columns)


def _encoding_labels(unfitted: BaseEstimator, y: pd.Series) -> BaseEstimator:
    """Return a classifier that accepts the labels and returns them as they are, in the shape (n_rows,).

    scikit-learn's VotingClassifier numbers the labels for the one classifier in it.
    """
    if not is_classifier(unfitted):
        return unfitted
    labels = np.sort(y.unique())
    counted = y.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels)))
    numbered = not counted and any(is_of(leaf, COUNTED_FROM_0) for leaf in leaves(unfitted))
    flattened = len(labels) > 2 and is_of(unfitted, OF_ONE_COLUMN)
    return VotingClassifier([(LABELLED, unfitted)], voting="soft") if numbered or flattened else unfitted
