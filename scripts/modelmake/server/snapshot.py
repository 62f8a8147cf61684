"""Snapshot: MLflow's tables in an SQLite file, as a backup contains them: their age, their upgrade, and their facts."""

import hashlib
import importlib.metadata
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Literal

PROXIED = "mlflow-artifacts:/"
FACTS = {
    "runs": "SELECT run_uuid, status, lifecycle_stage FROM runs",
    "params": "SELECT run_uuid, key, value FROM params",
    "metrics": "SELECT run_uuid, key, CASE is_nan WHEN 1 THEN 'nan' ELSE value END FROM latest_metrics",
    "versions": "SELECT name, version, coalesce(run_id, ''), coalesce(source, '') FROM model_versions "
    "WHERE current_stage != 'Deleted_Internal'",
    "aliases": "SELECT name, alias, version FROM registered_model_aliases",
}
PLACES = (
    "SELECT artifact_uri FROM runs",
    "SELECT artifact_location FROM logged_models",
    "SELECT value FROM trace_tags WHERE key = 'mlflow.artifactLocation'",
    "SELECT source FROM model_versions WHERE current_stage != 'Deleted_Internal'",
    "SELECT storage_location FROM model_versions WHERE current_stage != 'Deleted_Internal'",
)


def rows(database: Path, *queries: str) -> list[tuple[object, ...]]:
    """Return the rows of queries, none of a query on a table or column that an older MLflow did not have."""
    found: list[tuple[object, ...]] = []
    with closing(sqlite3.connect(database)) as connection:
        for query in queries:
            try:
                found += connection.execute(query)
            except sqlite3.OperationalError as error:
                if "no such" not in str(error):
                    raise
    return found


def fact(rows: Iterable[tuple[object, ...]]) -> str:
    """Return the number of rows and the SHA-256 over them, in any order."""
    lines = sorted(json.dumps([str(value) for value in row]) for row in rows)
    return f"{len(lines)} {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def facts(database: Path) -> dict[str, str]:
    """Return the facts that a server on these tables shows by REST too."""
    return {name: fact(rows(database, query)) for name, query in FACTS.items()}


def referred(database: Path) -> set[Path]:
    """Return the folders under artifacts/ that the tables name: of runs, models, traces and versions."""
    places = [str(place) for (place,) in rows(database, *PLACES)]
    return {Path(place.removeprefix(PROXIED).lstrip("/")) for place in places if place.startswith(PROXIED)}


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


def revision(database: Path) -> str:
    """Return the revision of the tables.

    Raises
    ------
    ValueError
        They are not MLflow's.

    """
    try:
        with closing(sqlite3.connect(database)) as connection:
            [[found]] = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise ValueError(f"{database.name} is not an MLflow database: {error}") from None
    return str(found)


def age(revision: str) -> Literal["current", "older", "newer"]:
    """Return how old a revision is compared with the installed MLflow; an unknown one is newer."""
    head, every = revisions()
    if revision == head:
        return "current"
    return "older" if revision in every else "newer"


def check(database: Path) -> None:
    """Raise ValueError if SQLite finds an error in the file."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            [result] = connection.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.Error as error:
        result = str(error)
    if result != "ok":
        raise ValueError(f"the database is damaged: {result}")


def upgrade(database: Path) -> None:
    """Upgrade the tables by MLflow, and check them; raises ValueError if that fails."""
    words = [sys.executable, "-m", "mlflow", "db", "upgrade", f"sqlite:///{database}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ValueError(f"mlflow db upgrade failed: {reason:.200}")
    check(database)
    if age(revision(database)) != "current":
        raise ValueError("mlflow db upgrade did not upgrade the tables")
