"""Cross-validate: fit on all but one fold of the training rows, score that fold, and do so for each fold."""

import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from modelmake.config.config import Config
from modelmake.data.folds import Fold
from modelmake.data.split import Split
from modelmake.model.estimator import fit
from modelmake.model.score import predict
from modelmake.scores.metrics import Predictions, scores


def cross_validated(pipeline: Pipeline, split: Split, folds: Sequence[Fold], config: Config) -> dict[str, float]:
    """Return the mean and the spread over the folds of each metric, as `cv_<metric>_mean` and `cv_<metric>_std`.

    They are the metrics that the report shows, and those of the gate's rules. Each fold is scored by itself; the
    spread is the standard deviation of the folds' scores as `numpy.std` computes it. One line is printed for each
    fold.

    Parameters
    ----------
    pipeline : Pipeline
        Cloned for each fold; it is not changed.
    split : Split
        Its training rows alone are used.
    folds : sequence of Fold
        Of these training rows.
    config : Config
        Names the positive class and the gate's rules.

    """
    return summary(list(_scored(pipeline, split, folds, config)))


def predicted(
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: pd.Series,
    fold: Fold,
    positive: object = None,
    *,
    probabilities: bool = True,
) -> Predictions:
    """Return the predictions of a fold's rows by a clone of the pipeline that is fitted on the fold's other rows."""
    fitted = fit(clone(pipeline), X.iloc[fold.fit], y.iloc[fold.fit])
    return predict(fitted, X.iloc[fold.test], y.iloc[fold.test], positive, probabilities=probabilities)


def summary(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return mean and standard deviation of each metric over the folds; NaN where a fold has no such value.

    Examples
    --------
    >>> summary([{"r2": 0.5}, {"r2": 0.75}])
    {'cv_r2_mean': 0.625, 'cv_r2_std': 0.125}

    """
    columns = {name: [fold.get(name, np.nan) for fold in values] for name in values[0]}
    means = {f"cv_{name}_mean": float(np.mean(column)) for name, column in columns.items()}
    return means | {f"cv_{name}_std": float(np.std(column)) for name, column in columns.items()}


def _scored(pipeline: Pipeline, split: Split, folds: Sequence[Fold], config: Config) -> Iterator[dict[str, float]]:
    """Yield each fold's scores, and print the first rule's."""
    X, y, metric = split.X_train, split.y_train, config.gate.metric
    for number, fold in enumerate(folds, start=1):
        started = time.monotonic()
        p = predicted(pipeline, X, y, fold, config.data.positive)
        values = scores(p, [rule.metric for rule in config.gate.rules])
        value = f"{metric} {values[metric]:.4f} on " if metric in values else ""
        seconds = time.monotonic() - started
        print(f"fold    {number} of {len(folds)}: {value}{len(p)} rows, {seconds:.2f} s", flush=True)
        if p.classes is not None and (missing := set(p.classes.tolist()) - set(p.y_true.tolist())):
            undefined = [name for name, value in values.items() if np.isnan(value)]
            if undefined:
                classes = ", ".join(sorted(map(repr, missing)))
                print(f"note: fold {number} has no row of class {classes}, so {undefined[0]} is not defined")
        yield values
