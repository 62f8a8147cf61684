"""Run stages, one after the other: `python -m scripts train evaluate`.

The one place where an error becomes a line and an exit code (0 done, 2 the user's input is wrong,
3 the gate refused, 4 the tracking server can't be reached or refused, 1 a bug).
"""

import gc
import importlib
import os
import signal
import sys
from contextlib import suppress
from types import FrameType

from scripts.pipeline import settings
from scripts.pipeline.errors import Interrupted, PipelineError

STAGES = tuple(
    """
    train evaluate register summary promote rollback history registry origin reproduce
    lint test up verify comment parity sbom audit bench chaos
    """.split()
)


def interrupt(number: int, _frame: FrameType | None) -> None:
    """Turn the first signal into an exception that stages can clean up after; ignore the next ones."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number))


def explain(stage: str, error: PipelineError) -> None:
    """Put what went wrong into the job's summary, where this is a workflow step."""
    if settings.github("STEP_SUMMARY"):
        from scripts.pipeline import receipt  # noqa: PLC0415  # slow to import, and seldom needed

        with suppress(PipelineError, OSError):
            receipt.summarize(
                stage, {"result": f"**{error.outcome}**", "error": str(error), "alone": f"`make {stage}`"}
            )


def run(stage: str) -> int:
    """Import and run `stage`; imports are slow enough to be interrupted, so they come after the handlers."""
    try:
        gc.disable()  # a quarter of a second less: none of what the imports make is garbage
        module = importlib.import_module(f"scripts.{stage}")
        gc.freeze()
        gc.enable()
        module.main()
    except Interrupted as stopped:
        print(f"{stage}: stopped by {stopped.signal.name}", file=sys.stderr, flush=True)
        return 128 + stopped.signal
    except PipelineError as error:
        print(f"error: {error}\n{stage}: {error.outcome}", file=sys.stderr, flush=True)
        explain(stage, error)
        return error.exit_code
    return 0


def main(stages: list[str]) -> int:
    """Run `stages` until one fails, and return its exit code."""
    if not stages or not set(stages) <= set(STAGES):
        print(f"error: python -m scripts: name a stage (one of: {', '.join(STAGES)})", file=sys.stderr)
        return 2
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)
    for number, stage in enumerate(stages):
        if number:
            print(f"▸ {stage}", flush=True)
        if code := run(stage):
            return code
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # half a second less than taking a hundred modules down; every receipt is on disk by now
