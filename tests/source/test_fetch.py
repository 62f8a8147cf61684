"""fetch: a table from the web or from a store becomes a snapshot, whole or not at all, and never tells a secret."""

import gzip
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import fsspec
import pandas as pd
import pytest

from modelmake.source import stores
from modelmake.source import web as downloads
from tests.conftest import EXAMPLE, ROOT, Outcome, Project
from tests.source.conftest import IRIS, Answer, Fetching, Web, snapshots
from tests.support.checkout import free_port

Check = Callable[[Outcome, int], str]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once, and as on a host, also in a container."""
    monkeypatch.setattr(downloads, "WAITS", (0, 0, 0))
    monkeypatch.setattr(downloads, "IMAGE", Path("/nowhere"))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    files = folder / "certificate.pem", folder / "key.pem"
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", str(files[1])]
    subprocess.run([*made, "-out", str(files[0]), *names], check=True, capture_output=True)
    return files


def facts(table: Path) -> dict[str, object]:
    """Return what is written beside a snapshot."""
    return json.loads(table.with_suffix(".json").read_text())


def test_a_table_from_the_web_becomes_a_snapshot(fetching: Fetching, web: Web) -> None:
    """With the facts about its origin; training then needs no network."""
    headers = {"ETag": '"abc"', "Last-Modified": "Wed, 25 Nov 2026 10:00:00 GMT"}
    project = fetching(web.serve("/iris.csv", Answer(IRIS, headers=headers)))
    done = project.stage("fetch")
    assert done.code == 0, done
    [table] = snapshots(project)
    assert f"snapshot data/snapshots/{table.name}, 150 rows, 5 columns" in done.out
    pd.testing.assert_frame_equal(pd.read_parquet(table), pd.read_csv(EXAMPLE / "data/iris.csv"))
    written = facts(table)
    assert written.pop("sha256")
    assert str(written.pop("time")).endswith("+00:00")
    assert written == {
        "source": f"http://127.0.0.1:{web.server_port}/iris.csv",
        "query": "",
        "rows": 150,
        "columns": 5,
        "etag": headers["ETag"],
        "modified": headers["Last-Modified"],
    }
    web.shutdown()
    assert project.stage("train").code == 0


def test_a_table_that_did_not_change_keeps_its_file(fetching: Fetching, web: Web) -> None:
    """So nothing is trained again; a changed one replaces it."""
    project = fetching(web.serve("/iris.csv", IRIS, Answer(IRIS, headers={"ETag": '"new"'}), IRIS[:-20]))
    assert project.stage("fetch").code == 0
    [table] = snapshots(project)
    before = table.stat()
    assert "unchanged, 150 rows" in project.stage("fetch").out
    assert (table.stat().st_ino, table.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert facts(table)["etag"] == '"new"'
    assert project.stage("fetch").code == 0
    assert snapshots(project) == [table]
    assert table.stat().st_ino != before.st_ino


def test_train_without_a_snapshot_asks_for_fetch(fetching: Fetching, web: Web, error_line: Check) -> None:
    """In one line, also after a key changed by which the table is read."""
    address = web.serve("/iris.csv", IRIS)
    project = fetching(address)
    assert "make fetch" in error_line(project.stage("train"), 2)
    assert project.stage("fetch").code == 0
    fetching(address, 'missing = ["?"]')
    assert "make fetch" in error_line(project.stage("train"), 2)


def test_a_path_needs_no_fetch(project: Project) -> None:
    """A workflow may fetch every table that a pipeline names."""
    done = project.stage("fetch")
    assert (done.code, done.out) == (
        0,
        "nothing to fetch: pipeline.toml names a table by its path, data/iris.csv\n",
    )


def test_the_dialect_is_that_of_the_file(fetching: Fetching, web: Web) -> None:
    """Compressed, with semicolons and decimal commas, as a file on the disk may be too."""
    frame = pd.read_csv(EXAMPLE / "data/iris.csv")
    text = frame.to_csv(index=False, sep=";", decimal=",")
    project = fetching(web.serve("/download", gzip.compress(text.encode())))
    assert project.stage("fetch").code == 0
    pd.testing.assert_frame_equal(pd.read_parquet(snapshots(project)[0]), frame)


def test_parquet_is_written_again(fetching: Fetching, web: Web, tmp_path: Path) -> None:
    """The same rows are the same bytes, for any row groups, compression and writer of the file."""
    frame = pd.read_csv(EXAMPLE / "data/iris.csv")
    frame.to_parquet(tmp_path / "a.parquet", row_group_size=7, compression="gzip")
    frame.astype({"species": "category"}).to_parquet(tmp_path / "b.parquet", engine="pyarrow")
    bodies = [(tmp_path / name).read_bytes() for name in ("a.parquet", "b.parquet")]
    project = fetching(web.serve("/iris.parquet", *bodies))
    assert project.stage("fetch").code == 0
    assert "unchanged, 150 rows" in project.stage("fetch").out


def test_a_server_that_fails_for_a_moment_is_asked_again(fetching: Fetching, web: Web) -> None:
    """Also one that breaks off in the middle of the file."""
    broken = Answer(IRIS[:1000], headers={"Content-Length": str(len(IRIS))})
    project = fetching(web.serve("/iris.csv", Answer(status=503), broken, IRIS))
    done = project.stage("fetch")
    assert done.code == 0, done
    assert len(web.asked) == 3
    assert "150 rows" in done.out


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answer(status=404), "answers HTTP 404: there is no such file (check the address)"),
        (Answer(status=403), "answers HTTP 403: access refused (check the address and its credentials)"),
        (Answer(status=500), "answers HTTP 500 again and again (try again later, or check the address)"),
        (Answer(status=418), "answers HTTP 418 (check the address)"),
        (Answer(status=302, headers={"Location": "/table.csv"}), "redirects in a circle"),
        (Answer(IRIS[:99], headers={"Content-Length": "999"}), "the connection broke before the end of the file"),
        (Answer(b""), "the file is empty"),
        (Answer(IRIS[: IRIS.index(b"\n") + 1]), "the table has no rows"),
        (Answer(b"<!DOCTYPE html><p>Log in"), "the file is an HTML page"),
        (Answer(b"a,b\n1,2\n"), "no column 'species' in http://127.0.0.1:"),
        (Answer(b"PAR1 and no more"), "table.csv"),
    ],
)
def test_what_is_no_table_is_named_and_the_older_snapshot_stays(
    fetching: Fetching, web: Web, error_line: Check, answer: Answer, expected: str
) -> None:
    """In one line that names the address, not a file that is gone by then."""
    project = fetching(web.serve("/table.csv", IRIS))
    assert project.stage("fetch").code == 0
    before = [path.read_bytes() for path in snapshots(project)]
    web.serve("/table.csv", answer)
    line = error_line(project.stage("fetch"), 2)
    assert expected in line
    assert "fetch-" not in line
    assert [path.read_bytes() for path in snapshots(project)] == before


def test_a_server_that_is_not_there_is_named(fetching: Fetching, error_line: Check) -> None:
    """Refused, or a name that does not exist, which a resolver without a network may take 40 s to say."""
    project = fetching(f"http://127.0.0.1:{free_port()}/iris.csv")
    assert "no answer: connection refused (try again later" in error_line(project.stage("fetch"), 2)
    project = fetching("http://nobody.invalid/iris.csv")
    with mock.patch.object(socket, "getaddrinfo", side_effect=socket.gaierror(socket.EAI_NONAME, "Name not known")):
        assert "the name of the host is unknown" in error_line(project.stage("fetch"), 2)


def test_in_a_container_a_server_of_this_machine_is_out_of_reach(
    fetching: Fetching, error_line: Check, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """There, localhost is the container; the line says what to type."""
    monkeypatch.setattr(downloads, "IMAGE", tmp_path)
    project = fetching(f"http://localhost:{free_port()}/iris.csv")
    assert "does not reach this machine's servers: make fetch RUNNER=host" in error_line(project.stage("fetch"), 2)


def test_a_schema_is_checked_before_the_older_snapshot_goes(fetching: Fetching, web: Web, error_line: Check) -> None:
    """With every violation, as train has it."""
    address = web.serve("/iris.csv", IRIS, IRIS.replace(b"5.1,", b"-1,"))
    project = fetching(address)
    project.edit("[model]\n", "[data.schema.sepal_length]\nmin = 0\n[model]\n")
    assert project.stage("fetch").code == 0
    before = snapshots(project)[0].read_bytes()
    done = project.stage("fetch")
    assert "1 constraint is violated, in: sepal_length" in error_line(done, 2)
    assert "sepal_length  min 0" in done.out
    assert snapshots(project)[0].read_bytes() == before


def test_a_certificate_is_checked(
    fetching: Fetching, secure: Web, error_line: Check, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Against the CAs of SSL_CERT_FILE, where it is set."""
    secure.serve("/iris.csv", IRIS)
    project = fetching(f"https://localhost:{secure.server_port}/iris.csv")
    assert "its certificate is not trusted (set SSL_CERT_FILE" in error_line(project.stage("fetch"), 2)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert project.stage("fetch").code == 0
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    assert "no file at SSL_CERT_FILE" in error_line(project.stage("fetch"), 2)


def test_a_proxy_is_used(fetching: Fetching, web: Web, error_line: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """And named if it causes the failure, without its password."""
    monkeypatch.setenv("http_proxy", f"http://mallory:s3cret@127.0.0.1:{web.server_port}")
    web.serve("http://example.invalid/iris.csv", IRIS)
    project = fetching("http://example.invalid/iris.csv")
    assert project.stage("fetch").code == 0
    assert web.asked == ["http://example.invalid/iris.csv"]
    web.serve("http://example.invalid/iris.csv", Answer(status=407))
    line = error_line(project.stage("fetch"), 2)
    assert f"through the proxy http://127.0.0.1:{web.server_port}, which requires a user and a password" in line
    monkeypatch.setenv("http_proxy", f"http://mallory:s3cret@127.0.0.1:{free_port()}")
    line = error_line(project.stage("fetch"), 2)
    assert "no answer: connection refused, through the proxy http://127.0.0.1:" in line
    assert "NO_PROXY=example.invalid bypasses the proxy" in line
    assert "s3cret" not in line


SECRETS = ("hunter2", "c2lnbmF0dXJl")


def test_no_secret_is_told(fetching: Fetching, web: Web) -> None:
    """Neither of the address nor of its query: not in the output, not in a file."""
    address = web.serve("/iris.csv", IRIS).replace("//", f"//user:{SECRETS[0]}@")
    project = fetching(f"{address}?sig={SECRETS[1]}&se=2027", 'snapshot = "mlflow"')
    outcomes = [project.stage(verb) for verb in ("fetch", "train")]
    assert [done.code for done in outcomes] == [0, 0]
    outcomes.append(fetching(f"{address.replace('iris', 'gone')}?sig={SECRETS[1]}").stage("fetch"))
    assert f"127.0.0.1:{web.server_port}/gone.csv?sig=…: answers HTTP 404" in outcomes[-1].err
    assert not any(secret in done.out + done.err for done in outcomes for secret in SECRETS)
    written = [path for path in project.path.rglob("*") if path.is_file() and path.name != "pipeline.toml"]
    assert written
    assert not any(secret.encode() in path.read_bytes() for path in written for secret in SECRETS)


@pytest.mark.parametrize(
    ("source", "keys", "expected"),
    [
        ("data/iris.csv", "", "'data/iris.csv' is not an address"),
        ("postgresql://u:hunter2@db/x", "", "may contain a password (set DATABASE_URL in the environment"),
        ("postgresql+psycopg2://u:hunter2@db/x", "query = 'select 1'", "may contain a password"),
        ("env:PGPASSWORD", "query = 'select 1'", "'PGPASSWORD' is not a variable that modelmake reads"),
        ("env:DATABASE_URL", "", "data.query: missing (add the statement"),
        ("env:DATABASE_URL", "query = 'select 1'", "DATABASE_URL: not set in the environment"),
        ("https://example.com/x.csv", "query = 'select 1'", "only a database answers a query (remove it)"),
        ("gopher://example.com/x.csv", "", "gopher:// is not supported"),
        ("s3://bucket/x.csv", "", "s3:// needs the package s3fs, which is not in the lock (make add PKG=s3fs)"),
        ("gs://bucket/x.csv", "", "make add PKG=gcsfs"),
        ("az://bucket/x.csv", "", "make add PKG=adlfs"),
        ("sftp://example.com/x.csv", "", "make add PKG=paramiko"),
        ("file:///nowhere/x.csv", "", "file:///nowhere/x.csv: there is no such file"),
        ("memory://gone.csv", "", "there is no such file"),
        ("https://", "", "not a usable address"),
        ("https://[::1/x.csv", "", "not a usable address"),
        ("https://example.com:port/x.csv", "", "not a usable address"),
        ("https://exa mple/x.csv", "", "not a usable address"),
    ],
)
def test_a_source_that_cannot_be_is_named(
    fetching: Fetching, error_line: Check, source: str, keys: str, expected: str
) -> None:
    """With what to write in its place, or which package to add."""
    line = error_line(fetching(source, keys).stage("fetch"), 2)
    assert expected in line
    assert "hunter2" not in line


def test_path_and_source_exclude_each_other(project: Project, error_line: Check) -> None:
    """A table comes from one place."""
    project.edit('path = "data/iris.csv"', 'path = "data/iris.csv"\nsource = "https://example.com/x.csv"')
    assert "both 'path' and 'source'" in error_line(project.stage("fetch"), 2)


def test_a_secret_of_github_is_a_file_for_googles_client(
    fetching: Fetching, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the text of the file; the client gets a file that nobody else reads, which is gone afterwards."""
    seen = []

    def opened(_address: str) -> None:
        path = Path(os.environ[stores.GOOGLE])
        seen.append((path, path.read_text(), path.stat().st_mode & 0o777))
        raise FileNotFoundError

    monkeypatch.setattr("fsspec.core.url_to_fs", opened)
    for value, text in (('{"type": "service_account"}', '{"type": "service_account"}'), (str(tmp_path / "key"), "key")):
        (tmp_path / "key").write_text("key")
        (tmp_path / "key").chmod(0o600)
        monkeypatch.setenv(stores.GOOGLE, value)
        assert fetching("gs://bucket/table.csv").stage("fetch").code == 2
        assert seen[-1][1:] == (text, 0o600)
    assert [path.exists() for path, *_ in seen] == [False, True]


def test_a_store_of_fsspec_is_a_source(fetching: Fetching) -> None:
    """A file of an object store; here the one in memory, and the disk."""
    with fsspec.open("memory://bucket/iris.csv", "wb") as file:
        file.write(IRIS)
    project = fetching("memory://bucket/iris.csv")
    assert "150 rows" in project.stage("fetch").out
    project = fetching(f"file://{EXAMPLE}/data/iris.csv")
    assert "150 rows" in project.stage("fetch").out
    assert len({path.read_bytes() for path in snapshots(project)}) == 1


def test_a_folder_of_a_store_is_one_table(fetching: Fetching, tmp_path: Path) -> None:
    """Its files are read as those of a folder on the disk."""
    frame = pd.read_csv(EXAMPLE / "data/iris.csv")
    store = fsspec.filesystem("memory")
    for number, rows in enumerate((frame[:100], frame[100:])):
        rows.to_parquet(tmp_path / "part.parquet")
        store.pipe(f"/folder/year={2025 + number}/part.parquet", (tmp_path / "part.parquet").read_bytes())
    project = fetching("memory://folder")
    done = project.stage("fetch")
    assert "150 rows, 6 columns" in done.out, done


def test_a_full_disk_is_named(fetching: Fetching, tmp_path: Path) -> None:
    """In one line, and the older snapshot stays; here the system allows files of 20 kB."""
    small, large = tmp_path / "table.csv", pd.DataFrame({"x": range(9000), "species": ["a", "b"] * 4500})
    small.write_bytes(IRIS)
    project = fetching(f"file://{small}")
    assert project.stage("fetch").code == 0
    before = snapshots(project)[0].read_bytes()
    large.to_csv(small)
    done = subprocess.run(
        [sys.executable, "-m", "modelmake", "fetch"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "data/snapshots: cannot be written: File too large (check that it belongs to you" in done.stderr
    assert "Traceback" not in done.stderr
    assert snapshots(project)[0].read_bytes() == before
