"""The ways a stage can end badly, each with its exit code and its one line."""

import difflib
import signal
from collections.abc import Collection, Iterable


class PipelineError(Exception):
    """Something a person can mend: says where, what is wrong, and the way out.

    Parameters
    ----------
    where : str
        File, key or server, as the user knows it.
    what : str
        What is wrong, with the offending value.
    fix : str
        What to do about it.

    """

    exit_code = 1
    outcome = "failed"

    def __init__(self, where: str, what: str, fix: str) -> None:
        """Join the three parts into one line, whatever line breaks they carry."""
        super().__init__(" ".join(f"{where}: {what} ({fix})".split()))


class UserError(PipelineError):
    """The user's input is wrong."""

    exit_code = 2
    outcome = "stopped, the input above needs mending"


class GateRefused(PipelineError):
    """The gate refused the model."""

    exit_code = 3
    outcome = "the gate refused"


class TrackingError(PipelineError):
    """The tracking server can't be reached, or refused."""

    exit_code = 4
    outcome = "stopped, the tracking server is the matter"


class Interrupted(BaseException):
    """SIGINT or SIGTERM arrived; not an Exception, so that nothing takes it for an ordinary failure."""

    def __init__(self, number: signal.Signals) -> None:
        """Keep the signal's number."""
        super().__init__(number.name)
        self.signal = number


def first_line(error: BaseException, limit: int = 240) -> str:
    """Return what `error` says, cut to one line of `limit` characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:3]) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the nearest of `known`, or "one of: …" where none is near."""
    known = list(known)
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"one of: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}"


def few(values: Collection[object], most: int = 3) -> str:
    """Return the first of `values` as a person reads them."""
    return ", ".join(map(repr, list(values)[:most])) + ", …" * (len(values) > most)
