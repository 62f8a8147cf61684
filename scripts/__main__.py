"""Run one stage: `python -m scripts train`.

The one place where an error becomes a line and an exit code (0 done, 2 the user's input is wrong,
3 the gate refused, 4 the tracking server can't be reached or refused, 1 a bug).
"""

import importlib
import os
import signal
import sys
from types import FrameType

from scripts.pipeline.errors import Interrupted, PipelineError

STAGES = ("train", "evaluate", "register", "summary", "lint", "test", "bench")


def interrupt(number: int, _frame: FrameType | None) -> None:
    """Turn the first signal into an exception that stages can clean up after; ignore the next ones."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number))


def main(stage: str) -> int:
    """Import and run `stage`; imports are slow enough to be interrupted, so they come after the handlers."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)
    try:
        importlib.import_module(f"scripts.{stage}").main()
    except Interrupted as stopped:
        print(f"{stage}: stopped by {stopped.signal.name}", file=sys.stderr, flush=True)
        os._exit(128 + stopped.signal)
    except PipelineError as error:
        print(f"error: {error}\n{stage}: {error.outcome}", file=sys.stderr, flush=True)
        return error.exit_code
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in STAGES:
        sys.exit(f"error: scripts: name a stage ({', '.join(STAGES)})")
    sys.exit(main(sys.argv[1]))
