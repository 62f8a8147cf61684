"""Report: what a window of served rows shows, as one HTML page and as lines for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelmake.config import receipt
from modelmake.data.drift import Drift
from modelmake.data.profile import Column, Profile
from modelmake.report import page
from modelmake.watch.ground_truth import Live

HEADLINES = {"alert": "The data has drifted", "quiet": "No drift", "none": "Too few rows for a verdict"}


@dataclass(frozen=True)
class Report:
    """Everything that a report of a window shows.

    Parameters
    ----------
    name, version : str
        The registered model and its version.
    rows : int
        The rows of the window.
    since, until : str
        The times of its first and last row.
    drifts : sequence of Drift
        The drift of each column, and of the predictions.
    profile : Profile
        The window.
    live : Live or None
        The gate's rules on rows whose truth is known.
    expected : float or None
        The accuracy that the model itself expects.
    verdict : {"alert", "quiet", "none"}
        "none" for too few rows.

    """

    name: str
    version: str
    rows: int
    since: str
    until: str
    drifts: Sequence[Drift]
    profile: Profile
    live: Live | None
    expected: float | None
    verdict: str

    @property
    def alert(self) -> bool:
        """Whether this window raises an alert."""
        return self.verdict == "alert"

    @property
    def headline(self) -> str:
        """The verdict in words."""
        return HEADLINES[self.verdict]

    @property
    def findings(self) -> list[str]:
        """What has moved and which rules are broken, as sentences."""
        moved = [finding.text for drift in self.drifts for finding in drift.findings if finding.counts]
        return [*(self.live.broken if self.live else []), *moved]

    @property
    def columns(self) -> list[tuple[Drift, Column | None]]:
        """Each column's drift and profile, those that moved first."""
        profiles = {column.name: column for column in self.profile.columns}
        ordered = sorted(self.drifts, key=lambda drift: (not drift.moved, -drift.effect))
        return [(drift, profiles.get(drift.name)) for drift in ordered]

    @property
    def html(self) -> str:
        """One self-contained page."""
        return page.render("report.html", {"report": self}, autoescape=True, folder=Path(__file__).parent)

    @property
    def table(self) -> str:
        """Return a line for each column."""
        rows = [
            ("moved" if drift.moved else "ok", drift.name, f"{drift.effect:.2f}", f"{drift.p_value:.3f}")
            for drift, _ in self.columns
        ]
        return receipt.aligned([("", "column", "effect", "p"), *rows])
