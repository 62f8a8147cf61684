"""Database: the registry of an embedded store, read from its SQLite file."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from modelmake.core.errors import TrackingError, first_line
from modelmake.tracking.address import uri
from modelmake.tracking.readers.registry import Named, Registry, named, on_this_machine

PATIENCE = 5  # seconds for a lock
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


class Database(Registry):
    """The registry in an SQLite file, which stays as it is."""

    def __init__(self, address: str) -> None:
        """Keep the path of the file, without opening it."""
        self.file = Path(address.removeprefix("sqlite:///").partition("?")[0]).absolute()

    def at(self, name: str, alias: str) -> Named | None:
        """Return the version with this alias, None where there is none."""
        return next((named(name, *row) for row in self._select(ALIAS, name, alias)), None)

    def numbered(self, name: str, version: str) -> Named | None:
        """Return a version by its number, None where there is none."""
        return next((named(name, *row) for row in self._select(NUMBERED, name, version)), None)

    def location(self, model_id: str) -> str:
        """Return the address of a logged model's files, "" where it does not exist."""
        return next((str(place) for (place,) in self._select(LOCATION, model_id)), "")

    def download(self, model_id: str, location: str, folder: Path) -> None:
        """Copy files that are not on this machine; a folder of this machine that does not exist has none."""
        if on_this_machine(location) is None:
            super().download(model_id, location, folder)

    def _select(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        if not self.file.exists():
            raise TrackingError(uri(), "there is no such database", "make all creates it")
        try:
            with closing(sqlite3.connect(f"{self.file.as_uri()}?mode=ro", uri=True, timeout=PATIENCE)) as database:
                return database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise TrackingError(uri(), f"cannot be read: {first_line(error)}", "make doctor") from None
