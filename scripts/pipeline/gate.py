"""The gate: a rule and an estimate in, a verdict out. Pure."""

import math
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
        return Verdict("refuse", f"{gate.metric} is not known on the held-out rows, so it is not above {gate.threshold:g}")
    passed = estimate.value > gate.threshold
    relation = "above" if passed else "not above"
    reason = f"{gate.metric} {estimate} is {relation} the threshold {gate.threshold:g}"
    return Verdict("pass" if passed else "refuse", reason)
