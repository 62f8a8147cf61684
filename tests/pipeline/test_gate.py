"""The gate: rules in, verdict out."""

import math

from hypothesis import given
from hypothesis import strategies as st

from scripts.pipeline import gate
from scripts.pipeline.config import Gate
from scripts.pipeline.metrics import Estimate

finite = st.floats(-10, 10)


def rule(threshold: float) -> Gate:
    return Gate(metric="accuracy", threshold=threshold)


@given(finite, finite)
def test_passes_exactly_above_the_threshold(value: float, threshold: float) -> None:
    """Equal is not above."""
    assert gate.judge(rule(threshold), Estimate(value, value, value)).passed == (value > threshold)


@given(finite, finite, st.floats(0, 5))
def test_tightening_never_turns_a_refusal_into_a_pass(value: float, threshold: float, more: float) -> None:
    """A higher threshold lets nothing pass that a lower one refused."""
    estimate = Estimate(value, value, value)
    if gate.judge(rule(threshold + more), estimate).passed:
        assert gate.judge(rule(threshold), estimate).passed


def test_a_missing_or_nan_metric_closes_the_gate() -> None:
    """What is not known is not above anything."""
    for estimate in (None, Estimate(math.nan, math.nan, math.nan)):
        verdict = gate.judge(rule(-1.0), estimate)
        assert verdict.verdict == "refuse"
        assert "not known" in verdict.reason


def test_the_reason_gives_the_figures() -> None:
    """A person sees value, interval and threshold."""
    reason = gate.judge(rule(0.9), Estimate(0.875, 0.8, 0.95)).reason
    assert reason == "accuracy 0.8750 [0.8000, 0.9500] is not above the threshold 0.9"


@given(finite)
def test_an_estimate_survives_the_run(value: float) -> None:
    """What is logged is what is read back; half of it is nothing."""
    logged = {"accuracy": value} | gate.interval(rule(0), Estimate(value, value - 1, value + 1))
    assert gate.recall(rule(0), logged) == Estimate(value, value - 1, value + 1)
    assert gate.recall(rule(0), {"accuracy": value}) is None
