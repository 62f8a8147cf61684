"""Padding: predictions of a row whose last bits do not depend on the rows beside it, where the model is linear.

BLAS computes the last rows of a matrix in another way than those before, if their number is not a multiple of EVEN. So
rows are filled up with copies of the last one wherever a prediction is logged, scored, served or written.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

EVEN = 16


def predictions(predict: Callable[[pd.DataFrame], Any], X: pd.DataFrame) -> Any:  # noqa: ANN401  # what predict returns
    """Return the predictions of all rows.

    Parameters
    ----------
    predict : callable
        The method of a fitted estimator.
    X : pandas.DataFrame of shape (n_rows, n_features)
        At least one row.

    Raises
    ------
    ValueError
        There is not one prediction for each row.

    """
    rows = len(X)
    places = np.minimum(np.arange(rows + -rows % EVEN), rows - 1)
    columns = {name: X[name].take(places).reset_index(drop=True) for name in X.columns} if len(places) > rows else {}
    y_pred = predict(pd.DataFrame(columns, copy=False) if columns else X)
    if len(y_pred) != len(places):
        raise ValueError(f"{len(y_pred)} predictions of {len(places)} rows")
    return y_pred[:rows]


def filled(values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a column with copies of the last one.

    Examples
    --------
    >>> filled((1, 2, None))
    [1, 2, None, None, None, None, None, None, None, None, None, None, None, None, None, None]

    """
    return [*values, *([values[-1]] * (-len(values) % EVEN))]
