"""The tracking server's address: which ones are taken, and how it is named without its password."""

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from modelmake.core.errors import PipelineError, UserError
from modelmake.server import up
from modelmake.tracking import address
from modelmake.tracking.connection import failure, local
from modelmake.tracking.responses import translated
from modelmake.tracking.runs import Tracking
from tests.conftest import ROOT, Outcome, Project
from tests.support.checkout import free_port

Check = Callable[[Outcome, int], str]
REMOTE = "http://mlflow.example.com:5000"
START, END = "Xq7", "7qX"  # of every password in these tests; neither may be seen
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(
    lambda text: f"{START}{text}{END}"
)
SERVED = [  # (MLFLOW_TRACKING_URI, the address that is shown)
    ("HTTP://Localhost:5000", "http://Localhost:5000"),
    ("https://mlflow.example.com/base/", "https://mlflow.example.com/base"),
    ("\n http://localhost:5000\r\n", "http://localhost:5000"),
    ("http://[::1]:5000", "http://[::1]:5000"),
    ("http://me:pass@word@localhost:5000", "http://localhost:5000"),
    ("SQLITE:////srv/me@here/runs.db", "sqlite:////srv/me@here/runs.db"),
    ("  ", "sqlite:///.mlflow/mlflow.db"),
]
REFUSED = [
    ("file:./mlruns", "'file:./mlruns' is a folder", "did you mean sqlite:///mlruns/mlflow.db?"),
    ("./mlruns", "'./mlruns' is a folder", "did you mean sqlite:///mlruns/mlflow.db?"),
    ("/srv/x", "'/srv/x' is a folder", "did you mean sqlite:////srv/x/mlflow.db?"),
    ("localhost:5000", "'localhost:5000' has no scheme", "did you mean http://localhost:5000?"),
    ("me:s3cret@host:5000", "'host:5000' has no scheme", "did you mean http://host:5000?"),
    ("mlflow.example.com", "'mlflow.example.com' has no scheme", "did you mean http://mlflow.example.com?"),
    ("http:localhost:5000", "no // after http:", "did you mean http://localhost:5000?"),
    ("postgresql://me:s3cret@host/mlflow", "postgresql:// is the address of a database", "http://… or https://…"),
    ("mysql+pymysql://host", "mysql+pymysql:// is the address of a database", "http://… or https://…"),
    ("databricks", "Databricks is not supported", "http://localhost:5000"),
    ("databricks://profile", "Databricks is not supported", "http://localhost:5000"),
    ("sqlite://runs.db", "does not name an SQLite file", "sqlite:///runs.db"),
    ("htp://localhost", "htp:// is not supported", "did you mean 'http'?"),
    ("http://", "has no host name", "http://localhost:5000"),
    ("http://${HOST}:5000", "has no host name", "http://localhost:5000"),
    ("http://localhost:99999", "'http://localhost' has a port", "not a number up to 65535"),
    ("http://local host", "has white space", "remove it"),
    ("http://me:s3/cret@host", "'http://host' has an @ after its first /", "write %40 for @"),
    ("http://me:s3[cret@host", "'http://host' has a bracket", "MLFLOW_TRACKING_PASSWORD"),
    ("http://host?password=s3cret", "'http://host' has a query", "remove everything from the ? or # on"),
    ("me:s3cret", "this is not an address", "http://localhost:5000"),
]
PLACES = (
    *("http://me:{}@host", "https://{}@host:5000/x", "http:me:{}@host", "//me:{}@host", "me:{}@host:1", "me:{}@host"),
    *("http://host?password={}", "http://host/x?email=a@b&password={}#me", "host:5000?password={}"),
    *("postgresql://me:{}@host/x", "foo://me:{}@host", "file://me:{}@host/x"),
)
STAGES = "train evaluate register promote rollback history registry origin up verify".split()


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy of the machine's own."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def answering(status: int) -> Iterator[int]:
    """Answer each request with `status`, as a server or as a proxy; give the port."""
    body = b"{}" if status == 200 else b"<html>"

    class Answer(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_CONNECT = answer  # noqa: N815  # the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("given", "shown"), SERVED)
def test_an_address_of_a_server_or_of_sqlite_is_taken(
    project: Project, monkeypatch: pytest.MonkeyPatch, given: str, shown: str
) -> None:
    """Capitals in the scheme, white space around it and a slash at its end do not matter."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    assert address.uri() == shown


@pytest.mark.parametrize(("given", "what", "fix"), REFUSED)
def test_an_address_of_another_kind_is_one_line(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check, given: str, what: str, fix: str
) -> None:
    """Exit code 2, what is wrong and what may be meant, and nothing that may be a password."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    line = error_line(project.stage("up"), 2)
    assert line.startswith("error: MLFLOW_TRACKING_URI: ")
    assert what in line
    assert fix in line
    assert "cret" not in line


def test_a_workspace_stands_beside_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the address that is printed and kept in receipts, and in links; requests go to the plain address."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:s3cret@mlflow:5000")
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team a")
    assert address.uri() == "http://mlflow:5000 (workspace team a)"
    assert (
        address.page("models/iris")
        == "http://mlflow:5000/#/models/iris?workflowType=machine_learning&workspace=team%20a"
    )
    assert address.scrubbed("GET http://mlflow:5000/api") == "GET http://mlflow:5000/api"


@pytest.mark.parametrize("given", ["", "sqlite:///runs.db"])
def test_a_workspace_of_a_file_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """MLflow would ignore it, and write to its only place; the name of that place is no other place."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    with pytest.raises(UserError, match="MLFLOW_WORKSPACE=team: an SQLite file has no workspaces"):
        address.tracking_uri()
    monkeypatch.setenv("MLFLOW_WORKSPACE", "default")
    assert address.tracking_uri().startswith("sqlite:///")


REFUSED_PLACES = ("MLFLOW_REGISTRY_URI", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID", "MLFLOW_BACKEND_STORE_URI")


@pytest.mark.parametrize("name", REFUSED_PLACES)
def test_a_place_that_is_not_used_is_refused(project: Project, error_line: Check, name: str) -> None:
    """It reaches Python only as a name, by docker/shell, and nothing is written."""
    words = [ROOT / "docker/shell", "-c", "echo $MODELMAKE_REFUSED ${!1-}", "bash", name]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(name, "http://elsewhere")
        told = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
        assert told == name
        patch.setenv("MODELMAKE_REFUSED", told)
        line = error_line(project.stage("registry"), 2)
    assert line.startswith(f"error: {name}: selects a place that modelmake does not use (unset it; ")


@pytest.mark.parametrize(
    "harmless",
    [{"MLFLOW_ENABLE_WORKSPACES": "false"}, {"MLFLOW_REGISTRY_URI": "http://a", "MLFLOW_TRACKING_URI": "http://a"}],
)
def test_a_place_that_is_no_other_place_is_not_refused(harmless: dict[str, str]) -> None:
    """Switched off, or the registry of the tracking server itself."""
    words = [ROOT / "docker/shell", "-c", "echo $MODELMAKE_REFUSED"]
    environment = os.environ | harmless
    assert subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout == "\n"


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_names_such_an_address(
    evaluated: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check, stage: str
) -> None:
    """None of them gets as far as a traceback."""
    manifest = {"mlflow": "3.17.0", "schema": "1", "facts": {}, "files": {}}
    (evaluated.path / "build/verify.json").write_text(json.dumps(manifest))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "localhost:5000")
    line = error_line(evaluated.stage(stage), 2)
    assert line == "error: MLFLOW_TRACKING_URI: 'localhost:5000' has no scheme (did you mean http://localhost:5000?)"


@pytest.mark.parametrize("database", ["data", "data/iris.csv", "data/iris.csv/runs.db"])
def test_a_file_that_is_no_database_is_one_line_and_fast(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check, database: str
) -> None:
    """A folder, a file of another kind, and a file in place of a folder; MLflow would try for an hour."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    assert f"MLFLOW_TRACKING_URI: cannot open '{database}'" in error_line(project.stage("registry"), 2)


def test_requests_go_to_an_address_in_capitals(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow itself is given it in small letters, and without the white space."""
    with answering(200) as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f" HTTP://127.0.0.1:{port}/\n")
        assert Tracking().client.tracking_uri == f"http://127.0.0.1:{port}"
        assert project.stage("up").out == f"http://127.0.0.1:{port}\n"


def printed(environment: dict[str, str], text: str) -> str:
    """Return all that is printed of an address: itself, or the error; and the error for an exception with `text`."""
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            lines += [address.uri(), address.page("x"), str(failure("ask", OSError(text)))]
            with translated("ask"):
                raise MlflowException(text)
        except PipelineError as error:
            lines.append(str(error))
    return "\n".join(lines)


@given(PASSWORDS, st.sampled_from(PLACES))
def test_no_password_is_printed(password: str, place: str) -> None:
    """Of any characters, and in any message that quotes the address."""
    given = place.format(password)
    encoded = requests.utils.requote_uri(given)
    text = f"API request to {given}/api failed with exception {given!r} {encoded} {password}"
    shown = printed({"MLFLOW_TRACKING_URI": given}, text)
    assert START not in shown
    assert END not in shown


@given(PASSWORDS, st.sampled_from(["http://me:{}@127.0.0.1:9", "me:{}@127.0.0.1:9", "http://{}@127.0.0.1:9"]))
def test_no_password_of_a_proxy_is_printed(password: str, template: str) -> None:
    """The error that names the proxy hides it."""
    proxy = template.format(password)
    quoted = f"API request to {REMOTE}/api failed with exception Failed to parse: {proxy}: Connection refused"
    shown = printed({"MLFLOW_TRACKING_URI": REMOTE, "HTTP_PROXY": proxy}, quoted)
    assert "through the proxy" in shown
    assert START not in shown
    assert END not in shown


@given(PASSWORDS)
def test_no_token_is_printed(token: str) -> None:
    """A header with a line break in it is quoted by requests."""
    quoted = f"API request failed with exception Invalid header: {'Bearer ' + token!r}"
    shown = printed({"MLFLOW_TRACKING_URI": REMOTE, "MLFLOW_TRACKING_TOKEN": token}, quoted)
    assert START not in shown
    assert END not in shown


def test_a_long_message_is_cut_after_its_password_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a password is one too."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:{START}{'x' * 80}@localhost:5000")
    assert START not in address.message(OSError(f"{'y' * 200} {address.tracking_uri()}"))


def test_messages_name_the_address_that_the_user_can_open(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """In a container the server has another name; requests go to that one."""
    with answering(403) as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("MODELMAKE_UI", "http://me:s3cret@localhost:5000/")
        line = error_line(project.stage("registry"), 4)
    assert line.startswith("error: http://localhost:5000: refused to list experiments")
    assert str(port) not in line
    assert address.page("models/x") == "http://localhost:5000/#/models/x?workflowType=machine_learning"
    assert address.scrubbed(f"asked http://127.0.0.1:{port}/api") == "asked http://localhost:5000/api"


def test_up_prints_the_address_that_the_user_can_open(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `make up` does for the server in a container."""
    with answering(200) as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("MODELMAKE_UI", "http://localhost:5000")
        assert project.stage("up").out == "http://localhost:5000\n"


def test_a_replays_own_server_has_no_address(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can open it, so it is named by what it is; a server of the user's of that name keeps its address."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert address.uri() == "http://mlflow:5000"
    monkeypatch.setenv("ACT", "true")
    assert address.uri() == "the replay's own MLflow server"
    assert address.page("experiments/1/runs/2") == "experiments/1/runs/2 (on the replay's own MLflow server)"
    monkeypatch.setenv("MODELMAKE_UI", "http://localhost:5000")
    assert address.uri() == "http://localhost:5000"


@pytest.mark.parametrize("remote", [REMOTE, REMOTE.replace("http", "https")])
def test_a_proxy_that_is_down_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check, remote: str
) -> None:
    """The error names the proxy without its password, and how to go around it."""
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", remote)
    monkeypatch.setenv(f"{remote.partition(':')[0]}_proxy", f"http://me:s3cret@127.0.0.1:{port}")
    monkeypatch.setattr(up, "PATIENCE", 0.1)
    line = error_line(project.stage("registry"), 4)
    assert f"error: {remote}: no answer: connection refused, through the proxy http://127.0.0.1:{port}, asked" in line
    waited = error_line(project.stage("up"), 4)
    assert f"error: {remote}: no answer in 0.1 s, through the proxy http://127.0.0.1:{port}: " in waited
    for text in (line, waited):
        assert text.endswith("; NO_PROXY=mlflow.example.com bypasses the proxy)")
        assert "s3cret" not in text


@pytest.mark.parametrize("remote", [REMOTE, REMOTE.replace("http", "https")])
def test_a_proxy_that_asks_for_a_login_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check, remote: str
) -> None:
    """No wait makes it better, so `up` ends at once."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", remote)
    with answering(407) as port:
        monkeypatch.setenv(f"{remote.partition(':')[0]}_proxy", f"127.0.0.1:{port}")
        lines = [error_line(project.stage(stage), 4) for stage in ("registry", "up")]
    assert lines[0] == lines[1]
    assert f"error: {remote}: no answer: the proxy 127.0.0.1:{port} answers HTTP 407" in lines[0]


@pytest.mark.parametrize("status", [502, 503])
@pytest.mark.parametrize("remote", [REMOTE, REMOTE.replace("http", "https")])
def test_a_proxy_that_finds_no_server_is_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check, remote: str, status: int
) -> None:
    """What it answers may be taken for the server's answer."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", remote)
    monkeypatch.setattr(up, "PATIENCE", 0.1)
    with answering(status) as port:
        monkeypatch.setenv(f"{remote.partition(':')[0]}_proxy", f"http://127.0.0.1:{port}")
        lines = [error_line(project.stage(stage), 4) for stage in ("registry", "up")]
    for line in lines:
        assert f"through the proxy http://127.0.0.1:{port}" in line
        assert str(status) in line


def test_a_proxy_that_does_not_apply_is_not_named(
    project: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """NO_PROXY bypasses it, and the store that is a file needs none."""
    port = free_port()
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    assert "proxy" not in error_line(project.stage("registry"), 4).lower()


def test_a_disk_that_is_full_has_nothing_to_do_with_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the network says names it."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", REMOTE)
    assert "proxy" not in str(failure("log", OSError(28, "No space left on device"))).lower()
    assert "proxy" in str(failure("log", requests.HTTPError(f"502 Server Error: Bad Gateway for url: {REMOTE}")))


def test_up_asks_a_remote_server_through_the_proxy(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """As MLflow's own requests do."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", REMOTE)
    with answering(200) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        assert project.stage("up").out == f"{REMOTE}\n"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_up_asks_this_machine_without_a_proxy(project: Project, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Whatever the environment says of proxies."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    with answering(200) as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{host}:{port}")
        assert project.stage("up").out == f"http://{host}:{port}\n"


def test_this_machine_has_several_names() -> None:
    """Names and numbers of it, and of no other one."""
    here = ("localhost", "mlflow.localhost", "127.0.0.1", "127.1.2.3", "[::1]")
    assert all(local(f"http://{host}:5000") for host in here)
    assert not any(local(f"http://{host}:5000") for host in ("localhost.example.com", "10.0.0.1", "[::2]", "mlflow"))


def test_a_mistake_is_raised_wherever_the_address_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is sent or printed."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", os.fsdecode(b"\xff/mlruns"))
    for function in (address.tracking_uri, address.uri, lambda: address.page("x")):
        with pytest.raises(UserError, match=r"'\?/mlruns' is a folder"):
            function()
