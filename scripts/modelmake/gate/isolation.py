"""A Python process outside of this repository, which loads a model and answers as MLflow's scoring server does.

Its imports take as long as those of the stage, so `__main__` starts it before them. This module imports nothing slow.
"""

import json
import subprocess
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from modelmake.core import settings
from modelmake.gate import answers
from modelmake.scores.agreement import EQUAL, Expected

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
    """A process that starts at once, in an empty folder, and ends with this object at the latest.

    Attributes
    ----------
    scratch : Path
        A folder for the model's files, which is removed with the process.
    agreement : Agreement
        How much the answer differs from the expected predictions, once there is a result.

    """

    agreement = EQUAL

    def __init__(self) -> None:
        """Start the process, which imports MLflow."""
        folder = TemporaryDirectory()
        self.scratch = Path(folder.name)
        self._rows, self._answers, self._errors = (self.scratch / name for name in ("rows", "answers", "errors"))
        empty = self.scratch / "empty"
        empty.mkdir()
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-W", "ignore", answers.__file__, str(self._rows), str(self._answers)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=empty,
                env=settings.environment(*OURS) | {"MLFLOW_DISABLE_TELEMETRY": "true"},
            )
        self._expected = Expected([], 0.0)
        self.end = weakref.finalize(self, _end, self._process, folder)

    def load(self, folder: Path) -> None:
        """Load the model in `folder`, whose types, loader and code are checked, without waiting for it."""
        self._send(str(folder))

    def ask(self, rows: dict[str, Any], expected: Expected) -> None:
        """Send rows and keep their expected predictions, without waiting for the answer.

        Parameters
        ----------
        rows : dict
            `columns`, `data` (the cells as JSON has them, row by row), `rows`, the number of those that count, and
            `numbers`, the columns in which a text must be refused.
        expected : Expected
            The predictions of the rows that count.

        """
        self._expected = expected
        self._rows.write_text(json.dumps(rows, default=str), encoding="utf-8")
        self._send("")

    def result(self) -> str:
        """Wait for the answer and return what is wrong with it, or ""; a row with a fault must be refused."""
        try:
            self._process.wait(LIMIT)
            return self._judged(self._answer())
        except subprocess.TimeoutExpired:
            return f"the served model does not answer within {LIMIT} s"
        finally:
            self.end()

    def _send(self, line: str) -> None:
        with suppress(OSError):  # it has ended, and result() says why
            assert self._process.stdin is not None  # noqa: S101  # for the type checker
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        """Return the answer, or, if there is none, the exit code and the last line of what the process printed."""
        if self._answers.exists():
            answer: dict[str, Any] = json.loads(self._answers.read_text(encoding="utf-8"))
            return answer
        lines = self._errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return {"ended": f"exit code {self._process.returncode}" + (f": {lines[-1]}" if lines else "")}

    def _judged(self, answer: dict[str, Any]) -> str:
        for kind, text in PROBLEMS.items():
            if kind in answer:
                return text.format(_line(answer[kind]))
        self.agreement = self._expected.compared(answer["predictions"])
        return self.agreement.problem("the served model")


_early: list[Outside] = []


@contextmanager
def early() -> Iterator[None]:
    """Start a process for the first `take` within this context, and end it with the context."""
    process = Outside()
    _early.append(process)
    try:
        yield
    finally:
        _early.clear()
        process.end()


def take() -> Outside:
    """Return the process that was started early, or a new one."""
    return _early.pop() if _early else Outside()


def _line(text: str) -> str:
    """Return a text as one line of at most 240 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 240 else f"{line[:239]}…"


def _end(process: subprocess.Popen[bytes], folder: TemporaryDirectory[str]) -> None:
    """End the process and remove its folder."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    folder.cleanup()
