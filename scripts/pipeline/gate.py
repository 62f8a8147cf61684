"""The gate: a rule and an estimate in, a verdict out. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from scripts.pipeline.config import Gate
from scripts.pipeline.metrics import Estimate


@dataclass(frozen=True)
class Verdict:
    """Pass or refuse, with the reason as a sentence."""

    verdict: Literal["pass", "refuse"]
    reason: str

    @property
    def passed(self) -> bool:
        """Whether the model may be registered."""
        return self.verdict == "pass"


def judge(gate: Gate, estimate: Estimate | None) -> Verdict:
    """Pass when the metric is above the threshold; a missing or NaN metric closes the gate.

    Parameters
    ----------
    gate : Gate
        Metric and threshold; higher is better in every metric.
    estimate : Estimate or None
        The metric's value on the held-out rows, None where it was not computed.

    """
    if estimate is None or math.isnan(estimate.value):
        return Verdict(
            "refuse", f"{gate.metric} is not known on the held-out rows, so it is not above {gate.threshold:g}"
        )
    passed = estimate.value > gate.threshold
    relation = "above" if passed else "not above"
    reason = f"{gate.metric} {estimate} is {relation} the threshold {gate.threshold:g}"
    return Verdict("pass" if passed else "refuse", reason)


def interval(gate: Gate, estimate: Estimate) -> dict[str, float]:
    """Return the bounds as metrics for the run, from which `recall` reads them back."""
    return {f"{gate.metric}_lower": estimate.lower, f"{gate.metric}_upper": estimate.upper}


def recall(gate: Gate, metrics: Mapping[str, float]) -> Estimate | None:
    """Return the gate's metric as a run holds it, None where the run was not evaluated by it."""
    values = [metrics.get(gate.metric + end) for end in ("", "_lower", "_upper")]
    return None if None in values else Estimate(*values)
