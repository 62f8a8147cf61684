"""The estimator as the last step of a pipeline that prepares the columns for it."""

import logging

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from scripts.core.config import Config


def pipeline(config: Config, unfitted: BaseEstimator, X: pd.DataFrame, y: pd.Series) -> Pipeline:
    """Return `unfitted` after the encoding of the columns of `X`: text is one-hot encoded, numbers stay as they are.

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

    """
    logging.getLogger(__name__).debug("%s rows, seed %s", len(y), config.seed)
    text = [column for column, dtype in X.dtypes.items() if dtype.kind not in "biuf"]
    if not text:
        return Pipeline([("estimator", unfitted)])
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("text", one_hot, text)], remainder="passthrough", verbose_feature_names_out=False)
    return Pipeline([("columns", columns), ("estimator", unfitted)])
