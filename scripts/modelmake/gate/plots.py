"""Plots of a model on held-out rows."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.base import BaseEstimator

from modelmake.gate.curves import curves
from modelmake.gate.importance import Importance
from modelmake.report.drawing import COLOURS, INK, SHADES, Plot, axes, distinct, style
from modelmake.scores.metrics import Predictions, confusion
from modelmake.scores.ranking import Floats

DOTS = 2_000  # more than this are a stain
LISTED = 15  # classes of a matrix with numbers that can be read
LARGEST = 1e150  # the square of a larger number is not a number


def draw(p: Predictions, pipeline: BaseEstimator, X: pd.DataFrame, *, metric: str, seed: int) -> list[Plot]:
    """Return the plots that fit these predictions; one that can't be drawn says why.

    Parameters
    ----------
    p : Predictions
        Of the rows of `X`.
    pipeline : estimator
        The model; it predicts again for the importance of each column.
    X : pandas.DataFrame of shape (n_rows, n_features)
        The raw rows.
    metric : str
        The scorer of the importance.
    seed : int
        Draws a sample if there are too many rows, and shuffles columns.

    """
    with style():
        plots = _errors(p, seed) if p.classes is None else [_confusion(p), *curves(p).draw()]
        return [*plots, Importance(p, pipeline, X, metric, seed).plot()]


def _confusion(p: Predictions) -> Plot:
    cells, names = _condensed(confusion(p).astype(int), distinct(p.labels, 16))
    side = min(9.0, max(3.8, 1.6 + 0.42 * len(cells)))
    with axes(side + 0.8, side) as (drawn, finished):
        drawn.imshow(cells / np.maximum(cells.sum(1, keepdims=True), 1), cmap=SHADES, vmin=0, vmax=1, aspect="auto")
        for (row, column), count in np.ndenumerate(cells):
            if count or len(cells) <= 4:
                drawn.text(column, row, f"{count:,}", ha="center", va="center", fontsize=9 if len(cells) > 4 else 11)
        drawn.set_xticks(range(len(names)), names)
        if _wide(names):
            for text in drawn.get_xticklabels():
                text.set(rotation=45, ha="right", rotation_mode="anchor")
        drawn.set_yticks(range(len(names)), names)
        drawn.set(xlabel="Predicted class", ylabel="True class")
        drawn.spines[:].set_visible(True)
        drawn.tick_params(length=0)
        right = int((p.true_codes == p.pred_codes).sum())
        title = "Confusion matrix"
        if len(p.labels) > len(cells):
            title += f": the {LISTED - 1} of {len(p.labels)} classes that are confused most"
        return finished("confusion", title, f"Of {len(p)} rows {right} are predicted right, {len(p) - right} wrong.")


def _condensed(cells: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return a matrix that can be read: the classes with most errors, and the others as one."""
    if len(cells) <= LISTED:
        return cells, names
    wrong = cells.sum(0) + cells.sum(1) - 2 * np.diagonal(cells)
    most = np.sort(np.argsort(-wrong, kind="stable")[: LISTED - 1])
    place = np.full(len(cells), LISTED - 1)
    place[most] = np.arange(LISTED - 1)
    condensed = np.zeros((LISTED, LISTED), dtype=int)
    np.add.at(condensed, (place[:, None], place[None, :]), cells)
    return condensed, [*(names[k] for k in most), f"{len(cells) - len(most)} others"]


def _wide(names: list[str]) -> bool:
    """Whether names side by side would touch."""
    return len(names) > 4 or max(map(len, names)) * len(names) > 36


def _errors(p: Predictions, seed: int) -> list[Plot]:
    """Plot predicted and actual values, and what is between them."""
    true, predicted = np.asarray(p.y_true, dtype=float), np.asarray(p.y_pred, dtype=float)
    drawable = np.flatnonzero((np.abs(true) < LARGEST) & (np.abs(predicted) < LARGEST))  # neither is true of NaN
    dots = np.sort(np.random.default_rng(seed).permutation(drawable)[:DOTS])
    rows = "" if len(dots) == len(p) else f"\n({len(dots):,} of {len(p):,} rows)"
    error = true[drawable] - predicted[drawable]
    if not len(error):
        why = f"Left out: no row has an actual and a predicted value between -{LARGEST:g} and {LARGEST:g}."
        return [Plot("predicted", "Predicted against actual", why)]
    spread = f"mean {error.mean():.4g}, standard deviation {error.std():.4g}{rows.replace(chr(10), ' ')}"
    return [
        _predicted(true[dots], predicted[dots], rows, spread),
        _residuals(true[dots], predicted[dots], rows, spread),
    ]


def _predicted(true: Floats, predicted: Floats, rows: str, spread: str) -> Plot:
    with axes() as (drawn, finished):
        ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
        drawn.plot(ends, ends, color=INK, alpha=0.4, linewidth=1, linestyle="--")
        _scatter(drawn, predicted, true)
        drawn.set(xlabel=f"Predicted value{rows}", ylabel="Actual value")
        alt = f"Predicted and actual values; their difference: {spread}."
        return finished("predicted", "Predicted against actual", alt)


def _residuals(true: Floats, predicted: Floats, rows: str, spread: str) -> Plot:
    with axes() as (drawn, finished):
        drawn.axhline(0, color=INK, alpha=0.4, linewidth=1, linestyle="--")
        _scatter(drawn, predicted, true - predicted)
        drawn.set(xlabel=f"Predicted value{rows}", ylabel="Actual minus predicted value")
        return finished("residuals", "Residuals", f"Actual minus predicted values: {spread}.")


def _scatter(drawn: Axes, x: Floats, y: Floats) -> None:
    drawn.scatter(x, y, s=18, alpha=0.6 if len(x) < DOTS else 0.3, color=COLOURS[0], linewidths=0)
    drawn.locator_params(axis="x", nbins=6)
