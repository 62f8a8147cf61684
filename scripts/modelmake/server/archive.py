"""Archive: the MLflow server's database and artifacts as one checked archive, and back.

docker/server/state.sh runs it on the server's volume: backup (to standard output), stage (from standard input), swap,
settle or upgrade. BACKUP_KEY is the text of an age identity.
"""

import gzip
import hashlib
import importlib.metadata
import io
import os
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict, Field

from modelmake.core.errors import UserError
from modelmake.core.files import PART, remove
from modelmake.core.progress import Progress
from modelmake.core.provenance import sha256
from modelmake.server import snapshot
from modelmake.server.seal import SealedError, decrypted, encrypted
from modelmake.server.sqlite import SQLite

DATABASE, ARTIFACTS, MANIFEST = "mlflow.db", "artifacts", "manifest.json"
KEY = "webhook.key"  # of the secrets in the database (compose.yaml)
FRESH = ".restore"  # the state of an archive, until it is checked
NEXT = ".next"  # the state that replaces the old one; an interruption does not stop that


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


def opened(folder: Path) -> SQLite:
    """Return the store of the server with its state in `folder`."""
    return SQLite(folder / DATABASE)


def backup(folder: Path, archive: BinaryIO) -> str:
    """Write the database, the artifacts that it names, and their checksums, while the server runs.

    The snapshot comes first, so that every artifact that it names exists.
    """
    with (
        tempfile.TemporaryDirectory() as scratch,
        encrypted(archive) as sealed,
        gzip.GzipFile(fileobj=sealed, mode="wb", compresslevel=1) as packed,  # tarfile of Python 3.11 accepts no level
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        database = Path(scratch, DATABASE)
        opened(folder).snapshot(database)
        places = snapshot.referred(database)
        artifacts = (p for p in sorted((folder / ARTIFACTS).rglob("*")) if p.is_file() and ".uploading." not in p.name)
        kept = [path for path in artifacts if not places.isdisjoint(path.relative_to(folder / ARTIFACTS).parents)]
        kept += [path for path in [folder / KEY] if path.exists()]
        files = {DATABASE: database} | {str(path.relative_to(folder)): path for path in kept}
        summary, checksums = snapshot.facts(database), dict[str, str]()
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
            schema=snapshot.revision(database),
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
    database = target / DATABASE
    snapshot.check(database)
    if snapshot.revision(database) != manifest.revision or snapshot.facts(database) != manifest.facts:
        raise ValueError(f"damaged: {DATABASE} does not match the manifest")
    if snapshot.age(manifest.revision) == "newer":
        raise ValueError(f"made by MLflow {manifest.mlflow}, which is newer than the MLflow here")
    return manifest


def recover(folder: Path) -> None:
    """Complete a restore that was interrupted while it replaced the state, and remove what another one left."""
    if (folder / NEXT / DATABASE).exists():
        opened(folder).load(folder / NEXT / DATABASE)
        _replace_files(folder)
    for leftover in (folder / NEXT, folder / FRESH, *folder.glob(f"{PART}*")):
        remove(leftover)


def stage(folder: Path, archive: BinaryIO) -> Manifest:
    """Unpack and check the archive next to the state in `folder`, while a server may run; return its manifest."""
    recover(folder)
    try:
        return unpack(archive, folder / FRESH)
    except BaseException:
        remove(folder / FRESH)
        raise


def swap(folder: Path) -> None:
    """Replace the state in `folder` by the staged one; no server may be running.

    Raises
    ------
    ValueError
        Nothing is staged, or another restore removed it, or a server is running.

    """
    fresh, following = folder / FRESH, folder / NEXT
    if not (fresh / DATABASE).exists():
        raise ValueError("the unpacked backup no longer exists: another restore may be running")
    (fresh / ARTIFACTS).mkdir(exist_ok=True)
    fresh.rename(following)  # from here on the new state counts
    try:
        opened(folder).load(following / DATABASE)
    except (ValueError, OSError, sqlite3.Error):
        following.rename(fresh)
        raise
    _replace_files(folder)


def _replace_files(folder: Path) -> None:
    following = folder / NEXT
    for name in (ARTIFACTS, KEY):
        if (following / name).exists():  # else an interrupted restore has replaced it
            remove(folder / name)
            (following / name).rename(folder / name)
    remove(following)


def settle(folder: Path) -> str:
    """Prepare the volume for the start of a server; return how old its tables are: current, older or newer."""
    recover(folder)
    scratch = folder / "tmp"  # for uploads until they are complete: they can be too large for memory
    remove(scratch)
    scratch.mkdir()
    store = opened(folder)
    revision = store.revision()
    age = snapshot.age(revision) if revision else "current"
    if revision and age == "current":
        store.prepare()
    return age


def upgrade(folder: Path) -> None:
    """Upgrade the tables on a snapshot, and load it; raises ValueError, and changes nothing, if that fails."""
    store = opened(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=PART) as scratch:
        trial = Path(scratch, DATABASE)
        store.snapshot(trial)
        snapshot.upgrade(trial)
        store.load(trial)


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
            upgrade(state)
    except (ValueError, OSError, sqlite3.Error) as error:
        raise UserError(f"the server's state, {verb}", str(error), FIXES[verb]) from None
