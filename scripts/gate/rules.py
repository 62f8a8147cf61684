"""The gate: rules and evidence in, a verdict out. Pure."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from scripts.core.config import Gate, Rule
from scripts.scores.intervals import Difference, Estimate

Outcome = Literal["pass", "keep", "refuse"]


class Fact(BaseModel):
    """What was found out about a model; JSON and back without loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Measured(Fact):
    """A metric on the held-out rows, or on the slice of them where column `by` is `slice`."""

    metric: str
    by: str | None = None
    slice: str | None = None
    rows: int
    estimate: Estimate


class Champion(Fact):
    """The version at `@champion` and, unless there is a problem, how much better the model is than that one.

    `rows` are those that both were compared on: the held-out rows without those that the champion, unlike the model,
    was trained on.
    """

    version: str
    rows: int = 0
    value: float = math.nan
    difference: Difference | None = None
    problem: str = ""


class Evidence(Fact):
    """All that the gate looks at.

    Parameters
    ----------
    model_id : str
        The logged model that was looked at.
    rows : int
        Number of held-out rows.
    measured : tuple of Measured
        At least what the rules ask for.
    dummy : Difference
        How much better the model is than scikit-learn's Dummy estimator, in the first rule's metric.
    champion : Champion or None
        None where no version is the champion yet, or none is to be compared with.
    duplicates : int
        Number of held-out rows that stand among the training rows too.
    duplicate_rows : tuple of int
        The first few of them, counted from 1 in the data file.
    dirty : bool
        Whether the run had uncommitted changes, or no commit.
    served : str
        What was wrong when the model was asked as a server asks it; empty where nothing was.

    """

    model_id: str
    rows: int
    measured: tuple[Measured, ...]
    dummy: Difference
    champion: Champion | None = None
    duplicates: int = 0
    duplicate_rows: tuple[int, ...] = ()
    dirty: bool = False
    served: str = ""


@dataclass(frozen=True)
class Check:
    """One line of the verdict's table."""

    name: str
    outcome: Outcome
    measured: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """Pass, keep or refuse, with the reasons as sentences and everything that was checked."""

    verdict: Outcome
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether the model may be registered."""
        return self.verdict == "pass"

    @property
    def reason(self) -> str:
        """The first reason, and how many more there are."""
        return self.reasons[0] + f", and {len(self.reasons) - 1} more" * (len(self.reasons) > 1)


def judge(gate: Gate, evidence: Evidence) -> Verdict:
    """Refuse where a rule or a guard is broken, else keep where the champion stays or the rows are too few, else pass.

    With too few rows a broken rule proves nothing either: then it is not a refusal, but nothing is registered.
    """
    checks = (*_ask(gate, evidence), *_guard(gate, evidence), _challenge(gate, evidence))
    outcomes = [each.outcome for each in checks]
    verdict: Outcome = "refuse" if "refuse" in outcomes else "keep" if "keep" in outcomes else "pass"
    deciding = [each for each in checks if each.outcome == verdict]
    if verdict == "pass":
        deciding = [deciding[0], deciding[-1]]  # the first rule, and the champion
    return Verdict(verdict, tuple(each.reason for each in deciding), checks)


def refusal(reason: str) -> Verdict:
    """Return the verdict on a model that can't be looked at at all."""
    return Verdict("refuse", (reason,), (Check("evidence", "refuse", "none", reason),))


def missing(gate: Gate, evidence: Evidence) -> list[Rule]:
    """Return the rules that ask for what `evidence` does not hold."""
    known = {(each.metric, each.by) for each in evidence.measured}
    return [rule for rule in gate.rules if (rule.metric, rule.by) not in known]


def bounds(evidence: Evidence) -> dict[str, float]:
    """Return the intervals of whole test set metrics as metrics for the run."""
    return {
        f"{each.metric}_{end}": getattr(each.estimate, end)
        for each in evidence.measured
        if each.by is None
        for end in ("lower", "upper")
    }


def _ask(gate: Gate, evidence: Evidence) -> Iterator[Check]:
    """Ask every rule, then for the floor; where the rows are too few, a refusal is turned into a keep."""
    enough = evidence.rows >= gate.min_test_rows
    broken: Outcome = "refuse" if enough else "keep"
    for rule in gate.rules:
        found = [each for each in evidence.measured if (each.metric, each.by) == (rule.metric, rule.by)]
        if not found:
            reason = f"{rule.metric} is not known on the held-out rows, so it is not above {rule.threshold:g}"
            yield Check(str(rule), broken, "not known", reason)
        for each in found:
            yield _rule(rule, each, broken)
    better = evidence.dummy.lower > 0
    reason = f"{gate.metric} is {'' if better else 'not '}better than the Dummy estimator's by {evidence.dummy}"
    yield Check("better than Dummy", "pass" if better else broken, str(evidence.dummy), reason)
    if not enough:
        reason = f"not enough data: {evidence.rows} test rows, {gate.min_test_rows} would do (gate.min_test_rows)"
        yield Check(f"test rows >= {gate.min_test_rows}", "keep", str(evidence.rows), reason)


def _rule(rule: Rule, found: Measured, broken: Outcome) -> Check:
    value = found.estimate.lower if rule.lower else found.estimate.value
    holds = value >= rule.threshold if rule.or_equal else value > rule.threshold  # False for NaN
    where = f"where {found.by} is {found.slice} ({found.rows} rows) " if found.by else ""
    what = f"{where}{'the lower bound of ' if rule.lower else ''}{rule.metric}"
    if math.isnan(value):
        reason = f"{what} is not known on the held-out rows, so it is not above {rule.threshold:g}"
    else:
        relation = "at least" if rule.or_equal else "above"
        reason = f"{what} {found.estimate} is {'' if holds else 'not '}{relation} the threshold {rule.threshold:g}"
    name = f"{rule}: {found.slice} ({found.rows} rows)" if found.by else str(rule)
    return Check(name, "pass" if holds else broken, str(found.estimate), reason)


def _guard(gate: Gate, evidence: Evidence) -> Iterator[Check]:
    named = ", ".join(map(str, evidence.duplicate_rows)) + ", …" * (evidence.duplicates > len(evidence.duplicate_rows))
    count = f"{evidence.duplicates} of {evidence.rows} test rows{f' (rows {named})' if evidence.duplicates else ''}"
    few = evidence.duplicates <= gate.max_duplicates * evidence.rows
    reason = f"{count} stand among the training rows too, and {gate.max_duplicates:.1%} may (gate.max_duplicates)"
    yield Check(f"duplicates <= {gate.max_duplicates:.1%}", "pass" if few else "refuse", count, reason)
    reason = evidence.served or "served as logged: asked as JSON it says the same, and turns wrong columns away"
    yield Check("served as logged", "refuse" if evidence.served else "pass", evidence.served or "the same", reason)
    if gate.require_clean:
        state = "has uncommitted changes, or no commit" if evidence.dirty else "is a commit, whole"
        yield Check("clean", "refuse" if evidence.dirty else "pass", state, f"what the run was made from {state}")


def _challenge(gate: Gate, evidence: Evidence) -> Check:
    """Compare with the champion, by the policy."""
    name, champion = f"champion: {gate.champion}", evidence.champion
    if gate.champion == "off":
        return Check(name, "pass", "not asked", "no champion is asked")
    if champion is None:
        return Check(name, "pass", "none", "there is no champion yet, so the rules decide alone")
    known = f"{evidence.rows - champion.rows} of {evidence.rows} test rows"
    if not champion.problem and champion.rows < min(gate.min_test_rows, evidence.rows):
        reason = f"not enough data: champion version {champion.version} was trained on {known}"
        would = f"{gate.min_test_rows} that it does not know would do (gate.min_test_rows)"
        return Check(name, "keep", f"knows {known}", f"{reason}, {would}")
    difference = champion.difference
    if difference is None or math.isnan(difference.lower):
        way_out = 'make promote another version, or champion = "off" in [gate]'
        what = champion.problem or f"no interval of {gate.metric} on these rows"
        reason = f"champion version {champion.version} can't be compared: {what} ({way_out})"
        return Check(name, "refuse", "can't be compared", reason)
    if gate.champion == "better":
        stays, sign = difference.lower <= gate.margin, "better"
    else:
        stays, sign = difference.upper < -gate.margin, "worse"
    judged = f"{'' if stays is (sign == 'worse') else 'not '}significantly {sign}"
    margin = f" by more than {gate.margin:g}" if gate.margin else ""
    rest = f", without the {known} that it was trained on" if champion.rows < evidence.rows else ""
    reason = f"{judged}{margin} than champion version {champion.version} in {gate.metric}: {difference}{rest}"
    return Check(name, "keep" if stays else "pass", str(difference), reason)
