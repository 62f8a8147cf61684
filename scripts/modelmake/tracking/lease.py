"""A lock on the server, which MLflow does not have: one process at a time holds it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

from mlflow.exceptions import MlflowException

from modelmake.core import provenance
from modelmake.core.errors import LockError
from modelmake.core.progress import Progress
from modelmake.tracking.address import uri
from modelmake.tracking.responses import missing, translated
from modelmake.tracking.runs import Tracking


@contextmanager
def held(tracking: Tracking, name: str, doing: str, *, patience: float = 0, force: bool = False) -> Iterator[None]:
    """Hold the lock `name`, a registered model of that name: MLflow creates a name only once.

    Parameters
    ----------
    tracking : Tracking
        The server.
    name : str
        The lock's name.
    doing : str
        What the holder does to the model, for the message, such as "registered".
    patience : float, default=0
        Seconds to wait for the lock. After that time it is taken from its holder, who must not rely on being alone.
        With 0 there is no wait and no taking.
    force : bool, default=False
        Take the lock at once.

    Raises
    ------
    LockError
        Another process holds the lock, and has not certainly ended.

    """
    started, mine, model = time.monotonic(), provenance.process(), name.rpartition(".")[0]
    with Progress(f"waiting for {model}") as waiting:
        while (holder := _take(tracking, name, mine, force=force)) is not None:
            what = f"is being {doing} by {holder}"
            if not patience:
                raise LockError(f"{model} on {uri()}", what, "try again; if that process has died, set FORCE=1")
            waiting.what = f"waiting: {model} {what}"
            force = time.monotonic() - started > patience
            time.sleep(0.1)
    try:
        yield
    finally:
        with translated(f"unlock {name}"):
            _drop(tracking, name, mine)


def _take(tracking: Tracking, name: str, mine: dict[str, str], *, force: bool) -> str | None:
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
                # MLflow reads the existing model, which another process may have deleted by then.
                if error.error_code != "RESOURCE_ALREADY_EXISTS" and not missing(error):
                    raise
            else:
                return None
            by = "someone"
            with suppress(MlflowException):  # another process may have released it
                lock = client.get_registered_model(name)
                by, force = lock.description, provenance.gone(lock.tags)
            if not force:
                return by
    return by


def _drop(tracking: Tracking, name: str, mine: Mapping[str, str] | None = None) -> None:
    """Release the lock; with the tags `mine`, only where this process still holds it."""
    try:
        if mine is None or tracking.client.get_registered_model(name).tags == mine:
            tracking.client.delete_registered_model(name)
    except MlflowException as error:
        if not missing(error):
            raise
