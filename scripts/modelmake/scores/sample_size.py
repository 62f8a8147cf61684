"""Sample size: how many rows, of how many classes, can show what a model knows, and by which metric."""

import math

import numpy as np
import pandas as pd

from modelmake.core.errors import few
from modelmake.scores.intervals import CONFIDENCE
from modelmake.scores.metrics import Predictions, score


def enough(n: int, share: float = 1.0) -> int:
    """Return how many of `n` rows must be of a class if a model is better than a second model on these rows alone.

    The lower bound of the difference is the 2.5 % percentile of resamples, which draw `n` of the `n` rows with
    replacement (`intervals.compare`). A resample misses m of the rows with probability (1 - m / n)^n, which is about
    exp(-m), and shows no difference then. So the bound can be above 0 only if that is less likely than 2.5 %: with 4
    rows of the class, or more, if the model is right on all of them.

    Parameters
    ----------
    n : int
        Number of held-out rows.
    share : float
        Share of the rows of the class on which the model is right, above 0.

    Examples
    --------
    >>> enough(1000)
    4
    >>> enough(1000, share=0.5)
    8

    """
    tail = (1 - CONFIDENCE) / 2
    least: float = n * (1 - tail ** (1 / n)) / share
    return math.floor(least) + 1


def only_class(p: Predictions) -> str:
    """Return the class of all rows, on which a model that knows nothing may look perfect; "" if there are several.

    Examples
    --------
    >>> truth = pd.array(["yes"] * 60).to_numpy()
    >>> only_class(Predictions(truth, truth, classes=pd.array(["no", "yes"]).to_numpy()))
    'yes'

    """
    different = pd.unique(p.y_true)
    return str(different[0]) if p.classes is not None and len(different) == 1 else ""


def undefined(metric: str, y_true: np.ndarray, classes: np.ndarray | None, positive: object = None) -> str:
    """Return why a metric says nothing about rows of these true values, whatever a model predicts; "" if it does.

    It is asked of the best predictions there are. `classes` are those of the training rows, None for a regressor.

    Examples
    --------
    >>> undefined("roc_auc_ovr", np.array(["a", "b"]), np.array(["a", "b", "c"]))
    "no row is of class 'c'"
    >>> undefined("r2", np.array([2.0, 2.0]), None)
    'all values are the same'

    """
    y_proba = None
    if classes is not None:
        y_proba = np.vstack([np.eye(len(classes)), np.zeros(len(classes))])[pd.Index(classes).get_indexer(y_true)]
    best = score(Predictions(y_true, y_true, y_proba, classes, positive), metric)
    if best > 0 or (metric.startswith("neg_") and not math.isnan(best)):
        return ""
    if classes is None:
        return "all values are the same" if pd.unique(y_true).size == 1 else "a value is -1 or below"
    missing = sorted(set(classes.tolist()) - set(y_true.tolist()), key=str)
    return f"no row is of class {few(missing)}" if missing else "no class has both its rows and others"
