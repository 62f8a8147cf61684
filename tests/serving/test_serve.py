"""The process of the scoring server: promotions under load, signals, workers, slow clients."""

import json
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from tests.conftest import Once, Project, copy, enter, forget
from tests.serving.conftest import Process, promoted

NAMES = ["petal_length", "petal_width", "sepal_length", "sepal_width"]
NAME = "flower_classifier"
Start = Callable[..., Process]


@pytest.fixture
def two(once: Once, empty_store: Path, tmp_path: Path) -> Path:
    """A project with two versions whose predictions differ for some row."""
    copy(promoted(once, empty_store, 2), tmp_path / "project")
    forget()
    return tmp_path / "project"


@pytest.fixture
def inside(two: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    """The same project, for stages that run in this process."""
    enter(two, monkeypatch)
    return Project(two, capsys)


def client(path: Path) -> mlflow.MlflowClient:
    return mlflow.MlflowClient(f"sqlite:///{path}/.mlflow/mlflow.db")


def until(holds: Callable[[], object]) -> None:
    """Wait for something that has to happen."""
    deadline = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def grid() -> dict[str, object]:
    """Return rows all over the range of the flowers."""
    rows = [
        [pl, pw, sl, 3.0] for pl in (1, 2.4, 3, 4.7, 5, 5.2, 6) for pw in (0.2, 0.8, 1.6, 1.7, 2) for sl in (5, 6, 7)
    ]
    return {"dataframe_split": {"columns": NAMES, "data": rows}}


@pytest.mark.long
def test_no_request_is_lost_or_wrong_while_the_alias_moves(two: Path, start: Start) -> None:
    """Each answer is what the version in its header predicts."""
    server, tracking = start(two).wait(), client(two)
    expected = {}
    for number in ("2", "1"):
        tracking.set_registered_model_alias(NAME, "champion", number)
        until(lambda number=number: server.health["version"] == number)
        expected[number] = server.post(grid()).read
    assert expected["1"] != expected["2"]
    wrong, answered, done = [], Counter(), threading.Event()

    def ask() -> None:
        while not done.is_set():
            answer = server.post(grid())
            version = answer.headers.get("x-model-version", "")
            answered[version] += 1
            if answer.status != 200 or answer.read != expected.get(version):
                wrong.append(answer)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in ("2", "1", "2", "1"):
        tracking.set_registered_model_alias(NAME, "champion", number)
        until(lambda number=number: server.health["version"] == number)
    done.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert set(answered) == {"1", "2"}


def test_a_signal_lets_requests_end(two: Path, start: Start) -> None:
    """A request whose body is still on its way gets its answer, and the log has its record."""
    server = start(two).wait()
    body = json.dumps(grid()).encode()
    head = "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(f"{head}{len(body)}\r\nx-request-id: last\r\n\r\n".encode() + body[:100])
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        connection.sendall(body[100:])
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
    assert answer.startswith(b"HTTP/1.1 200")
    server.process.wait(60)
    [log] = (two / ".serve/pipeline/log").glob("*.jsonl")
    assert json.loads(log.read_text())["request_id"] == "last"
    assert "Traceback" not in server.log.read_text()


@pytest.mark.long
def test_slow_clients_are_cut(two: Path, start: Start) -> None:
    """One that never ends its headers, and one that never ends its body; others are answered meanwhile."""
    server = start(two).wait()
    slow = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(20)]
    for connection in slow:
        connection.sendall(b"POST /invocations HTTP/1.1\r\nHost: localhost\r\n")
    slow[0].sendall(b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    idle = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    idle.sendall(b"HEAD /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle.recv(1000).startswith(b"HTTP/1.1 200")
    idle.sendall(b"\r\n")  # no request, yet no silence either
    slow.append(idle)
    assert server.post(grid()).status == 200
    assert slow[0].recv(100).startswith(b"HTTP/1.1 408")
    assert all(connection.recv(100) == b"" for connection in slow[1:])
    for connection in slow:
        connection.close()


def children(parent: int) -> list[int]:
    """Return the workers of a server; Python's resource tracker is a child too."""
    pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    found = []
    for pid in pids:
        try:
            ours = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) == parent
            if ours and "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text():
                found.append(pid)
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.long
def test_a_worker_that_is_killed_is_replaced(two: Path, start: Start) -> None:
    """The other one answers, and the new one serves the same version without a registry."""
    server = start(two, WORKERS="2").wait()
    workers = children(server.process.pid)
    assert len(workers) == 2
    (two / ".mlflow/mlflow.db").rename(two / "gone.db")
    os.kill(workers[0], signal.SIGKILL)
    answers = []
    for _ in range(40):
        try:
            answers.append(server.post(grid()).status)
        except OSError:  # a connection that the killed worker had
            answers.append(0)
        time.sleep(0.1)
    assert set(answers[-20:]) == {200}
    assert server.health["version"] == "1"
    server.end(signal.SIGKILL)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers[1:]))


def test_a_token_is_asked_for_and_never_shown(two: Path, start: Start) -> None:
    """By every path but those that a health check asks."""
    (two / ".serve/pipeline").mkdir(parents=True)
    (two / ".serve/pipeline/token").write_text("t0ken-7391\n")
    server = start(two).wait()
    refused = server.post(grid())
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert server.post(grid(), Authorization="Bearer other").status == 401
    for scheme in ("Bearer", "bearer", "BEARER"):
        assert server.post(grid(), Authorization=f"{scheme} t0ken-7391").status == 200
    for other in ("Basic t0ken-7391", "t0ken-7391", "Bearer", "Bearer t0ken-7391x"):
        assert server.post(grid(), Authorization=other).status == 401
    assert server.ask("GET", "/version").status == 401
    assert server.ask("GET", "/health").status == 200
    client(two).delete_registered_model_alias(NAME, "champion")
    until(lambda: server.health["problem"] is not None)
    assert "send the token" in server.health["problem"]
    assert NAME not in server.ask("GET", "/health").body.decode()
    with_token = server.ask("GET", "/health", Authorization="Bearer t0ken-7391").read
    assert with_token["problem"].startswith(f"{NAME}: no version has the alias")
    assert "t0ken-7391" not in server.log.read_text()


def test_a_server_without_a_champion_says_so(two: Path, start: Start) -> None:
    """503 until a version is promoted, which needs no restart."""
    tracking = client(two)
    tracking.delete_registered_model_alias(NAME, "champion")
    server = start(two).wait(503)
    assert server.post(grid()).status == 503
    until(lambda: "make promote" in (server.health["problem"] or ""))
    tracking.set_registered_model_alias(NAME, "champion", "2")
    server.wait()
    assert server.post(grid()).headers["x-model-version"] == "2"


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "many"), ("WORKERS", "0"), ("SERVE_PORT", "99999")])
def test_a_number_that_is_not_valid_is_one_line(
    inside: Project, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Exit code 2, and no server starts."""
    monkeypatch.setenv(f"MODELMAKE_{name}", value)
    outcome = inside.stage("serve")
    assert outcome.code == 2
    assert f"error: {name}={value}" in outcome.err


def test_smoke_asks_the_golden_rows(two: Path, inside: Project, start: Start) -> None:
    """And fails where the server gives another answer than the logged one."""
    server = start(two).wait()
    (two / ".serve/pipeline/port").write_text(str(server.port))
    outcome = inside.stage("smoke")
    assert outcome.code == 0, outcome
    assert "golden rows as CSV" in outcome.out
    [contract] = (two / ".serve/pipeline/cache").glob("*/model/extra_files/contract.json")
    facts = json.loads(contract.read_text())
    facts["predictions"][0] = next(label for label in facts["classes"] if label != facts["predictions"][0])
    contract.write_text(json.dumps(facts))
    outcome = inside.stage("smoke")
    assert outcome.code == 1
    assert "has a prediction that differs from the logged one" in outcome.out
    server.end()
    outcome = inside.stage("smoke")
    assert (outcome.code, "make serve" in outcome.err) == (2, True)


def test_a_promotion_that_is_refused_is_told_to_everybody(two: Path, start: Start) -> None:
    """The old version answers; /health, /metrics and the log say that the new one is not served."""
    server, tracking = start(two).wait(), client(two)
    until(lambda: server.health["status"] == "ok")
    model_id = tracking.get_model_version(NAME, "2").source.removeprefix("models:/")
    [contract] = (two / ".mlflow/artifacts").rglob(f"{model_id}/artifacts/extra_files/contract.json")
    contract.write_text(contract.read_text().replace('"predictions": [', '"predictions": ["setosa",'))
    tracking.set_registered_model_alias(NAME, "champion", "2")
    until(lambda: server.health["status"] == "stale")
    health = server.health
    assert (health["version"], health["refused"], health["registry"]) == ("1", "2", "up")
    assert "golden row" in health["problem"]
    assert server.post(grid()).headers["x-model-version"] == "1"
    assert b"modelmake_promotion_refused 1.0" in server.ask("GET", "/metrics").body
    assert "golden row" in server.log.read_text()
