"""Plots of a model on held-out rows, by scikit-learn's display classes, as SVG for light and dark pages."""

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibrationDisplay
from sklearn.inspection import permutation_importance
from sklearn.metrics import (
    ConfusionMatrixDisplay,
    PrecisionRecallDisplay,
    PredictionErrorDisplay,
    RocCurveDisplay,
)

from scripts.scores.metrics import FROM_CONFUSION, Predictions, against_rest, confusion, score

ROWS = 5_000  # drawn at most, where a plot draws rows
ROWS_ASKED = 1_000  # predicted again and again for the importance
CLASSES = 8  # a plot with more lines than this is not read by anybody
INK = "#010203"  # becomes the page's own colour of text
COLOURS = ("#3b82c4", "#d9822b", "#3a9d6e", "#b35cc1", "#c9524f", "#8a8f2e", "#5f6fd0", "#a0703c")
SHADES = LinearSegmentedColormap.from_list("shades", [(0.23, 0.51, 0.77, 0.0), (0.23, 0.51, 0.77, 0.65)])
STYLE = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is one
    "svg.hashsalt": "modelmake",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": mpl.cycler(color=COLOURS),
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.transparent": True,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
}


@dataclass(frozen=True)
class Plot:
    """One plot: a title, what a person who can't see it should know, and the drawing."""

    name: str
    title: str
    alt: str
    svg: str


def draw(p: Predictions, pipeline: BaseEstimator, X: pd.DataFrame, *, metric: str, seed: int) -> list[Plot]:
    """Return the plots that tell something of these predictions.

    Parameters
    ----------
    p : Predictions
        Of the rows of `X`.
    pipeline : estimator
        What made them; it is asked again for the importance of each column.
    X : pandas.DataFrame of shape (n_rows, n_features)
        The raw rows.
    metric : str
        The scorer of the importance.
    seed : int
        Chooses the rows where there are too many to draw.

    """
    rng = np.random.default_rng(seed)
    some = p.take(np.sort(rng.permutation(len(p))[:ROWS]))
    drawn: list[Plot] = []
    with plt.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the drawing's own font has not; the page's has them
        if p.classes is None:
            drawn += [_error(some, "actual_vs_predicted"), _error(some, "residual_vs_predicted")]
        else:
            drawn += [_confusion(p)]
            if p.y_proba is not None:
                shown = [(k, str(p.classes[k])) for k in against_rest(p) if len(set(some.y_true == p.classes[k])) == 2]
                drawn += [curve(some, shown[:CLASSES]) for curve in (_roc, _precision_recall, _calibration) if shown]
        drawn += _importance(p, pipeline, X, metric, seed)
    return drawn


@contextmanager
def _axes(
    width: float = 4.6, height: float = 3.8, *, names: bool = False
) -> Iterator[tuple[Axes, Callable[..., Plot]]]:
    """Give axes, and a way to take the plot once it is drawn; only axes of `names` need a layout of their own."""
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained" if names else None)
    if not names:
        figure.subplots_adjust(left=0.14, right=0.97, bottom=0.14, top=0.97)

    def taken(name: str, title: str, alt: str) -> Plot:
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        svg = file.getvalue()
        svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
        # Ids are the page's, not the drawing's.
        for word in ('id="', 'href="#', "url(#"):
            svg = svg.replace(word, f"{word}{name}-")
        return Plot(
            name, title, alt, svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt, quote=True)}" ', 1)
        )

    try:
        yield axes, taken
    finally:
        plt.close(figure)


def _confusion(p: Predictions) -> Plot:
    cells = confusion(p).astype(int)
    side = min(9.0, max(3.8, 1.2 + 0.55 * len(cells)))
    with _axes(side + 0.8, side, names=True) as (axes, taken):
        display = ConfusionMatrixDisplay(cells, display_labels=p.labels)
        numbers = len(cells) <= 20
        display.plot(
            ax=axes, cmap=SHADES, colorbar=False, values_format="d", include_values=numbers,
            text_kw={"color": INK} if numbers else None, xticks_rotation=45 if len(cells) > 4 else "horizontal",
        )  # fmt: skip
        right, wrong = int(np.trace(cells)), int(cells.sum() - np.trace(cells))
        return taken(
            "confusion", "Confusion matrix", f"Of {right + wrong} rows {right} are predicted right, {wrong} wrong."
        )


def _roc(p: Predictions, shown: Sequence[tuple[int, str]]) -> Plot:
    with _axes() as (axes, taken):
        areas = []
        for k, name in shown:
            display = RocCurveDisplay.from_predictions(p.y_true == p.classes[k], p.y_proba[:, k], name=name, ax=axes)
            areas.append(f"{name} {display.roc_auc:.3f}")
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1, linestyle="--")
        axes.set(xlabel="False positive rate", ylabel="True positive rate")
        axes.legend(loc="lower right")
        return taken("roc", "ROC curve", f"Area under the ROC curve, each class against the rest: {', '.join(areas)}.")


def _precision_recall(p: Predictions, shown: Sequence[tuple[int, str]]) -> Plot:
    with _axes() as (axes, taken):
        areas = []
        for k, name in shown:
            truth = p.y_true == p.classes[k]
            display = PrecisionRecallDisplay.from_predictions(truth, p.y_proba[:, k], name=name, ax=axes)
            areas.append(f"{name} {display.average_precision:.3f}")
        axes.set(xlabel="Recall", ylabel="Precision")
        axes.legend(loc="lower left")
        return taken("precision-recall", "Precision and recall", f"Average precision by class: {', '.join(areas)}.")


def _calibration(p: Predictions, shown: Sequence[tuple[int, str]]) -> Plot:
    with _axes() as (axes, taken):
        worst = 0.0
        for k, name in shown:
            truth, proba = p.y_true == p.classes[k], np.clip(p.y_proba[:, k], 0, 1)
            display = CalibrationDisplay.from_predictions(
                truth, proba, n_bins=min(10, max(2, len(p) // 20)), strategy="quantile", name=name, ax=axes,
                ref_line=False,
            )  # fmt: skip
            worst = max(worst, float(np.max(np.abs(display.prob_true - display.prob_pred), initial=0)))
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1, linestyle="--")
        axes.set(xlabel="Predicted probability", ylabel="Share of rows that are of the class")
        axes.legend(loc="upper left")
        alt = f"Predicted probability against what came true; they are apart by {worst:.2f} where they are furthest."
        return taken("calibration", "Calibration", alt)


def _error(p: Predictions, kind: str) -> Plot:
    residuals = kind.startswith("residual")
    with _axes() as (axes, taken):
        PredictionErrorDisplay.from_predictions(
            p.y_true, p.y_pred, kind=kind, ax=axes, subsample=None,
            scatter_kwargs={"s": 18, "alpha": 0.6, "color": COLOURS[0], "linewidths": 0},
            line_kwargs={"color": INK, "alpha": 0.4, "linewidth": 1},
        )  # fmt: skip
        error = p.y_true - p.y_pred
        spread = f"mean {error.mean():.4g}, standard deviation {error.std():.4g}"
        if residuals:
            return taken("residuals", "Residuals", f"Actual less predicted values: {spread}.")
        return taken(
            "predicted", "Predicted against actual", f"Predicted beside actual values; their difference: {spread}."
        )


def _importance(p: Predictions, pipeline: BaseEstimator, X: pd.DataFrame, metric: str, seed: int) -> list[Plot]:
    def scored(estimator: BaseEstimator, X: pd.DataFrame, y: np.ndarray) -> float:
        proba = estimator.predict_proba(X) if p.y_proba is not None and metric not in FROM_CONFUSION else None
        return score(Predictions(y, np.asarray(estimator.predict(X)), proba, p.classes), metric)

    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:ROWS_ASKED])
    found = permutation_importance(
        pipeline, X.iloc[rows], p.y_true[rows], scoring=scored, n_repeats=5, random_state=seed
    )
    if not np.isfinite(found.importances_mean).all():  # the metric is not defined on these rows
        return []
    order = np.argsort(-found.importances_mean, kind="stable")[:15]
    names, means = [str(X.columns[i]) for i in order], found.importances_mean[order]
    with _axes(height=max(1.6, 0.6 + 0.32 * len(names)), names=True) as (axes, taken):
        axes.barh(names[::-1], means[::-1], xerr=found.importances_std[order][::-1], height=0.6, ecolor=INK)
        axes.set(xlabel=f"Loss of {metric} when the column is shuffled")
        axes.axvline(0, color=INK, linewidth=0.8)
        alt = "Permutation importance: " + ", ".join(f"{a} {b:.3f}" for a, b in zip(names[:5], means[:5], strict=True))
        return [taken("importance", "Permutation importance", f"{alt}.")]
