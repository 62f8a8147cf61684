"""Moves of @champion and @previous: one at a time, and each in a history that only grows."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from mlflow.exceptions import MlflowException

from scripts.pipeline import provenance
from scripts.pipeline.errors import PipelineError, UserError
from scripts.pipeline.registry import CHAMPION, PREVIOUS, Version, at
from scripts.pipeline.tracking import Tracking, missing, translated, uri

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


class Busy(PipelineError):
    """Another promotion or rollback of the same model is under way."""

    outcome = "nothing was moved"


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


@contextmanager
def alone(tracking: Tracking, name: str, *, force: bool) -> Iterator[None]:
    """Let one promotion or rollback of a model in at a time.

    MLflow's aliases know no condition: of two writers the last one wins. But it makes a registered model of one
    name only once, whoever asks; so that is the lock, and it is gone again in a second.

    Raises
    ------
    Busy
        Another one is under way, or died; `force` takes the lock of one that died.

    """
    lock, client = f"{name}.promotion", tracking.client
    if force:
        with suppress(MlflowException):
            client.delete_registered_model(lock)
    holder = f"{provenance.user()} since {time.strftime('%H:%M:%S %Z')}"
    with translated(f"lock {name}"):
        try:
            client.create_registered_model(lock, description=holder)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            by = "someone"
            with suppress(MlflowException):  # it may be gone by now
                by = client.get_registered_model(lock).description
            fix = "try again; if that one has died: FORCE=1"
            raise Busy(f"{name} on {uri()}", f"is being promoted or rolled back by {by}", fix) from None
    try:
        yield
    finally:
        with translated(f"unlock {name}"):
            try:
                client.delete_registered_model(lock)
            except MlflowException as error:  # somebody took it by force
                if not missing(error):
                    raise


def known(version: Version | None, name: str, asked: str) -> Version:
    """Return `version`, or raise UserError where there is none."""
    if version is None:
        raise UserError(f"{name} on {uri()}", f"has no {asked}", "make registry lists what there is")
    return version


def _book(name: str) -> str:
    return f"{name} promotions"
