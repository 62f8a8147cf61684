"""Servers: scratch MLflow servers in containers, and clients in containers that log to them."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NotRequired, TypedDict

import numpy as np

from modelmake.core.errors import UserError

SCRATCH = "chaos"  # the scratch server's name
NO_PROXIES = ("-eHTTP_PROXY=", "-eHTTPS_PROXY=", "-ehttp_proxy=", "-ehttps_proxy=")  # the engine may name some for all
SEALED = ("--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges", *NO_PROXIES)
INTEGRITY = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
print(database.execute("PRAGMA integrity_check").fetchone()[0])
for (run,) in database.execute("SELECT run_uuid FROM runs WHERE status = 'FINISHED'"):
    print(run)
"""
PROCESSES = """
import pathlib
for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
    words = path.read_text().split("\\0")
    kind = "worker" if any("spawn_main" in word for word in words) else "server" if "server" in words else "other"
    print(path.parent.name, "init" if path.parent.name == "1" else kind)
"""


@cache
def image() -> str:
    """Return the name of the image."""
    return ours("image/image.sh", "name", scratch="")


@cache
def project(scratch: str = "") -> str:
    """Return the compose project of this checkout's server, or of a scratch server."""
    return ours("server/compose.sh", "name", scratch=scratch)


def docker(*words: str, text: str | None = None, check: bool = True) -> str:
    """Run docker with `text` as its input, and return its output.

    Raises
    ------
    UserError
        docker failed.

    """
    done = subprocess.run(["docker", *words], input=text, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise UserError(f"docker {' '.join(words)[:80]}", (done.stderr or done.stdout).strip()[-300:], "make doctor")
    return done.stdout.strip()


def ours(script: str, *words: str, scratch: str = SCRATCH) -> str:
    """Run a script under docker/ for a scratch server, and return its last line of output."""
    command = [f"docker/{script}", *(("--scratch", scratch) if scratch else ()), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"docker/{script} {words[0]}", done.stderr.strip()[-400:], "make doctor")
    return (done.stdout.strip().splitlines() or [""])[-1]


class Record(TypedDict):
    """The steps of one run that the server acknowledged, in seconds since it began, and the first error."""

    tag: str
    run: str | None
    error: str | None
    began: float
    created: NotRequired[float]
    logged: NotRequired[float]
    kept: NotRequired[float]
    ended: NotRequired[float]


class Load:
    """Clients that log, and their records so far."""

    def __init__(self, server: "Server", clients: int, *, runs: int = 0, seconds: float = 0, retries: int = 5) -> None:
        """Start them; they end after `runs` each or after `seconds`."""
        words = ("-m", "tests.load.clients", "log", str(clients), str(runs), str(seconds))
        patience = f"-eMLFLOW_HTTP_REQUEST_MAX_RETRIES={retries}"
        command = ["docker", "run", "--rm", *server.python(patience), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.records: list[Record] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.records.append(json.loads(line))

    def end(self) -> list[Record]:
        """Wait for the last client, and return all records."""
        self.reader.join()
        self.process.wait()
        return self.records

    @property
    def errors(self) -> list[str]:
        """The errors of the clients."""
        return [record["error"] for record in self.records if record["error"]]

    @property
    def rate(self) -> float:
        """Completed runs per second."""
        ended = [record for record in self.records if "ended" in record]
        first = min(record["began"] for record in self.records)
        return len(ended) / (max((record["began"] + record["ended"] for record in ended), default=first + 1) - first)

    @property
    def speed(self) -> str:
        """Runs per second, and the median and the 95th percentile of their duration."""
        durations = [record["ended"] for record in self.records if "ended" in record] or [float("nan")]
        p50, p95 = np.percentile(durations, [50, 95])
        return f"{self.rate:.1f} runs/s, p50 {p50:.1f} s, p95 {p95:.1f} s"


class Server:
    """A server that clients in containers can log to."""

    def __init__(self, container: str, network: str, url: str) -> None:
        """Keep its container, the clients' network, and its address there."""
        self.container, self.network, self.url = container, network, url

    def python(self, *options: str) -> tuple[str, ...]:
        """Return the words of `docker run` that start Python on the server's network."""
        place = (
            f"--network={self.network}",
            f"-eMLFLOW_TRACKING_URI={self.url}",
            f"-v{Path.cwd()}/tests/load:/src/tests/load:ro",
        )
        return (f"--label={project(SCRATCH)}", *SEALED, *options, *place, image(), "python")

    def check(self, load: Load) -> dict[str, list[str]]:
        """Return the acknowledged steps that are missing on the server, and the runs that exist twice."""
        lines = "\n".join(json.dumps(record) for record in load.records)
        report = docker("run", "--rm", "-i", *self.python(), "-m", "tests.load.clients", "check", text=lines)
        return json.loads(report)

    def inside(self, code: str, *words: str) -> str:
        """Run Python in its container."""
        return docker("exec", self.container, "python", "-c", code, *words, check=False)

    def integrity(self) -> str:
        """Return the result of SQLite's integrity check of its database."""
        return (self.inside(INTEGRITY, "/mlflow/mlflow.db").splitlines() or ["no answer"])[0]

    def processes(self, kind: str) -> list[str]:
        """Return the ids of its workers, or of the server that started them."""
        processes = [line.split() for line in self.inside(PROCESSES).splitlines()]
        return [pid for pid, name in processes if name == kind]

    def logged(self, pattern: str) -> list[str]:
        """Return the parts of its log that match a regular expression."""
        done = subprocess.run(["docker", "logs", self.container], capture_output=True, text=True, check=False)
        return re.findall(pattern, done.stdout + done.stderr)

    @property
    def began(self) -> str:
        """The time of the last start of its container."""
        return docker("inspect", "-f", "{{.State.StartedAt}}", self.container)

    def wait(self, seconds: float = 120, since: str | None = None) -> float:
        """Wait until it is healthy after a start other than `since`; return the seconds, infinite if too many."""
        started = time.monotonic()
        while (
            docker("inspect", "-f", "{{.State.Health.Status}}", self.container, check=False) != "healthy"
            or self.began == since
        ):
            if time.monotonic() - started > seconds:
                return float("inf")
            time.sleep(0.2)
        return time.monotonic() - started

    def watch(self, load: Load) -> float:
        """Return the peak memory of its processes until the clients end, in MB, without cached files."""
        most, stat = 0, "cat /sys/fs/cgroup/memory.stat 2>/dev/null || cat /sys/fs/cgroup/memory/memory.stat"
        while load.reader.is_alive():
            report = docker("exec", self.container, "bash", "-c", stat, check=False)
            most = max([most, *map(int, re.findall(r"^(?:anon|total_rss) (\d+)$", report, re.M))])
            time.sleep(1)
        return most / 1e6


@contextmanager
def modelmake(scratch: str = SCRATCH) -> Iterator[Server]:
    """Yield a scratch server as `make up` starts it."""
    try:
        ours("server/compose.sh", "--workers", "2", "ensure", scratch=scratch)
        yield Server(f"{project(scratch)}-mlflow-1", f"{project(scratch)}_stages", "http://mlflow:5000")
    finally:
        for client in docker("ps", "-aq", f"--filter=label={project(SCRATCH)}").split():  # of an interrupted run
            docker("rm", "--force", client, check=False)
        ours("server/compose.sh", "discard", scratch=scratch)


@contextmanager
def default(network: str) -> Iterator[Server]:
    """Yield MLflow's own server with its defaults, in the same image, on a volume of its own."""
    name = f"{project(SCRATCH)}-default"
    options = (
        "--volume=/state",
        "--workdir=/tmp",
        "--tmpfs=/tmp",
        "--user=0",
        "--env=MLFLOW_SERVER_ENABLE_JOB_EXECUTION=true",
    )
    words = ("mlflow", "server", "--host=0.0.0.0", "--backend-store-uri=sqlite:////state/mlflow.db")
    artifacts = "--artifacts-destination=/state/artifacts"
    plain = "--uvicorn-opts=--loop=asyncio --http=h11"  # as in an installation of MLflow alone
    try:
        docker(
            "run",
            "-d",
            f"--name={name}",
            f"--network={network}",
            *options,
            image(),
            *words,
            artifacts,
            plain,
        )
        address = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
        server = Server(name, network, f"http://{address}:5000")
        ready = f"import urllib.request as r; r.urlopen('http://{address}:5000/version', timeout=1)"
        for _ in range(120):
            if (
                subprocess.run(
                    ["docker", "exec", name, "python", "-c", ready], capture_output=True, check=False
                ).returncode
                == 0
            ):
                break
        yield server
    finally:
        docker("rm", "--force", "--volumes", name, check=False)
