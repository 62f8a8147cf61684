"""Run a verb, `python -m modelmake promote`, or the stale stages of a chain, `python -m modelmake train evaluate`.

Only this module turns an error into a line and an exit code (0 done, 2 the user's input is wrong, 3 the gate refused,
4 the tracking server does not answer or refuses, 1 any other failure).
"""

import gc
import importlib
import os
import signal
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from types import FrameType

from modelmake.core import lock
from modelmake.core.errors import Interruption, PipelineError, UserError

if __name__ == "__main__":
    try:
        lock.check()  # before a package of the lock is imported
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)

from modelmake.config import inputs, why
from modelmake.core import files, settings
from modelmake.core.stages import CHAIN, LAST, STAGES
from modelmake.gate import isolation

ROOMS = {
    "config": ("why",),
    "source": ("fetch",),
    "projects": ("pipelines", "new"),
    "model": ("explain",),
    "report": ("recording",),
    "registry": ("promote", "rollback", "history", "registry"),
    "repeat": ("origin", "table", "reproduce", "parity"),
    "serving": ("serve", "smoke"),
    "batch": ("predict",),
    "watch": ("watch",),
    "server": ("up", "login", "archive", "gc", "verify"),
    "github": ("comment", "alert", "approval", "exposure"),
    "checks": ("format", "examples", "workflow", "replay", "sbom", "audit", "add", "lock", "docs", "release", "notes"),
}
MODULES = {verb: f"modelmake.{room}.{verb}" for room, verbs in ROOMS.items() for verb in verbs}
MODULES |= {name: stage.module for name, stage in STAGES.items()}
MODULES |= {verb: f"tests.load.{verb}" for verb in ("bench", "chaos")}


def interrupt(number: int, _frame: FrameType | None) -> None:
    """Turn the first signal into an exception, so that stages can clean up; ignore the next signals."""
    for caught in (signal.SIGINT, signal.SIGTERM):
        signal.signal(caught, signal.SIG_IGN)
    raise Interruption(signal.Signals(number))


def explain(stage: str, error: PipelineError) -> None:
    """Add the error to the job's summary, in a workflow step."""
    if settings.github().step_summary:
        from modelmake.config import receipt  # noqa: PLC0415  # slow to import, and rarely needed

        with suppress(PipelineError, OSError):
            receipt.summarize(
                stage,
                {
                    "result": f"**{error.outcome}**",
                    "error": "; ".join(map(str, (error, *error.others))),
                    "alone": f"`make {stage}`",
                },
            )


def run(verb: str, *words: str) -> int:
    """Import and run `verb`; a signal may arrive during the slow imports, so the handlers are set before."""
    try:
        if verb in STAGES:
            inputs.see(verb)
            if settings.make().force:  # if it fails now, no receipt says that it is done
                files.place(f"{verb}.json").unlink(missing_ok=True)
        gc.disable()  # saves a quarter of a second: imports create no garbage
        module = importlib.import_module(MODULES[verb])
        gc.freeze()
        gc.enable()
        module.main(*words)
        if verb in STAGES:
            why.refresh()
    except Interruption as stopped:
        print(f"{verb}: stopped by {stopped.signal.name}", file=sys.stderr, flush=True)
        return 128 + stopped.signal
    except PipelineError as error:
        lines = [f"error: {one}" for one in (error, *error.others)]
        print("\n".join([*lines, f"{verb}: {error.outcome}"]), file=sys.stderr, flush=True)
        explain(verb, error)
        return error.exit_code
    return 0


def chain(named: list[str]) -> int:
    """Run the stale stages of train, evaluate and register in one process, until one fails."""
    stale = why.stale(named)
    with isolation.early() if "evaluate" in stale else nullcontext():
        for stage in stale:
            if stage in CHAIN:
                print(f"▸ {stage}", flush=True)
            if code := run(stage):
                return code
    for stage in named:
        if stage in CHAIN and stage not in stale:
            print(f"{stage}: up to date (FORCE=1 runs it anyway)")
    return 0


def main(words: list[str]) -> int:
    """Run a verb with its words, or stages of the chain, and return the exit code."""
    for caught in (signal.SIGINT, signal.SIGTERM):
        signal.signal(caught, interrupt)
    try:
        settings.make()
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if words and set(words) <= {*CHAIN, LAST}:
        return chain(words)
    if not words or words[0] not in MODULES:
        print(f"error: python -m modelmake: name a verb (one of: {', '.join(MODULES)})", file=sys.stderr)
        return 2
    return run(*words)


if __name__ == "__main__":
    for name in [name for name in os.environ if name.startswith("GIT_")]:  # of the repository whose hook this is
        del os.environ[name]
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115  # the caller has closed it
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # as after `| head`
        code = 128 + signal.SIGPIPE
    os._exit(code)  # saves half a second of tearing down modules; every receipt is on disk
