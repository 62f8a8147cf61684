"""The gate: a pure function from rules and evidence to a verdict."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from modelmake.config.gate import OF_CLASS_1, Gate, Rule
from modelmake.gate.facts import Champion, Evidence, Measured

Outcome = Literal["pass", "keep", "refuse"]


@dataclass(frozen=True)
class Check:
    """One line of the verdict's table."""

    name: str
    outcome: Outcome
    measured: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """Pass, keep or refuse, with the reasons as sentences and all checks."""

    verdict: Outcome
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether the model may be registered."""
        return self.verdict == "pass"

    @property
    def reason(self) -> str:
        """The first reason, and the number of further ones."""
        return self.reasons[0] + f", and {len(self.reasons) - 1} more" * (len(self.reasons) > 1)


def judge(gate: Gate, evidence: Evidence) -> Verdict:
    """Return the verdict of the gate's rules on the evidence.

    It is "refuse" if a rule or a guard is broken, else "keep" if the champion stays or the rows are too few, else
    "pass". With too few rows a broken rule proves nothing: the verdict is "keep", and nothing is registered. The same
    holds where too few rows of a class can show that the model is better than Dummy.

    Examples
    --------
    >>> from modelmake.scores.intervals import Difference, Estimate
    >>> gate = Gate(rules=["accuracy > 0.9"])
    >>> accuracy = Measured(metric="accuracy", rows=100, estimate=Estimate(0.93, 0.89, 0.97))
    >>> dummy = Difference(0.6, 0.5, 0.7, p_value=0.0, mcnemar=None)
    >>> evidence = Evidence(model_id="m-1", rows=100, measured=(accuracy,), dummy=dummy)
    >>> judge(gate, evidence).verdict
    'pass'
    >>> judge(Gate(rules=["lower(accuracy) > 0.9"]), evidence).reason
    'the lower bound of accuracy 0.9300 [0.8900, 0.9700] is not above the threshold 0.9'
    >>> judge(Gate(rules=["accuracy > 0.9"], min_test_rows=200), evidence).verdict
    'keep'

    """
    checks = (*_ask(gate, evidence), *_guard(gate, evidence), _challenge(gate, evidence))
    outcomes = [check.outcome for check in checks]
    verdict: Outcome = "refuse" if "refuse" in outcomes else "keep" if "keep" in outcomes else "pass"
    deciding = [check for check in checks if check.outcome == verdict]
    if verdict == "pass":
        deciding = [deciding[0], deciding[-1]]  # the first rule, and the champion
    return Verdict(verdict, tuple(check.reason for check in deciding), checks)


def refusal(reason: str) -> Verdict:
    """Return the verdict on a model that can't be measured.

    Examples
    --------
    >>> refusal("the data has changed").verdict
    'refuse'

    """
    return Verdict("refuse", (reason,), (Check("evidence", "refuse", "none", reason),))


def missing(gate: Gate, evidence: Evidence) -> list[Rule]:
    """Return the rules whose metric on held-out rows `evidence` does not contain.

    Examples
    --------
    >>> from modelmake.scores.intervals import Difference
    >>> evidence = Evidence(model_id="m-1", rows=100, measured=(), dummy=Difference(0.6, 0.5, 0.7, 0.0, None))
    >>> [str(rule) for rule in missing(Gate(rules=["f1 > 0.8 by sex"]), evidence)]
    ['f1 > 0.8 by sex']

    """
    measured = {(measurement.metric, measurement.by) for measurement in evidence.measured}
    return [rule for rule in gate.rules if not rule.cv and (rule.metric, rule.by) not in measured]


def bounds(evidence: Evidence) -> dict[str, float]:
    """Return the bounds of each metric on the whole test set, as metrics for the run.

    Examples
    --------
    >>> from modelmake.scores.intervals import Difference, Estimate
    >>> r2 = Measured(metric="r2", rows=100, estimate=Estimate(0.7, 0.6, 0.8))
    >>> evidence = Evidence(model_id="m-1", rows=100, measured=(r2,), dummy=Difference(0.7, 0.6, 0.8, 0.0, None))
    >>> bounds(evidence)
    {'r2_lower': 0.6, 'r2_upper': 0.8}

    """
    whole = [measurement for measurement in evidence.measured if measurement.by is None]
    lower = {f"{measurement.metric}_lower": measurement.estimate.lower for measurement in whole}
    return lower | {f"{measurement.metric}_upper": measurement.estimate.upper for measurement in whole}


def _ask(gate: Gate, evidence: Evidence) -> Iterator[Check]:
    """Check every rule, then the floor; if the rows are too few, a broken rule means keep, not refuse."""
    enough, scarce = evidence.rows >= gate.min_test_rows, evidence.scarce
    broken: Outcome = "refuse" if enough else "keep"
    for rule in gate.rules:
        if rule.cv:
            yield _over_folds(rule, evidence)
            continue
        measured = [m for m in evidence.measured if (m.metric, m.by) == (rule.metric, rule.by)]
        if not measured:
            reason = f"{rule.metric} was not measured on the held-out rows, so it is not above {rule.threshold:g}"
            yield Check(str(rule), broken, "not measured", reason)
        unproven = scarce is not None and scarce.positive and rule.metric in OF_CLASS_1
        yield from (asked(rule, measurement, "keep" if unproven else broken) for measurement in measured)
    yield _floor(gate, evidence, broken)
    if evidence.only_class:
        what = f"all {evidence.rows} test rows are of class '{evidence.only_class}'"
        yield Check("several classes", "keep", what, f"not enough data: {what}")
    if not enough:
        reason = f"not enough data: {evidence.rows} test rows, gate.min_test_rows = {gate.min_test_rows}"
        yield Check(f"test rows >= {gate.min_test_rows}", "keep", str(evidence.rows), reason)


def _floor(gate: Gate, evidence: Evidence, broken: Outcome) -> Check:
    """Compare with the Dummy estimator."""
    name, scarce = "better than Dummy", evidence.scarce
    better = evidence.dummy.lower > 0
    if not better and scarce is not None:
        rows = f"{scarce.rows} test row{'s' * (scarce.rows != 1)} of {scarce.name}, at least {scarce.enough} are needed"
        return Check(name, "keep", str(evidence.dummy), f"not enough data: {rows}")
    reason = f"{gate.metric} is {'' if better else 'not '}better than the Dummy estimator's: {evidence.dummy}"
    return Check(name, "pass" if better else broken, str(evidence.dummy), reason)


def _over_folds(rule: Rule, evidence: Evidence) -> Check:
    """Compare the mean over the folds, which are training rows: their number does not depend on the held-out rows."""
    folds = next((folds for folds in evidence.folds if folds.metric == rule.metric), None)
    what = f"the mean of {rule.metric} over the folds"
    if folds is None:
        reason = f"{what} is not known: the run was trained without it (make train FORCE=1)"
        return Check(str(rule), "refuse", "not measured", reason)
    if math.isnan(folds.mean):
        reason = f"{what} is not defined: a class has no row in one of them (set fewer folds under [train])"
        return Check(str(rule), "refuse", str(folds), reason)
    holds, relation = _compared(rule, folds.mean)
    return Check(str(rule), "pass" if holds else "refuse", str(folds), f"{what} {folds} {relation}")


def asked(rule: Rule, measured: Measured, broken: Outcome) -> Check:
    """Ask one rule of a metric; `broken` is the outcome if it does not hold."""
    value = measured.estimate.lower if rule.lower else measured.estimate.value
    holds, relation = _compared(rule, value)
    where = f"where {measured.by} is {measured.slice} ({measured.rows} rows) " if measured.by else ""
    what = f"{where}{'the lower bound of ' if rule.lower else ''}{rule.metric}"
    if math.isnan(value):
        reason = f"{what} is not defined on the held-out rows, so it is not above {rule.threshold:g}"
    else:
        reason = f"{what} {measured.estimate} {relation}"
    name = f"{rule}: {measured.slice} ({measured.rows} rows)" if measured.by else str(rule)
    return Check(name, "pass" if holds else broken, str(measured.estimate), reason)


def _compared(rule: Rule, value: float) -> tuple[bool, str]:
    """Return whether the rule holds, False for NaN, and that as words."""
    holds = value >= rule.threshold if rule.or_equal else value > rule.threshold
    relation = "at least" if rule.or_equal else "above"
    return holds, f"is {'' if holds else 'not '}{relation} the threshold {rule.threshold:g}"


def _guard(gate: Gate, evidence: Evidence) -> Iterator[Check]:
    first = ", ".join(map(str, evidence.duplicate_rows)) + ", …" * (evidence.duplicates > len(evidence.duplicate_rows))
    count = f"{evidence.duplicates} of {evidence.rows} test rows{f' (rows {first})' if evidence.duplicates else ''}"
    few = evidence.duplicates <= gate.max_duplicates * evidence.rows
    reason = f"{count} are training rows too, and gate.max_duplicates allows {gate.max_duplicates:.1%}"
    yield Check(f"duplicates <= {gate.max_duplicates:.1%}", "pass" if few else "refuse", count, reason)
    reason = evidence.served or "the served model gives the same predictions, and refuses wrong columns"
    measured = evidence.served or f"the same{f': {evidence.rounding}' * bool(evidence.rounding)}"
    yield Check("served as logged", "refuse" if evidence.served else "pass", measured, reason)
    if gate.require_clean:
        state = "has uncommitted changes, or no commit" if evidence.dirty else "is committed"
        yield Check("clean", "refuse" if evidence.dirty else "pass", state, f"the code of the run {state}")


def _challenge(gate: Gate, evidence: Evidence) -> Check:
    """Compare with the champion, by the policy."""
    name = f"champion: {gate.champion}"
    champion: Champion | None = evidence.champion
    if gate.champion == "off":
        return Check(name, "pass", "not compared", 'gate.champion is "off", so no champion is compared')
    if champion is None:
        return Check(name, "pass", "none", "there is no champion yet, so the rules decide alone")
    left_out = f"{evidence.rows - champion.rows} of {evidence.rows} test rows"
    did = "was trained on or did not record" if champion.recorded else "was trained on"
    if not champion.problem and champion.rows < min(gate.min_test_rows, evidence.rows):
        reason = f"not enough data: champion version {champion.version} {did} {left_out}"
        limit = f"{champion.rows} are left, gate.min_test_rows = {gate.min_test_rows}"
        return Check(name, "keep", f"compared without {left_out}", f"{reason}, {limit}")
    difference = champion.difference
    if difference is None or math.isnan(difference.lower):
        fix = 'make promote VERSION=…, or champion = "off" in [gate]'
        what = champion.problem or f"no interval of {gate.metric} on these rows"
        reason = f"champion version {champion.version} can't be compared: {what} ({fix})"
        return Check(name, "refuse", "can't be compared", reason)
    if gate.champion == "better":
        stays, sign = difference.lower <= gate.margin, "better"
    else:
        stays, sign = difference.upper < -gate.margin, "worse"
    result = f"{'' if stays is (sign == 'worse') else 'not '}significantly {sign}"
    margin = f" by more than {gate.margin:g}" if gate.margin else ""
    rest = f", without the {left_out} that it {did}" if champion.rows < evidence.rows else ""
    reason = f"{result}{margin} than champion version {champion.version} in {gate.metric}: {difference}{rest}"
    return Check(name, "keep" if stays else "pass", str(difference), reason)
