"""Databases as sources: the rows of a query become a snapshot, and the password stays in the environment."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from modelmake.source import sql
from tests.conftest import EXAMPLE, Outcome, Project
from tests.source.conftest import Fetching, snapshots
from tests.support.checkout import free_port

Check = Callable[[Outcome, int], str]
PASSWORD = "hunter2/%&"  # noqa: S105  # of a server that lives as long as the tests
ENCODED = "hunter2%2F%25%26"
SERVER = "env:DATABASE_URL"
QUERY = "query = 'select * from iris order by row'"


def flowers() -> pd.DataFrame:
    """Return the example's rows, with their numbers."""
    return pd.read_csv(EXAMPLE / "data/iris.csv").rename_axis("row").reset_index()


@pytest.fixture
def sqlite(project: Project) -> Path:
    """An SQLite file with the example's rows."""
    path = project.path / "flowers.db"
    with closing(sqlite3.connect(path)) as connection:
        flowers().to_sql("iris", connection, index=False)
    return path


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server on the loopback interface."""

    binaries: Path
    folder: Path
    port: int

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program of PostgreSQL as a user that is not root."""
        prefix = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups") if os.getuid() == 0 else ()
        command = [*prefix, str(self.binaries / words[0]), *words[1:]]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=self.folder)

    def execute(self, statements: str) -> None:
        """Run statements of SQL."""
        self.run("psql", "-q", "-v", "ON_ERROR_STOP=1", self.address(), text=statements)

    def address(self, password: str = ENCODED, *, scheme: str = "postgresql", name: str = "postgres") -> str:
        """Return the address of a database."""
        return f"{scheme}://owner:{password}@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL server of its own, that of Debian."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("there is no PostgreSQL in /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = Postgres(found[-1].parent, folder, free_port())
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    initial = ("-U", "owner", f"--pwfile={folder}/password", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync")
    server.run("initdb", "-D", f"{folder}/data", *initial)
    options = f"-p {server.port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    server.run("pg_ctl", "-D", f"{folder}/data", "-o", options, "-l", f"{folder}/log", "-w", "start")
    yield server
    server.run("pg_ctl", "-D", f"{folder}/data", "-m", "immediate", "-w", "stop")
    shutil.rmtree(folder)


def test_a_query_becomes_a_snapshot(fetching: Fetching, sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In chunks, and the same again is unchanged; training reads it."""
    monkeypatch.setattr(sql, "CHUNK", 40)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{sqlite}")
    project = fetching(SERVER, f"{QUERY}\ndrop = ['row']")
    done = project.stage("fetch")
    assert done.code == 0, done
    [table] = snapshots(project)
    pd.testing.assert_frame_equal(pd.read_parquet(table), flowers())
    assert "unchanged, 150 rows, 6 columns" in project.stage("fetch").out
    assert project.stage("train").code == 0


def test_the_chunks_of_a_column_are_of_one_type(
    fetching: Fetching, sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole numbers in one chunk, a gap or a fraction in the next: as if all rows had come at once."""
    monkeypatch.setattr(sql, "CHUNK", 2)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{sqlite}")
    with closing(sqlite3.connect(sqlite)) as connection, connection:
        connection.execute("create table mixed (a, b, c, species)")
        rows = [(1, None, 1, "x"), (2, None, 2, "y"), (None, 3, 2.5, "x"), (4, None, 4, "y")]
        connection.executemany("insert into mixed values (?, ?, ?, ?)", rows)
    project = fetching(SERVER, "query = 'select * from mixed'")
    assert project.stage("fetch").code == 0
    schema = pq.read_schema(snapshots(project)[0])
    assert [str(kind) for kind in schema.types] == ["int64", "int64", "double", "large_string"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("select * from rosebushes", "the database refuses the query: no such table: rosebushes"),
        ("select * from iris where row < 0", "env:DATABASE_URL: the table has no rows (check the query)"),
        ("select species, species from iris", "2 columns have the name 'species' (name them with AS)"),
        ("drop table iris", "the database refuses the query: attempt to write a readonly database"),
        ("delete from iris", "the database refuses the query: attempt to write a readonly database"),
        ("select 1 as x union all select 'a'", "column 'x' has values of type int, str (convert it in the query"),
        ("select row from iris", "no column 'species' in env:DATABASE_URL"),
    ],
)
def test_a_query_that_gives_no_table_is_named(
    fetching: Fetching, sqlite: Path, error_line: Check, monkeypatch: pytest.MonkeyPatch, query: str, expected: str
) -> None:
    """In one line; and no query changes the database."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{sqlite}")
    project = fetching(SERVER, f'query = "{query}"')
    before = sqlite.read_bytes()
    assert expected in error_line(project.stage("fetch"), 2)
    assert sqlite.read_bytes() == before


def test_a_percent_sign_and_a_colon_are_what_they_are(
    fetching: Fetching, sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are not parameters."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{sqlite}")
    query = "query = \"select *, '5 % :x' as note from iris where species like '%set%'\""
    assert "50 rows, 7 columns" in fetching(SERVER, query).stage("fetch").out


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("sqlite:///gone.db", "DATABASE_URL: no SQLite file 'gone.db'"),
        ("sqlite://", "DATABASE_URL: no SQLite file ''"),
        ("mysql://u:hunter2@db/x", "mysql:// needs the package mysqlclient (make add PKG=mysqlclient)"),
        ("mongodb://u:hunter2@db/x", "not the address of a database (one of: postgresql"),
        ("u:hunter2@db/x", "not the address of a database (such as postgresql://"),
        ("postgresql://u:hunter2@wonderland@db/x", "it has more than one @ (in a password write %40 for @)"),
        ("postgresql://u:hunter2@db:port/x", "not an address that can be read"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", "no connection to the database: connection to server"),
    ],
)
def test_a_database_that_is_not_there_is_named(
    fetching: Fetching, error_line: Check, monkeypatch: pytest.MonkeyPatch, address: str, expected: str
) -> None:
    """Without its password, or a part of it; and SQLite makes no file."""
    monkeypatch.setenv("DATABASE_URL", address)
    project = fetching(SERVER, "query = 'select 1'")
    line = error_line(project.stage("fetch"), 2)
    assert expected in line
    assert not any(part in line for part in ("hunter2", "wonderland"))
    assert not list(project.path.glob("*.db"))


EVERYTHING = """
drop table if exists everything;
create table everything as select i, case when i % 7 > 0 then i end as gap, i::numeric / 4 as share, i % 2 = 0 as even,
  timestamptz '2026-03-28 12:00+01' + i * interval '1 hour' as moment, date '2026-01-01' + i as day,
  gen_random_uuid() as key, jsonb_build_object('a', i) as record, 'kind ' || i % 3 as species
from generate_series(1, 100) i;
"""


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_postgresql_is_a_source(
    fetching: Fetching, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    """By every name of its scheme, and with the types that it has."""
    monkeypatch.setattr(sql, "CHUNK", 30)
    postgres.execute(EVERYTHING)
    monkeypatch.setenv("DATABASE_URL", postgres.address(scheme=scheme))
    project = fetching(SERVER, "query = \"select * from everything where species like 'kind%' order by i\"")
    done = project.stage("fetch")
    assert "100 rows, 9 columns" in done.out, done
    assert "unchanged" in project.stage("fetch").out
    frame = pd.read_parquet(snapshots(project)[0])
    assert frame["share"].tolist() == [number / 4 for number in range(1, 101)]
    assert int(frame["gap"].isna().sum()) == 14
    assert frame["even"].dtype == bool
    assert frame["moment"][0] == pd.Timestamp("2026-03-28 12:00", tz="UTC")
    assert frame["record"][0] == '{"a": 1}'


def test_postgresql_tells_no_password(
    fetching: Fetching, postgres: Postgres, error_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong one, a missing database, a missing table: one line each; and nothing in a file."""
    project = fetching(SERVER, "query = 'select * from nowhere'")
    for address, expected in (
        (postgres.address("hunter3"), "password authentication failed for user"),
        (postgres.address(name="nodb"), 'database "nodb" does not exist'),
        (postgres.address(), 'the database refuses the query: relation "nowhere" does not exist (correct the query)'),
    ):
        monkeypatch.setenv("DATABASE_URL", address)
        line = error_line(project.stage("fetch"), 2)
        assert expected in line
        assert "hunter" not in line
    postgres.execute(EVERYTHING)
    project = fetching(SERVER, "snapshot = 'mlflow'\nquery = 'select even, share, gap, species from everything'")
    outcomes = [project.stage(verb) for verb in ("fetch", "train")]
    assert [done.code for done in outcomes] == [0, 0]
    assert not any("hunter" in done.out + done.err for done in outcomes)
    written = [path for path in project.path.rglob("*") if path.is_file()]
    assert not any(b"hunter" in path.read_bytes() for path in written)


def test_a_query_of_postgresql_changes_nothing(
    fetching: Fetching, postgres: Postgres, error_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The transaction is read-only."""
    postgres.execute("drop table if exists kept; create table kept as select 1 as species;")
    monkeypatch.setenv("DATABASE_URL", postgres.address())
    for query in ("drop table kept", "with gone as (delete from kept returning *) select * from gone"):
        line = error_line(fetching(SERVER, f"query = '{query}'").stage("fetch"), 2)
        assert "the database refuses the query" in line
    postgres.execute("do $$ begin assert (select count(*) from kept) = 1; end $$;")
