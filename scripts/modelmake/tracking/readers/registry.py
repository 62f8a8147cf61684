"""A registry that is only read: which version an alias names, and the files of its model.

MLflow's own client takes seconds and 45 MB for that. It fetches the files, in a process of its own, where neither its
server nor this machine has them.
"""

import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from modelmake.core.errors import TrackingError, UserError
from modelmake.tracking.address import scrubbed, uri

LIMIT = 600  # seconds, for MLflow's own download


@dataclass(frozen=True)
class Named:
    """The version that an alias names."""

    name: str
    version: str
    run_id: str
    model_id: str


class Registry(ABC):
    """A registry that is only read. Each method raises TrackingError if it does not answer, or refuses."""

    @abstractmethod
    def at(self, name: str, alias: str) -> Named | None:
        """Return the version with this alias, None where there is none."""

    @abstractmethod
    def numbered(self, name: str, version: str) -> Named | None:
        """Return a version by its number, None where there is none."""

    @abstractmethod
    def location(self, model_id: str) -> str:
        """Return the address of a logged model's files, "" where it does not exist."""

    def fetch(self, model_id: str, folder: Path) -> None:
        """Copy the files of a logged model to `folder`; raises UserError where the files are gone."""
        location = self.location(model_id)
        local = on_this_machine(location)
        if local is not None and local.is_dir():
            shutil.copytree(local, folder, dirs_exist_ok=True)
        elif location:
            self.download(model_id, location, folder)
        if not any(folder.rglob("*")):
            raise UserError(f"model {model_id}", "its files no longer exist", "train it again: make train FORCE=1")

    def download(self, model_id: str, location: str, folder: Path) -> None:  # noqa: ARG002  # for other registries
        """Copy files that are not on this machine; MLflow finds them, such as in an object store."""
        code = "import sys, mlflow; mlflow.artifacts.download_artifacts(sys.argv[1], dst_path=sys.argv[2])"
        words = [sys.executable, "-W", "ignore", "-c", code, f"models:/{model_id}", str(folder)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=LIMIT, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            what = f"cannot fetch model {model_id}: {scrubbed(reason):.200}"
            raise TrackingError(uri(), what, "check the credentials of the artifact store")


def named(name: str, number: object, run_id: str | None, source: str | None) -> Named:
    """Return a version from what a registry says about it."""
    return Named(name, str(number), run_id or "", (source or "").removeprefix("models:/"))


def on_this_machine(location: str) -> Path | None:
    """Return a location on this machine as a path."""
    parts = urlsplit(location)
    return Path(unquote(parts.path)) if parts.scheme in ("", "file") and parts.path else None
