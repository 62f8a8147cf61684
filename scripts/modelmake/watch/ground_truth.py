"""Live: how good the champion is on rows that it has served, where their truth is known by now."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from modelmake.config.config import Config
from modelmake.config.gate import OF_PROBABILITIES
from modelmake.core.errors import UserError, few
from modelmake.data.slices import slices
from modelmake.gate import rules
from modelmake.gate.facts import Measured
from modelmake.model.score import of_two, predict
from modelmake.scores import intervals
from modelmake.scores.metrics import Predictions
from modelmake.watch.windows import PREDICTION, REQUEST, ROW

FEWEST = 30  # rows with a truth; fewer show nothing


@dataclass(frozen=True)
class Live:
    """The checks of the gate's rules on live rows, and the rows that they were asked of."""

    rows: int
    checks: tuple[rules.Check, ...]
    values: dict[str, float]

    @property
    def broken(self) -> list[str]:
        """The reasons of the rules that do not hold."""
        return [check.reason for check in self.checks if check.outcome != "pass"]


def joined(rows: pd.DataFrame, truth: pd.DataFrame, target: str, where: str) -> pd.DataFrame:
    """Return the rows whose truth is in a table, with the target as a further column.

    Parameters
    ----------
    rows : pandas.DataFrame of shape (n_rows, n_columns)
        Of the windows.
    truth : pandas.DataFrame of shape (n_truths, n_columns)
        Has the columns `request_id` and the target, and `row`, counted from 0, where a request had several rows.
    target : str
        The target.
    where : str
        The name of the table, for an error.

    Raises
    ------
    UserError
        A column is missing, or no row matches.

    """
    for name in ("request_id", target):
        if name not in truth.columns:
            fix = f"give it the columns request_id, row (from 0) and {target}"
            raise UserError(where, f"has no column '{name}' (columns: {few(list(truth.columns), 8)})", fix)
    keys = truth[["request_id", target]].assign(row=truth["row"] if "row" in truth.columns else 0)
    keys = keys.dropna(subset=[target]).drop_duplicates(["request_id", "row"], keep="last")
    keys["request_id"], keys["row"] = keys["request_id"].astype(str), keys["row"].astype(int)
    found = rows.merge(keys, left_on=[REQUEST, ROW], right_on=["request_id", "row"])
    if found.empty:
        what = f"none of its {len(truth)} request ids is in the windows of the champion"
        raise UserError(where, what, "the id is the header x-request-id of an answer")
    return found.drop(columns=["request_id", "row"])


def measured(found: pd.DataFrame, target: str, pipeline: Pipeline, names: Sequence[str], config: Config) -> Live:
    """Ask the gate's rules of live rows.

    The champion predicts the rows again where all of its columns were logged, which gives probabilities too. Else what
    it answered counts, and rules on probabilities are left out. Rules on folds or on columns that were not logged are
    left out as well.
    """
    whole = set(names) <= set(found.columns)
    truth = found[target]
    if whole:
        p = predict(pipeline, found[list(names)], truth, config.data.positive)
    else:
        classes = np.asarray(pipeline.classes_) if is_classifier(pipeline) else None
        positive = of_two(config.data.positive, classes)
        p = Predictions(truth.to_numpy(), found[PREDICTION].to_numpy(), None, classes, positive)
    checks, values = [], {}
    for rule in config.gate.rules:
        if rule.cv or (rule.by and rule.by not in found.columns) or (rule.metric in OF_PROBABILITIES and not whole):
            continue
        parts = slices(found[rule.by]).items() if rule.by else [(None, np.ones(len(found), dtype=bool))]
        for name, mask in parts:
            part = p.take(mask)
            if len(part) < FEWEST:
                continue
            seed, resamples = config.seed, config.gate.resamples
            estimate = intervals.bootstrap(part, rule.metric, seed=seed, resamples=resamples)
            measurement = Measured(metric=rule.metric, by=rule.by, slice=name, rows=len(part), estimate=estimate)
            checks.append(rules.asked(rule, measurement, "refuse"))
            if name is None:
                values[rule.metric] = estimate.value
    return Live(len(found), tuple(checks), values)


def expected_accuracy(pipeline: Pipeline, X: pd.DataFrame) -> float | None:
    """Return the accuracy that the model itself expects of its predictions, None where it gives no probabilities.

    The mean of the highest probability is the accuracy of a calibrated model (Guillory et al. 2021, average
    confidence). It does not see a change of what the target depends on.
    """
    if not is_classifier(pipeline) or not hasattr(pipeline, "predict_proba") or X.empty:
        return None
    return float(np.asarray(pipeline.predict_proba(X)).max(axis=1).mean())
