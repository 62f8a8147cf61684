"""Curves of predicted probabilities, one line a class: ROC, precision and recall, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

from modelmake.report.drawing import INK, Plot, axes, distinct
from modelmake.scores.metrics import Predictions, against_rest
from modelmake.scores.ranking import Bools, Floats

CLASSES = 8  # more lines than this can't be read
POINTS = 400  # of a line
BINS, ROWS_A_BIN = 5, 20  # at least, of a calibration curve: fewer points show chance


@dataclass(frozen=True)
class OneClass:
    """One class against the rest.

    Parameters
    ----------
    name : str
        The class, short enough for a legend.
    truth : ndarray of bool of shape (n_rows,)
        Whether a row is of the class.
    proba : ndarray of shape (n_rows,)
        Its predicted probability.

    """

    name: str
    truth: Bools
    proba: Floats


@dataclass(frozen=True)
class Curves:
    """The classes that have curves, and what the plots say of them, such as "positive class: yes"."""

    lines: Sequence[OneClass]
    of: str

    def draw(self) -> list[Plot]:
        """Return the plots; none where no class has both rows of it and others."""
        return [_roc(self), _precision_recall(self), _calibration(self)] if self.lines else []


def curves(p: Predictions) -> Curves:
    """Return the curves of these predictions: of the positive class of two, else of the most frequent classes."""
    if p.classes is None or p.y_proba is None:
        return Curves((), "")
    truths = {k: p.true_codes == k for k in against_rest(p)}
    mixed = [k for k, truth in truths.items() if truth.any() and not truth.all()]
    most = sorted(mixed, key=lambda k: -int(truths[k].sum()))[:CLASSES]
    names = distinct(p.classes[k] for k in sorted(most))
    lines = [OneClass(name, truths[k], p.y_proba[:, k]) for name, k in zip(names, sorted(most), strict=True)]
    if len(p.classes) == 2:
        return Curves(lines, f"positive class: {lines[0].name}" if lines else "")
    some = "each class" if len(lines) == len(p.classes) else f"{len(lines)} most frequent of {len(p.classes)} classes"
    return Curves(lines, f"{some}, against the rest")


def _roc(shown: Curves) -> Plot:
    with axes() as (drawn, finished):
        lines = {}
        for line in shown.lines:
            false, true, _ = roc_curve(line.truth, line.proba)
            name = f"{line.name} {auc(false, true):.3f}"
            lines[name] = drawn.plot(*_thinned(false, true))[0]
        drawn.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1, linestyle="--")
        drawn.set(xlabel=f"False positive rate\n({shown.of})", ylabel="True positive rate")
        return finished("roc", "ROC curve", f"Area under the ROC curve ({shown.of}): {', '.join(lines)}.", lines)


def _precision_recall(shown: Curves) -> Plot:
    with axes() as (drawn, finished):
        lines = {}
        for line in shown.lines:
            precision, recall, _ = precision_recall_curve(line.truth, line.proba)
            name = f"{line.name} {average_precision_score(line.truth, line.proba):.3f}"
            lines[name] = drawn.plot(*_thinned(recall, precision), drawstyle="steps-post")[0]
        if len(lines) == 1:  # what guessing gives
            drawn.axhline(shown.lines[0].truth.mean(), color=INK, alpha=0.3, linewidth=1, linestyle="--")
        drawn.set(xlabel=f"Recall\n({shown.of})", ylabel="Precision", ylim=(-0.05, 1.05))
        return finished(
            "precision-recall", "Precision and recall", f"Average precision ({shown.of}): {', '.join(lines)}.", lines
        )


def _calibration(shown: Curves) -> Plot:
    rows = len(shown.lines[0].truth)
    if rows < BINS * ROWS_A_BIN:
        why = f"Left out: {rows} rows are too few for a curve of {BINS} points with {ROWS_A_BIN} rows each."
        return Plot("calibration", "Calibration", why)
    with axes() as (drawn, finished):
        lines, worst = {}, 0.0
        for line in shown.lines:
            bins = min(10, len(line.truth) // ROWS_A_BIN)
            share, proba = calibration_curve(line.truth, np.clip(line.proba, 0, 1), n_bins=bins, strategy="quantile")
            lines[line.name] = drawn.plot(proba, share, marker="s", markersize=4)[0]
            worst = max(worst, float(np.max(np.abs(share - proba), initial=0)))
        drawn.plot([0, 1], [0, 1], color=INK, alpha=0.3, linewidth=1, linestyle="--")
        drawn.set(xlabel=f"Predicted probability\n({shown.of})", ylabel="Share of rows of the class")
        alt = f"Predicted probability against the share of rows of the class ({shown.of})"
        return finished("calibration", "Calibration", f"{alt}; the largest difference is {worst:.2f}.", lines)


def _thinned(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return as many points of a line as can be seen."""
    points = np.unique(np.linspace(0, len(x) - 1, POINTS).round().astype(int))
    return x[points], y[points]
