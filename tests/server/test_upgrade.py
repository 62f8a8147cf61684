"""`make up` on a database of another MLflow: upgraded with a backup, refused, or left as it was; on real volumes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

import docker
from tests.support.checkout import Stack, free_port

pytestmark = [pytest.mark.stack, pytest.mark.long]
OLD = "3500859a5d39"
HEAD = "from modelmake.server import snapshot; print(snapshot.revisions()[0])"
AGED = """
import pathlib, sqlite3, sqlalchemy
from alembic import command
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base
pathlib.Path("/mlflow/mlflow.db").unlink()
Base.metadata.create_all(sqlalchemy.create_engine("sqlite:////mlflow/mlflow.db"))
command.upgrade(_get_alembic_config("sqlite:////mlflow/mlflow.db"), "3500859a5d39")
with sqlite3.connect("/mlflow/mlflow.db") as rows:
    rows.execute("INSERT INTO experiments VALUES (7, 'old', 'mlflow-artifacts:/7', 'active', 0, 0)")
"""
NUMBERED = """
import sqlite3, sys
with sqlite3.connect("/mlflow/mlflow.db") as rows:
    rows.execute("UPDATE alembic_version SET version_num = ?", sys.argv[1:])
"""
DIGEST = "import hashlib; print(hashlib.sha256(open('/mlflow/mlflow.db', 'rb').read()).hexdigest())"


@pytest.fixture
def stopped(engine: docker.DockerClient, tmp_path: Path, empty_store: Path) -> Iterator[Stack]:
    """Give a checkout whose server has run and is down."""
    assert engine.ping()
    found = Stack(tmp_path / "a check out", free_port()).fill(empty_store)
    for words in (["up"], ["down"]):
        done = found.make(*words)
        assert done.returncode == 0, done.stderr
    yield found
    found.make("distclean")


def inside(stack: Stack, code: str, *words: str) -> str:
    """Run Python where the server's volume is."""
    asked = ["docker/image/image.sh", "name"]
    image = subprocess.run(asked, cwd=stack.path, capture_output=True, text=True, check=True)
    mounts = [
        "-v",
        f"{stack.project}_mlflow:/mlflow",
        "-v",
        f"{stack.path}/scripts:/src/scripts:ro",
        "-ePYTHONPATH=/src/scripts",
    ]
    command = ["docker", "run", "--rm", *mounts, image.stdout.strip(), "python", "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_an_older_database_is_kept_and_upgraded(stopped: Stack) -> None:
    """It says so, keeps the state as it was in backups/, and what was there is there."""
    inside(stopped, AGED)
    done = stopped.make("up")
    assert done.returncode == 0, done.stderr
    assert "the server's tables are from an older MLflow: backup, then mlflow db upgrade" in done.stderr
    assert mlflow.MlflowClient(stopped.url).get_experiment("7").name == "old"
    [kept] = (stopped.path / "backups").glob("before-upgrade-*.tar.gz")
    assert stopped.make("down").returncode == 0
    inside(stopped, AGED.replace("'old'", "'other'"))
    restored = stopped.make("restore", f"FROM={kept}")
    assert restored.returncode == 0, restored.stderr
    assert mlflow.MlflowClient(stopped.url).get_experiment("7").name == "old"


def test_what_can_not_be_upgraded_stays_as_it_was(stopped: Stack) -> None:
    """A newer schema, and one whose upgrade trips: one line each, no server, and not a byte has changed."""
    head = inside(stopped, HEAD)
    for revision, said in (
        ("ffffffffffff", "was written by a newer MLflow than the one in this image; it is unchanged"),
        (OLD, "mlflow db upgrade failed: "),
    ):
        inside(stopped, NUMBERED, revision)
        before = inside(stopped, DIGEST)
        done = stopped.make("up")
        assert done.returncode != 0
        assert said in done.stderr
        assert inside(stopped, DIGEST) == before
        running = ["docker", "ps", "-q", "--filter", f"name={stopped.project}"]
        assert not subprocess.run(running, capture_output=True, check=True).stdout
    inside(stopped, NUMBERED, head)
    assert stopped.make("up").returncode == 0
