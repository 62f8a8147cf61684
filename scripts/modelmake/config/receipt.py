"""Receipts: the JSON file that a stage writes under build/, its outputs for GitHub, and the job's summary."""

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from modelmake.config import inputs
from modelmake.core import job, provenance, settings
from modelmake.core.errors import UserError
from modelmake.core.files import place, replace
from modelmake.core.stages import STAGES


def hand_on(**outputs: str) -> None:
    """Add `outputs` to the outputs of the workflow step; outside of a workflow, do nothing."""
    if path := settings.github().output:
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={value}\n" for name, value in outputs.items())


def summarize(stage: str, rows: Mapping[str, str]) -> None:
    """Write <stage>.md, a table of `rows`, and add it to the job's summary."""
    cells = [(name, text.replace("|", "\\|").replace("\n", " ")) for name, text in rows.items()]
    (_, first), *rest = cells
    lines = [f"| {stage} | {first} |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rest)]
    publish(f"{stage}.md", "\n".join(lines) + "\n")


def publish(name: str, text: str) -> None:
    """Write `text` to the file `name` of the pipeline's folder, and in a workflow step add it to the job's summary.

    act deletes the job's summary between steps (nektos/act#2273); the file remains.
    """
    replace(name, text)
    if path := settings.github().step_summary:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as columns for the terminal."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def compared(a: Mapping[str, str], b: Mapping[str, str], different: Collection[str], sides: tuple[str, str]) -> str:
    """Return two sets of facts, value by name, as a table that marks the names in `different`."""
    rows = [("    ", "", *sides)]
    for name in {**a, **b}:
        mark, second = ("DIFF", b.get(name, "none")) if name in different else ("ok", "the same")
        rows.append((mark, name, a.get(name, "none")[:24], second[:24]))
    return aligned(rows)


def link(text: str, url: str) -> str:
    """Return `text` as a link in Markdown where `url` is an http address, else `text`."""
    return f"[{text}]({url})" if url.startswith("http") else text


class Receipt(BaseModel):
    """The fields of every stage's receipt."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")
    stage: ClassVar[str]

    command: str = ""
    runner: str = ""
    seconds: float = 0.0
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    tracking_uri: str = ""

    def write(self, started: float) -> None:
        """Write <stage>.md and <stage>.json; `started` is the `time.monotonic()` at the start of the stage."""
        left = STAGES[self.stage].leaves if self.stage in STAGES else ""
        seconds = round(time.monotonic() - started, 2)
        common = {
            "command": f"make {self.stage}",
            "runner": provenance.image() or "host",
            "seconds": seconds,
            "inputs": inputs.seen(self.stage),
            "outputs": {left: inputs.blob(place(left))} if left and place(left).exists() else {},
        }
        summarize(self.stage, {"result": f"done in {seconds:.1f} s", **self.rows(), **job.facts(self.tracking_uri)})
        replace(f"{self.stage}.json", self.model_copy(update=common).model_dump_json(indent=2) + "\n")

    def rows(self) -> dict[str, str]:
        """Return the rows of the job's summary, text by name."""
        return {}

    @classmethod
    def read(cls, folder: Path | None = None) -> Self:
        """Read <stage>.json in `folder`, by default in that of the pipeline.

        Raises
        ------
        UserError
            The file does not exist, or another version of modelmake wrote it.

        """
        path = place(f"{cls.stage}.json") if folder is None else folder / f"{cls.stage}.json"
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UserError(
                str(path), "the receipt does not exist", f"run make {cls.stage}, or name a run: RUN_ID=…"
            ) from None
        except (OSError, ValidationError):
            raise UserError(
                str(path), "this is not a receipt of this version", f"run make {cls.stage} FORCE=1"
            ) from None


class Lint(Receipt):
    """No linter reports a problem."""

    stage = "lint"


class Test(Receipt):
    """All tests that can run on this machine pass; `long` says whether the long ones have run."""

    stage = "test"
    __test__ = False  # pytest takes the name for a test class
    long: bool = Field(default_factory=settings.in_ci)


class Tune(Receipt):
    """The best trial of a search; no run where the config has no search."""

    stage = "tune"
    run_id: str = ""
    trial: str = ""
    score: str = ""
    params: str = ""

    def rows(self) -> dict[str, str]:
        """Return the best trial and its parameters."""
        return {"best trial": self.trial, "score": self.score, "parameters": self.params} if self.run_id else {}


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
        """Return the run, the model, the commit and the image."""
        origin = provenance.Provenance.from_tags(self.provenance)
        dirty = " and uncommitted changes" if origin.git_dirty == "true" else ""
        return {
            "run": link(self.run_id, self.url),
            "model": self.model_id,
            "commit": (origin.git_commit or "none") + dirty,
            "image": origin.image,
        }


class Evaluate(Receipt):
    """The gate's verdict on the run, with reasons; `value` is the first rule's metric, NaN where no row was scored."""

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
    refused: bool  # the refusal is a failure, so the stage runs again and fails again


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
        """Return the registered version and the run."""
        version = f"{link(f'version {self.version}', self.url)} of {self.name}, alias {self.alias}"
        return {"registered": version if self.version else "nothing", "run": self.run_id}


class Summary(Receipt):
    """The summary of `make all` is written."""

    stage = "summary"
