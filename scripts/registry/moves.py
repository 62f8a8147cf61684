"""Moves of @champion and @previous: one at a time, and each in a history that only grows."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from scripts.core import provenance
from scripts.core.errors import UserError
from scripts.tracking import lease
from scripts.tracking.runs import Tracking, translated, uri
from scripts.tracking.versions import CHAMPION, PREVIOUS, Version, at

NONE = "none"
DONE = "FINISHED"
TOLD = ("action", "source", "target", "run_id", "verdict", "reason")  # a move's tags


@dataclass(frozen=True)
class Move:
    """One move of @champion, as the history has it; `when` is in seconds since 1970."""

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
        """Whether it came to its end."""
        return self.status == DONE


def history(tracking: Tracking, name: str) -> list[Move]:
    """Return all moves of a model's @champion, the newest first."""
    with translated(f"read the history of {name}"):
        found = tracking.client.get_experiment_by_name(_book(name))
        runs, token = [], None
        while found is not None and token != "":
            page = tracking.client.search_runs([found.experiment_id], page_token=token)
            runs, token = runs + list(page), page.token or ""
    moves = [
        Move(
            when=run.info.start_time / 1000,
            entry=run.info.run_id,
            status=run.info.status,
            who=run.data.tags.get("mlflow.user", "unknown"),
            **{key: run.data.tags.get(f"modelmake.{key}", "") for key in TOLD},
        )
        for run in runs
    ]
    return sorted(moves, key=lambda each: -each.when)


def move(tracking: Tracking, name: str, action: str, target: Version, reason: str) -> str:
    """Give @champion to `target` and @previous to the version that had it; return what was done.

    @previous goes first: whoever loads @champion meets the old version or the new one, never none. What was
    interrupted is completed by the same command.

    Raises
    ------
    UserError
        The version is gone.

    """
    champion, moves = at(tracking, name, CHAMPION), history(tracking, name)
    if champion is not None and champion.number == target.number:
        if moves and moves[0].target == target.number:
            end(tracking, moves[0])
        return f"version {target.number} of {name} is the champion already"
    source = champion.number if champion else NONE
    told = (action, source, target.number, target.run_id or NONE, target.verdict, reason)
    tags = {f"modelmake.{key}": value for key, value in zip(TOLD, told, strict=True)}
    tags |= {"mlflow.runName": f"{action} {source} to {target.number}", "mlflow.user": provenance.user()}
    entry = tracking.create_run(_book(name), tags).run_id
    with translated(f"move @champion of {name}"):
        if champion is not None:
            tracking.client.set_registered_model_alias(name, PREVIOUS, source)
        tracking.client.set_registered_model_alias(name, CHAMPION, target.number)
        tracking.client.set_terminated(entry, DONE)
    return f"version {target.number} of {name} is the champion" + (f", version {source} was" if champion else "")


def end(tracking: Tracking, last: Move) -> None:
    """Complete the entry of a move that did its work, and was interrupted before it could say so."""
    if not last.done:
        with translated("complete the history"):
            tracking.client.set_terminated(last.entry, DONE)


def alone(tracking: Tracking, name: str, *, force: bool) -> AbstractContextManager[None]:
    """Let one promotion or rollback of a model in at a time: of two writers of an alias MLflow lets the last one win.

    Raises
    ------
    Busy
        Another one is under way; `force` takes over from one that died on another machine.

    """
    return lease.held(tracking, f"{name}.promotion", "promoted or rolled back", force=force)


def known(version: Version | None, name: str, asked: str) -> Version:
    """Return `version`, or raise UserError where there is none."""
    if version is None:
        raise UserError(f"{name} on {uri()}", f"has no {asked}", "make registry lists what there is")
    return version


def _book(name: str) -> str:
    return f"{name} promotions"
