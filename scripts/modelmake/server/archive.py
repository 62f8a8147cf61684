"""Archive: the MLflow server's database and artifacts as one checked archive, and back.

docker/server/state.sh runs it on the server's volume: backup (to standard output), stage (from standard input), swap,
settle or upgrade. BACKUP_KEY is the text of an age identity.
"""

import gzip
import hashlib
import importlib.metadata
import io
import json
import os
import sqlite3
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from modelmake.core.errors import UserError
from modelmake.core.files import PART, remove
from modelmake.core.progress import Progress
from modelmake.core.provenance import sha256
from modelmake.server import migrate
from modelmake.server.seal import SealedError, decrypted, encrypted

DATABASE, ARTIFACTS, MANIFEST = "mlflow.db", "artifacts", "manifest.json"
STATE = (DATABASE, *(f"{DATABASE}-{suffix}" for suffix in ("journal", "wal", "shm")), ARTIFACTS)
PROXIED = "mlflow-artifacts:/"
FRESH = ".restore"  # the state of an archive, until it is checked
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


class Manifest(BaseModel):
    """The description of a backup: MLflow's version, its tables' revision, facts, and the SHA-256 of each file."""

    model_config = ConfigDict(frozen=True)

    mlflow: str
    revision: str = Field(alias="schema")
    facts: dict[str, str]
    files: dict[str, str]


class Hashed(io.RawIOBase):
    """The first `size` bytes of a file, hashed while they are read, so that a file that still grows is cut."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Start at the current position of the file."""
        self.file, self.left, self.digest = file, size, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, and zeros if the file has become shorter."""
        count = self.left if size < 0 else min(size, self.left)
        data = self.file.read(count).ljust(count, b"\0")
        self.left -= count
        self.digest.update(data)
        return data


def fact(rows: Iterable[tuple[object, ...]]) -> str:
    """Return the number of rows and the SHA-256 over them, in any order."""
    lines = sorted(json.dumps([str(value) for value in row]) for row in rows)
    return f"{len(lines)} {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def rows(connection: sqlite3.Connection, query: str) -> list[tuple[object, ...]]:
    """Return the rows of a query, none if an older MLflow made the database without such a table."""
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            return []
        raise


def facts(database: Path) -> dict[str, str]:
    """Return the facts that a server on this database shows by REST too."""
    with closing(sqlite3.connect(database)) as connection:
        return {name: fact(rows(connection, query)) for name, query in FACTS.items()}


def referred(database: Path) -> set[Path]:
    """Return the folders under artifacts/ that the database names: of runs, models, traces and versions."""
    with closing(sqlite3.connect(database)) as connection:
        places = [str(place or "") for query in PLACES for (place,) in rows(connection, query)]
    return {Path(place.removeprefix(PROXIED).lstrip("/")) for place in places if place.startswith(PROXIED)}


def backup(folder: Path, archive: BinaryIO) -> str:
    """Write the database, the artifacts that it names, and their checksums, while the server runs.

    The database is copied first, by SQLite's online backup, so that every artifact that it names exists.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        encrypted(archive) as sealed,
        gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=1) as packed,  # tarfile of Python 3.11 accepts no level
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        snapshot = Path(scratch, DATABASE)
        migrate.copy(folder / DATABASE, snapshot)
        places = referred(snapshot)
        artifacts = (p for p in sorted((folder / ARTIFACTS).rglob("*")) if p.is_file() and ".uploading." not in p.name)
        kept = [path for path in artifacts if not places.isdisjoint(path.relative_to(folder / ARTIFACTS).parents)]
        files = {DATABASE: snapshot} | {str(path.relative_to(folder)): path for path in kept}
        summary, checksums = facts(snapshot), dict[str, str]()
        with Progress("packing", len(files), "files") as progress:
            for name, path in files.items():
                with suppress(FileNotFoundError), path.open("rb") as file:  # a client can delete it in the meantime
                    info = tar.gettarinfo(arcname=name, fileobj=file)
                    hashed = Hashed(file, info.size)
                    tar.addfile(info, hashed)
                    checksums[name] = hashed.digest.hexdigest()
                progress.advance()
        manifest = Manifest(
            mlflow=importlib.metadata.version("mlflow"),
            schema=migrate.of(snapshot),
            facts=summary,
            files=checksums,
        )
        text = manifest.model_dump_json(by_alias=True).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return f"{len(manifest.files)} files, {manifest.facts['runs'].split()[0]} runs"


def unpack(archive: BinaryIO, target: Path) -> Manifest:
    """Unpack `archive` into `target`, check every file against the manifest, and return the manifest.

    Raises
    ------
    ValueError
        It is not a backup, it is damaged, it comes from a newer MLflow, or the key does not fit.

    """
    try:
        with decrypted(archive) as plain, tarfile.open(fileobj=plain, mode="r|gz") as tar:
            tar.extractall(target, filter="data")
        manifest = Manifest.model_validate_json((target / MANIFEST).read_bytes())
    except SealedError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"not a complete backup: {error}") from None
    names = {str(path.relative_to(target)) for path in target.rglob("*") if not path.is_dir()} - {MANIFEST}
    if names != set(manifest.files) or DATABASE not in names:
        raise ValueError("not a backup of an MLflow server, or files are missing")
    for name, digest in manifest.files.items():
        if (target / name).is_symlink() or sha256(target / name) != digest:
            raise ValueError(f"damaged: {name}")
    migrate.check(target / DATABASE)
    if migrate.of(target / DATABASE) != manifest.revision or facts(target / DATABASE) != manifest.facts:
        raise ValueError(f"damaged: {DATABASE} does not match the manifest")
    if migrate.relation(manifest.revision) == "newer":
        raise ValueError(f"made by MLflow {manifest.mlflow}, which is newer than the MLflow here")
    return manifest


def recover(folder: Path) -> None:
    """Undo a restore that was interrupted: move the old state back."""
    old = folder / ".old"
    if old.exists():
        for name in STATE:
            if (old / name).exists():
                remove(folder / name)
                (old / name).rename(folder / name)
    for leftover in (old, folder / FRESH, folder / ".gone", *folder.glob(f"{PART}*")):
        remove(leftover)


def stage(folder: Path, archive: BinaryIO) -> Manifest:
    """Unpack and check the archive next to the state in `folder`, while a server may run; return its manifest."""
    recover(folder)
    try:
        return unpack(archive, folder / FRESH)
    except BaseException:
        recover(folder)
        raise


def swap(folder: Path) -> None:
    """Replace the state in `folder` by the staged one; no server may be running.

    After an interruption, `recover` brings the old state back. A database and its journal are moved together.

    Raises
    ------
    ValueError
        Nothing is staged, or another restore removed it.

    """
    fresh, old, gone = folder / FRESH, folder / ".old", folder / ".gone"
    if not (fresh / DATABASE).exists():
        raise ValueError("the unpacked backup no longer exists: another restore may be running")
    try:
        old.mkdir()
        for name in STATE:
            if (folder / name).exists():
                (folder / name).rename(old / name)
        for name in STATE:
            if (fresh / name).exists():
                (fresh / name).rename(folder / name)
        old.rename(gone)  # from here on the new state counts
    finally:
        recover(folder)


def settle(folder: Path) -> str:
    """Prepare the volume for the start of a server; return how old its tables are: current, older or newer."""
    recover(folder)
    scratch = folder / "tmp"  # for uploads until they are complete: they can be too large for memory
    remove(scratch)
    scratch.mkdir()
    if not (folder / DATABASE).exists():
        return "current"
    age = migrate.relation(migrate.of(folder / DATABASE))
    if age == "current":
        migrate.write_ahead(folder / DATABASE)
    return age


FIXES = {
    "backup": "check the disk space; see make logs",
    "stage": "the state is unchanged; use another backup",
    "swap": "the state is unchanged; try again",
    "settle": "the state is unchanged; see make doctor",
    "upgrade": "the database is unchanged, and backups/ has a copy; go back to the older modelmake",
}


def main(verb: str, folder: str) -> None:
    """Run one verb; backup writes the archive to standard output and its summary to standard error.

    Raises
    ------
    UserError
        The verb failed, and the state is unchanged.

    """
    os.umask(0o027)
    state = Path(folder)
    try:
        if verb == "backup":
            print(backup(state, sys.stdout.buffer), file=sys.stderr)
        elif verb == "stage":
            print(stage(state, sys.stdin.buffer).model_dump_json(by_alias=True))
        elif verb == "swap":
            swap(state)
        elif verb == "settle":
            print(settle(state))
        else:
            migrate.upgrade(state / DATABASE)
    except (ValueError, OSError, sqlite3.Error) as error:
        raise UserError(f"the server's state, {verb}", str(error), FIXES[verb]) from None
