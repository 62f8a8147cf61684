"""Light: which version an alias names, and the files of its model, without the seconds and 45 MB that MLflow takes.

MLflow itself fetches the files, in a process of its own, where neither its server nor this machine has them.
"""

import json
import shutil
import sqlite3
import subprocess
import sys
import urllib.error
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from modelmake.core.errors import TrackingError, UserError, first_line
from modelmake.tracking.address import scrubbed, tracking_uri, uri
from modelmake.tracking.claims import Server, Unanswered, missing

PATIENCE = 5  # seconds, for one answer
CHUNK = 1 << 20
GONE = ("its files are gone", "train it again: make train FORCE=1")
LIMIT = 600  # seconds, for MLflow's own download
ALIAS = """
SELECT v.version, v.run_id, v.source FROM registered_model_aliases AS a
JOIN model_versions AS v ON v.name = a.name AND v.version = a.version
WHERE a.name = ? AND a.alias = ? AND v.current_stage IS NOT 'Deleted_Internal'
"""
NUMBERED = """
SELECT version, run_id, source FROM model_versions
WHERE name = ? AND version = ? AND current_stage IS NOT 'Deleted_Internal'
"""
LOCATION = "SELECT artifact_location FROM logged_models WHERE model_id = ?"


@dataclass(frozen=True)
class Named:
    """The version that an alias names."""

    name: str
    version: str
    run_id: str
    model_id: str


class Registry:
    """The registry at MLFLOW_TRACKING_URI."""

    def __init__(self) -> None:
        """Keep the address, without a request."""
        self.address = tracking_uri()
        self.server = Server(self.address) if self.address.startswith("http") else None

    def at(self, name: str, alias: str) -> Named | None:
        """Return the version with this alias, None where there is none.

        Raises
        ------
        TrackingError
            The server does not answer, or refuses.

        """
        return self._named(name, ALIAS, "registered-models/alias?name={}&alias={}", alias)

    def numbered(self, name: str, version: str) -> Named | None:
        """Return a version by its number, None where there is none; raises as `at`."""
        return self._named(name, NUMBERED, "model-versions/get?name={}&version={}", version)

    def _named(self, name: str, query: str, path: str, value: str) -> Named | None:
        if self.server is None:
            rows = self._select(query, name, value)
            found = rows[0] if rows else None
        else:
            answer = self._json(f"mlflow/{path.format(quote(name, safe=''), quote(value, safe=''))}")
            version = answer.get("model_version")
            found = version and (version["version"], version.get("run_id"), version.get("source"))
        if found is None:
            return None
        number, run_id, source = found
        return Named(name, str(number), run_id or "", (source or "").removeprefix("models:/"))

    def fetch(self, model_id: str, folder: Path) -> None:
        """Copy the files of a logged model to `folder`.

        Raises
        ------
        TrackingError
            The server does not answer, or refuses.
        UserError
            The files are gone.

        """
        location = self._location(model_id)
        local = _local(location)
        if not location or (self.server is None and local is not None and not local.is_dir()):
            raise UserError(f"model {model_id}", *GONE)
        if local is not None and local.is_dir():
            shutil.copytree(local, folder, dirs_exist_ok=True)
        elif self.server is not None and location.startswith("mlflow-artifacts:"):
            self._download(urlsplit(location).path.strip("/"), folder)
        else:
            self._by_mlflow(model_id, folder)
        if not any(folder.rglob("*")):
            raise UserError(f"model {model_id}", *GONE)

    def _location(self, model_id: str) -> str:
        """Return the address of a logged model's files, "" where it does not exist."""
        if self.server is None:
            rows = self._select(LOCATION, model_id)
            return str(rows[0][0]) if rows else ""
        answer = self._json(f"mlflow/logged-models/{quote(model_id, safe='')}")
        return str(answer.get("model", {}).get("info", {}).get("artifact_uri", ""))

    def _select(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        file = Path(self.address.removeprefix("sqlite:///").partition("?")[0]).absolute()
        if not file.exists():
            raise TrackingError(uri(), "there is no such database", "make all creates it")
        try:
            with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise TrackingError(uri(), f"cannot be read: {first_line(error)}", "make doctor") from None

    def _download(self, path: str, folder: Path, inner: str = "") -> None:
        """Copy a folder of the server's artifacts, file by file."""
        listed = self._json(f"mlflow-artifacts/artifacts?path={quote(f'{path}/{inner}'.rstrip('/'))}")
        for entry in listed.get("files", []):
            last = Path(entry["path"]).name
            if last in ("", ".."):
                raise TrackingError(uri(), f"names a file '{last}' of a model", "check MLFLOW_TRACKING_URI")
            name = f"{inner}/{last}".lstrip("/")
            if entry.get("is_dir"):
                self._download(path, folder, name)
                continue
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            with (
                self._open(f"mlflow-artifacts/artifacts/{quote(f'{path}/{name}')}") as answer,
                target.open("wb") as file,
            ):
                shutil.copyfileobj(answer, file, CHUNK)

    def _by_mlflow(self, model_id: str, folder: Path) -> None:
        """Let MLflow fetch the files: from an object store that its server does not stand in front of."""
        code = "import sys, mlflow; mlflow.artifacts.download_artifacts(sys.argv[1], dst_path=sys.argv[2])"
        words = [sys.executable, "-W", "ignore", "-c", code, f"models:/{model_id}", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            what = f"cannot fetch model {model_id}: {scrubbed(reason):.200}"
            raise TrackingError(uri(), what, "check the credentials of the artifact store")

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

    def _open(self, path: str) -> Any:  # noqa: ANN401  # http.client's response
        assert self.server is not None  # noqa: S101  # for the type checker
        try:
            request = self.server.request(f"{self.server.api.removesuffix('mlflow')}{path}")
            for name, value in self.server.headers.items():
                if value:
                    request.add_unredirected_header(name, value)  # a redirect to another host carries no password
            return self.server.opener.open(request, timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            if missing(body := error.read()) or b"INVALID_PARAMETER_VALUE" in body:
                raise _Missing from None
            fix = "check the login" if error.code in (401, 403) else "make logs"
            raise TrackingError(uri(), f"the registry answers HTTP {error.code}", fix) from None
        except (OSError, Unanswered) as error:
            what = f"no answer: {scrubbed(first_line(getattr(error, 'reason', error)))}"
            raise TrackingError(uri(), what, "check that it runs: make up") from None


class _Missing(Exception):
    """The object does not exist."""


def _local(location: str) -> Path | None:
    """Return a location on this machine as a path."""
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") and parts.path else None
