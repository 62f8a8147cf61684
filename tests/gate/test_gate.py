"""The gate: rules and evidence in, verdict out."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmake.config.gate import Gate
from modelmake.gate import rules
from modelmake.gate.facts import Champion, Evidence, Folds, Measured, Scarce
from modelmake.scores.intervals import Difference, Estimate

finite = st.floats(-10, 10)
BETTER = Difference(0.5, 0.4, 0.6, 0.001, 0.001)


def gated(*lines: str, **settings: object) -> Gate:
    return Gate(rules=list(lines), **settings)


def measured(value: float, width: float = 0.1, metric: str = "accuracy", **where: object) -> Measured:
    return Measured(metric=metric, rows=40, estimate=Estimate(value, value - width, value + width), **where)


def evidenced(*each: Measured, **other: object) -> Evidence:
    return Evidence(**{"model_id": "m-1", "rows": 100, "measured": each, "dummy": BETTER, **other})


def champion(value: float, lower: float, upper: float) -> Champion:
    return Champion(version="3", rows=100, value=0.9, difference=Difference(value, lower, upper, 0.2, None))


@given(finite, finite)
def test_passes_exactly_above_the_threshold(value: float, threshold: float) -> None:
    """Equal is not above, unless the rule says so."""
    evidence = evidenced(measured(value))
    assert rules.judge(gated(f"accuracy > {threshold!r}"), evidence).passed == (value > threshold)
    assert rules.judge(gated(f"accuracy >= {threshold!r}"), evidence).passed == (value >= threshold)


@given(finite, finite, st.floats(0, 5), st.booleans(), st.integers(1, 60), st.integers(1, 60))
def test_tightening_never_turns_a_refusal_into_a_pass(
    value: float, threshold: float, more: float, lower: bool, rows: int, enough: int
) -> None:
    """Whatever passes a tighter gate passes a looser one: threshold, bound, strictness, share, margin, rows."""
    evidence = evidenced(measured(value), rows=rows, duplicates=2, champion=champion(0.0, -1.0, 1.0))
    name = "lower(accuracy)" if lower else "accuracy"
    loose = gated(f"accuracy >= {threshold!r}", min_test_rows=enough, max_duplicates=0.5)
    for tight in (
        gated(f"{name} >= {threshold + more!r}", min_test_rows=enough, max_duplicates=0.5),
        gated(f"{name} > {threshold!r}", min_test_rows=enough, max_duplicates=0.5),
        gated(f"accuracy >= {threshold!r}", "accuracy > 0", min_test_rows=enough, max_duplicates=0.5),
        gated(f"accuracy >= {threshold!r}", min_test_rows=enough + 1, max_duplicates=0.5),
        gated(f"accuracy >= {threshold!r}", min_test_rows=enough, max_duplicates=0.1),
        gated(f"accuracy >= {threshold!r}", min_test_rows=enough, max_duplicates=0.5, require_clean=True),
        gated(f"accuracy >= {threshold!r}", min_test_rows=enough, max_duplicates=0.5, champion="better"),
    ):
        if rules.judge(tight, evidence).passed:
            assert rules.judge(loose, evidence).passed


@given(finite, st.floats(0, 5), st.floats(0, 5))
def test_a_tighter_threshold_on_a_refusal_stays_a_refusal(value: float, first: float, more: float) -> None:
    """It is neither a pass nor a keep."""
    evidence = evidenced(measured(value))
    if rules.judge(gated(f"accuracy > {first!r}"), evidence).verdict == "refuse":
        assert rules.judge(gated(f"accuracy > {first + more!r}"), evidence).verdict == "refuse"


def test_a_rule_can_ask_the_lower_bound() -> None:
    """0.9 ± 0.1 is above 0.85, its lower bound is not."""
    evidence = evidenced(measured(0.9))
    assert rules.judge(gated("accuracy > 0.85"), evidence).passed
    verdict = rules.judge(gated("lower(accuracy) > 0.85"), evidence)
    assert verdict.verdict == "refuse"
    assert verdict.reason == "the lower bound of accuracy 0.9000 [0.8000, 1.0000] is not above the threshold 0.85"


def test_a_rule_can_ask_the_folds() -> None:
    """Their mean is compared, and shown with its spread; the metric on the held-out rows does not matter."""
    folds = (Folds(metric="accuracy", mean=0.91, spread=0.02),)
    evidence = evidenced(measured(0.5), folds=folds)
    verdict = rules.judge(gated("cv(accuracy) > 0.9"), evidence)
    assert verdict.passed
    assert verdict.checks[0].measured == "0.9100 ± 0.0200"
    refused = rules.judge(gated("cv(accuracy) >= 0.95"), evidence)
    assert refused.reason == "the mean of accuracy over the folds 0.9100 ± 0.0200 is not at least the threshold 0.95"
    assert rules.missing(gated("accuracy > 0.4", "cv(f1) > 0.9"), evidence) == []


@pytest.mark.parametrize("rows", [10, 100])
def test_folds_that_are_missing_or_not_defined_refuse(rows: int) -> None:
    """Also where the held-out rows are few: the folds are training rows."""
    evidence = evidenced(measured(0.99), rows=rows, folds=(Folds(metric="roc_auc", mean=math.nan, spread=math.nan),))
    for line, words in (("cv(accuracy) > 0", "was trained without it"), ("cv(roc_auc) > 0", "is not defined")):
        verdict = rules.judge(gated(line), evidence)
        assert verdict.verdict == "refuse"
        assert words in verdict.reason


def test_few_rows_of_a_class_keep() -> None:
    """They prove neither that the model is better than Dummy, nor that it is worse in a metric of that class."""
    few = Scarce(name="class 1", rows=2, enough=4, positive=True)
    dummy = Difference(1.0, 0.0, 1.0, 0.2, 0.5)
    verdict = rules.judge(gated("f1 > 0.8"), evidenced(measured(1.0, metric="f1"), dummy=dummy, scarce=few))
    reason = "not enough data: 2 test rows of class 1, at least 4 are needed"
    assert (verdict.verdict, verdict.reasons) == ("keep", (reason,))
    worse = evidenced(measured(0.5, metric="f1"), measured(0.5), dummy=dummy, scarce=few)
    assert rules.judge(gated("f1 > 0.8"), worse).verdict == "keep"
    assert rules.judge(gated("f1 > 0.8", "accuracy > 0.8"), worse).verdict == "refuse"
    enough = evidenced(measured(1.0, metric="f1"), scarce=few)
    assert rules.judge(gated("f1 > 0.8"), enough).passed


def test_rows_of_one_class_keep() -> None:
    """A model that always says this class would be right on all of them."""
    one = evidenced(measured(1.0), only_class="yes")
    verdict = rules.judge(gated("accuracy > 0.9"), one)
    assert (verdict.verdict, verdict.reasons) == ("keep", ("not enough data: all 100 test rows are of class 'yes'",))
    assert rules.judge(gated("accuracy > 0.9"), evidenced(measured(0.5), only_class="yes")).verdict == "refuse"


def test_no_slice_may_be_below() -> None:
    """One bad slice refuses, and is named with its rows."""
    evidence = evidenced(measured(0.95), measured(0.9, by="sex", slice="male"), measured(0.7, by="sex", slice="female"))
    verdict = rules.judge(gated("accuracy > 0.9", "accuracy >= 0.8 by sex"), evidence)
    assert verdict.verdict == "refuse"
    assert verdict.reasons == (
        "where sex is female (40 rows) accuracy 0.7000 [0.6000, 0.8000] is not at least the threshold 0.8",
    )


def test_a_missing_or_nan_metric_closes_the_gate() -> None:
    """A metric that is not measured, or not defined, is not above anything."""
    for evidence, word in ((evidenced(), "not measured"), (evidenced(measured(math.nan)), "not defined")):
        verdict = rules.judge(gated("accuracy > -1"), evidence)
        assert verdict.verdict == "refuse"
        assert word in verdict.reason
    assert [str(rule) for rule in rules.missing(gated("accuracy > -1"), evidenced())] == ["accuracy > -1"]


@pytest.mark.parametrize(
    ("other", "settings", "reason"),
    [
        ({"dummy": Difference(0.1, 0.0, 0.2, 0.05, 0.1)}, {}, "not better than the Dummy estimator's"),
        ({"dummy": Difference(0.1, math.nan, 0.2, 0.05, 0.1)}, {}, "not better than the Dummy estimator's"),
        ({"duplicates": 6, "duplicate_rows": (3, 9)}, {}, "6 of 100 test rows (rows 3, 9, …) are training rows too"),
        ({"served": "the served model does not give the scored predictions"}, {}, "not give the scored predictions"),
        ({"dirty": True}, {"require_clean": True}, "has uncommitted changes"),
        (
            {"champion": Champion(version="3", problem="other columns")},
            {},
            "version 3 can't be compared: other columns",
        ),
        ({"champion": champion(math.nan, math.nan, math.nan)}, {}, "version 3 can't be compared: no interval"),
    ],
)
def test_a_broken_guard_refuses(other: dict[str, object], settings: dict[str, object], reason: str) -> None:
    """However good the metric is."""
    verdict = rules.judge(gated("accuracy > 0.5", **settings), evidenced(measured(0.99), **other))
    assert verdict.verdict == "refuse"
    assert len(verdict.reasons) == 1
    assert reason in verdict.reason


def test_a_guard_that_holds_passes() -> None:
    """Five duplicates in a hundred, and uncommitted changes where they are allowed."""
    evidence = evidenced(measured(0.99), duplicates=5, dirty=True)
    assert rules.judge(gated("accuracy > 0.5"), evidence).passed


@pytest.mark.parametrize(
    ("policy", "margin", "difference", "verdict"),
    [
        ("not_worse", 0.0, (0.0, 0.0, 0.0), "pass"),
        ("not_worse", 0.0, (-0.1, -0.2, 0.01), "pass"),
        ("not_worse", 0.0, (-0.1, -0.2, -0.01), "keep"),
        ("not_worse", 0.05, (-0.1, -0.2, -0.01), "pass"),
        ("not_worse", 0.05, (-0.1, -0.2, -0.06), "keep"),
        ("better", 0.0, (0.0, 0.0, 0.0), "keep"),
        ("better", 0.0, (0.1, -0.01, 0.2), "keep"),
        ("better", 0.0, (0.1, 0.01, 0.2), "pass"),
        ("better", 0.05, (0.1, 0.01, 0.2), "keep"),
        ("off", 0.0, (-0.5, -0.6, -0.4), "pass"),
    ],
)
def test_the_policy_decides_about_the_champion(
    policy: str, margin: float, difference: tuple[float, float, float], verdict: str
) -> None:
    """A challenger that is worse for sure, or not better for sure, leaves the champion where it is: no failure."""
    evidence = evidenced(measured(0.9), champion=champion(*difference))
    judged = rules.judge(gated("accuracy > 0.5", champion=policy, margin=margin), evidence)
    assert judged.verdict == verdict
    if verdict == "keep":
        assert "than champion version 3 in accuracy" in judged.reason


def test_a_champion_is_compared_on_rows_that_it_does_not_know() -> None:
    """Of those that it was trained on it says so; where too few are left nothing is registered, and nothing is red."""
    known = champion(0.1, 0.01, 0.2).model_copy(update={"rows": 40})
    verdict = rules.judge(gated("accuracy > 0.5"), evidenced(measured(0.9), champion=known))
    assert verdict.passed
    assert "without the 60 of 100 test rows that it was trained on" in verdict.reasons[-1]
    for left in (0, 29):
        few = Champion(version="3", rows=left)
        verdict = rules.judge(gated("accuracy > 0.5"), evidenced(measured(0.9), champion=few))
        assert verdict.verdict == "keep"
        assert f"champion version 3 was trained on {100 - left} of 100 test rows, {left} are left" in verdict.reason
        assert rules.judge(gated("accuracy > 0.95"), evidenced(measured(0.9), champion=few)).verdict == "refuse"


def test_a_broken_rule_outweighs_a_champion_that_stays() -> None:
    """Red before green."""
    evidence = evidenced(measured(0.4), champion=champion(-0.5, -0.6, -0.4))
    assert rules.judge(gated("accuracy > 0.5"), evidence).verdict == "refuse"


def test_without_a_champion_the_rules_decide_and_it_says_so() -> None:
    """A missing champion does not close the gate."""
    verdict = rules.judge(gated("accuracy > 0.5"), evidenced(measured(0.9)))
    assert verdict.passed
    assert verdict.reasons == (
        "accuracy 0.9000 [0.8000, 1.0000] is above the threshold 0.5",
        "there is no champion yet, so the rules decide alone",
    )


@pytest.mark.parametrize("value", [0.2, 0.9])
def test_too_few_rows_prove_nothing(value: float) -> None:
    """Neither a pass nor a refusal, and how many rows would do."""
    verdict = rules.judge(gated("accuracy > 0.5", min_test_rows=30), evidenced(measured(value), rows=29))
    assert verdict.verdict == "keep"
    assert "not enough data: 29 test rows, gate.min_test_rows = 30" in verdict.reasons


def test_too_few_rows_do_not_hide_a_broken_guard() -> None:
    """A model that is not served as logged is refused on any number of rows."""
    assert rules.judge(gated("accuracy > 0.5"), evidenced(measured(0.9), rows=3, served="wrong")).verdict == "refuse"


@given(finite, st.floats(allow_infinity=False))
@settings(max_examples=20)
def test_evidence_survives_the_run(value: float, lower: float) -> None:
    """What is logged is what is read back, NaN too."""
    evidence = evidenced(
        Measured(metric="r2", rows=3, estimate=Estimate(value, lower, value)), champion=champion(1.0, 0.0, 2.0)
    )
    assert repr(Evidence.model_validate_json(evidence.model_dump_json())) == repr(evidence)
