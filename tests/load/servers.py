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

import numpy as np

from scripts.core.errors import UserError

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
    return ours("image.sh", "name", scratch="")


@cache
def project(scratch: str = "") -> str:
    """Return the compose project of this checkout's server, or of a scratch server."""
    return ours("compose.sh", "name", scratch=scratch)


def docker(*words: str, told: str | None = None, check: bool = True) -> str:
    """Run docker and return what it prints.

    Raises
    ------
    UserError
        It failed.

    """
    done = subprocess.run(["docker", *words], input=told, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise UserError(f"docker {' '.join(words)[:80]}", (done.stderr or done.stdout).strip()[-300:], "make doctor")
    return done.stdout.strip()


def ours(script: str, *words: str, scratch: str = SCRATCH) -> str:
    """Run one of docker/*.sh for a scratch server, and return the last line that it prints."""
    command = [f"docker/{script}", *(("--scratch", scratch) if scratch else ()), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"docker/{script} {words[0]}", done.stderr.strip()[-400:], "make doctor")
    return (done.stdout.strip().splitlines() or [""])[-1]


class Load:
    """Clients that log, and what they have been told so far."""

    def __init__(self, server: "Server", clients: int, *, runs: int = 0, seconds: float = 0, retries: int = 5) -> None:
        """Start them; they end after `runs` each or after `seconds`."""
        words = ("-m", "tests.load.clients", "log", str(clients), str(runs), str(seconds))
        patience = f"-eMLFLOW_HTTP_REQUEST_MAX_RETRIES={retries}"
        command = ["docker", "run", "--rm", *server.python(patience), *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.told: list[dict[str, object]] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def end(self) -> list[dict[str, object]]:
        """Wait for the last of them, and return what they were told."""
        self.reader.join()
        self.process.wait()
        return self.told

    @property
    def errors(self) -> list[str]:
        """What went wrong in the eyes of the clients."""
        return [str(each["error"]) for each in self.told if each["error"]]

    @property
    def rate(self) -> float:
        """Runs that came to their end, per second."""
        ended = [each for each in self.told if "ended" in each]
        first = min(each["began"] for each in self.told)
        return len(ended) / (max((each["began"] + each["ended"] for each in ended), default=first + 1) - first)

    @property
    def speed(self) -> str:
        """Runs a second, and how long one took at the median and at the 95th percentile."""
        took = [each["ended"] for each in self.told if "ended" in each] or [float("nan")]
        return f"{self.rate:.1f} runs/s, p50 {np.percentile(took, 50):.1f} s, p95 {np.percentile(took, 95):.1f} s"


class Server:
    """A server that clients in containers can log to."""

    def __init__(self, container: str, network: str, url: str) -> None:
        """Keep its container, the clients' network, and its address there."""
        self.container, self.network, self.url = container, network, url

    def python(self, *options: str) -> tuple[str, ...]:
        """Return the words of `docker run` that start Python where the server can be reached."""
        where = (
            f"--network={self.network}",
            f"-eMLFLOW_TRACKING_URI={self.url}",
            f"-v{Path.cwd()}/tests/load:/src/tests/load:ro",
        )
        return (f"--label={project(SCRATCH)}", *SEALED, *options, *where, image(), "python")

    def check(self, load: Load) -> dict[str, list[str]]:
        """Ask the server for all that it acknowledged: what is missing, and what is there twice."""
        lines = "\n".join(json.dumps(each) for each in load.told)
        with_input = docker("run", "--rm", "-i", *self.python(), "-m", "tests.load.clients", "check", told=lines)
        return json.loads(with_input)

    def inside(self, code: str, *words: str) -> str:
        """Run Python in its container."""
        return docker("exec", self.container, "python", "-c", code, *words, check=False)

    def integrity(self) -> str:
        """Return what SQLite says of its database."""
        return (self.inside(INTEGRITY, "/mlflow/mlflow.db").splitlines() or ["no answer"])[0]

    def processes(self, kind: str) -> list[str]:
        """Return the ids of its workers, or of the server that started them."""
        found = [line.split() for line in self.inside(PROCESSES).splitlines()]
        return [pid for pid, what in found if what == kind]

    def logged(self, pattern: str) -> list[str]:
        """Return what its log says that matches a regular expression."""
        done = subprocess.run(["docker", "logs", self.container], capture_output=True, text=True, check=False)
        return re.findall(pattern, done.stdout + done.stderr)

    @property
    def began(self) -> str:
        """When its container was started last."""
        return docker("inspect", "-f", "{{.State.StartedAt}}", self.container)

    def wait(self, seconds: float = 120, since: str | None = None) -> float:
        """Wait until it is healthy, in a container that began after `since`; return how long, infinite if too long."""
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
        """Return the most memory that its processes held until the clients ended, in MB, without cached files."""
        most, stat = 0, "cat /sys/fs/cgroup/memory.stat 2>/dev/null || cat /sys/fs/cgroup/memory/memory.stat"
        while load.reader.is_alive():
            found = docker("exec", self.container, "bash", "-c", stat, check=False)
            most = max([most, *map(int, re.findall(r"^(?:anon|total_rss) (\d+)$", found, re.M))])
            time.sleep(1)
        return most / 1e6


@contextmanager
def modelmake(scratch: str = SCRATCH) -> Iterator[Server]:
    """Give a scratch server as `make up` starts it."""
    try:
        ours("compose.sh", "--workers", "2", "ensure", scratch=scratch)
        yield Server(f"{project(scratch)}-mlflow-1", f"{project(scratch)}_stages", "http://mlflow:5000")
    finally:
        for client in docker("ps", "-aq", f"--filter=label={project(SCRATCH)}").split():  # of a run that was stopped
            docker("rm", "--force", client, check=False)
        ours("compose.sh", "discard", scratch=scratch)


@contextmanager
def default(network: str) -> Iterator[Server]:
    """Give MLflow's own server with all of its defaults, in the same image, on a volume of its own."""
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
    plain = "--uvicorn-opts=--loop=asyncio --http=h11"  # as where MLflow alone was installed
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
