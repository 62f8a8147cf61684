"""Quality: how good the answers to requests were, by the gate's rules, on the rows whose truth is known."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from modelmake.config.config import Config
from modelmake.config.gate import OF_PROBABILITIES
from modelmake.data.slices import slices
from modelmake.gate import rules
from modelmake.gate.facts import Measured
from modelmake.model.score import of_two, predict
from modelmake.scores import intervals
from modelmake.scores.metrics import Predictions
from modelmake.watch.truth import TRUTH
from modelmake.watch.window import PREDICTION

FEWEST = 30  # rows with a truth; fewer show nothing


@dataclass(frozen=True)
class Quality:
    """The checks of the gate's rules on live rows, and the rows that they were asked of."""

    rows: int
    checks: tuple[rules.Check, ...]
    values: dict[str, float]

    @property
    def broken(self) -> list[str]:
        """The reasons of the rules that do not hold."""
        return [check.reason for check in self.checks if check.outcome != "pass"]


def measured(found: pd.DataFrame, pipeline: Pipeline, names: Sequence[str], config: Config) -> Quality:
    """Ask the gate's rules of live rows.

    The champion predicts the rows again where all of its columns were logged, which gives probabilities too. Else what
    it answered counts, and rules on probabilities are left out. Rules on folds or on columns that were not logged are
    left out as well.
    """
    whole = set(names) <= set(found.columns)
    truth = found[TRUTH].infer_objects()
    if whole:
        p = predict(pipeline, found[list(names)], truth, config.data.positive)
    else:
        known = np.asarray(pipeline.classes_) if is_classifier(pipeline) else None
        positive = of_two(config.data.positive, known)
        p = Predictions(truth.to_numpy(), found[PREDICTION].to_numpy(), None, known, positive)
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
    return Quality(len(found), tuple(checks), values)
