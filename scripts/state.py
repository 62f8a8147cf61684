"""State: the MLflow server's database and artifacts as one checked archive, and back.

`python state.py backup FOLDER > archive`, while the server runs; `python state.py restore FOLDER < archive`, while it
does not. Needs nothing but Python, since it is run where the server's volume is (docker/state.sh).
"""

import gzip
import hashlib
import io
import json
import shutil
import sqlite3
import sys
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

DATABASE, ARTIFACTS, MANIFEST = "mlflow.db", "artifacts", "manifest.json"


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def backup(folder: Path, archive: io.BufferedIOBase) -> str:
    """Write database, artifacts and their hashes; the database first, so that all that it names is there."""
    manifest = {}
    with (
        tempfile.TemporaryDirectory() as scratch,
        gzip.GzipFile(fileobj=archive, mode="wb", compresslevel=1) as packed,  # 3.11's tarfile takes no level
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        copy = Path(scratch, DATABASE)
        with closing(sqlite3.connect(folder / DATABASE)) as live, closing(sqlite3.connect(copy)) as still:
            live.backup(still)
        files = {DATABASE: copy} | {str(p.relative_to(folder)): p for p in sorted((folder / ARTIFACTS).rglob("*"))}
        for name, path in files.items():
            if path.is_file():
                manifest[name] = sha256(path)
                tar.add(path, name)
        text = json.dumps(manifest).encode()
        info = tarfile.TarInfo(MANIFEST)
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text))
    return f"{len(manifest)} files"


def unpack(archive: io.BufferedIOBase, target: Path) -> dict[str, str]:
    """Unpack `archive` into `target` and return its manifest, once every file is what the manifest says.

    Raises
    ------
    ValueError
        It is no archive of ours, or a damaged one.

    """
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as tar:
            tar.extractall(target, filter="data")
        manifest = json.loads((target / MANIFEST).read_bytes())
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise ValueError(f"not a whole backup: {error}") from None
    found = {str(p.relative_to(target)) for p in target.rglob("*") if p.is_file()} - {MANIFEST}
    if found != set(manifest) or DATABASE not in found:
        raise ValueError("not a backup of an MLflow server, or files are missing")
    if damaged := [name for name, digest in manifest.items() if sha256(target / name) != digest]:
        raise ValueError(f"damaged: {damaged[0]}")
    with closing(sqlite3.connect(target / DATABASE)) as database:
        [said] = database.execute("PRAGMA integrity_check").fetchone()
    if said != "ok":
        raise ValueError(f"the database in it is damaged: {said}")
    return manifest


def restore(folder: Path, archive: io.BufferedIOBase) -> str:
    """Put the archive's state in the place of what is in `folder`, which stays as it is until all is checked."""
    fresh, old = folder / ".restore", folder / ".old"
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        manifest = unpack(archive, fresh)
        old.mkdir()
        for name in (DATABASE, ARTIFACTS):
            if (folder / name).exists():
                (folder / name).rename(old / name)
            if (fresh / name).exists():
                (fresh / name).rename(folder / name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
    return f"{len(manifest)} files"


def main(verb: str, folder: str) -> int:
    """Do it, and say on standard error how much it was."""
    try:
        done = backup(Path(folder), sys.stdout.buffer) if verb == "backup" else restore(Path(folder), sys.stdin.buffer)
    except (ValueError, OSError, sqlite3.Error) as error:
        print(error, file=sys.stderr)
        return 2
    print(done, file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
