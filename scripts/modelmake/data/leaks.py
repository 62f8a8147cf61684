"""Leaks: features that alone predict the target nearly perfectly, often since they are known only after it."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

ROWS, CELLS = 2_000, 800_000  # of the sample in which each feature is tried
LEAST = 50  # rows, of which two halves can tell chance from a leak
OF_CLASS = 10  # rows of a class that counts
PERFECT = 0.99  # balanced accuracy, or r2, of one feature
PERFECT_GAPS = 0.95  # balanced accuracy of its gaps alone, which hardly any honest feature has
WIDE = 100  # columns of numbers that are tried one by one

Rows = NDArray[np.intp]


def leaks(features: pd.DataFrame, target: pd.Series, *, classifier: bool, ordered: bool) -> Iterator[tuple[str, str]]:
    """Yield each feature that alone predicts the target nearly perfectly, and how well it does.

    Each feature is tried on rows that it was not fitted to: a decision tree of at most 64 leaves is fitted to one half
    of at most 2,000 rows and predicts the other half, and the other way round. Texts are tried as the mean of the
    target, or its most frequent class, by value. A feature is named if the balanced accuracy is at least 0.99, the r2
    is at least 0.99, or its gaps alone reach a balanced accuracy of 0.95. Of more than 100 columns of numbers those
    are tried whose ranks differ most between the classes, or follow the target best. Rows that are `ordered` in time
    are halved at a moment, since at random any two trends predict each other.
    """
    rows = min(ROWS, max(200, CELLS // max(1, features.shape[1])))
    sample = features.iloc[:: -(-len(features) // rows) or 1].reset_index(drop=True)
    y = target.iloc[:: -(-len(features) // rows) or 1].reset_index(drop=True)
    if classifier:
        counts = y.value_counts()
        kept = y.isin(counts.index[counts >= OF_CLASS]).to_numpy()
        sample, y = sample[kept].reset_index(drop=True), y[kept].reset_index(drop=True)
        y = pd.Series(pd.factorize(y, sort=True)[0])
    elif y.dtype.kind not in "biuf":
        return
    if len(y) < LEAST or y.nunique() < 2:
        return
    halves = np.array_split(np.arange(len(y)) if ordered else np.random.default_rng(0).permutation(len(y)), 2)
    for name in _tried(sample, y):
        score = _score(sample[name], y, halves, classifier=classifier)
        if score >= PERFECT:
            yield name, f"column '{name}' alone predicts the target ({_metric(classifier)} {score:.4f})"
        elif classifier and (gaps := _score(sample[name].isna(), y, halves, classifier=True)) >= PERFECT_GAPS:
            yield name, f"the gaps of column '{name}' alone predict the target (accuracy {gaps:.4f})"


def _metric(classifier: bool) -> str:
    return "balanced accuracy" if classifier else "r2"


def _tried(sample: pd.DataFrame, y: pd.Series) -> list[str]:
    """Return the columns that are tried; of many numbers those whose ranks follow the target best."""
    numbers = [name for name in sample.columns if sample[name].dtype.kind in "biufM"]
    if len(numbers) <= WIDE:
        return list(sample.columns)
    ranks = sample[numbers].rank().fillna(0).to_numpy()
    means = np.vstack([ranks[rows].mean(axis=0) for rows in np.array_split(np.argsort(y.to_numpy(), kind="stable"), 8)])
    spread = means.std(axis=0) / (ranks.std(axis=0) + 1)
    best = {numbers[place] for place in np.argsort(-spread, kind="stable")[:WIDE]}
    return [name for name in sample.columns if name in best or name not in numbers]


def _score(feature: pd.Series, y: pd.Series, halves: list[Rows], *, classifier: bool) -> float:
    """Return the lower of two scores of predictions from one feature, for the rows that it was not fitted to."""
    if feature.nunique(dropna=False) < 2:
        return 0.0
    predict = _by_tree if feature.dtype.kind in "biufM" else _by_value
    scores = []
    for fitted, other in (halves, halves[::-1]):
        predicted = predict(feature.iloc[fitted], y.iloc[fitted], feature.iloc[other], classifier)
        scores.append(_agreement(y.to_numpy(dtype=float)[other], predicted, classifier))
        if scores[-1] < PERFECT_GAPS:
            break
    return min(scores)


def _agreement(y: NDArray[np.float64], predicted: NDArray[np.float64], classifier: bool) -> float:
    """Return the balanced accuracy, or the r2."""
    if classifier:
        return float(np.mean([(predicted[y == value] == value).mean() for value in np.unique(y)]))
    variance = float(((y - y.mean()) ** 2).sum())
    return float(1 - ((y - predicted) ** 2).sum() / variance) if variance else 0.0


def _by_value(x: pd.Series, y: pd.Series, new: pd.Series, classifier: bool) -> NDArray[np.float64]:
    """Return the most frequent class, or the mean, of each value."""
    grouped = y.groupby(x.fillna("").to_numpy())
    values = grouped.agg(lambda of: of.value_counts().index[0]) if classifier else grouped.mean()
    default = y.value_counts().index[0] if classifier else y.mean()
    return np.asarray(new.fillna("").map(values).fillna(default), dtype=float)


def _by_tree(x: pd.Series, y: pd.Series, new: pd.Series, classifier: bool) -> NDArray[np.float64]:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: PLC0415  # slow to import

    tree = (DecisionTreeClassifier if classifier else DecisionTreeRegressor)(max_leaf_nodes=64, random_state=0)
    return np.asarray(tree.fit(_numbers(x), y).predict(_numbers(new)), dtype=float)


def _numbers(x: pd.Series) -> NDArray[np.float64]:
    if x.dtype.kind == "M":
        x = x.astype("int64").where(x.notna())
    return np.asarray(x, dtype=float).reshape(-1, 1)
