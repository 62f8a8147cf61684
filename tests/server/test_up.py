"""up: wait for a server that somebody else starts."""

import os
import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import yaml

from modelmake.server import up
from tests.conftest import ROOT, Outcome, Project
from tests.support.checkout import free_port


def serve(port: int, status: int, after: float = 0) -> None:
    """Answer one request with `status`, from `after` seconds on."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    def run() -> None:
        time.sleep(after)
        with HTTPServer(("127.0.0.1", port), Answer) as server:
            server.timeout = 10
            server.handle_request()

    threading.Thread(target=run, daemon=True).start()


@pytest.fixture
def port(project: Project, monkeypatch: pytest.MonkeyPatch) -> int:
    """A port without a listener yet, in the project's MLFLOW_TRACKING_URI, with a password."""
    found = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:s3cret@127.0.0.1:{found}/")
    return found


@pytest.mark.long
@pytest.mark.parametrize("status", [200, 401, 404])
def test_it_waits_until_somebody_answers(project: Project, port: int, status: int) -> None:
    """A demand for a password is an answer; the password is not shown."""
    serve(port, status, after=0.3)
    done = project.stage("up")
    assert (done.code, done.out) == (0, f"http://127.0.0.1:{port}\n")


def test_a_server_that_turns_clients_away_is_not_waited_for(project: Project, port: int, error_line: object) -> None:
    """MLflow's Host check always answers 403: one line, exit code 4."""
    serve(port, 403)
    assert "refuses clients: HTTP 403" in error_line(project.stage("up"), 4)


def test_a_slow_machine_has_180_seconds() -> None:
    """For as long as make up waits, with an engine and without, no health check gives the server up."""
    server = ROOT / "docker/server"
    waits = re.search(r"--wait --wait-timeout (\d+)", (server / "compose.sh").read_text())
    asks = re.search(r"seq (\d+)\); do # 180 s\n(?:.*\n){2} *sleep ([\d.]+)", (server / "embedded.sh").read_text())
    assert waits
    assert asks
    assert int(waits[1]) == int(asks[1]) * float(asks[2]) == 180
    services = [
        service
        for file in (ROOT / "compose.yaml", *server.glob("*.yaml"))
        for service in yaml.safe_load(re.sub(r"!\w+", "", file.read_text()))["services"].values()
    ]
    checks = [service["healthcheck"] for service in services if "healthcheck" in service]
    assert checks
    assert {check["start_period"] for check in checks} == {f"{waits[1]}s"}


def test_patience_ends(project: Project, port: int, monkeypatch: pytest.MonkeyPatch, error_line: object) -> None:
    """Nobody there is exit code 4, with the reason and without the password."""
    monkeypatch.setattr(up, "PATIENCE", 0.5)
    done: Outcome = project.stage("up")
    line = error_line(done, 4)
    assert f"http://127.0.0.1:{port}: no answer in 0.5 s" in line
    assert "s3cret" not in line


def test_an_embedded_store_needs_no_server(project: Project) -> None:
    """It says that there is nothing to start."""
    assert project.stage("up").out.startswith("nothing to start: sqlite:///")


@pytest.mark.parametrize("nothing", ["", " \n"])
def test_no_address_is_the_embedded_store(project: Project, monkeypatch: pytest.MonkeyPatch, nothing: str) -> None:
    """Nothing to start either; any other address than SQLite's is a mistake (tests/test_addresses.py)."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nothing)
    assert project.stage("up").out == "nothing to start: the embedded store is not a server\n"


def test_the_embedded_server_has_no_login_and_says_so() -> None:
    """Asked for one, it does not start open instead."""
    words = [str(ROOT / "docker/server/embedded.sh"), "up"]
    done = subprocess.run(words, env=os.environ | {"MODELMAKE_AUTH": "1"}, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: AUTH, TLS: are for the server in a container")
