"""Moves of @champion and @previous: one at a time, each kept in a history."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from modelmake.core import provenance
from modelmake.core.aliases import CHAMPION, PREVIOUS
from modelmake.core.errors import UserError
from modelmake.tracking import lease
from modelmake.tracking.address import uri
from modelmake.tracking.responses import translated
from modelmake.tracking.runs import Tracking
from modelmake.tracking.versions import Version, champion

NONE = "none"
DONE = "FINISHED"
FIELDS = ("action", "source", "target", "run_id", "verdict", "reason")  # a move's tags


@dataclass(frozen=True)
class Move:
    """One entry of the history of @champion; `when` is in seconds since 1970."""

    when: float
    who: str
    action: str
    source: str
    target: str
    run_id: str
    verdict: str
    reason: str
    entry: str
    status: str

    @property
    def done(self) -> bool:
        """Whether the move was completed."""
        return self.status == DONE


def history(tracking: Tracking, name: str) -> list[Move]:
    """Return all moves of a model's @champion, the newest first."""
    moves = [
        Move(
            when=run.started,
            entry=run.run_id,
            status=run.status,
            who=run.tags.get("mlflow.user", "unknown"),
            **{key: run.tags.get(f"modelmake.{key}", "") for key in FIELDS},
        )
        for run in tracking.search(_book(name))
    ]
    return sorted(moves, key=lambda move: -move.when)


def move(tracking: Tracking, name: str, action: str, target: Version, reason: str) -> str:
    """Set @champion to `target` and @previous to the version that had it; return the result as a sentence.

    @previous is set first: a client that loads @champion gets the old version or the new one, never none. The same
    command completes a move that was interrupted.

    Raises
    ------
    UserError
        The version does not exist any more.

    """
    current, moves = champion(tracking, name), history(tracking, name)
    if current is not None and current.number == target.number:
        if moves and moves[0].target == target.number:
            end(tracking, moves[0])
        return f"version {target.number} of {name} is already the champion"
    source = current.number if current else NONE
    values = (action, source, target.number, target.run_id or NONE, target.verdict, reason)
    tags = {f"modelmake.{key}": value for key, value in zip(FIELDS, values, strict=True)}
    tags |= {"mlflow.runName": f"{action} {source} to {target.number}", "mlflow.user": provenance.user()}
    entry = tracking.create_run(_book(name), tags).run_id
    with translated(f"move @{CHAMPION} of {name}"):
        if current is not None:
            tracking.client.set_registered_model_alias(name, PREVIOUS, source)
        tracking.client.set_registered_model_alias(name, CHAMPION, target.number)
        tracking.client.set_terminated(entry, DONE)
    return f"version {target.number} of {name} is the champion" + (f", version {source} was" if current else "")


def end(tracking: Tracking, last: Move) -> None:
    """Complete the entry of a move that set the aliases, and was interrupted before its last step."""
    if not last.done:
        with translated("complete the history"):
            tracking.client.set_terminated(last.entry, DONE)


def alone(tracking: Tracking, name: str, *, force: bool) -> AbstractContextManager[None]:
    """Allow one promotion or rollback of a model at a time: MLflow itself keeps the last of two concurrent writes.

    Raises
    ------
    LockError
        Another one is in progress; `force` takes the lock from a process that died on another machine.

    """
    return lease.held(tracking, f"{name}.promotion", "promoted or rolled back", force=force)


def required(version: Version | None, name: str, what: str) -> Version:
    """Return `version`, or raise UserError if there is none."""
    if version is None:
        raise UserError(f"{name} on {uri()}", f"has no {what}", "make registry lists the versions")
    return version


def _book(name: str) -> str:
    return f"{name} promotions"
