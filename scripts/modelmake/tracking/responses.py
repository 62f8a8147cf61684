"""What the tracking server answers: MLflow's exceptions as errors of one line, and results by page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from mlflow.exceptions import MlflowException
from mlflow.store.entities import PagedList

from modelmake.tracking.connection import failure

Entity = TypeVar("Entity")


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn MLflow's exceptions into one line that names the server and what it was asked to do."""
    try:
        yield
    except (MlflowException, OSError) as error:
        raise failure(action, error) from None


def missing(error: MlflowException) -> bool:
    """Whether `error` means that the object does not exist."""
    return error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def gone(error: MlflowException | OSError) -> bool:
    """Whether a download failed because there is no such file, and not because it was cut or the disk is full."""
    if isinstance(error, MlflowException):
        return missing(error)
    return isinstance(error, FileNotFoundError) or str(error).startswith("No such artifact")


def pages(search: Callable[[str | None], PagedList[Entity]]) -> list[Entity]:
    """Return all results of one of MLflow's searches, which takes the token of a page."""
    found: list[Entity] = []
    token: str | None = None
    while token != "":
        page = search(token)
        found, token = found + list(page), page.token or ""
    return found
