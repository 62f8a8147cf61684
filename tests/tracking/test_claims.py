"""claims: what the receipts name is still there, or they are stale."""

import ast
import json
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

import pytest
import requests

from modelmake.core.stages import CHAIN
from tests.conftest import ROOT, Outcome, Project
from tests.support.checkout import free_port

if TYPE_CHECKING:
    from mlflow import MlflowClient

SCRIPT = ROOT / "scripts/modelmake/tracking/claims.py"
NAME = "flower_classifier"
PASSWORD = "s3cret: p@ss/w%rd"  # noqa: S105  # in an address it must be quoted
EVALUATED = b'{"command": "make evaluate", "run_id": "r1"}'
ALL = "train\nevaluate\nregister\n"
STALE = {  # by what somebody may delete
    "run": ALL,
    "logged model": "train\n",
    "alias": "register\n",
    "version": "register\n",
    "registered model": "register\n",
}


def delete(what: str, client: "MlflowClient", project: Project) -> None:
    """Delete something that the receipts name, as MLflow's own pages do."""
    trained = project.receipt("train")
    match what:
        case "run":
            client.delete_run(trained["run_id"])
        case "logged model":
            client.delete_logged_model(trained["model_id"])
        case "alias":
            client.delete_registered_model_alias(NAME, "staging")
        case "version":
            client.delete_model_version(NAME, "1")
        case "registered model":
            client.delete_registered_model(NAME)


def ask(place: Path | str, receipts: bytes, *flags: str, patience: int = 60, **environment: str) -> Outcome:
    """Run the script as `docker exec` does, without any installed package; on a busy machine an answer takes longer."""
    script = SCRIPT.read_text()
    assert "\nPATIENCE = 3 " in script
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            "-S",
            *flags,
            "-c",
            script.replace("\nPATIENCE = 3 ", f"\nPATIENCE = {patience} "),
            str(place),
            *CHAIN,
        ],
        input=receipts,
        env=os.environ | environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def receipts(project: Project) -> bytes:
    """Return the project's receipts, one after the other."""
    return b"".join((project.path / f"build/{stage}.json").read_bytes() for stage in ("register", "train", "evaluate"))


def note(outcome: Outcome) -> str:
    """Check that the receipts are taken as they are, and return the reason."""
    assert (outcome.code, outcome.out) == (0, ""), outcome
    [line] = outcome.err.splitlines()
    assert line.startswith("note: cannot check the receipts against ")
    return line.rpartition("; they count as valid: ")[2]


@pytest.fixture
def done(after: Callable[..., Project]) -> Project:
    """A project whose stages have all run."""
    return after("train", "evaluate", "register")


@pytest.fixture
def database(done: Project) -> Path:
    """The database of that project."""
    return done.path / ".mlflow/mlflow.db"


def test_receipts_of_what_is_there_are_not_stale(done: Project, database: Path) -> None:
    """Nothing deleted, nothing printed."""
    assert ask(database, receipts(done)) == Outcome(0, "", "")


@pytest.mark.parametrize("what", STALE)
def test_a_receipt_of_what_is_deleted_is_stale(done: Project, database: Path, what: str) -> None:
    """Each stage that names it is printed, in the pipeline's order."""
    delete(what, done.client, done)
    assert ask(database, receipts(done)) == Outcome(0, STALE[what], "")


def test_an_alias_on_another_version_is_no_lost_claim(done: Project, database: Path) -> None:
    """Somebody moved it on purpose."""
    run_id, model_id = (done.receipt("train")[name] for name in ("run_id", "model_id"))
    import mlflow

    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])  # where the registry looks for a model
    other = done.client.create_model_version(NAME, f"models:/{model_id}", run_id)
    done.client.set_registered_model_alias(NAME, "staging", other.version)
    assert ask(database, receipts(done)) == Outcome(0, "", "")


def test_a_run_that_is_restored_is_there(done: Project, database: Path) -> None:
    """Deletion in MLflow can be taken back."""
    run_id = done.receipt("train")["run_id"]
    done.client.delete_run(run_id)
    done.client.restore_run(run_id)
    assert ask(database, receipts(done)) == Outcome(0, "", "")


def test_a_database_that_is_gone_takes_all_claims_along(done: Project, database: Path) -> None:
    """`make distclean` elsewhere, or a lost volume: every stage must run again."""
    assert ask(database.with_name("other.db"), receipts(done)) == Outcome(0, ALL, "")


def test_a_refused_registration_claims_nothing(tmp_path: Path) -> None:
    """Without a version there is nothing that could be gone."""
    refused = json.dumps({"command": "make register", "run_id": "r1", "name": NAME, "version": None, "alias": None})
    assert ask(tmp_path / "none.db", refused.encode()) == Outcome(0, "", "")


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\xff\xfe",
        b"no json",
        b'{"command": "make train", "run_id": ',
        b'{"command": "make train"}',
        b'{"command": "make lint", "run_id": "r1"}',
        b'[1] 2 "make train" {"command": ["make train"], "run_id": "r1"}',
        b"[" * 100_000,
    ],
    ids=lambda garbage: repr(garbage)[:40],
)
def test_garbage_claims_nothing(tmp_path: Path, garbage: bytes) -> None:
    """A file that is not a receipt of these stages is ignored silently."""
    assert ask(tmp_path / "none.db", garbage) == Outcome(0, "", "")


def test_receipts_before_garbage_count(tmp_path: Path) -> None:
    """One broken file does not hide the ones before it."""
    assert ask(tmp_path / "none.db", EVALUATED + b"\n{") == Outcome(0, "evaluate\n", "")


def test_a_locked_database_is_not_waited_for(done: Project, database: Path) -> None:
    """Another process may hold its lock for long; a check does not stop the work."""
    with closing(sqlite3.connect(database)) as other:
        other.execute("BEGIN EXCLUSIVE")
        outcome = ask(database, receipts(done))
    assert note(outcome) == "database is locked"
    assert str(database) in outcome.err


@pytest.mark.parametrize(("content", "reason"), [(b"", "no such table: "), (b"text" * 500, "file is not a database")])
def test_a_file_that_is_not_mlflows_is_no_answer(tmp_path: Path, content: bytes, reason: str) -> None:
    """Tables that are missing say nothing about runs."""
    file = tmp_path / "mlflow.db"
    file.write_bytes(content)
    assert note(ask(file, EVALUATED)).startswith(reason)


def test_a_write_ahead_log_is_read_while_a_server_writes(done: Project, database: Path) -> None:
    """What is committed counts, also before it reaches the database's own file; what is not does not."""
    with closing(sqlite3.connect(database, isolation_level=None)) as server:
        server.execute("PRAGMA journal_mode=WAL")
        server.execute("DELETE FROM registered_model_aliases")
        server.execute("BEGIN IMMEDIATE")
        server.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
        assert ask(database, receipts(done)) == Outcome(0, "register\n", "")


def test_a_write_ahead_log_is_read_without_a_server(done: Project, database: Path) -> None:
    """The server's mode stays in the file when it has stopped."""
    with closing(sqlite3.connect(database)) as server:
        server.execute("PRAGMA journal_mode=WAL")
    assert ask(database, receipts(done)) == Outcome(0, "", "")


def test_a_path_may_hold_any_character(done: Project, database: Path) -> None:
    """SQLite takes the path as an address, in which some mean something."""
    folder = done.path / "100% a?b=c&mode=rw #1 ä"
    folder.mkdir()
    shutil.move(database, folder)
    assert ask(folder / database.name, receipts(done)) == Outcome(0, "", "")


def test_a_write_ahead_log_that_a_killed_server_left_is_read_and_kept(done: Project, database: Path) -> None:
    """A check is a reader: what the server has to recover when it starts stays as it is."""
    killed = done.path / "killed"
    killed.mkdir()
    with closing(sqlite3.connect(database, isolation_level=None)) as server:
        server.execute("PRAGMA journal_mode=WAL")
        server.execute("DELETE FROM registered_model_aliases")
        for file in database.parent.glob("mlflow.db*"):
            shutil.copy(file, killed)
    (killed / "mlflow.db-shm").unlink()
    left = {file.name: file.read_bytes() for file in killed.iterdir()}
    assert ask(killed / "mlflow.db", receipts(done)) == Outcome(0, "register\n", "")
    assert {name: (killed / name).read_bytes() for name in left} == left


def test_another_kind_of_store_is_not_asked() -> None:
    """Only MLflow's server speaks for PostgreSQL; the password stays where it is."""
    outcome = ask("postgresql://me:s3@cret@db/mlflow", EVALUATED)
    assert note(outcome) == "neither a database file nor an http address"
    assert outcome.err.startswith("note: cannot check the receipts against postgresql://db/mlflow;")


def test_it_needs_the_standard_library_alone() -> None:
    """The Python of the server's container may hold anything else, or nothing."""
    tree = list(ast.walk(ast.parse(SCRIPT.read_text())))
    plain = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    names = plain | {str(node.module) for node in tree if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_a_database_is_asked_without_slow_imports(done: Project, database: Path) -> None:
    """Make asks before every run: what only a server needs takes longer to import than all the rest."""
    imported = ask(database, receipts(done), "-X", "importtime").err
    assert "sqlite3" in imported
    assert not {"urllib.request", "ssl", "typing"} & {line.rpartition("|")[2].strip() for line in imported.splitlines()}


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """A way to get the address of a server that is not MLflow's; what clients send to it is kept in `seen`."""
    started = []

    def start(status: int, body: str = "", seen: list[dict[str, str]] | None = None, **headers: str) -> str:
        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if seen is not None:
                    seen.append({"path": self.path, **self.headers})
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        started.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (401, "You are not authenticated.", "HTTP 401"),
        (403, "Permission denied", "HTTP 403"),
        (404, "<h1>Not Found</h1>", "HTTP 404"),
        (500, '{"error_code": "INTERNAL_ERROR", "message": "not found"}', "HTTP 500"),
        (503, "[]", "HTTP 503"),
        (200, "<h1>Log in</h1>", "the answer is not MLflow's"),
        (200, "{}", "the answer is not MLflow's"),
    ],
)
def test_only_mlflow_can_say_that_something_is_gone(
    answering: Callable[..., str], status: int, body: str, reason: str
) -> None:
    """A proxy's 404, a refused login and a failing server say nothing about the run."""
    assert note(ask(answering(status, body), EVALUATED)) == reason


def test_no_server_is_a_note_and_not_a_wait() -> None:
    """A closed port is named, not a limit of time; the password is not printed."""
    port = free_port()
    outcome = ask(f"http://me:s3cret@127.0.0.1:{port}/", EVALUATED)
    assert note(outcome) == "Connection refused"
    assert outcome.err.startswith(f"note: cannot check the receipts against http://127.0.0.1:{port}/;")


@pytest.mark.parametrize(
    "address", ["http://me:s3cret@127.0.0.1:s3cret", "http://me:s3/cret@host", "https://me:s3cret@[x"]
)
def test_an_address_that_is_none_is_a_note(address: str) -> None:
    """The message shows no password, for any mistake in the address."""
    outcome = ask(address, EVALUATED, HTTP_PROXY="", http_proxy="")
    assert note(outcome)
    assert "me:" not in outcome.err
    assert "s3/" not in outcome.err


@pytest.mark.long
def test_a_server_that_never_answers_is_a_note(done: Project) -> None:
    """After three seconds, for users."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        reason = note(ask(f"http://127.0.0.1:{silent.getsockname()[1]}", receipts(done), patience=3))
    assert reason in ("no answer in 3 s", "timed out")


@pytest.mark.long
def test_all_questions_are_asked_at_the_same_time(done: Project) -> None:
    """So one limit is enough for all: this server answers none before it has all four."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)

        def hang_up() -> None:
            for connection in [server.accept()[0] for _ in range(4)]:
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        reason = note(ask(f"http://127.0.0.1:{server.getsockname()[1]}", receipts(done)))
        thread.join()
    assert reason not in ("no answer in 60 s", "timed out")


def test_a_redirect_to_another_host_carries_no_password(answering: Callable[..., str]) -> None:
    """After a redirect only the server that the login is for gets it."""
    seen: list[dict[str, str]] = []
    first = answering(302, Location=answering(401, seen=seen).replace("127.0.0.1", "localhost"))
    assert note(ask(first.replace("//", "//me:s3cret@"), EVALUATED)) == "HTTP 401"
    [headers] = seen
    assert "Authorization" not in headers


@pytest.mark.parametrize(
    ("user", "environment", "header"),
    [
        ("", {}, None),
        ("", {"MLFLOW_TRACKING_TOKEN": "t0ken"}, "Bearer t0ken"),
        ("", {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_TOKEN": "t0ken"}, "Bearer t0ken"),
        (
            "",
            {"MLFLOW_TRACKING_USERNAME": "me", "MLFLOW_TRACKING_PASSWORD": "x", "MLFLOW_TRACKING_TOKEN": "t"},
            "Basic bWU6eA==",
        ),
        ("me:x@", {"MLFLOW_TRACKING_USERNAME": "you", "MLFLOW_TRACKING_PASSWORD": "y"}, "Basic bWU6eA=="),
    ],
)
def test_the_login_is_the_one_that_mlflow_would_use(
    project: Project, answering: Callable[..., str], user: str, environment: dict[str, str], header: str | None
) -> None:
    """The address comes first, then name and password, then the token; and the workspace goes along."""
    seen: list[dict[str, str]] = []
    address = answering(401, seen=seen).replace("//", f"//{user}")
    ask(address, EVALUATED, MLFLOW_WORKSPACE="team", **environment)
    assert [(headers.get("Authorization"), headers.get("X-Mlflow-Workspace")) for headers in seen] == [(header, "team")]


def test_a_name_may_hold_any_character(answering: Callable[..., str]) -> None:
    """Registered models are named by people."""
    seen: list[dict[str, str]] = []
    receipt = {"command": "make register", "name": "a b&c=d?é/#%", "version": "1"}
    ask(f"{answering(401, seen=seen)}/team/", json.dumps(receipt).encode())
    [asked] = seen
    path, _, query = asked["path"].partition("?")
    assert path == "/team/api/2.0/mlflow/model-versions/get"
    assert parse_qs(query) == {"name": ["a b&c=d?é/#%"], "version": ["1"]}


@pytest.fixture
def serve(done: Project, database: Path) -> Iterator[Callable[..., str]]:
    """A way to start MLflow's server on the project's store, and its address."""
    started = []

    def start(*options: str, scheme: str = "http", **environment: str) -> str:
        port = free_port()
        where = ("--backend-store-uri", f"sqlite:///{database}", "--artifacts-destination", str(done.path / "files"))
        words = [sys.executable, "-m", "mlflow", "server", *where, "--port", str(port), "--workers", "1", *options]
        lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (done.path / "server.log").open("wb") as log:
            settings = os.environ | lean | environment
            server = subprocess.Popen(words, env=settings, stdout=log, stderr=log, start_new_session=True)
        started.append(server)
        for _ in range(600):
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return f"{scheme}://127.0.0.1:{port}"
            assert server.poll() is None, (done.path / "server.log").read_text()
            time.sleep(0.1)
        raise AssertionError((done.path / "server.log").read_text())

    yield start
    for server in started:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


@pytest.mark.long
def test_a_server_answers_as_its_database_does(done: Project, database: Path, serve: Callable[..., str]) -> None:
    """Both ways to ask come to the same stages; an address on this machine never goes through a proxy."""
    from mlflow import MlflowClient

    address, proxy = serve(), "http://127.0.0.1:9"
    client = MlflowClient(address)
    run_id, model_id = (done.receipt("train")[name] for name in ("run_id", "model_id"))

    def stages() -> str:
        outcome = ask(f"{address}/", receipts(done), http_proxy=proxy, HTTP_PROXY=proxy, no_proxy="", NO_PROXY="")
        assert outcome == ask(database, receipts(done))
        return outcome.out

    def deleted(what: str) -> bool:
        delete(what, client, done)
        return stages() == STALE[what]

    assert stages() == ""
    assert deleted("alias")
    client.set_registered_model_alias(NAME, "staging", "1")
    assert deleted("run")
    client.restore_run(run_id)
    assert stages() == ""
    other = client.create_model_version(NAME, f"models:/{model_id}", run_id, model_id=model_id)
    client.set_registered_model_alias(NAME, "staging", other.version)
    assert stages() == ""
    assert deleted("version")
    assert deleted("registered model")
    client.delete_logged_model(model_id)
    assert stages() == "train\nregister\n"
    client.delete_run(run_id)
    assert stages() == ALL


AUTH = """\
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = admin
admin_password = {password}
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
grant_default_workspace_access = false
"""


def sign(key: Path, certificate: Path) -> None:
    """Write a key, and a certificate of 127.0.0.1."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl here, which makes the certificate")
    made = [
        "-x509",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
    ]
    words = ["openssl", "req", *made, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(words, capture_output=True, check=True)


@pytest.fixture
def closed(tmp_path: Path, serve: Callable[..., str]) -> str:
    """The address of a server with a login, and with TLS by tls.crt beside it."""
    key, certificate, settings = (tmp_path / name for name in ("tls.key", "tls.crt", "auth.ini"))
    sign(key, certificate)
    settings.write_text(AUTH.format(folder=tmp_path, password=PASSWORD.replace("%", "%%")))
    tls = f"--ssl-keyfile {key} --ssl-certfile {certificate}"
    return serve(
        *("--app-name", "basic-auth", "--uvicorn-opts", tls),
        scheme="https",
        MLFLOW_FLASK_SERVER_SECRET_KEY="k3y",  # noqa: S106
        MLFLOW_AUTH_CONFIG_PATH=str(settings),
    )


@pytest.mark.long
def test_a_server_with_login_and_tls_is_asked_with_both(done: Project, closed: str, tmp_path: Path) -> None:
    """Credentials from variables or from the address; without them, or without its certificate, it is not asked."""
    login = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": PASSWORD}
    trusted = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(tmp_path / "tls.crt")}
    everything, nothing = receipts(done), Outcome(0, "", "")
    assert ask(closed, everything, **login, **trusted) == nothing
    assert ask(closed, everything, **login, MLFLOW_TRACKING_INSECURE_TLS="true") == nothing
    assert ask(closed.replace("//", f"//admin:{quote(PASSWORD, safe='')}@"), everything, **trusted) == nothing
    assert note(ask(closed, everything, **trusted)) == "HTTP 401"
    assert "certificate verify failed" in note(ask(closed, everything, **login))
    lost = ask(closed, everything, MLFLOW_TRACKING_SERVER_CERT_PATH=str(tmp_path / "none"))
    assert note(lost) == "MLFLOW_TRACKING_SERVER_CERT_PATH: No such file or directory"
    wrong = ask(closed.replace("//", "//admin:wr0ng@"), everything, **trusted)
    assert note(wrong) == "HTTP 401"
    assert "wr0ng" not in wrong.err


def test_the_certificate_of_the_client_goes_along(tmp_path: Path) -> None:
    """A server may ask for one; without it, or without the file, the receipts count."""
    key, certificate, both = (tmp_path / name for name in ("key.pem", "certificate.pem", "both.pem"))
    sign(key, certificate)
    both.write_text(key.read_text() + certificate.read_text())

    class Gone(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), Gone) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        address = f"https://127.0.0.1:{server.server_port}"
        trusted = {"MLFLOW_TRACKING_SERVER_CERT_PATH": str(certificate)}
        asked = ask(address, EVALUATED, **trusted, MLFLOW_TRACKING_CLIENT_CERT_PATH=str(both))
        assert asked == Outcome(0, "evaluate\n", "")
        assert note(ask(address, EVALUATED, **trusted))
        lost = ask(address, EVALUATED, **trusted, MLFLOW_TRACKING_CLIENT_CERT_PATH="none.pem")
        assert note(lost) == "MLFLOW_TRACKING_CLIENT_CERT_PATH: No such file or directory"
        server.shutdown()


@pytest.mark.long
def test_a_user_without_permissions_learns_what_is_gone(done: Project, closed: str, tmp_path: Path) -> None:
    """MLflow says 403 about the version, and a clear no about its registered model: that counts."""
    certificate = str(tmp_path / "tls.crt")
    login = {"auth": ("admin", PASSWORD), "verify": certificate}
    reader = {"username": "reader", "password": PASSWORD}
    api = f"{closed}/api/2.0/mlflow"
    assert requests.post(f"{api}/users/create", json=reader, timeout=30, **login).ok
    assert requests.delete(f"{api}/registered-models/delete", json={"name": NAME}, timeout=30, **login).ok
    outcome = ask(
        closed,
        receipts(done),
        MLFLOW_TRACKING_USERNAME="reader",
        MLFLOW_TRACKING_PASSWORD=PASSWORD,
        MLFLOW_TRACKING_SERVER_CERT_PATH=certificate,
    )
    assert outcome == Outcome(0, "register\n", "")
