"""Leaks: features that predict the target nearly perfectly, often since they are known only after it."""

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from modelmake.data import predictions
from modelmake.data.predictions import Floats, Rows

ROWS, CELLS = 2_000, 800_000  # of the sample in which each feature is tried
LEAST = 50  # rows, of which two halves can tell chance from a leak
FEWEST = 20  # rows, in which a rank correlation can
OF_CLASS = 10  # rows of a class that counts
PERFECT = 0.99  # balanced accuracy, or r2, of one feature
SAME_ORDER = 0.998  # rank correlation of one feature with the target
WIDE = 100  # columns of numbers that are tried one by one
TOGETHER = 8  # columns of numbers that are tried in twos and threes

FORMULAS: tuple[tuple[str, Callable[..., Any], Callable[[Any], Any]], ...] = (  # words, values that count, scale
    ("sum or difference", lambda values: values.notna(), lambda values: values),
    ("product or ratio", lambda values: values > 0, np.log),
)
MOST = 0.9  # share of the values of a column that count
ROUNDS = 4  # fits, each to the rows that the fit before it is nearest to
EXACT, IN_ROWS = 0.01, 0.75  # of the spread of the target, and share of the rows in which a formula is so near to it
TARGET, REST = "\0target", "\0rest"  # no column has such a name; the rest of a share, as of a discount, is 1 - x

Leak = tuple[tuple[str, ...], str]


def leaks(features: pd.DataFrame, target: pd.Series, *, classifier: bool, ordered: bool) -> Iterator[Leak]:
    """Yield the features that predict the target nearly perfectly, alone or two or three together, and how well.

    Each feature is tried on rows that it was not fitted to: a decision tree of at most 64 leaves is fitted to one half
    of at most 2,000 rows and predicts the other half, and the other way round. Texts are tried as the mean of the
    target, or its most frequent class, by value. A feature is named if the balanced accuracy is at least 0.99, the r2
    is at least 0.99, or its gaps alone reach a balanced accuracy of 0.95; and also if it has the order of a numeric
    target, as a copy of it in another unit or its logarithm has. Of more than 100 columns of numbers those are tried
    whose ranks differ most between the classes, or follow the target best. Rows that are `ordered` in time are halved
    at a moment, and their steps are compared, since at random any two trends predict each other.

    Sums, differences, products and ratios of two or three columns are linear fits of the target, or of its logarithm.
    A formula that is exact in most rows is named also if a few wrong values make its r2 low.
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
    if len(y) < FEWEST or y.nunique() < 2:
        return
    named = set()
    for leak in _alone(sample, y, classifier=classifier, ordered=ordered):
        named |= {*leak[0]}
        yield leak
    rest = sample[[name for name in sample.columns if name not in named and sample[name].dtype.kind in "iuf"]]
    yield from _difference(rest, y, ordered) if classifier else _formula(rest, y.astype(float), ordered)


def _alone(sample: pd.DataFrame, y: pd.Series, *, classifier: bool, ordered: bool) -> Iterator[Leak]:
    """Yield each feature that alone predicts the target."""
    halves = predictions.halves(len(y), ordered)
    for name in _tried(sample, y):
        score = predictions.score(sample[name], y, halves, classifier=classifier) if len(y) >= LEAST else 0.0
        if score >= PERFECT:
            yield (name,), f"column '{name}' alone predicts the target ({_metric(classifier)} {score:.4f})"
        elif not classifier and (rank := _rank(sample[name], y, ordered=ordered)) >= SAME_ORDER:
            yield (name,), f"column '{name}' alone predicts the target (rank correlation {rank:.4f})"
        elif classifier and len(y) >= LEAST:
            gaps = predictions.score(sample[name].isna(), y, halves, classifier=True)
            if gaps >= predictions.PERFECT_GAPS:
                yield (name,), f"the gaps of column '{name}' alone predict the target (accuracy {gaps:.4f})"


def _metric(classifier: bool) -> str:
    return "balanced accuracy" if classifier else "r2"


def _rank(feature: pd.Series, y: pd.Series, *, ordered: bool) -> float:
    """Return the rank correlation of a number with the target, or of their steps in time, without its sign."""
    if feature.dtype.kind not in "iuf" or feature.nunique() < min(FEWEST, y.nunique() / 2):
        return 0.0
    both = pd.DataFrame({"x": feature.astype(float), "y": y.astype(float)}).dropna()
    if len(both) < max(FEWEST, len(y) / 2):
        return 0.0
    return abs(float((both.diff() if ordered else both).corr("spearman").iloc[0, 1]))


def _formula(numbers: pd.DataFrame, y: pd.Series, ordered: bool) -> Iterator[Leak]:
    """Yield the two or three columns whose sum, difference, product or ratio the target is: those that fit best."""
    found: list[tuple[float, tuple[str, ...], str, str]] = []
    shares = [name for name in numbers.columns if numbers[name].dropna().between(0, 1, inclusive="left").all()]
    numbers = numbers.assign(**{f"{name}{REST}": 1 - numbers[name] for name in shares})
    for what, fits, scale in FORMULAS:
        with np.errstate(invalid="ignore"):
            valid = fits(numbers)
        valid = valid.loc[:, valid.mean() >= MOST]
        rows = valid.all(axis=1) & fits(y)
        if rows.sum() < max(LEAST, len(y) / 2) or valid.shape[1] < 2:
            continue
        values = scale(numbers[valid.columns].assign(**{TARGET: y})[rows].to_numpy(dtype=float))
        names, score, shown = _fewest(list(valid.columns), np.diff(values, axis=0) if ordered else values, ordered)
        found += [(score, names, what, shown)] if names else []
    if found:
        _, names, what, shown = max(found)
        names = tuple(dict.fromkeys(name.removesuffix(REST) for name in names))
        listed = ", ".join(f"'{name}'" for name in names)
        yield names, f"columns {listed} give the target, as a {what} of them ({shown})"


def _fewest(names: list[str], values: Floats, ordered: bool) -> tuple[tuple[str, ...], float, str]:
    """Return the fewest columns, three at most, of which a linear fit predicts the last one, and how well; or ()."""
    X, y = values[:, :-1], values[:, -1]
    halves = predictions.halves(len(y), ordered)
    places = _strongest(X, y)

    def score(fit: Callable[..., float], some: Iterable[int]) -> float:
        return min(fit(X[:, [*some]], y, fitted, other) for fitted, other in (halves, halves[::-1]))

    some = [some for many in (2, 3) for some in combinations(places, many)]
    for chosen in some:
        if (r2 := score(_linear, chosen)) >= PERFECT:
            return tuple(names[place] for place in chosen), r2, f"{_metric(False)} {r2:.4f}"
    # No subset can be exact where all columns are not; a number that rarely changes is not a formula of its last value.
    if score(_exact, places) >= IN_ROWS and not any(score(_exact, [place]) >= IN_ROWS for place in places):
        for chosen in some:
            if (share := score(_exact, chosen)) >= IN_ROWS:
                return tuple(names[place] for place in chosen), share, f"exact in {share:.0%} of the rows"
    return (), 0.0, ""


def _strongest(X: Floats, y: Floats) -> list[int]:
    """Return the columns with the largest weights in a linear fit of all, which few rows limit to those that follow."""
    spread = X.std(axis=0)
    scaled = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    with np.errstate(invalid="ignore", over="ignore"):
        follow = np.abs(scaled.T @ (y - y.mean()))
    tried = np.argsort(-follow, kind="stable")[: len(y) // 3]
    weights = np.abs(np.linalg.lstsq(scaled[:, tried], y - y.mean(), rcond=1e-10)[0])
    best = [*tried[np.argsort(-weights, kind="stable")[:TOGETHER]], *tried[: TOGETHER // 2]]
    return list(dict.fromkeys(map(int, best)))


def _linear(X: Floats, y: Floats, fitted: Rows, other: Rows) -> float:
    """Return the r2 of a linear fit on the rows that it was not fitted to."""
    X = np.column_stack([X, np.ones(len(X))])
    weights = np.linalg.lstsq(X[fitted], y[fitted], rcond=None)[0]
    return predictions.agreement(y[other], X[other] @ weights, classifier=False)


def _exact(X: Floats, y: Floats, fitted: Rows, other: Rows) -> float:
    """Return the share of the rows that it was not fitted to in which a linear fit that ignores wrong values is exact.

    Rows with the most frequent value of the target do not count: where most are 0, many columns are 0 too.
    """
    values, counts = np.unique(y, return_counts=True)
    fitted, other = (rows[y[rows] != values[counts.argmax()]] for rows in (fitted, other))
    if min(len(fitted), len(other)) < FEWEST:
        return 0.0
    X = np.column_stack([X, np.ones(len(X))])
    best = fitted
    for _ in range(ROUNDS):
        weights = np.linalg.lstsq(X[best], y[best], rcond=None)[0]
        best = fitted[np.argsort(np.abs(y[fitted] - X[fitted] @ weights))[: int(IN_ROWS * len(fitted))]]
    spread = np.subtract(*np.percentile(y[other], [75, 25]))
    return float((np.abs(y[other] - X[other] @ weights) < EXACT * spread).mean())


def _difference(numbers: pd.DataFrame, y: pd.Series, ordered: bool) -> Iterator[Leak]:
    """Yield the two columns whose difference tells the classes apart, as the scores of two teams do."""
    numbers = numbers.loc[:, numbers.notna().all()].astype(float)
    if len(y) < LEAST or numbers.shape[1] < 2:
        return
    halves = predictions.halves(len(y), ordered)
    strongest = _strongest(numbers.to_numpy(), y.to_numpy(dtype=float))
    for one, other in combinations(numbers.columns[strongest], 2):
        score = predictions.score(numbers[one] - numbers[other], y, halves, classifier=True)
        if score >= PERFECT:
            text = f"columns '{one}', '{other}' give the target, as their difference ({_metric(True)} {score:.4f})"
            yield (one, other), text
            return


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
