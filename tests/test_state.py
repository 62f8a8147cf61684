"""State: a backup is whole or refused, and a refused one changes nothing."""

import io
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scripts import state


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """A server's folder with a database and two artifacts."""
    folder = tmp_path / "server"
    (folder / "artifacts/1").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE runs (id TEXT)")
        database.execute("INSERT INTO runs VALUES ('first')")
    (folder / "artifacts/1/model").write_bytes(b"\0" * 100_000)
    (folder / "artifacts/1/a name with spaces").write_text("text")
    return folder


@pytest.fixture
def archive(server: Path) -> bytes:
    """Its backup."""
    archive = io.BytesIO()
    state.backup(server, archive)
    return archive.getvalue()


def runs(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        return [name for (name,) in database.execute("SELECT id FROM runs")]


def repacked(archive: bytes, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]) -> bytes:
    """Pack the archive anew, each member changed or left out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for member in old:
            if changed := change(member, old.extractfile(member).read()):
                info, data = changed
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return out.getvalue()


def test_what_was_kept_comes_back(server: Path, archive: bytes) -> None:
    """Later runs and files are gone, those of the backup are there, and nothing else."""
    with closing(sqlite3.connect(server / "mlflow.db")) as database, database:
        database.execute("INSERT INTO runs VALUES ('second')")
    (server / "artifacts/1/model").write_text("other")
    (server / "artifacts/2").mkdir()
    state.restore(server, io.BytesIO(archive))
    assert runs(server) == ["first"]
    assert (server / "artifacts/1/model").read_bytes() == b"\0" * 100_000
    assert sorted(str(p.relative_to(server)) for p in server.rglob("*")) == [
        "artifacts", "artifacts/1", "artifacts/1/a name with spaces", "artifacts/1/model", "mlflow.db",
    ]  # fmt: skip


def test_a_backup_can_be_taken_while_a_client_writes(server: Path) -> None:
    """What is not committed is not in it."""
    with closing(sqlite3.connect(server / "mlflow.db")) as writer:
        writer.execute("INSERT INTO runs VALUES ('not yet')")
        archive = io.BytesIO()
        state.backup(server, archive)
        writer.rollback()
    state.restore(server, io.BytesIO(archive.getvalue()))
    assert runs(server) == ["first"]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda archive: archive[: len(archive) // 2], "not a whole backup"),
        (lambda _: b"", "not a whole backup"),
        (lambda _: b"PK\x03\x04 something else", "not a whole backup"),
        (lambda a: repacked(a, lambda m, d: None if m.name == "manifest.json" else (m, d)), "not a whole backup"),
        (lambda a: repacked(a, lambda m, d: None if m.name.endswith("model") else (m, d)), "files are missing"),
        (lambda a: repacked(a, lambda m, d: None if m.name == "mlflow.db" else (m, d)), "not a backup of an MLflow"),
        (
            lambda a: repacked(a, lambda m, d: (m, d + b"x" if m.name.endswith("model") else d)),
            "damaged: artifacts/1/model",
        ),
        (lambda a: repacked(a, lambda m, d: (m.replace(name=f"../{m.name}"), d)), "not a whole backup"),
    ],
    ids=["cut", "empty", "foreign", "no manifest", "no file", "no database", "changed file", "outside"],
)
def test_a_damaged_backup_changes_nothing(
    server: Path, archive: bytes, damage: Callable[[bytes], bytes], expected: str
) -> None:
    """It is refused with the reason, before anything of the old state is touched."""
    before = {path: path.read_bytes() for path in server.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=expected):
        state.restore(server, io.BytesIO(damage(archive)))
    assert {path: path.read_bytes() for path in server.parent.rglob("*") if path.is_file()} == before
