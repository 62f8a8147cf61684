"""The report: verdict, evidence and plots as one HTML page, as Markdown, and as a table for the terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from modelmake.data.drift import Drift
from modelmake.data.profile import Column, Profile
from modelmake.gate.facts import Evidence
from modelmake.gate.rules import Verdict, refusal
from modelmake.report import page
from modelmake.report.drawing import Plot

HEADLINES = {
    "pass": "Good enough to register",
    "keep": "No rule is broken, but nothing is registered",
    "refuse": "A rule or a guard is broken",
}
LARGE = 1e9  # four decimals of a larger number are noise
SHOWN = 40  # columns of the held-out rows that the page shows at once


class Score(NamedTuple):
    """One metric's line: values as text, empty where there is none; `value` is that on the held-out rows."""

    name: str
    value: str
    train: str
    folds: str
    champion: str
    difference: str


@dataclass(frozen=True)
class Report:
    """Everything that a report shows.

    Parameters
    ----------
    title : str
        The registered model's name.
    run, url : str
        The run's id, and its page in MLflow.
    verdict, evidence
        Of the gate; no evidence if the model can't be measured.
    metrics, train_scores, cv_scores : dict
        Each metric's value on the held-out rows and on the training rows; its mean and standard deviation over folds.
    champion, differences : dict
        The champion's metrics on the rows of the comparison, and how much higher the model's are there.
    plots : sequence of Plot
        The plots, and why some are left out.
    profile, drift
        Of the held-out rows: what they are, and how far they have moved from the champion's, if that is known.
    provenance : dict
        The origin of the run.
    findings : list of str
        Warnings about the table, as sentences.

    """

    title: str
    run: str
    url: str
    verdict: Verdict
    evidence: Evidence | None
    provenance: Mapping[str, str]
    metrics: Mapping[str, float] = field(default_factory=dict)
    champion: Mapping[str, float] = field(default_factory=dict)
    differences: Mapping[str, float] = field(default_factory=dict)
    plots: Sequence[Plot] = ()
    profile: Profile | None = None
    drift: Sequence[Drift] | None = None
    train_scores: dict[str, float] = field(default_factory=dict)
    cv_scores: dict[str, tuple[float, float]] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)

    @property
    def scores(self) -> list[Score]:
        """The lines of the table of metrics."""
        names = dict.fromkeys((*self.metrics, *self.cv_scores, *self.train_scores))
        return [
            Score(
                name,
                _number(self.metrics.get(name)),
                _number(self.train_scores.get(name)),
                " ± ".join(_number(value) for value in self.cv_scores.get(name, ())),
                _number(self.champion.get(name)),
                _number(self.differences.get(name), sign="+"),
            )
            for name in names
        ]

    @cached_property
    def moves(self) -> dict[str, Drift]:
        """The drift of each column that the champion's profile has."""
        return {drift.name: drift for drift in self.drift or ()}

    @property
    def moved(self) -> list[str]:
        """What has moved, as sentences."""
        return [finding.text for drift in self.drift or () for finding in drift.findings if finding.counts]

    @property
    def columns(self) -> list[Column]:
        """The columns of the held-out rows: in the order of the table or, if there are many, those that moved first."""
        columns = self.profile.columns if self.profile else []
        moved = {name for name, drift in self.moves.items() if drift.moved and len(columns) > SHOWN}
        return sorted(columns, key=lambda column: column.name not in moved)

    @property
    def headline(self) -> str:
        """The verdict in words."""
        return HEADLINES[self.verdict.verdict]

    @property
    def _facts(self) -> dict[str, object]:
        return {"report": self, "verdict": self.verdict, "evidence": self.evidence, "shown": SHOWN}

    @cached_property
    def html(self) -> str:
        """One self-contained page."""
        return page.render("report.html", self._facts, autoescape=True, folder=Path(__file__).parent)

    @cached_property
    def markdown(self) -> str:
        """The same for a job's summary and a pull request's comment."""
        return page.render("report.md", self._facts, autoescape=False, folder=Path(__file__).parent)


def refused(title: str, run: str, url: str, reason: str, provenance: Mapping[str, str]) -> Report:
    """Return the report on a run that the gate can't measure."""
    return Report(title, run, url, refusal(reason), None, provenance)


def table(verdict: Verdict) -> str:
    """Return the checks for the terminal, one line for each."""
    width = max(len(check.name) for check in verdict.checks)
    return "\n".join(f"{check.outcome:<8}{check.name:<{width + 2}}{check.measured}" for check in verdict.checks)


def _number(value: float | None, sign: str = "") -> str:
    """Return a number to four decimals, a large one to seven digits."""
    if value is None:
        return ""
    if math.isnan(value):
        return "not defined"
    return f"{value:{sign}.4f}" if abs(value) < LARGE else f"{value:{sign}.7g}"
