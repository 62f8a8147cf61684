"""Run a verb, `python -m scripts promote`, or what is stale of a chain of stages, `python -m scripts train evaluate`.

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

from scripts.core import settings, stages
from scripts.core.errors import Interrupted, PipelineError
from scripts.core.inputs import CHAIN

ROOMS = {
    "core": ("inputs", "why"),
    "model": ("train",),
    "gate": ("evaluate",),
    "registry": ("register", "promote", "rollback", "history", "registry", "origin", "reproduce"),
    "server": ("up", "login", "archive", "gc", "verify"),
    "checks": ("lint", "test", "owntest", "summary", "comment", "parity", "sbom", "audit"),
}
MODULES = {verb: f"scripts.{room}.{verb}" for room, verbs in ROOMS.items() for verb in verbs}
MODULES |= {verb: f"tests.load.{verb}" for verb in ("bench", "chaos")}


def interrupt(number: int, _frame: FrameType | None) -> None:
    """Turn the first signal into an exception that stages can clean up after; ignore the next ones."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, signal.SIG_IGN)
    raise Interrupted(signal.Signals(number))


def explain(stage: str, error: PipelineError) -> None:
    """Put what went wrong into the job's summary, where this is a workflow step."""
    if settings.github("STEP_SUMMARY"):
        from scripts.core import receipt  # noqa: PLC0415  # slow to import, and seldom needed

        with suppress(PipelineError, OSError):
            receipt.summarize(
                stage, {"result": f"**{error.outcome}**", "error": str(error), "alone": f"`make {stage}`"}
            )


def run(verb: str, *words: str) -> int:
    """Import and run `verb`; imports are slow enough to be interrupted, so they come after the handlers."""
    try:
        gc.disable()  # a quarter of a second less: none of what the imports make is garbage
        module = importlib.import_module(MODULES[verb])
        gc.freeze()
        gc.enable()
        module.main(*words)
    except Interrupted as stopped:
        print(f"{verb}: stopped by {stopped.signal.name}", file=sys.stderr, flush=True)
        return 128 + stopped.signal
    except PipelineError as error:
        print(f"error: {error}\n{verb}: {error.outcome}", file=sys.stderr, flush=True)
        explain(verb, error)
        return error.exit_code
    return 0


def chain(named: list[str]) -> int:
    """Run what of train, evaluate and register is stale, in one process, until one fails."""
    stale = stages.stale(named)
    for stage in stale:
        print(f"▸ {stage}", flush=True)
        if code := run(stage):
            return code
    for stage in named:
        if stage not in stale:
            print(f"{stage}: up to date (FORCE=1 runs it anyway)")
    return 0


def main(words: list[str]) -> int:
    """Run a verb with its words, or stages of the chain, and return the exit code."""
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, interrupt)
    if words and set(words) <= set(CHAIN):
        return chain(words)
    if not words or words[0] not in MODULES:
        print(f"error: python -m scripts: name a verb (one of: {', '.join(MODULES)})", file=sys.stderr)
        return 2
    return run(*words)


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # half a second less than taking a hundred modules down; every receipt is on disk by now
