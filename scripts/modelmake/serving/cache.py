"""Cache: the models that a scoring server has verified, on its own volume, and which of them it serves."""

import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from modelmake.core import files
from modelmake.core.errors import UserError
from modelmake.core.provenance import sha256
from modelmake.tracking.readers import Named

MODEL, FILES, CURRENT = "model", "files.json", "current.json"
ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
KEPT = 3  # models: the champion, the one before it, and one more

Verified = TypeVar("Verified")


class Cache:
    """Folders of verified models, and a file that names the one that is served.

    Parameters
    ----------
    folder : Path
        Each model lies in `<folder>/<model id>`, which appears whole or not at all.

    """

    def __init__(self, folder: Path) -> None:
        """Create the folder, and remove what an interrupted download left."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def current(self) -> Named | None:
        """Return the version that is served, None where none has been served yet, or its files no longer exist."""
        try:
            named = Named(**json.loads((self.folder / CURRENT).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return named if self.has(named.model_id) else None

    def has(self, model_id: str) -> bool:
        """Return whether a model is there; `model` also looks at its files."""
        return isinstance(model_id, str) and bool(ID.fullmatch(model_id)) and (self.folder / model_id / FILES).exists()

    def serve(self, named: Named) -> None:
        """Name the version that is served, and remove the oldest models."""
        files.write(self.folder / CURRENT, json.dumps(asdict(named)))
        os.utime(self.folder / named.model_id)
        models = sorted(self.folder.glob(f"*/{FILES}"), key=lambda path: -path.parent.stat().st_mtime)
        for path in models[KEPT:]:
            shutil.rmtree(path.parent, ignore_errors=True)

    def model(self, model_id: str) -> Path | None:
        """Return the folder of a model whose files are as they were when it was verified; remove a damaged one."""
        if not self.has(model_id):
            return None
        if is_intact(self.folder / model_id):
            return self.folder / model_id / MODEL
        shutil.rmtree(self.folder / model_id, ignore_errors=True)
        return None

    def add(self, model_id: str, fetch: Callable[[Path], None], verify: Callable[[Path], Verified]) -> Verified:
        """Fetch a model into a folder aside, verify it there, and only then move it to its place.

        Raises
        ------
        UserError
            The id is none, or the volume is full or not writable; and what `fetch` and `verify` raise.

        """
        if not ID.fullmatch(model_id):  # the registry's own word, which becomes a path
            raise UserError("the version's source", "is not the id of a logged model", "make register")
        fix = "free some space, and check who owns .serve/"
        with files.writing("the cache of models", fix), files.whole(self.folder / model_id) as aside:
            (aside / MODEL).mkdir(parents=True)
            fetch(aside / MODEL)
            verified = verify(aside / MODEL)
            files.write(aside / FILES, json.dumps(digests(aside / MODEL)))
        return verified

    def sweep(self) -> None:
        """Remove what interrupted downloads left; the process that may download calls it."""
        for part in self.folder.glob(f"{files.PART}*"):
            with suppress(OSError):
                files.remove(part)


def is_intact(place: Path) -> bool:
    """Return whether the files of a model are as they were when it was verified."""
    try:
        return bool(json.loads((place / FILES).read_text(encoding="utf-8")) == digests(place / MODEL))
    except (OSError, ValueError):
        return False


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path) for path in paths}
