"""A logged model in a Python process outside of this repository, which answers as MLflow's scoring server does."""

import json
import os
import subprocess
import sys
import weakref
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scripts.model import answers

LIMIT = 600  # seconds
OURS = ("PYTHON", "MLFLOW_", "MODELMAKE_", "GIT_", "GITHUB_")  # variables that the process does not get
PROBLEMS = {
    "ended": "the served model ends its process: {}",
    "unloadable": "the served model can't be loaded outside of this repository: {}",
    "unsigned": "the served model accepts any rows: it has no signature",
    "refused": "the served model refuses the test rows: {}",
    "accepted": "the served model does not refuse rows with {} by its schema",
}


class Outside:
    """A process that loads a model's folder and nothing of this repository; it starts at once.

    Parameters
    ----------
    scratch : TemporaryDirectory
        Removed with the process, at the latest when this object is.
    folder : Path
        The model's folder in it, whose types, loader and code are checked.

    """

    def __init__(self, scratch: TemporaryDirectory[str], folder: Path) -> None:
        """Start the process, in an empty folder."""
        self._rows, self._answers = Path(scratch.name, "rows.json"), Path(scratch.name, "answers.json")
        self._errors = Path(scratch.name, "errors.txt")
        empty = Path(scratch.name, "empty")
        empty.mkdir()
        command = [sys.executable, "-I", "-B", "-W", "ignore", answers.__file__]
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [*command, str(folder), str(self._rows), str(self._answers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=empty,
                env={name: value for name, value in os.environ.items() if not name.startswith(OURS)}
                | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            )
        self._expected: NDArray[Any] = np.empty(0)
        self._end = weakref.finalize(self, _end, self._process, scratch)

    def ask(self, X: pd.DataFrame, expected: NDArray[Any]) -> None:
        """Send raw rows and keep their expected predictions, without waiting for the answer."""
        self._expected = expected
        numbers = [str(name) for name, dtype in X.dtypes.items() if dtype.kind in "iuf"]
        rows = {"columns": list(X.columns), "data": cells(X), "numbers": numbers}
        self._rows.write_text(json.dumps(rows, default=str), encoding="utf-8")
        with suppress(OSError):  # it has ended, and result() says why
            assert self._process.stdin is not None  # noqa: S101  # for the type checker
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def result(self) -> str:
        """Wait for the answer and return what is wrong with it, or ""; a row with a fault has to be refused."""
        try:
            self._process.wait(LIMIT)
            return self._judged()
        except subprocess.TimeoutExpired:
            return f"the served model does not answer within {LIMIT} s"
        finally:
            self._end()

    def _judged(self) -> str:
        answer = json.loads(self._answers.read_text(encoding="utf-8")) if self._answers.exists() else self._ended()
        for kind, text in PROBLEMS.items():
            if kind in answer:
                return text.format(_line(answer[kind]))
        if not np.array_equal(np.asarray(answer["predictions"]), np.asarray(self._expected.tolist())):
            return "the served model gives other predictions than those that were scored"
        return ""

    def _ended(self) -> dict[str, str]:
        """Return the exit code and the last line of what the process printed."""
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return {"ended": f"exit code {self._process.returncode}" + (f": {lines[-1]}" if lines else "")}


def cells(X: pd.DataFrame) -> list[list[object]]:
    """Return the cells of raw rows as JSON has them: a gap is null, a date is its text."""
    rows: list[list[object]] = dated(X).astype(object).where(X.notna(), None).to_numpy().tolist()
    return rows


def dated(X: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with every date as text of the same form: MLflow refuses a mix of forms."""
    dates = {name: column for name, column in X.items() if column.dtype.kind == "M"}
    return X.assign(**{str(name): column.dt.strftime("%Y-%m-%dT%H:%M:%S.%f") for name, column in dates.items()})


def _line(text: str) -> str:
    """Return a text as one line of at most 240 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 240 else f"{line[:239]}…"


def _end(process: subprocess.Popen[bytes], scratch: TemporaryDirectory[str]) -> None:
    """End the process and remove its folder."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    scratch.cleanup()
