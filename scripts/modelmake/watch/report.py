"""Report: what a window of served rows shows, as one HTML page and as lines for the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelmake.config import receipt
from modelmake.data.drift import MIN_ROWS, Drift
from modelmake.data.profile import Column, Profile
from modelmake.report import page
from modelmake.watch.quality import Quality


@dataclass(frozen=True)
class Line:
    """One column: its drift, and its values in the window and in the training rows."""

    drift: Drift
    now: Column | None
    then: Column | None


@dataclass(frozen=True)
class Report:
    """Everything that a report of a window shows.

    Parameters
    ----------
    name, version : str
        The registered model and its version.
    rows : int
        The rows of the window.
    repeated : int
        The requests that were left out, since they repeat another one.
    since, until : str
        The times of its first and last row.
    drifts : sequence of Drift
        The drift of each column, and of the predictions.
    profile, trained : Profile
        The window, and the training rows.
    quality : Quality or None
        The gate's rules on rows whose truth is known.
    expected : float or None
        The accuracy that the model itself expects.

    """

    name: str
    version: str
    rows: int
    repeated: int
    since: str
    until: str
    drifts: Sequence[Drift]
    profile: Profile
    trained: Profile
    quality: Quality | None
    expected: float | None

    @property
    def moved(self) -> bool:
        """Whether a column, or the predictions, have drifted."""
        return any(drift.moved for drift in self.drifts)

    @property
    def broken(self) -> bool:
        """Whether a rule of the gate does not hold."""
        return bool(self.quality and self.quality.broken)

    @property
    def alert(self) -> bool:
        """Whether this window raises an alert."""
        return self.moved or self.broken

    @property
    def judged(self) -> bool:
        """Whether the rows are enough for a verdict."""
        return self.rows >= MIN_ROWS or self.quality is not None

    @property
    def headline(self) -> str:
        """The verdict in words."""
        if not self.judged:
            return "Too few rows for a verdict"
        broken = "rule of the gate is broken"
        if self.moved:
            return "The data has drifted" + f", and a {broken}" * self.broken
        if self.broken:
            return f"A {broken}"
        drift = "No drift" if self.rows >= MIN_ROWS else "Too few rows to compare"
        return drift + ", and every rule holds" * bool(self.quality)

    @property
    def findings(self) -> list[str]:
        """Which rules are broken and what has drifted, as sentences."""
        moved = [finding.text for drift in self.drifts for finding in drift.findings if finding.counts]
        return [*(self.quality.broken if self.quality else []), *moved]

    @property
    def columns(self) -> list[Line]:
        """Each column, those that have drifted first and those that are not compared last."""
        now, then = ({one.name: one for one in rows.columns} for rows in (self.profile, self.trained))
        ordered = sorted(self.drifts, key=lambda drift: (not drift.moved, not drift.compared, -drift.effect))
        return [Line(drift, now.get(drift.name), then.get(drift.name)) for drift in ordered]

    @property
    def html(self) -> str:
        """One self-contained page."""
        return page.render("report.html", {"report": self}, autoescape=True, folder=Path(__file__).parent)

    @property
    def table(self) -> str:
        """Return a line for each column."""
        rows = []
        for drift in (line.drift for line in self.columns):
            figures = (f"{drift.effect:.2f}", f"{drift.p_value:.3f}") if drift.compared else ("", "")
            state = "moved" if drift.moved else "ok" if drift.compared else "not compared"
            rows.append((state, drift.name, *figures, drift.note))
        return receipt.aligned([("", "column", "effect", "p", ""), *rows])
