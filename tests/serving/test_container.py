"""The scoring server in its container, started by make, asked by its users."""

import html
import http.client
import json
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import docker
from tests.support.checkout import Stack, free_port

pytestmark = pytest.mark.stack
PORT = free_port()
NAMES = ["petal_length", "petal_width", "sepal_length", "sepal_width"]
BODY = {"dataframe_split": {"columns": NAMES, "data": [[1.4, 0.2, 5.1, 3.5]]}}


@pytest.fixture(scope="module")
def stack(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Iterator[Stack]:
    """A checkout with a champion whose server is up; nothing of it is left afterwards."""
    found = Stack(tmp_path_factory.mktemp("serve") / "a check out", free_port()).fill(empty_store)
    for words in (("register",), ("promote",), ("serve", f"SERVE_PORT={PORT}")):
        done = found.make(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"http://localhost:{PORT}"
    assert "next    make smoke (sends example rows)" in done.stderr
    yield found
    found.make("distclean")
    assert found.left(engine) == set()
    assert not (found.path / ".serve").exists()


def test_any_free_port_is_that_of_the_server_that_runs(stack: Stack) -> None:
    """SERVE_PORT=0 says which one it is."""
    done = stack.make("serve", "SERVE_PORT=0")
    assert done.stdout.splitlines()[-1] == f"http://localhost:{PORT}", done.stderr


def container(stack: Stack, engine: docker.DockerClient) -> Any:
    return engine.containers.get(f"{stack.project}-serve-pipeline-scorer-1")


def raw(method: str, path: str, body: object = None, **headers: str) -> tuple[int, bytes]:
    """Return the status and the body of an answer on the published port."""
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"} | headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def ask(method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    status, text = raw(method, path, body, **headers)
    return status, json.loads(text)


def until(holds: Callable[[], object]) -> None:
    """Wait for something that has to happen."""
    deadline = time.monotonic() + 180
    while True:
        try:
            if holds():
                return
        except (OSError, http.client.HTTPException):
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_it_answers_and_is_closed_by_default(stack: Stack, engine: docker.DockerClient) -> None:
    """Loopback only, the caller's user, read-only, no capabilities, limits."""
    assert ask("POST", "/invocations", BODY) == (200, {"predictions": ["setosa"]})
    attributes = container(stack, engine).attrs
    assert attributes["NetworkSettings"]["Ports"]["5001/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": str(PORT)}]
    host = attributes["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert (host["Memory"], host["PidsLimit"]) == (1 << 30, 512)
    assert attributes["Config"]["User"] == f"{os.getuid()}:{os.getgid()}"
    assert host["RestartPolicy"]["Name"] == "unless-stopped"


def test_smoke_asks_it_from_a_container(stack: Stack) -> None:
    """In the network of the server alone."""
    done = stack.make("smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "answers are correct" in done.stdout


def test_a_promotion_is_followed(stack: Stack) -> None:
    """Without a restart; so is the way back."""
    stack.edit("pipeline.toml", "n_estimators = 100", "n_estimators = 99")
    assert stack.make("register").returncode == 0
    for target, version in (("promote", "2"), ("rollback", "1")):
        assert stack.make(target).returncode == 0
        until(lambda version=version: ask("GET", "/health")[1]["version"] == version)


def test_a_kill_is_survived(stack: Stack, engine: docker.DockerClient) -> None:
    """The engine starts the container again, which serves from its cache although the registry is gone."""
    subprocess.run(["docker", "stop", f"{stack.project}-mlflow-1"], capture_output=True, check=True)
    os.kill(container(stack, engine).attrs["State"]["Pid"], signal.SIGKILL)
    until(lambda: container(stack, engine).attrs["RestartCount"] == 1)
    until(lambda: ask("POST", "/invocations", BODY)[0] == 200)
    until(lambda: ask("GET", "/health")[1]["registry"] == "down")
    assert ask("GET", "/health")[1]["status"] == "stale"
    assert stack.make("up").returncode == 0
    until(lambda: ask("GET", "/health")[1]["status"] == "ok")


def test_it_serves_the_code_that_it_was_started_with(stack: Stack) -> None:
    """A change of the checkout changes nothing before the next `make serve`."""
    stack.edit("scripts/modelmake/serving/wire.py", '"no such path: see /openapi.json"', '"changed"')
    assert ask("GET", "/nowhere")[1]["error"].startswith("no such path")
    assert stack.make("serve").returncode == 0
    assert ask("GET", "/nowhere")[1]["error"] == "changed"


def test_its_log_is_watched(stack: Stack) -> None:
    """From a container that writes to .serve/ and to nothing else."""
    for number in range(40):
        row = [1.4, 0.2, 5.1, 3.5] if number % 2 else [4.7, 1.4, 7.0, 3.2]
        body = {"dataframe_split": {"columns": NAMES, "data": [row]}}
        assert ask("POST", "/invocations", body, **{"x-request-id": f"r{number}"})[0] == 200
    done = stack.make("watch")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "window  4" in done.stdout  # the requests of the other tests count too
    assert b"modelmake_watch_rows 4" in raw("GET", "/metrics")[1]


def test_a_table_is_predicted_in_a_container(stack: Stack, tmp_path: Path) -> None:
    """From and to folders outside of the checkout."""
    (tmp_path / "in.csv").write_text((stack.path / "data/iris.csv").read_text())
    done = stack.make("predict", f"IN={tmp_path}/in.csv", f"OUT={tmp_path}/out.parquet")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_parquet(tmp_path / "out.parquet")
    assert (table["prediction"] == table["species"]).mean() > 0.9
    assert (tmp_path / "out.parquet").stat().st_uid == os.getuid()
    done = stack.make("predict", "IN=data/iris.csv", "OUT=nowhere/out.csv")
    assert "OUT=nowhere/out.csv: its folder does not exist" in done.stderr


def test_a_token_and_tls_close_it_further(stack: Stack) -> None:
    """Both are made once, and smoke knows them; 0 opens it again."""
    done = stack.make("serve", "AUTH=1", "TLS=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == f"https://localhost:{PORT}"
    folder = stack.path / ".serve/pipeline"
    assert ((folder / "token").stat().st_mode & 0o77, (folder / "tls.key").stat().st_mode & 0o77) == (0, 0)
    context = ssl.create_default_context(cafile=str(folder / "tls.crt"))
    for headers, status in (({}, 401), ({"Authorization": f"Bearer {(folder / 'token').read_text().strip()}"}, 200)):
        connection = http.client.HTTPSConnection("localhost", PORT, timeout=30, context=context)
        connection.request("POST", "/invocations", json.dumps(BODY), {"Content-Type": "application/json"} | headers)
        assert connection.getresponse().status == status
        connection.close()
    connection = http.client.HTTPSConnection("localhost", PORT, timeout=30, context=context)
    connection.request("GET", "/", headers=headers)
    page = html.unescape(connection.getresponse().read().decode())
    connection.close()
    command = page.partition("<pre>")[2].partition("</pre>")[0]
    assert f"https://localhost:{PORT}/invocations" in command
    done = subprocess.run(["bash", "-c", command], cwd=stack.path, capture_output=True, check=True)
    assert list(json.loads(done.stdout)) == ["predictions"]
    assert stack.make("smoke").returncode == 0
    assert stack.make("serve", "AUTH=0", "TLS=0").returncode == 0
    assert ask("POST", "/invocations", BODY)[0] == 200


def test_a_misspelt_private_column_is_not_served(stack: Stack) -> None:
    """Exit code 2 with the column that it may mean; with that one the server serves again."""
    pipeline = stack.path / "pipeline.toml"
    before = pipeline.read_text()
    pipeline.write_text(before + '\n[serve]\nprivate = ["petal_lenght"]\n')
    done = stack.make("serve")
    assert done.returncode == 2
    assert "serve.private: no column 'petal_lenght' in version" in done.stderr
    assert "did you mean 'petal_length'?" in done.stderr
    assert ask("POST", "/invocations", BODY)[0] == 503
    pipeline.write_text(before)
    assert stack.make("serve").returncode == 0


def test_a_taken_port_is_one_line(stack: Stack) -> None:
    """It names who has it; the server that runs stays."""
    done = stack.make("serve", f"SERVE_PORT={stack.port}", "PIPELINE=pipeline.toml")
    assert done.returncode == 2
    assert f"port {stack.port}: taken by" in done.stderr
