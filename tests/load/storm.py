"""Storm: the scoring server under hostile clients and faults, on scratch servers."""

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from tests.load import serving
from tests.load.barrage import answer, request
from tests.load.serving import environment, memory, project
from tests.support.checkout import free_port

TABLE = "tests/support/fixtures/example/data/iris.csv"
ANSWERS = {200, 400, 413, 415, 422}
Result = tuple[str, str, bool]  # what, result, kept
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "negative_data_rejection"),
)


class Clients:
    """Clients that ask for the same rows on a connection for each request, and check each answer."""

    def __init__(self, port: int, body: bytes, expected: dict[str, bytes], clients: int = 4) -> None:
        """Start them."""
        self.port, self.body, self.expected = port, body, expected
        self.answered: Counter[str] = Counter()
        self.lost: list[str] = []
        self.wrong: list[str] = []
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop them."""
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._done.is_set():
            try:
                status, head, body = once(self.port, request(self.body))
            except OSError as error:
                self.lost.append(type(error).__name__)
                continue
            version = head.partition(b"x-model-version: ")[2].split(b"\r\n")[0].decode()
            self.answered[version] += 1
            if status != 200 or body != self.expected.get(version):
                self.wrong.append(f"{status} of version {version}")


def once(port: int, sent: bytes) -> tuple[int, bytes, bytes]:
    """Return the answer to one request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        return answer(connection)


def log(folder: Path) -> str:
    """Return what the servers of a project printed."""
    return "".join(path.read_text(errors="replace") for path in folder.glob("*.log"))


def clean(folder: Path) -> bool:
    """Whether no server printed a traceback."""
    return "Traceback" not in log(folder)


def alias(folder: Path, number: str) -> None:
    """Move @champion, as `make promote` does last."""
    import mlflow

    mlflow.MlflowClient(f"sqlite:///{folder}/.mlflow/mlflow.db").set_registered_model_alias("bench", "champion", number)


def served(port: int, number: str) -> bytes:
    """Wait until a version is served, and return its answer to the grid."""
    while True:
        status, head, body = once(port, request(GRID))
        if status == 200 and f"x-model-version: {number}\r\n".encode() in head + b"\r\n":
            return body
        time.sleep(0.02)


NAMES = ["petal_length", "petal_width", "sepal_length", "sepal_width"]
LENGTHS, WIDTHS = (1, 2.4, 3, 4.7, 5, 5.2, 6), (0.2, 0.8, 1.6, 2)
GRID = json.dumps(
    {
        "dataframe_split": {
            "columns": NAMES,
            "data": [[a, b, c, 3.0] for a in LENGTHS for b in WIDTHS for c in (5, 6, 7)],
        }
    }
).encode()


def promotions(folder: Path, moves: int) -> Result:
    """Promote and roll back under load; each answer is checked against the version in its header."""
    with serving.ours(folder) as (port, _, _):
        expected = {"1": served(port, "1")}
        alias(folder, "2")
        expected["2"] = served(port, "2")
        clients = Clients(port, GRID, expected)
        for move in range(moves):
            number = "12"[move % 2]
            alias(folder, number)
            served(port, number)
        clients.end()
    alias(folder, "1")
    total = sum(clients.answered.values())
    what = f"{total} requests, {len(clients.lost)} lost, {len(clients.wrong)} wrong"
    kept = not clients.lost and not clients.wrong and expected["1"] != expected["2"] and clean(folder)
    return f"{moves} promotions and rollbacks", what, kept


def workers(folder: Path, kills: int) -> Result:
    """Kill one of two workers, again and again; a request that it had may be lost, a second try never is."""
    with serving.ours(folder, workers=2) as (port, pid, _):
        expected = {"1": served(port, "1")}
        time.sleep(2)  # the other worker follows too
        clients = Clients(port, GRID, expected)
        for _ in range(kills):
            time.sleep(4)
            os.kill(random.choice(children(pid)), signal.SIGKILL)
        time.sleep(4)
        clients.end()
        again = once(port, request(GRID))[0]
    lost, total = len(clients.lost), sum(clients.answered.values())
    what = f"{total} answered, {lost} connections of killed workers, {len(clients.wrong)} wrong"
    return f"{kills} x kill -9 of a worker of two", what, again == 200 and not clients.wrong and lost <= 8 * kills


def children(parent: int) -> list[int]:
    """Return the workers of a server."""
    listed = subprocess.run(["ps", "-ww", "-o", "pid=,ppid=,args=", "-A"], capture_output=True, text=True, check=True)
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [int(row[0]) for row in rows if int(row[1]) == parent and "spawn_main" in row[2]]


def registry(folder: Path) -> Result:
    """Take the registry away under load, then start another server from its cache."""
    store = folder / ".mlflow/mlflow.db"
    with serving.ours(folder) as (port, _, _):
        clients = Clients(port, GRID, {"1": served(port, "1")})
        store.rename(folder / "gone.db")
        time.sleep(3)
        clients.end()
    with serving.ours(folder) as (port, _, seconds):
        status = once(port, request(GRID))[0]
    (folder / "gone.db").rename(store)
    kept = not clients.lost and not clients.wrong and status == 200 and clean(folder)
    what = f"{sum(clients.answered.values())} answered, {len(clients.lost)} lost; started again in {seconds:.1f} s"
    return "registry gone", what, kept


def full(folder: Path) -> Result:
    """Let the log fill its disk (a limit on the size of a file), while clients ask."""
    port = free_port()
    limits = (1 << 20, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    settings = {"MODELMAKE_SERVE_PORT": str(port)}
    command = [sys.executable, "-c", LIMITED.format(limits)]
    many = json.dumps({"dataframe_split": {"columns": NAMES, "data": [[1.4, 0.2, 5.1, 3.5]] * 1000}}).encode()
    with serving.running(command, folder, port, **settings):
        statuses = [once(port, request(many))[0] for _ in range(200)]
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
            text = answer(connection)[2].decode()
    dropped = float(text.split("\nmodelmake_log_dropped_total ")[1].split()[0])
    what = f"{statuses.count(200)} of 200 answered, {dropped:.0f} records dropped and counted"
    return "disk full of log", what, set(statuses) == {200} and dropped > 0 and clean(folder)


LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, {})
sys.argv = ["modelmake", "serve"]
runpy.run_module("modelmake", run_name="__main__")
"""


def slow(folder: Path, count: int) -> Result:
    """Open connections that send nothing, half of a head, or a body byte by byte, while others ask."""
    head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with serving.ours(folder) as (port, _, _), contextlib.ExitStack() as stack:
        expected = {"1": served(port, "1")}
        connections = []
        for number in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))
            connection.sendall((b"", head[:40], head + b"Content-Length: 1000\r\n\r\n{")[number % 3])
            connections.append(connection)
        clients = Clients(port, GRID, expected)
        ended = sum(not leftover(connection) for connection in connections)
        clients.end()
    what = f"{ended} of {count} cut; meanwhile {sum(clients.answered.values())} answered, {len(clients.lost)} lost"
    return "slow clients", what, ended == count and not clients.lost and not clients.wrong and clean(folder)


def leftover(connection: socket.socket) -> bytes:
    """Read a connection to its end, and return b"" where the server has ended it."""
    try:
        while connection.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return b"open"
    return b""


def large(folder: Path) -> Result:
    """Send bodies of 100 MB at once, with and without a length, and deep JSON; read the memory meanwhile."""
    with serving.ours(folder) as (port, pid, _):
        expected = {"1": served(port, "1")}
        clients, statuses, peak = Clients(port, GRID, expected, 2), [], 0.0

        def send(sent: bytes) -> None:
            try:
                statuses.append(once(port, sent)[0])
            except OSError as error:
                statuses.append(type(error).__name__)

        deep = b'{"instances": ' + b"[" * (4 << 20)
        bodies = [request(b" " * (100 << 20)), request(deep), chunked(100 << 20), request(b"[" * (8 << 20))]
        threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, memory(pid))
            time.sleep(0.05)
        clients.end()
    kept = set(statuses) <= {400, 413} and not clients.lost and not clients.wrong and peak < 700 and clean(folder)
    return "bodies of 100 MB, deep JSON", f"{sorted(map(str, statuses))}, at most {peak:.0f} MB", kept


def chunked(size: int) -> bytes:
    """Return a request without a length."""
    head = b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (size >> 20) + b"0\r\n\r\n"


def mutants(count: int) -> Iterator[bytes]:
    """Yield bodies: random bytes, and right requests with random places changed, always the same ones."""
    dice = random.Random(1)
    pieces = [
        b"null",
        b"NaN",
        b"-1e999",
        b"[]",
        b"{}",
        b'"\\ud800"',
        b"1e308",
        b"true",
        b"\xff",
        b",",
        b"[" * 500,
        b'"',
    ]
    rows = b'{"dataframe_split": {"columns": ["petal_length", "petal_width", "sepal_length", "sepal_width"], "data": '
    for _ in range(count):
        if dice.random() < 0.2:
            yield dice.randbytes(dice.randrange(200))
            continue
        body = bytearray(dice.choice([rows + b"[[1.4, 0.2, 5.1, 3.5]]}}", b'{"instances": [[1.4, 0.2, 5.1, 3.5]]}']))
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(body))
            body[place : place + dice.randrange(4)] = dice.choice(pieces)
        yield bytes(body)


def fuzz(folder: Path, count: int) -> list[Result]:
    """Send random bodies, and those that schemathesis makes from our OpenAPI page."""
    with serving.ours(folder) as (port, pid, _):
        expected = served(port, "1")
        statuses: Counter[int] = Counter()
        for body in mutants(count):
            status, _, text = once(port, request(body))
            statuses[status] += 1
            if b"Traceback" in text:
                statuses[-1] += 1
        url = f"http://localhost:{port}/openapi.json"
        words = ["--max-examples", str(count // 10), "--checks", ",".join(CHECKS), "--no-color", "--seed", "1"]
        phases = ["--phases", "examples,coverage,fuzzing"]
        command = [str(Path(sys.executable).parent / "schemathesis"), "run", url, *words, *phases]
        done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
        same = once(port, request(GRID))[2] == expected
        size = memory(pid)
    listed = ", ".join(f"{number} x {status}" for status, number in sorted(statuses.items()))
    [summary] = [line for line in done.stdout.splitlines() if "generated" in line] or ["no summary"]
    calm = same and clean(folder) and size < 400
    return [
        (f"{count} random bodies", f"{listed}; {size:.0f} MB after it", set(statuses) <= ANSWERS and calm),
        ("schemathesis on the OpenAPI page", summary.strip(), done.returncode == 0),
    ]


def storm(short: bool) -> list[Result]:
    """Ask the scoring server under faults and hostile clients."""
    with project(serving.FOREST, pd.read_csv(TABLE)) as folder:
        second(folder)
        shutil.rmtree(folder / ".serve", ignore_errors=True)
        parts: list[Callable[[], Result]] = [
            lambda: promotions(folder, 6 if short else 100),
            lambda: workers(folder, 1 if short else 10),
            lambda: registry(folder),
            lambda: full(folder),
            lambda: slow(folder, 15 if short else 200),
            lambda: large(folder),
        ]
        return [*(part() for part in parts), *fuzz(folder, 400 if short else 10_000)]


def second(folder: Path) -> None:
    """Register another version, whose predictions differ."""
    path = folder / "pipeline.toml"
    path.write_text(path.read_text().replace("n_estimators = 100", "n_estimators = 3, max_depth = 2"))
    words = [sys.executable, "-m", "modelmake", "train", "evaluate", "register"]
    subprocess.run(words, cwd=folder, env=environment(MODELMAKE_FORCE="1"), capture_output=True, check=True)
