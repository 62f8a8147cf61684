"""State: the MLflow server's database and artifacts as one checked archive, and back.

Run where the server's volume is (docker/server/state.sh), with a verb: backup (to standard output), stage (from standard
input; the manifest to standard output) and swap, which restore, settle and upgrade. BACKUP_KEY, the text of an age identity, encrypts and decrypts.
"""

import gzip
import hashlib
import importlib.metadata
import io
import json
import os
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from scripts.core.errors import UserError
from scripts.server import migrate
from scripts.server.seal import SealedError, decrypted, encrypted

DATABASE, ARTIFACTS, MANIFEST = "mlflow.db", "artifacts", "manifest.json"
STATE = (DATABASE, *(f"{DATABASE}-{each}" for each in ("journal", "wal", "shm")), ARTIFACTS)
PROXIED = "mlflow-artifacts:/"
FRESH = ".restore"  # what a restore brings, until it is checked
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


class Hashed(io.RawIOBase):
    """The first `size` bytes of a file, hashed as they are read: what a client still writes to is cut, not torn."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Start at the file's position."""
        self.file, self.left, self.digest = file, size, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, zeros where the file has become shorter."""
        wanted = self.left if size < 0 else min(size, self.left)
        data = self.file.read(wanted).ljust(wanted, b"\0")
        self.left -= wanted
        self.digest.update(data)
        return data


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fact(rows: Iterable[tuple[object, ...]]) -> str:
    """Return how many rows there are and the SHA-256 over them, in whatever order they come."""
    lines = sorted(json.dumps([str(each) for each in row]) for row in rows)
    return f"{len(lines)} {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()}"


def rows(connection: sqlite3.Connection, query: str) -> list[tuple[object, ...]]:
    """Return what a query finds; nothing where the tables are of an MLflow that had no such thing yet."""
    try:
        return connection.execute(query).fetchall()
    except sqlite3.OperationalError as error:
        if "no such" in str(error):
            return []
        raise


def facts(database: Path) -> dict[str, str]:
    """Return what a server on this database has to show, by REST too."""
    with closing(sqlite3.connect(database)) as connection:
        return {name: fact(rows(connection, query)) for name, query in FACTS.items()}


def referred(database: Path) -> set[Path]:
    """Return the folders under artifacts/ that the database refers to: of runs, models, traces and versions."""
    with closing(sqlite3.connect(database)) as connection:
        found = [place for query in PLACES for (place,) in rows(connection, query) if (place or "").startswith(PROXIED)]
    return {Path(place.removeprefix(PROXIED).lstrip("/")) for place in found}


@contextmanager
def telling(total: int) -> Iterator[Callable[[str], None]]:
    """Give what is to be called with each of `total` files; it says every two seconds how many are done."""
    count, told = 0, time.monotonic()

    def tell(name: str) -> None:
        nonlocal count, told
        count += 1
        if time.monotonic() - told > 2:
            told = time.monotonic()
            print(f"  {count:,} of {total:,} files, {name}", file=sys.stderr, flush=True)

    yield tell


def backup(folder: Path, archive: BinaryIO) -> str:
    """Write the database, the artifacts that it refers to, and their hashes; while the server runs.

    The database comes first, by SQLite's online backup, so that all that it names is there.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        encrypted(archive) as sealed,
        gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=1) as packed,  # 3.11's tarfile takes no level
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        still = Path(scratch, DATABASE)
        migrate.copy(folder / DATABASE, still)
        places = referred(still)
        found = (p for p in sorted((folder / ARTIFACTS).rglob("*")) if p.is_file() and ".uploading." not in p.name)
        kept = [p for p in found if not places.isdisjoint(p.relative_to(folder / ARTIFACTS).parents)]
        files = {DATABASE: still} | {str(path.relative_to(folder)): path for path in kept}
        manifest = {
            "mlflow": importlib.metadata.version("mlflow"),
            "schema": migrate.of(still),
            "facts": facts(still),
            "files": {},
        }
        with telling(len(files)) as tell:
            for name, path in files.items():
                with suppress(FileNotFoundError), path.open("rb") as file:  # a client may take it away meanwhile
                    info = tar.gettarinfo(arcname=name, fileobj=file)
                    hashed = Hashed(file, info.size)
                    tar.addfile(info, hashed)
                    manifest["files"][name] = hashed.digest.hexdigest()
                tell(name)
        text = json.dumps(manifest).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return f"{len(manifest['files'])} files, {manifest['facts']['runs'].split()[0]} runs"


def unpack(archive: BinaryIO, target: Path) -> dict[str, dict[str, str]]:
    """Unpack `archive` into `target` and return its manifest, once every file is what the manifest says.

    Raises
    ------
    ValueError
        It is no archive of ours, a damaged one, one of a newer MLflow, or the key does not fit.

    """
    try:
        with decrypted(archive) as plain, tarfile.open(fileobj=plain, mode="r|gz") as tar:
            tar.extractall(target, filter="data")
        manifest = json.loads((target / MANIFEST).read_bytes())
        files, revision = manifest["files"], manifest["schema"]
    except SealedError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"not a whole backup: {error}") from None
    found = {str(p.relative_to(target)) for p in target.rglob("*") if not p.is_dir()} - {MANIFEST}
    if found != set(files) or DATABASE not in found:
        raise ValueError("not a backup of an MLflow server, or files are missing")
    for name, digest in files.items():
        if (target / name).is_symlink() or sha256(target / name) != digest:
            raise ValueError(f"damaged: {name}")
    migrate.check(target / DATABASE)
    if migrate.of(target / DATABASE) != revision or facts(target / DATABASE) != manifest["facts"]:
        raise ValueError(f"damaged: {DATABASE} is not what the manifest says")
    if migrate.relation(revision) == "newer":
        raise ValueError(f"made by MLflow {manifest['mlflow']}, whose tables this one does not know")
    return manifest


def recover(folder: Path) -> None:
    """Undo a restore that was interrupted: what it had moved away comes back."""
    old = folder / ".old"
    if old.exists():
        for name in STATE:
            if (old / name).exists():
                _remove(folder / name)
                (old / name).rename(folder / name)
    for leftover in (old, folder / FRESH, folder / ".gone", folder / ".upgrade"):
        _remove(leftover)


def stage(folder: Path, archive: BinaryIO) -> dict[str, dict[str, str]]:
    """Unpack and check the archive beside what is in `folder`, where a server may run; return its manifest."""
    recover(folder)
    try:
        return unpack(archive, folder / FRESH)
    except BaseException:
        recover(folder)
        raise


def swap(folder: Path) -> None:
    """Put what was staged in the place of what is in `folder`; no server may be running.

    Interrupted anywhere, `recover` makes it the old state again. A journal belongs to the database that it
    stands beside, so it goes with it.

    Raises
    ------
    ValueError
        Nothing was staged, or somebody else's restore came in between.

    """
    fresh, old, gone = folder / FRESH, folder / ".old", folder / ".gone"
    if not (fresh / DATABASE).exists():
        raise ValueError("what was to be restored is gone: another restore at the same time?")
    try:
        old.mkdir()
        for name in STATE:
            if (folder / name).exists():
                (folder / name).rename(old / name)
        for name in STATE:
            if (fresh / name).exists():
                (fresh / name).rename(folder / name)
        old.rename(gone)  # from here on the new state is the state
    finally:
        recover(folder)


def settle(folder: Path) -> str:
    """Make the volume ready for a server to start on it; return how old its tables are: current, older or newer."""
    recover(folder)
    scratch = folder / "tmp"  # where uploads are kept until they are whole: memory is no place for them
    _remove(scratch)
    scratch.mkdir()
    if not (folder / DATABASE).exists():
        return "current"
    how_old = migrate.relation(migrate.of(folder / DATABASE))
    if how_old == "current":
        migrate.write_ahead(folder / DATABASE)
    return how_old


def _remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


MENDS = {
    "backup": "is there room? make logs",
    "stage": "the state is as it was; is there another backup?",
    "swap": "the state is as it was; try again",
    "settle": "the server's volume is left as it is; make doctor",
    "upgrade": "the database is as it was, and backups/ has it too; take the older modelmake again",
}


def main(verb: str, folder: str) -> None:
    """Do it; what came of a backup is said on standard error, since the archive goes to standard output.

    Raises
    ------
    UserError
        It failed, and nothing was changed.

    """
    os.umask(0o027)
    state = Path(folder)
    try:
        if verb == "backup":
            print(backup(state, sys.stdout.buffer), file=sys.stderr)
        elif verb == "stage":
            print(json.dumps(stage(state, sys.stdin.buffer)))
        elif verb == "swap":
            swap(state)
        elif verb == "settle":
            print(settle(state))
        else:
            migrate.upgrade(state / DATABASE)
    except (ValueError, OSError, sqlite3.Error) as error:
        raise UserError(f"the server's state, {verb}", str(error), MENDS[verb]) from None
