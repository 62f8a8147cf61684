"""The report: verdict, evidence and plots as one HTML page, as Markdown, and as a table for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scripts.data.profile import Drift, Profile
from scripts.gate.plots import Plot
from scripts.gate.rules import Evidence, Verdict, refusal

TEMPLATES = Path(__file__).parent
HEADLINES = {
    "pass": "Good enough to register",
    "keep": "Nothing is registered, nothing is broken",
    "refuse": "A rule or a guard is broken",
}


@dataclass(frozen=True)
class Report:
    """All that a report says.

    Parameters
    ----------
    title : str
        The registered model's name.
    run : str
        The run's id.
    url : str
        Where MLflow shows it.
    verdict : Verdict
        What the gate says.
    evidence : Evidence or None
        What it looked at; None where it could not look.
    metrics : Mapping
        Each metric's value.
    champion : Mapping
        The champion's metrics on the rows that both were compared on; empty where there is none.
    differences : Mapping
        By how much the model's are higher on these.
    plots : sequence of Plot
        What there is to see.
    profile : Profile or None
        The held-out rows.
    drift : sequence of Drift or None
        How far they are from the champion's held-out rows; None where that is not known.
    provenance : Mapping
        Where the run came from.

    """

    title: str
    run: str
    url: str
    verdict: Verdict
    evidence: Evidence | None
    metrics: Mapping[str, float]
    champion: Mapping[str, float]
    differences: Mapping[str, float]
    plots: Sequence[Plot]
    profile: Profile | None
    drift: Sequence[Drift] | None
    provenance: Mapping[str, str]

    @property
    def headline(self) -> str:
        """The verdict in words."""
        return HEADLINES[self.verdict.verdict]

    @cached_property
    def html(self) -> str:
        """One self-contained page."""
        return _render("report.html", self, autoescape=True)

    @cached_property
    def markdown(self) -> str:
        """The same for a job's summary and a pull request's comment."""
        return _render("report.md", self, autoescape=False)


def refused(title: str, run: str, url: str, reason: str, provenance: Mapping[str, str]) -> Report:
    """Return the report on a run that the gate could not look at."""
    return Report(title, run, url, refusal(reason), None, {}, {}, {}, (), None, None, provenance)


def table(verdict: Verdict) -> str:
    """Return what was checked, a line each, for the terminal."""
    width = max(len(each.name) for each in verdict.checks)
    return "\n".join(f"{each.outcome:<8}{each.name:<{width + 2}}{each.measured}" for each in verdict.checks)


def _render(name: str, report: Report, *, autoescape: bool) -> str:
    template = _environment(autoescape).get_template(name)
    return template.render(report=report, verdict=report.verdict, evidence=report.evidence)


@cache
def _environment(autoescape: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,  # noqa: S701  # off for Markdown alone
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    return made
