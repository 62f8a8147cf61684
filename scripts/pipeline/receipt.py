"""Receipts: the small JSON file that a stage leaves under build/, and that the next one starts from."""

import os
import tempfile
import time
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scripts.pipeline.errors import UserError

BUILD = Path("build")


def inputs(stage: str) -> dict[str, str]:
    """Return what Make took the stage's inputs to be: name to hash, from build/<stage>.inputs."""
    path = BUILD / f"{stage}.inputs"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, name in (line.split(" ", 1) for line in lines)}


def replace(name: str, text: str) -> None:
    """Write build/<name> whole or not at all.

    Raises
    ------
    UserError
        The folder can't be written, or its disk is full.

    """
    try:
        BUILD.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=BUILD, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, BUILD / name)
    except OSError as error:
        raise UserError(
            f"{BUILD}/{name}", f"cannot be written: {error.strerror}", "is build/ yours, with room?"
        ) from None


class Receipt(BaseModel):
    """What every stage's receipt holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    stage: ClassVar[str]

    command: str
    runner: str
    seconds: float
    inputs: dict[str, str] = Field(default_factory=dict)

    def write(self) -> None:
        """Write build/<stage>.json."""
        replace(f"{self.stage}.json", self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls) -> Self:
        """Read build/<stage>.json.

        Raises
        ------
        UserError
            It is not there, or not what this version of modelmake writes.

        """
        path = BUILD / f"{cls.stage}.json"
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


class Train(Receipt):
    """A run with a READY model."""

    stage = "train"
    tracking_uri: str
    run_id: str
    model_id: str
    url: str
    data_sha256: str


class Evaluate(Receipt):
    """Metrics of the run on held-out rows, and the gate's verdict."""

    stage = "evaluate"
    tracking_uri: str
    run_id: str
    url: str
    metric: str
    value: float
    lower: float
    upper: float
    metrics: dict[str, float]
    verdict: Literal["pass", "refuse"]
    reason: str


class Register(Receipt):
    """The registered version, or None where the gate refused and `on_refusal` is "skip"."""

    stage = "register"
    tracking_uri: str
    run_id: str
    name: str
    version: str | None
    alias: str | None
    url: str


def chosen_run_id() -> str | None:
    """Return the run that the caller named by RUN_ID or MLFLOW_RUN_ID, which stands in for a receipt."""
    return os.environ.get("RUN_ID") or os.environ.get("MLFLOW_RUN_ID") or None


def common(stage: str, started: float) -> dict[str, object]:
    """Return the fields that all receipts share; `started` is the stage's `time.monotonic()` at its start."""
    return {
        "command": f"make {stage}",
        "runner": os.environ.get("MODELMAKE_IMAGE", "host"),
        "seconds": round(time.monotonic() - started, 2),
        "inputs": inputs(stage),
    }
