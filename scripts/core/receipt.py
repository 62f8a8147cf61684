"""Receipts: the small JSON file that a stage leaves under build/, what it hands to GitHub, and the job's summary."""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scripts.core import provenance, settings
from scripts.core.errors import UserError
from scripts.core.files import BUILD, replace
from scripts.core.stages import read as read_inputs


def hand_on(**outputs: str) -> None:
    """Make `outputs` the outputs of this workflow step, where this is one."""
    if path := settings.github("OUTPUT"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def summarize(stage: str, rows: Mapping[str, str]) -> None:
    """Leave build/<stage>.md, a table of `rows`, and add it to the job's summary."""
    cells = [(name, text.replace("|", "\\|").replace("\n", " ")) for name, text in rows.items()]
    (_, first), *rest = cells
    lines = [f"| {stage} | {first} |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rest)]
    publish(f"{stage}.md", "\n".join(lines) + "\n")


def publish(name: str, text: str) -> None:
    """Leave `text` as build/<name>, and add it to the job's summary, where this is a workflow step.

    act wipes the job's summary between steps (nektos/act#2273), so the file is what stays.
    """
    replace(name, text)
    if path := settings.github("STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as columns for the terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def compared(a: Mapping[str, str], b: Mapping[str, str], different: Collection[str], sides: tuple[str, str]) -> str:
    """Return two sets of facts as a table, and what differs by name."""
    rows = [("    ", "", *sides)]
    for name in a | b:
        mark, theirs = ("DIFF", b.get(name, "none")) if name in different else ("ok", "the same")
        rows.append((mark, name, a.get(name, "none")[:24], theirs[:24]))
    return aligned(rows)


def link(text: str, url: str) -> str:
    """Return `text` as a link in Markdown, where `url` is one."""
    return f"[{text}]({url})" if url.startswith("http") else text


class Receipt(BaseModel):
    """What every stage's receipt holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    stage: ClassVar[str]

    command: str
    runner: str
    seconds: float
    inputs: dict[str, str] = Field(default_factory=dict)

    def write(self) -> None:
        """Write build/<stage>.md and build/<stage>.json."""
        summarize(self.stage, {"result": f"done in {self.seconds:.1f} s", **self.rows()})
        replace(f"{self.stage}.json", self.model_dump_json(indent=2) + "\n")

    def rows(self) -> dict[str, str]:
        """Return what a person reads of it in the job's summary."""
        return {}

    @classmethod
    def read(cls, folder: Path = BUILD) -> Self:
        """Read <stage>.json in `folder`.

        Raises
        ------
        UserError
            It is not there, or not what this version of modelmake writes.

        """
        path = folder / f"{cls.stage}.json"
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UserError(str(path), "no such receipt", f"make {cls.stage}, or name a run: RUN_ID=…") from None
        except (OSError, ValidationError):
            raise UserError(str(path), "not a receipt of this version", f"make {cls.stage} FORCE=1") from None


class Lint(Receipt):
    """Every linter is content."""

    stage = "lint"


class Test(Receipt):
    """Every test that can run here passed."""

    stage = "test"
    __test__ = False  # pytest takes the name for a test class


class OwnTest(Receipt):
    """The user's own tests passed."""

    stage = "owntest"


class Train(Receipt):
    """A run with a READY model."""

    stage = "train"
    tracking_uri: str
    run_id: str
    model_id: str
    url: str
    data_sha256: str
    params: dict[str, str]
    metrics: dict[str, float]
    provenance: dict[str, str]

    def rows(self) -> dict[str, str]:
        """Say where run and model are, and what they came from."""
        came_from = self.provenance
        dirty = " and uncommitted changes" if came_from.get("modelmake.git.dirty") == "true" else ""
        return {
            "run": link(self.run_id, self.url),
            "model": self.model_id,
            "commit": came_from.get("modelmake.git.commit", "none") + dirty,
            "image": came_from["modelmake.image"],
        }


class Evaluate(Receipt):
    """What the gate says of the run, and why; the value is the first rule's metric, NaN where nothing was scored."""

    stage = "evaluate"
    tracking_uri: str
    run_id: str
    url: str
    metric: str
    value: float
    lower: float
    upper: float
    metrics: dict[str, float]
    predictions_sha256: str
    verdict: Literal["pass", "keep", "refuse"]
    reasons: list[str]
    bounds: dict[str, float]
    refused: bool  # as a failure: the stage is asked again, and red again

    def write(self, report: str = "") -> None:
        """Write build/report.md too."""
        publish("report.md", report)
        super().write()


class Register(Receipt):
    """The registered version, or None where the gate refused and `on_refusal` is "skip"."""

    stage = "register"
    tracking_uri: str
    run_id: str
    name: str
    version: str | None
    alias: str | None
    url: str

    def rows(self) -> dict[str, str]:
        """Say which version the run has."""
        version = f"{link(f'version {self.version}', self.url)} of {self.name}, alias {self.alias}"
        return {"registered": version if self.version else "nothing", "run": self.run_id}


def common(stage: str, started: float) -> dict[str, object]:
    """Return the fields that all receipts share; `started` is the stage's `time.monotonic()` at its start."""
    return {
        "command": f"make {stage}",
        "runner": provenance.image() or "host",
        "seconds": round(time.monotonic() - started, 2),
        "inputs": read_inputs(stage),
    }
