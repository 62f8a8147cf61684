"""Schema: an MLflow database's file, how old its tables are, and MLflow's own upgrade of them, made on a copy."""

import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Literal


@cache
def revisions() -> tuple[str, frozenset[str]]:
    """Return this MLflow's own revision of the tables, and every one that it can upgrade from or has."""
    package = Path(importlib.util.find_spec("mlflow").origin).parent
    known, passed = set(), set()
    for path in (package / "store/db_migrations/versions").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        known |= set(re.findall(r'^revision = "(\w+)"', text, re.M))
        passed |= set(re.findall(r'"(\w+)"', "".join(re.findall(r"^down_revision = (.*)$", text, re.M))))
    [head] = known - passed
    return head, frozenset(known)


def of(database: Path) -> str:
    """Return the revision of a database's tables.

    Raises
    ------
    ValueError
        It is not a database of MLflow's.

    """
    try:
        with closing(sqlite3.connect(database)) as connection:
            [[revision]] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise ValueError(f"{database.name} is no database of MLflow's: {error}") from None
    return revision


def relation(revision: str) -> Literal["current", "older", "newer"]:
    """Return how `revision` stands to this MLflow's own; what it does not know is newer."""
    head, known = revisions()
    if revision == head:
        return "current"
    return "older" if revision in known else "newer"


def copy(source: Path, target: Path) -> None:
    """Copy a database as of one moment, by SQLite's online backup, whoever writes to it."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as still:
        live.backup(still)


def write_ahead(database: Path) -> None:
    """Let SQLite write ahead into a log, for which clients wait less; the file itself keeps that setting."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


def check(database: Path) -> None:
    """Raise ValueError unless SQLite finds nothing wrong with the database."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            [said] = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        raise ValueError(f"the database is damaged: {said}")


def upgrade(database: Path) -> None:
    """Let MLflow upgrade a copy, and put it in the database's place once it is whole; no server may be running.

    Raises
    ------
    ValueError
        The upgrade failed; the database is as it was.

    """
    scratch = database.with_name(".upgrade")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    trial = scratch / database.name
    try:
        copy(database, trial)
        if any(database.with_name(f"{database.name}-{each}").exists() for each in ("journal", "wal")):
            raise ValueError("the database is in use")  # its log would be applied to the new one
        words = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{trial}"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ValueError(f"mlflow db upgrade failed: {said:.200}")
        check(trial)
        if relation(of(trial)) != "current":
            raise ValueError("mlflow db upgrade left the tables as old as they were")
        write_ahead(trial)
        os.replace(trial, database)
    finally:
        shutil.rmtree(scratch)
