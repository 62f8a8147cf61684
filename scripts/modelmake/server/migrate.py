"""Migrate: how old the tables of an MLflow database are, and MLflow's own upgrade of them on a copy."""

import importlib.metadata
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Literal

from modelmake.core import files


@cache
def revisions() -> tuple[str, frozenset[str]]:
    """Return the revision of the tables of the installed MLflow, and all revisions up to it."""
    package = Path(str(importlib.metadata.distribution("mlflow").locate_file("mlflow")))  # the import takes seconds
    every, earlier = set(), set()
    for path in (package / "store/db_migrations/versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        every |= set(re.findall(r'^revision = "(\w+)"', text, re.M))
        earlier |= set(re.findall(r'"(\w+)"', "".join(re.findall(r"^down_revision = (.*)$", text, re.M))))
    [head] = every - earlier
    return head, frozenset(every)


def of(database: Path) -> str:
    """Return the revision of a database's tables.

    Raises
    ------
    ValueError
        It is not an MLflow database.

    """
    try:
        with closing(sqlite3.connect(database)) as connection:
            [[revision]] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise ValueError(f"{database.name} is not an MLflow database: {error}") from None
    return str(revision)


def relation(revision: str) -> Literal["current", "older", "newer"]:
    """Return how old `revision` is compared with the installed MLflow; an unknown one is newer."""
    head, every = revisions()
    if revision == head:
        return "current"
    return "older" if revision in every else "newer"


def copy(source: Path, target: Path) -> None:
    """Copy a database by SQLite's online backup: one consistent state, even while clients write."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as snapshot:
        live.backup(snapshot)


def write_ahead(database: Path) -> None:
    """Turn on SQLite's write-ahead log, so that clients wait less; the file keeps that setting."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def check(database: Path) -> None:
    """Raise ValueError if SQLite finds an error in the database."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            [result] = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        result = str(error)
    if result != "ok":
        raise ValueError(f"the database is damaged: {result}")


def upgrade(database: Path) -> None:
    """Upgrade a copy by MLflow, check it, and replace the database by it; no server may be running.

    Raises
    ------
    ValueError
        The upgrade failed; the database is unchanged.

    """
    with files.whole(database) as trial:
        copy(database, trial)
        if any(database.with_name(f"{database.name}-{suffix}").exists() for suffix in ("journal", "wal")):
            raise ValueError("the database is in use")  # its log would be applied to the new file
        words = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{trial}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ValueError(f"mlflow db upgrade failed: {reason:.200}")
        check(trial)
        if relation(of(trial)) != "current":
            raise ValueError("mlflow db upgrade did not upgrade the tables")
        write_ahead(trial)
