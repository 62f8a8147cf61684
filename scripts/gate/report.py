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
    "keep": "No rule is broken, but nothing is registered",
    "refuse": "A rule or a guard is broken",
}


@dataclass(frozen=True)
class Report:
    """Everything that a report shows.

    Parameters
    ----------
    title : str
        The registered model's name.
    run : str
        The run's id.
    url : str
        The run's page in MLflow.
    verdict : Verdict
        The gate's verdict.
    evidence : Evidence or None
        The gate's evidence; None if there is none.
    metrics : Mapping
        Each metric's value.
    champion : Mapping
        The champion's metrics on the rows of the comparison; empty if there is none.
    differences : Mapping
        How much higher the model's metrics are on these rows.
    plots : sequence of Plot
        The plots.
    profile : Profile or None
        The held-out rows.
    drift : sequence of Drift or None
        How far they have moved from the champion's held-out rows; None if that is not known.
    provenance : Mapping
        The origin of the run.

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
    """Return the report on a run that the gate can't measure."""
    return Report(title, run, url, refusal(reason), None, {}, {}, {}, (), None, None, provenance)


def table(verdict: Verdict) -> str:
    """Return the checks for the terminal, one line for each."""
    width = max(len(check.name) for check in verdict.checks)
    return "\n".join(f"{check.outcome:<8}{check.name:<{width + 2}}{check.measured}" for check in verdict.checks)


def _render(name: str, report: Report, *, autoescape: bool) -> str:
    template = _environment(autoescape).get_template(name)
    return template.render(report=report, verdict=report.verdict, evidence=report.evidence)


@cache
def _environment(autoescape: bool) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=autoescape,  # noqa: S701  # off for Markdown only
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
    return environment
