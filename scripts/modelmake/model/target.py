"""Target: whether the estimator fits the column that it predicts, before it is fitted."""

import pandas as pd
from sklearn.base import BaseEstimator, is_classifier

from modelmake.config.config import Config
from modelmake.config.position import entry
from modelmake.core.errors import UserError, few

FEW = 20  # classes that any number of rows may have


def check_target(estimator: BaseEstimator, y: pd.Series, config: Config) -> None:
    """Raise UserError for a regressor whose target is not numbers, or a classifier whose target is not classes.

    Parameters
    ----------
    estimator : estimator
        Not fitted.
    y : pandas.Series of shape (n_rows,)
        The target of the training rows.
    config : Config
        Names the table and the target.

    """
    where, name = entry("model.estimator"), type(estimator).__name__
    target = f"the target '{config.data.target}'"
    if not is_classifier(estimator):
        if y.dtype.kind not in "iuf":
            what = f"{name} is a regressor, and {target} contains {few(y.unique().tolist())}"
            raise UserError(where, what, "choose a classifier, or a target of numbers")
        return
    classes = y.nunique()
    if y.dtype.kind in "iuf" and classes > max(FEW, len(y) // 10):
        what = f"{name} is a classifier, and {target} has {classes} different numbers in {len(y)} rows"
        raise UserError(where, what, "choose a regressor")
    if classes > max(FEW, len(y) // 2):
        what = f"{name} is a classifier, and {target} has {classes} classes in {len(y)} rows"
        raise UserError(where, what, "choose a target that repeats")
