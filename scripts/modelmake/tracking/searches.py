"""Searches: what `make tune` logs. Trials are values of one metric by step; the best few are nested runs too."""

import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import Metric
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME

from modelmake.tracking.responses import translated
from modelmake.tracking.runs import Run, Tracking

SCORE, BEST = "score", "best_score"  # by the number of the trial
AT_ONCE = 1000  # values that a request accepts


def add(tracking: Tracking, run: Run, scores: Sequence[tuple[int, float, float]]) -> None:
    """Log number, score and best score so far of trials; a trial without a score has only the last."""
    now = int(time.time() * 1000)
    values = [
        Metric(name, value, now, number)
        for number, score, best in scores
        for name, value in ((SCORE, score), (BEST, best))
        if value == value  # noqa: PLR0124  # not NaN
    ]
    with translated(f"log trials to run {run.run_id}"):
        for start in range(0, len(values), AT_ONCE):
            tracking.client.log_batch(run.run_id, metrics=values[start : start + AT_ONCE])


def table(tracking: Tracking, run: Run, columns: Mapping[str, Sequence[Any]]) -> None:
    """Log the table of all trials as trials.json, which MLflow's page of the run shows."""
    with translated(f"log the table of run {run.run_id}"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas', about what MLflow asks it
        tracking.client.log_table(run.run_id, dict(columns), "trials.json")


def nested(tracking: Tracking, parent: Run, name: str, params: Mapping[str, str], metrics: Mapping[str, float]) -> None:
    """Log one trial as a finished run below `parent`."""
    tags = {MLFLOW_PARENT_RUN_ID: parent.run_id, MLFLOW_RUN_NAME: name}
    with translated(f"log {name} below run {parent.run_id}"):
        child = tracking.client.create_run(parent.experiment_id, tags=tags).info.run_id
        now = int(time.time() * 1000)
        tracking.client.log_batch(
            child,
            metrics=[Metric(name, value, now, 0) for name, value in metrics.items()],
        )
        for key, value in params.items():
            tracking.client.log_param(child, key, value)
        tracking.client.set_terminated(child)
