"""A lock on the server, which MLflow does not have: of all who ask for it, one holds it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from mlflow.exceptions import MlflowException

from scripts.core import provenance
from scripts.core.errors import PipelineError
from scripts.tracking.runs import Tracking, missing, translated, uri


class Busy(PipelineError):
    """Another one holds the lock."""

    outcome = "nothing was moved"


@contextmanager
def held(tracking: Tracking, name: str, doing: str, *, patience: float = 0, force: bool = False) -> Iterator[None]:
    """Hold the lock `name`, which is a registered model of that name: MLflow makes one only once, whoever asks.

    Parameters
    ----------
    tracking : Tracking
        The server.
    name : str
        The lock's name.
    doing : str
        What its holder does, for the message.
    patience : float, default=0
        Seconds to wait for it; after as long it is taken, so its holder may not rely on being alone. Zero does neither.
    force : bool, default=False
        Take it at once.

    Raises
    ------
    Busy
        Another one holds it, and is not surely gone.

    """
    started, told, mine = time.monotonic(), False, provenance.process()
    while (holder := _take(tracking, name, mine, force=force)) is not None:
        waited = time.monotonic() - started
        if not patience:
            raise Busy(
                f"{name.rpartition('.')[0]} on {uri()}",
                f"is being {doing} by {holder}",
                "try again; if that one has died: FORCE=1",
            )
        if waited > 2 and not told:
            print(f"waiting: {name.rpartition('.')[0]} is being {doing} by {holder}", flush=True)
            told = True
        force = waited > patience
        time.sleep(0.1)
    try:
        yield
    finally:
        with translated(f"unlock {name}"):
            _drop(tracking, name, mine)


def _take(tracking: Tracking, name: str, mine: Mapping[str, str], *, force: bool) -> str | None:
    """Take the lock with the tags `mine` and return None, or return who holds it."""
    client = tracking.client
    with translated(f"lock {name}"):
        for _ in range(2):
            if force:
                _drop(tracking, name)
            holder = f"{provenance.user()} since {time.strftime('%H:%M:%S %Z')}"
            try:
                client.create_registered_model(name, tags=mine, description=holder)
            except MlflowException as error:
                # MLflow looks for the one that was in its way, and may find it gone by then.
                if error.error_code != "RESOURCE_ALREADY_EXISTS" and not missing(error):
                    raise
            else:
                return None
            by = "someone"
            with suppress(MlflowException):  # it may be free by now
                found = client.get_registered_model(name)
                by, force = found.description, provenance.gone(found.tags)
            if not force:
                return by
    return by


def _drop(tracking: Tracking, name: str, mine: Mapping[str, str] | None = None) -> None:
    """Give the lock back, whoever holds it or, with `mine`, unless somebody has taken it over by now."""
    try:
        if mine is None or tracking.client.get_registered_model(name).tags == mine:
            tracking.client.delete_registered_model(name)
    except MlflowException as error:
        if not missing(error):
            raise
