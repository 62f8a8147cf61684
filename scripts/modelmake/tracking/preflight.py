"""Preflight: whether the tracking server takes a run and its model, asked before anything is fitted."""

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from modelmake.core.errors import TrackingError, UserError, first_line
from modelmake.tracking.address import hidden, message, tracking_uri, uri
from modelmake.tracking.claims import API, Server
from modelmake.tracking.connection import failure
from modelmake.tracking.responses import translated
from modelmake.tracking.runs import Run, Tracking

FOLDER = "modelmake"  # of the probe among the run's artifacts, which is removed again
PATIENCE = 10  # seconds
SERVED = "start the server with --serve-artifacts, and choose another name for `experiment`, which keeps its place"


def check(tracking: Tracking, run: Run) -> None:
    """Ask for logged models, and upload a small file.

    Raises
    ------
    TrackingError
        The server is too old, or it does not take the file, or the file is not where the server looks for it.
    UserError
        The artifacts are in a store that needs a package which is not in the lock.

    """
    remote = tracking_uri().startswith("http")
    if remote:
        _ask_for_models(tracking, run)
    with translated(f"show experiment {run.experiment_id}"):
        place = str(tracking.client.get_run(run.run_id).info.artifact_uri)
    folder = _folder(place) if remote else None
    if folder and not any(parent.exists() for parent in folder.parents[:-1]):
        raise _elsewhere(place)
    try:
        _upload(tracking, run, place)
        if folder and not _listed(run):
            raise _elsewhere(place)
    finally:
        with suppress(Exception):  # some stores allow no removal, and the file is small
            get_artifact_repository(place).delete_artifacts(FOLDER)


def _ask_for_models(tracking: Tracking, run: Run) -> None:
    try:
        tracking.client.search_logged_models([run.experiment_id], max_results=1)
    except (MlflowException, OSError) as error:
        if "404" not in str(error):
            raise failure("list logged models", error) from None
        what = f"has no logged models{_version()}: it is older than MLflow 3"
        raise TrackingError(uri(), what, "upgrade the server; make up starts one that fits") from None


def _version() -> str:
    """Return how an error names the version of the server, "" where the server does not say it."""
    try:
        with Server(tracking_uri()).open("version", PATIENCE) as answer:
            text = answer.read(40).decode(errors="replace").strip()
    except Exception:  # the error that follows names the cause
        return ""
    return f" (MLflow {text})" if text[:1].isdigit() else ""


def _folder(place: str) -> Path | None:
    """Return the folder of a place that is on the machine of whoever opens it; None for a server or a bucket."""
    parts = urlsplit(place)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") else None


def _upload(tracking: Tracking, run: Run, place: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        probe = Path(scratch, "probe.txt")
        probe.write_text("Whether an upload succeeds.\n", encoding="utf-8")
        try:
            tracking.client.log_artifact(run.run_id, str(probe), FOLDER)
        except ImportError as error:
            what = f"its artifacts are in {hidden(place)}, which needs the package {error.name}"
            fix = f"make add PKG={error.name}, or another name for `experiment`"
            raise UserError(f"the experiment on {uri()}", what, fix) from None
        except (MlflowException, OSError) as error:
            raise failure("take a small upload", error) from None
        except Exception as error:  # of the library of a store
            what = f"a small upload to {hidden(place)} failed: {type(error).__name__}: {message(error)}"
            raise TrackingError(uri(), what, "check the address and the credentials of the artifact store") from None


def _listed(run: Run) -> bool:
    """Return whether the server itself finds the file."""
    try:
        with Server(tracking_uri()).open(f"{API}/artifacts/list?run_id={run.run_id}&path={FOLDER}", PATIENCE) as answer:
            return bool(json.load(answer).get("files"))
    except (OSError, ValueError) as error:
        raise TrackingError(uri(), f"does not list an artifact: {first_line(error)}", "make logs") from None


def _elsewhere(place: str) -> TrackingError:
    what = f"artifacts of the experiment are in {hidden(place)}, a folder that the server and this process do not share"
    return TrackingError(uri(), what, SERVED)
