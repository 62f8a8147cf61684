"""The errors that end a stage, each with its exit code and its outcome in one line."""

import difflib
import signal
from collections.abc import Collection, Iterable


class PipelineError(Exception):
    """An error that a person can fix: it names the place, the problem and the fix.

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
        """Keep the parts, and join them into one line without line breaks."""
        self.where, self.what, self.fix = where, what, fix
        self.others: tuple[PipelineError, ...] = ()  # what is wrong too
        super().__init__(" ".join(f"{where}: {what} ({fix})".split()))


class UserError(PipelineError):
    """The user's input is wrong."""

    exit_code = 2
    outcome = "stopped: fix the input named above and run again"


class GateRefusal(PipelineError):
    """The gate refused the model."""

    exit_code = 3
    outcome = "the gate refused"


class TrackingError(PipelineError):
    """The tracking server does not answer, or refuses."""

    exit_code = 4
    outcome = "stopped: problem with the tracking server"


class DriftAlert(PipelineError):
    """Two consecutive windows raise an alert."""

    exit_code = 3
    outcome = "alert: the data has drifted, or a rule is broken"


class SearchError(PipelineError):
    """No trial of a search has a score."""

    outcome = "no trial succeeded"


class ClusterError(PipelineError):
    """The cluster of `make tune` does not answer, or has no worker left."""

    exit_code = 4
    outcome = "stopped: finished trials are kept; make tune continues the search"


class ReproductionError(PipelineError):
    """The results of the repeated run differ."""

    outcome = "not reproduced"


class ParityError(PipelineError):
    """Two runs that should be the same differ."""

    outcome = "the runs differ"


class AnswerError(PipelineError):
    """The scoring server gave wrong answers."""

    outcome = "the server gave wrong answers"


class LockError(PipelineError):
    """Another process holds the lock."""

    outcome = "nothing was moved"


class GitHubError(PipelineError):
    """GitHub refuses to open the issue or to start the pipeline, or does not answer."""

    outcome = "stopped: problem with GitHub"


class VulnerabilityError(PipelineError):
    """A package of the lock has a known vulnerability."""

    outcome = "the lock has known vulnerabilities"


class DatabaseError(PipelineError):
    """The database does not answer."""

    exit_code = 4
    outcome = "stopped: problem with the database of vulnerabilities"


class InvalidValue(ValueError):
    """A value that a key of pipeline.toml can't have: what is wrong, and how to fix it. Pydantic adds the key."""

    def __init__(self, what: str, fix: str) -> None:
        """Keep the parts."""
        self.what, self.fix = what, fix
        super().__init__(what)


class Interruption(BaseException):
    """SIGINT or SIGTERM arrived; not an Exception, so that no handler of ordinary failures catches it."""

    def __init__(self, number: signal.Signals) -> None:
        """Keep the signal's number."""
        super().__init__(number.name)
        self.signal = number


def first_line(error: BaseException, limit: int = 240) -> str:
    """Return the text of `error` as one line of at most `limit` characters."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:3]) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return "did you mean 'x'?" for the closest of `names`, or "one of: …" where none is close.

    An abbreviation counts as close: rmse is neg_root_mean_squared_error.
    """
    names = list(names)
    same = [other for other in names if other.lower() == name.lower()]
    short = [other for other in names if len(name) > 2 and initials(other).endswith(name.lower())]
    if close := same or sorted(short, key=len)[:1] or difflib.get_close_matches(name, names, n=1):
        return f"did you mean '{close[0]}'?"
    return f"one of: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"


def initials(name: str) -> str:
    """Return the first letter of each word of a name."""
    return "".join(word[:1] for word in name.lower().split("_"))


def counted(count: int, noun: str) -> str:
    """Return a number of things.

    Examples
    --------
    >>> counted(1, "row"), counted(0, "row")
    ('1 row', '0 rows')

    """
    return f"{count} {noun}{'s' * (count != 1)}"


def few(values: Collection[object], most: int = 3) -> str:
    """Return the first `most` of `values` as text, with … where there are more."""
    return ", ".join(map(repr, list(values)[:most])) + ", …" * (len(values) > most)
