"""How well one feature predicts the target, on rows that it was not fitted to."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

PERFECT_GAPS = 0.95  # balanced accuracy of gaps alone, which hardly any honest feature has

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


def halves(rows: int, ordered: bool) -> list[Rows]:
    """Return two halves of the row numbers: at random, or before and after a moment."""
    return np.array_split(np.arange(rows) if ordered else np.random.default_rng(0).permutation(rows), 2)


def score(feature: pd.Series, y: pd.Series, halves: list[Rows], *, classifier: bool) -> float:
    """Return the lower of two scores of predictions from one feature, for the rows that it was not fitted to."""
    if feature.nunique(dropna=False) < 2:
        return 0.0
    predict: Callable[..., Floats] = _by_tree if feature.dtype.kind in "biufM" else _by_value
    scores = []
    for fitted, other in (halves, halves[::-1]):
        predicted = predict(feature.iloc[fitted], y.iloc[fitted], feature.iloc[other], classifier)
        scores.append(agreement(y.to_numpy(dtype=float)[other], predicted, classifier))
        if scores[-1] < PERFECT_GAPS:
            break
    return min(scores)


def agreement(y: Floats, predicted: Floats, classifier: bool) -> float:
    """Return the balanced accuracy, or the r2."""
    if classifier:
        return float(np.mean([(predicted[y == value] == value).mean() for value in np.unique(y)]))
    variance = float(((y - y.mean()) ** 2).sum())
    return float(1 - ((y - predicted) ** 2).sum() / variance) if variance else 0.0


def _by_value(x: pd.Series, y: pd.Series, new: pd.Series, classifier: bool) -> Floats:
    """Return the most frequent class, or the mean, of each value."""
    grouped = y.groupby(x.fillna("").to_numpy())
    values = grouped.agg(lambda of: of.value_counts().index[0]) if classifier else grouped.mean()
    default = y.value_counts().index[0] if classifier else y.mean()
    return np.asarray(new.fillna("").map(values).fillna(default), dtype=float)


def _by_tree(x: pd.Series, y: pd.Series, new: pd.Series, classifier: bool) -> Floats:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: PLC0415  # slow to import

    tree = (DecisionTreeClassifier if classifier else DecisionTreeRegressor)(max_leaf_nodes=64, random_state=0)
    return np.asarray(tree.fit(_numbers(x), y).predict(_numbers(new)), dtype=float)


def _numbers(x: pd.Series) -> Floats:
    if x.dtype.kind == "M":
        x = x.astype("int64").where(x.notna())
    return np.asarray(x, dtype=float).reshape(-1, 1)
