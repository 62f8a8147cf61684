"""State: a backup is whole or refused, a refused one changes nothing, and what a version needs is never removed."""

import io
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

import mlflow
import pyrage
import pytest
from mlflow.entities import ViewType
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Store

from modelmake.server import archive as state
from modelmake.server import gc
from modelmake.server.sqlite import SQLite
from tests.conftest import Once

ROOT_URI = "mlflow-artifacts:/"


class Server:
    """A server's folder, and what can be done in it."""

    def __init__(self, folder: Path) -> None:
        """Open the store; the experiment keeps its artifacts behind the server."""
        self.folder = folder
        self.store = Store(f"sqlite:///{folder}/mlflow.db", ROOT_URI)
        self.experiment = self.store.create_experiment("flowers")

    def run(self, name: str = "run", content: bytes = b"model") -> str:
        """Create a run with one artifact, and return its id."""
        run = self.store.create_run(self.experiment, "me", 0, [], name)
        self.write(f"{self.experiment}/{run.info.run_id}/artifacts/a name with spaces", content)
        return run.info.run_id

    def write(self, path: str, content: bytes) -> Path:
        """Write a file below artifacts/."""
        file = self.folder / "artifacts" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    @property
    def runs(self) -> list[str]:
        """The runs' ids, as a new reader of the database sees them."""
        with closing(sqlite3.connect(self.folder / "mlflow.db")) as database:
            return sorted(name for (name,) in database.execute("SELECT run_uuid FROM runs"))

    @property
    def files(self) -> dict[str, bytes]:
        """Every file below artifacts/, with its content."""
        return {
            str(p.relative_to(self.folder)): p.read_bytes()
            for p in self.folder.rglob("artifacts/*/**/*")
            if p.is_file()
        }


@pytest.fixture
def server(tmp_path: Path, empty_store: Path, once: Once) -> Server:
    """A server's folder, with no run yet."""
    folder = tmp_path / "server"
    folder.mkdir()
    shutil.copy(empty_store, folder / "mlflow.db")
    return Server(folder)


def backup(server: Server) -> bytes:
    archive = io.BytesIO()
    state.backup(server.folder, archive)
    return archive.getvalue()


def restore(server: Server, archive: bytes) -> None:
    state.stage(server.folder, io.BytesIO(archive))
    state.swap(server.folder)


def repacked(archive: bytes, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes] | None]) -> bytes:
    """Pack the archive again, each member changed or left out."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=out, mode="w:gz") as new:
        for member in old:
            if changed := change(member, old.extractfile(member).read()):
                info, data = changed
                info.size = len(data)
                new.addfile(info, io.BytesIO(data))
    return out.getvalue()


def manifested(archive: bytes, **changes: object) -> bytes:
    """Change the archive's manifest."""

    def change(member: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
        return member, json.dumps(json.loads(data) | changes).encode() if member.name == "manifest.json" else data

    return repacked(archive, change)


def link(member: tarfile.TarInfo, data: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """Make the artifact a link to a file outside."""
    if "artifacts" in member.name:
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        return member, b""
    return member, data


def test_what_was_kept_comes_back(server: Server) -> None:
    """Later runs and files are gone, those of the backup are there, and nothing else."""
    first = server.run(content=b"\0" * 100_000)
    before = server.files
    archive = backup(server)
    server.run("second")
    server.write(f"1/{first}/artifacts/a name with spaces", b"other")
    restore(server, archive)
    assert server.runs == [first]
    assert server.files == before
    assert sorted(path.name for path in server.folder.iterdir()) == ["artifacts", "mlflow.db"]


def test_the_key_of_webhooks_comes_along(server: Server) -> None:
    """Without it the server cannot read their secrets, which are in the database; a backup without one keeps it."""
    key = server.folder / "webhook.key"
    without = backup(server)
    key.write_text("first")
    archive = backup(server)
    key.write_text("second")
    restore(server, without)
    assert key.read_text() == "second"
    restore(server, archive)
    assert key.read_text() == "first"


def test_only_what_the_database_refers_to_is_kept(server: Server) -> None:
    """Files of a run that came after the database's copy, and of runs that are gone for good, are left out."""
    first = server.run()
    server.write("1/0123456789abcdef0123456789abcdef/artifacts/orphan", b"x")
    server.write("7/models/m-0123/artifacts/orphan", b"x")
    restore(server, backup(server))
    assert set(server.files) == {f"artifacts/1/{first}/artifacts/a name with spaces"}


def test_a_backup_can_be_taken_while_a_client_writes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not committed is not in it, and a file that grows or shrinks under it is cut, not torn."""
    first = server.run(content=b"x" * 1000)
    path = next((server.folder / "artifacts").rglob("a name*"))
    real = tarfile.TarFile.gettarinfo

    def grown(tar: tarfile.TarFile, *args: object, **named: object) -> tarfile.TarInfo:
        info = real(tar, *args, **named)
        if "artifacts" in info.name:
            path.write_bytes(b"y" * sizes.pop())
        return info

    sizes = [5, 5000]
    monkeypatch.setattr(tarfile.TarFile, "gettarinfo", grown)
    with closing(sqlite3.connect(server.folder / "mlflow.db")) as writer:
        writer.execute("INSERT INTO params VALUES ('not', 'yet', ?)", (first,))
        archives = [backup(server), backup(server)]
        writer.rollback()
    for archive in archives:
        restore(server, archive)
        assert server.runs == [first]


def test_a_file_that_goes_while_it_is_kept_is_left_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """As MLflow's half an upload does, whose other half has another name."""
    first = server.run()
    half = server.write(f"1/{first}/artifacts/.artifact.uploading.abc", b"x")
    gone = server.write(f"1/{first}/artifacts/gone", b"x")
    real = tarfile.TarFile.addfile

    def add(tar: tarfile.TarFile, info: tarfile.TarInfo, file: BinaryIO) -> None:
        gone.unlink(missing_ok=True)  # the database is packed first
        real(tar, info, file)

    monkeypatch.setattr(tarfile.TarFile, "addfile", add)
    archive = backup(server)
    monkeypatch.undo()
    restore(server, archive)
    assert not half.exists()
    assert set(server.files) == {f"artifacts/1/{first}/artifacts/a name with spaces"}


@pytest.mark.long
@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda archive: archive[: len(archive) // 2], "not a complete backup"),
        (lambda _: b"", "not a complete backup"),
        (lambda _: b"PK\x03\x04 something else", "not a complete backup"),
        (lambda a: repacked(a, lambda m, d: None if m.name == "manifest.json" else (m, d)), "not a complete backup"),
        (lambda a: repacked(a, lambda m, d: None if "artifacts" in m.name else (m, d)), "files are missing"),
        (lambda a: repacked(a, lambda m, d: None if m.name == "mlflow.db" else (m, d)), "not a backup of an MLflow"),
        (lambda a: repacked(a, lambda m, d: (m, d + b"x" if "artifacts" in m.name else d)), "damaged: artifacts/1/"),
        (lambda a: repacked(a, lambda m, d: (m.replace(name=f"../{m.name}"), d)), "not a complete backup"),
        (lambda a: repacked(a, lambda m, d: (m.replace(name=f"/opt/{m.name}"), d)), "missing|not a complete backup"),
        (lambda a: repacked(a, link), "not a complete backup|damaged|missing"),
        (lambda a: manifested(a, schema="ffffffffffff"), "damaged: mlflow.db does not match the manifest"),
        (lambda a: manifested(a, facts={}), "damaged: mlflow.db does not match the manifest"),
    ],
    ids="cut empty foreign no-manifest no-file no-database changed outside absolute link revision facts".split(),
)
def test_a_damaged_backup_changes_nothing(server: Server, damage: Callable[[bytes], bytes], expected: str) -> None:
    """It is refused with the reason, before anything of the old state is touched."""
    server.run()
    archive = damage(backup(server))
    before = {path: path.read_bytes() for path in server.folder.rglob("*") if path.is_file()}
    with pytest.raises(ValueError, match=expected):
        restore(server, archive)
    assert {path: path.read_bytes() for path in server.folder.parent.rglob("*") if path.is_file()} == before


def test_what_was_not_staged_replaces_nothing(server: Server) -> None:
    """Another restore may have taken it away in between."""
    kept = server.run()
    archive = backup(server)
    state.stage(server.folder, io.BytesIO(archive))
    with pytest.raises(ValueError, match="not a complete backup"):
        state.stage(server.folder, io.BytesIO(b""))
    with pytest.raises(ValueError, match="another restore may be running"):
        state.swap(server.folder)
    assert server.runs == [kept]


def killed(server: Server) -> str:
    """Leave the database as a server that was killed does, and return the run that is in its log alone."""
    database, log = server.folder / "mlflow.db", server.folder / "mlflow.db-wal"
    SQLite(database).prepare()
    run = server.run()
    as_they_lie = {path: path.read_bytes() for path in (database, log)}
    server.store.engine.dispose()  # SQLite's last connection empties the log
    assert not log.exists()
    for path, content in as_they_lie.items():
        path.write_bytes(content)
    assert run.encode() not in database.read_bytes()
    return run


@pytest.mark.long
@pytest.mark.parametrize("step", range(7))
def test_an_interrupted_restore_is_undone_or_completed_by_the_next_start(
    server: Server, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut at any change of the folder: the old state whole, with its log, until the first change; then the new one."""
    archive = backup(server)
    kept = killed(server)
    steps = 0

    def cut(real: Callable[..., None]) -> Callable[..., None]:
        def change(*words: object, **named: object) -> None:
            nonlocal steps
            steps += 1
            if steps > step:
                raise KeyboardInterrupt
            real(*words, **named)

        return change

    state.stage(server.folder, io.BytesIO(archive))
    with monkeypatch.context() as patch:
        for name in ("rename", "replace", "rmdir"):
            patch.setattr(os, name, cut(getattr(os, name)))
        with suppress(KeyboardInterrupt):
            state.swap(server.folder)
    assert state.settle(server.folder) == "current"
    old, new = ([kept], 1), ([], 0)
    assert (server.runs, len(server.files)) == (new if step else old)
    restore(server, archive)
    assert (server.runs, server.files) == ([], {})


@pytest.mark.long
def test_a_restore_replaces_a_damaged_database(server: Server) -> None:
    """Its log goes with it."""
    kept = server.run()
    archive = backup(server)
    server.store.engine.dispose()
    for name in ("mlflow.db", "mlflow.db-wal"):
        (server.folder / name).write_bytes(b"damaged" * 1000)
    restore(server, archive)
    assert (server.runs, len(server.files)) == ([kept], 1)


def test_an_encrypted_backup_opens_with_its_key_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the key, with a wrong key, or changed by a byte, it is refused with the reason."""
    kept = server.run()
    key, other = (str(pyrage.x25519.Identity.generate()) for _ in range(2))
    monkeypatch.setenv("BACKUP_KEY", f"# made today\n{key}\n")
    archive = backup(server)
    assert archive.startswith(b"age-encryption.org/v1")
    server.run()
    restore(server, archive)
    assert server.runs == [kept]
    middle = len(archive) // 2
    changed = archive[:middle] + bytes([archive[middle] ^ 1]) + archive[middle + 1 :]
    for given, data, expected in (
        ("", archive, "it is encrypted: KEY="),
        (other, archive, "the key does not open it"),
        ("AGE-SECRET-KEY-1", archive, "KEY contains no age identity"),
        (key, changed, "the key does not open it, or it is damaged"),
        (key, archive[:-1], "the key does not open it, or it is damaged"),
    ):
        monkeypatch.setenv("BACKUP_KEY", given)
        with pytest.raises(ValueError, match=expected):
            restore(server, data)
    assert server.runs == [kept]


def aged(server: Server, revision: str) -> None:
    """Give the tables another revision's number."""
    with closing(sqlite3.connect(server.folder / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))


def test_a_newer_schema_is_refused(server: Server) -> None:
    """By a start, and as a backup."""
    aged(server, "ffffffffffff")
    assert state.settle(server.folder) == "newer"
    with pytest.raises(ValueError, match="which is newer than the MLflow here"):
        restore(server, backup(server))


def test_a_start_lets_the_database_write_ahead(server: Server) -> None:
    """One from a time before, and what a killed server had in its log is kept."""
    assert mode(server) == "delete"
    assert state.settle(server.folder) == "current"
    assert mode(server) == "wal"
    kept = killed(server)
    assert state.settle(server.folder) == "current"
    assert server.runs == [kept]


def mode(server: Server) -> str:
    with closing(sqlite3.connect(server.folder / "mlflow.db")) as database:
        [found] = database.execute("PRAGMA journal_mode").fetchone()
    return found


def test_a_database_in_use_is_neither_upgraded_nor_replaced(server: Server) -> None:
    """Its log would be applied to the new one. Both load a snapshot."""
    archive = backup(server)
    SQLite(server.folder / "mlflow.db").prepare()
    kept = server.run()
    with pytest.raises(ValueError, match="in use"):
        restore(server, archive)
    assert (server.runs, len(server.files)) == ([kept], 1)


@pytest.mark.long
def test_an_older_schema_is_upgraded_on_a_copy(tmp_path: Path) -> None:
    """MLflow's own upgrade, from the tables of its first release with a registry's aliases; rows are kept."""
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base
    from sqlalchemy import create_engine

    database = tmp_path / "mlflow.db"
    engine = create_engine(f"sqlite:///{database}")
    Base.metadata.create_all(engine)
    engine.dispose()
    command.upgrade(_get_alembic_config(f"sqlite:///{database}"), "3500859a5d39")
    with closing(sqlite3.connect(database)) as rows, rows:
        rows.execute("INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (7, 'old', 'active')")
    assert state.settle(tmp_path) == "older"
    archive = io.BytesIO()
    state.backup(tmp_path, archive)
    state.upgrade(tmp_path)
    state.stage(tmp_path, io.BytesIO(archive.getvalue()))
    state.swap(tmp_path)
    assert state.settle(tmp_path) == "older"
    state.upgrade(tmp_path)
    assert state.settle(tmp_path) == "current"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifacts", "mlflow.db", "tmp"]
    assert Store(f"sqlite:///{database}", ROOT_URI).get_experiment("7").name == "old"


@pytest.mark.long
def test_a_failed_upgrade_leaves_the_database_as_it_was(server: Server) -> None:
    """Tables that are newer than their number says: the migration trips, and nothing has changed."""
    aged(server, "3500859a5d39")
    before = (server.folder / "mlflow.db").read_bytes()
    with pytest.raises(ValueError, match="mlflow db upgrade failed"):
        state.upgrade(server.folder)
    assert (server.folder / "mlflow.db").read_bytes() == before
    assert [path.name for path in server.folder.iterdir()] == ["mlflow.db"]


def test_gc_removes_what_is_deleted_and_nothing_that_a_version_needs(
    server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dry by default. A run whose model has a version stays, deleted or not, with its model and its experiment."""
    monkeypatch.delenv("MODELMAKE_FORCE", raising=False)
    mlflow.set_tracking_uri(f"sqlite:///{server.folder}/mlflow.db")  # where the registry looks for a model
    store, registry = server.store, Registry(f"sqlite:///{server.folder}/mlflow.db")
    registered, plain, alive = (server.run(name) for name in ("registered", "plain", "alive"))
    model = store.create_logged_model("1", "model", registered, [], [], None)
    server.write(f"1/models/{model.model_id}/artifacts/model.skops", b"model")
    registry.create_registered_model("flowers")
    registry.create_model_version("flowers", f"models:/{model.model_id}", None)
    by_run = server.run("by run")
    registry.create_model_version("flowers", f"{ROOT_URI}1/{by_run}/artifacts/model", by_run)
    lost = server.write("1/0123456789abcdef0123456789abcdef/artifacts/orphan", b"x")
    only_a_version_names_it = server.write("9/fedcba9876543210fedcba9876543210/artifacts/model/model.skops", b"x")
    registry.create_model_version("flowers", f"{ROOT_URI}9/fedcba9876543210fedcba9876543210/artifacts/model", None)
    experiment = store.create_experiment("gone")
    store.delete_experiment(experiment)
    for run_id in (registered, plain, by_run):
        store.delete_run(run_id)
    store.delete_logged_model(model.model_id)
    before = (server.runs, server.files)

    gc.main(str(server.folder))
    dry = capsys.readouterr().out
    assert (server.runs, server.files) == before
    assert "nothing was removed; FORCE=1" in dry
    monkeypatch.setenv("MODELMAKE_FORCE", "1")
    gc.main(str(server.folder))
    assert capsys.readouterr().out.splitlines()[1:-1] == dry.splitlines()[1:-1]
    assert server.runs == sorted([registered, alive, by_run])
    gone = {f"artifacts/1/{plain}/artifacts/a name with spaces", str(lost.relative_to(server.folder))}
    assert set(server.files) == set(before[1]) - gone
    assert only_a_version_names_it.exists()
    assert "kept       " + registered in dry
    assert [each.experiment_id for each in store.search_experiments(ViewType.ALL)] == ["1", "0"]
    gc.main(str(server.folder))
    assert "gc: nothing to remove" in capsys.readouterr().out
