"""Rest: the registry of an MLflow server, read through its REST API."""

import json
import urllib.error
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from modelmake.core import settings
from modelmake.core.errors import TrackingError, first_line
from modelmake.tracking.address import scrubbed, uri
from modelmake.tracking.claims import Server, Unanswered, missing
from modelmake.tracking.readers.registry import Named, Registry, named

PATIENCE = 5  # seconds, for one answer
CHUNK = 1 << 20
INFO = "api/3.0/mlflow/server-info"


class Rest(Registry):
    """The registry of the server at `address`."""

    def __init__(self, address: str) -> None:
        """Prepare requests, without sending one."""
        self.server = Server(address)
        self.has_workspaces = False

    def at(self, name: str, alias: str) -> Named | None:
        """Return the version with this alias, None where there is none."""
        return self._named(name, f"registered-models/alias?name={_quoted(name)}&alias={_quoted(alias)}")

    def numbered(self, name: str, version: str) -> Named | None:
        """Return a version by its number, None where there is none."""
        return self._named(name, f"model-versions/get?name={_quoted(name)}&version={_quoted(version)}")

    def location(self, model_id: str) -> str:
        """Return the address of a logged model's files, "" where it does not exist."""
        answer = self._json(f"mlflow/logged-models/{_quoted(model_id)}")
        return str(answer.get("model", {}).get("info", {}).get("artifact_uri", ""))

    def download(self, model_id: str, location: str, folder: Path) -> None:
        """Copy files that are not on this machine: those of the server, or of a store that it does not stand before."""
        if location.startswith("mlflow-artifacts:"):
            self._copy(urlsplit(location).path.strip("/"), folder)
        else:
            super().download(model_id, location, folder)

    def _named(self, name: str, path: str) -> Named | None:
        found = self._json(f"mlflow/{path}").get("model_version")
        return named(name, found["version"], found.get("run_id"), found.get("source")) if found else None

    def _copy(self, path: str, folder: Path, inner: str = "") -> None:
        """Copy a folder of the server's artifacts, file by file."""
        listed = self._json(f"mlflow-artifacts/artifacts?path={quote(f'{path}/{inner}'.rstrip('/'))}")
        for entry in listed.get("files", []):
            last = Path(entry["path"]).name
            if last in ("", ".."):
                raise TrackingError(uri(), f"names a file '{last}' of a model", "check MLFLOW_TRACKING_URI")
            name = f"{inner}/{last}".lstrip("/")
            if entry.get("is_dir"):
                self._copy(path, folder, name)
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            self._save(f"mlflow-artifacts/artifacts/{quote(f'{path}/{name}')}", target, entry.get("file_size"))

    def _save(self, path: str, target: Path, size: int | None) -> None:
        """Write one file; raises TrackingError where the connection ends before the file does."""
        with self._open(path) as answer, target.open("wb") as file:
            try:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                cut = bool(answer.length) or (size is not None and file.tell() != int(size))
            except (HTTPException, ConnectionError, TimeoutError):
                cut = True
            if cut:
                of = f" of {size}" if size is not None else ""
                what = f"the download of {target.name} was cut after {file.tell()}{of} bytes"
                raise TrackingError(uri(), what, "run this again: the model itself is not damaged")

    def _json(self, path: str) -> dict[str, Any]:
        """Return the server's answer, {} where the object does not exist."""
        try:
            with self._open(path) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except _Missing:
            return {}
        except ValueError:
            raise TrackingError(uri(), "the answer is not MLflow's", "check MLFLOW_TRACKING_URI") from None

    def _open(self, path: str) -> HTTPResponse:
        try:
            self._check_workspaces()
            return self.server.open(f"api/2.0/{path}", PATIENCE)
        except urllib.error.HTTPError as error:
            if b"Workspace '" in (body := error.read()):
                raise TrackingError(uri(), "there is no such workspace", "check MLFLOW_WORKSPACE") from None
            if missing(body) or b"INVALID_PARAMETER_VALUE" in body:
                raise _Missing from None
            fix = "check the login" if error.code in (401, 403) else "make logs"
            raise TrackingError(uri(), f"the registry answers HTTP {error.code}", fix) from None
        except (OSError, Unanswered) as error:
            what = f"no answer: {scrubbed(first_line(getattr(error, 'reason', error)))}"
            raise TrackingError(uri(), what, "check that it runs: make up") from None

    def _check_workspaces(self) -> None:
        """Raise TrackingError if one is selected and the server has none: it would answer from another place."""
        if settings.workspace() and not self.has_workspaces:
            with suppress(urllib.error.HTTPError, ValueError), self.server.open(INFO, PATIENCE) as answer:
                self.has_workspaces = bool(json.load(answer).get("workspaces_enabled"))
            if not self.has_workspaces:
                raise TrackingError(uri(), "the server has no workspaces", "unset MLFLOW_WORKSPACE")


class _Missing(Exception):
    """The object does not exist."""


def _quoted(text: str) -> str:
    return quote(text, safe="")
