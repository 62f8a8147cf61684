"""Plots of a model on held-out rows, from scikit-learn's display classes, as SVG for light and dark pages."""

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
from matplotlib.rcsetup import cycler
from matplotlib.typing import RcKeyType
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

ROWS = 5_000  # the most that a plot draws
ROWS_SHUFFLED = 1_000  # rows for the importance, which predicts them many times
CLASSES = 8  # more lines than this can't be read
INK = "#010203"  # replaced by the page's own colour of text
COLOURS = ("#3b82c4", "#d9822b", "#3a9d6e", "#b35cc1", "#c9524f", "#8a8f2e", "#5f6fd0", "#a0703c")
SHADES = LinearSegmentedColormap.from_list("shades", [(0.23, 0.51, 0.77, 0.0), (0.23, 0.51, 0.77, 0.65)])
STYLE: dict[RcKeyType, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a dollar sign in a name is text
    "svg.hashsalt": "modelmake",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "savefig.transparent": True,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(frozen=True)
class Plot:
    """One plot: a title, a text alternative, and the drawing."""

    name: str
    title: str
    alt: str
    svg: str


@dataclass(frozen=True)
class OneClass:
    """One class against the rest.

    Parameters
    ----------
    name : str
        The class.
    truth : ndarray of shape (n_rows,)
        Whether a row is of the class.
    proba : ndarray of shape (n_rows,)
        Its predicted probability.

    """

    name: str
    truth: np.ndarray
    proba: np.ndarray


def draw(p: Predictions, pipeline: BaseEstimator, X: pd.DataFrame, *, metric: str, seed: int) -> list[Plot]:
    """Return the plots that fit these predictions.

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
        Draws a sample if there are too many rows.

    """
    rng = np.random.default_rng(seed)
    sample = p.take(np.sort(rng.permutation(len(p))[:ROWS]))
    plots: list[Plot] = []
    with plt.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about letters that only the page's font has
        if p.classes is None:
            plots += [_error(sample, "actual_vs_predicted"), _error(sample, "residual_vs_predicted")]
        else:
            classes = list(_against_rest(sample))[:CLASSES]
            plots += [_confusion(p)]
            plots += [curve(classes) for curve in (_roc, _precision_recall, _calibration) if classes]
        plots += _importance(p, pipeline, X, metric, seed)
    return plots


def _against_rest(p: Predictions) -> Iterator[OneClass]:
    """Yield the classes that have a curve: some rows are of the class, some are not."""
    if p.classes is None or p.y_proba is None:
        return
    for k in against_rest(p):
        truth = p.y_true == p.classes[k]
        if truth.any() and not truth.all():
            yield OneClass(str(p.classes[k]), truth, p.y_proba[:, k])


@contextmanager
def _axes(
    width: float = 4.6, height: float = 3.8, *, names: bool = False
) -> Iterator[tuple[Axes, Callable[..., Plot]]]:
    """Yield axes and a function that returns the drawn plot; only axes of `names` need a layout of their own."""
    figure, axes = plt.subplots(figsize=(width, height), layout="constrained" if names else None)
    if not names:
        figure.subplots_adjust(left=0.14, right=0.97, bottom=0.14, top=0.97)

    def finished(name: str, title: str, alt: str) -> Plot:
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        svg = file.getvalue()
        svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
        # The page contains several drawings, so the name makes each id unique.
        for word in ('id="', 'href="#', "url(#"):
            svg = svg.replace(word, f"{word}{name}-")
        return Plot(
            name, title, alt, svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt, quote=True)}" ', 1)
        )

    try:
        yield axes, finished
    finally:
        plt.close(figure)


def _confusion(p: Predictions) -> Plot:
    cells = confusion(p).astype(int)
    side = min(9.0, max(3.8, 1.2 + 0.55 * len(cells)))
    with _axes(side + 0.8, side, names=True) as (axes, finished):
        display = ConfusionMatrixDisplay(cells, display_labels=p.labels)
        numbers = len(cells) <= 20
        display.plot(
            ax=axes, cmap=SHADES, colorbar=False, values_format="d", include_values=numbers,
            text_kw={"color": INK} if numbers else None, xticks_rotation=45 if len(cells) > 4 else "horizontal",
        )  # fmt: skip
        right, wrong = int(np.trace(cells)), int(cells.sum() - np.trace(cells))
        return finished(
            "confusion", "Confusion matrix", f"Of {right + wrong} rows {right} are predicted right, {wrong} wrong."
        )


def _roc(classes: Sequence[OneClass]) -> Plot:
    with _axes() as (axes, finished):
        areas = []
        for one in classes:
            display = RocCurveDisplay.from_predictions(one.truth, one.proba, name=one.name, ax=axes)
            areas.append(f"{one.name} {display.roc_auc:.3f}")
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1, linestyle="--")
        axes.set(xlabel="False positive rate", ylabel="True positive rate")
        axes.legend(loc="lower right")
        return finished(
            "roc", "ROC curve", f"Area under the ROC curve, each class against the rest: {', '.join(areas)}."
        )


def _precision_recall(classes: Sequence[OneClass]) -> Plot:
    with _axes() as (axes, finished):
        areas = []
        for one in classes:
            display = PrecisionRecallDisplay.from_predictions(one.truth, one.proba, name=one.name, ax=axes)
            areas.append(f"{one.name} {display.average_precision:.3f}")
        axes.set(xlabel="Recall", ylabel="Precision")
        axes.legend(loc="lower left")
        return finished("precision-recall", "Precision and recall", f"Average precision by class: {', '.join(areas)}.")


def _calibration(classes: Sequence[OneClass]) -> Plot:
    with _axes() as (axes, finished):
        worst = 0.0
        for one in classes:
            bins = min(10, max(2, len(one.truth) // 20))
            display = CalibrationDisplay.from_predictions(
                one.truth, np.clip(one.proba, 0, 1), n_bins=bins, strategy="quantile", name=one.name, ax=axes,
                ref_line=False,
            )  # fmt: skip
            worst = max(worst, float(np.max(np.abs(display.prob_true - display.prob_pred), initial=0)))
        axes.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1, linestyle="--")
        axes.set(xlabel="Predicted probability", ylabel="Share of rows of the class")
        axes.legend(loc="upper left")
        alt = f"Predicted probability against the share of rows of the class; the largest difference is {worst:.2f}."
        return finished("calibration", "Calibration", alt)


def _error(p: Predictions, kind: str) -> Plot:
    residuals = kind.startswith("residual")
    with _axes() as (axes, finished):
        PredictionErrorDisplay.from_predictions(
            p.y_true, p.y_pred, kind=kind, ax=axes, subsample=None,
            scatter_kwargs={"s": 18, "alpha": 0.6, "color": COLOURS[0], "linewidths": 0},
            line_kwargs={"color": INK, "alpha": 0.4, "linewidth": 1},
        )  # fmt: skip
        error = p.y_true - p.y_pred
        spread = f"mean {error.mean():.4g}, standard deviation {error.std():.4g}"
        if residuals:
            return finished("residuals", "Residuals", f"Actual minus predicted values: {spread}.")
        return finished(
            "predicted", "Predicted against actual", f"Predicted and actual values; their difference: {spread}."
        )


def _importance(p: Predictions, pipeline: BaseEstimator, X: pd.DataFrame, metric: str, seed: int) -> list[Plot]:
    def scorer(estimator: BaseEstimator, X: pd.DataFrame, y: np.ndarray) -> float:
        proba = estimator.predict_proba(X) if p.y_proba is not None and metric not in FROM_CONFUSION else None
        return score(Predictions(y, np.asarray(estimator.predict(X)), proba, p.classes), metric)

    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:ROWS_SHUFFLED])
    importance = permutation_importance(
        pipeline, X.iloc[rows], p.y_true[rows], scoring=scorer, n_repeats=5, random_state=seed
    )
    if not np.isfinite(importance.importances_mean).all():  # the metric is not defined on these rows
        return []
    order = np.argsort(-importance.importances_mean, kind="stable")[:15]
    names, means = [str(X.columns[i]) for i in order], importance.importances_mean[order]
    with _axes(height=max(1.6, 0.6 + 0.32 * len(names)), names=True) as (axes, finished):
        axes.barh(names[::-1], means[::-1], xerr=importance.importances_std[order][::-1], height=0.6, ecolor=INK)
        axes.set(xlabel=f"Loss of {metric} when the column is shuffled")
        axes.axvline(0, color=INK, linewidth=0.8)
        alt = "Permutation importance: " + ", ".join(f"{a} {b:.3f}" for a, b in zip(names[:5], means[:5], strict=True))
        return [finished("importance", "Permutation importance", f"{alt}.")]
