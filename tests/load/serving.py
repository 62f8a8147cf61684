"""Serving: our scoring server beside `mlflow models serve` of the same model, as ratios from one run."""

import base64
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from tests.load.barrage import Barrage, barrage
from tests.load.figure import Figure
from tests.support.checkout import free_port

SECONDS, TURNS = 2, 4  # of one barrage
CLIENTS = 8
FOREST = """
experiment = "bench"
data = { path = "table.csv", target = "species" }
model = { estimator = "sklearn.ensemble.RandomForestClassifier", params = { n_estimators = 100 } }
gate = { rules = ["accuracy > 0.5"], champion = "off" }
registry = { name = "bench" }
"""
BOOSTING = """
experiment = "bench"
data = { path = "table.csv", target = "y" }
model = { estimator = "sklearn.ensemble.HistGradientBoostingClassifier", params = { max_iter = 200 } }
gate = { rules = ["accuracy > 0.5"], champion = "off" }
registry = { name = "bench" }
"""
OURS = [sys.executable, "-m", "modelmake", "serve"]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a process in a scratch project."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MODELMAKE_"))}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"  # MLflow starts uvicorn by its name
    return kept | {"PATH": path, "PYTHONPATH": f"{Path.cwd()}/scripts", "MLFLOW_DISABLE_TELEMETRY": "true"} | more


@contextmanager
def project(pipeline: str, table: pd.DataFrame) -> Iterator[Path]:
    """Make a scratch project with a champion."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        shutil.copytree("docker", folder / "docker")
        (folder / "pipeline.toml").write_text(pipeline)
        table.to_csv(folder / "table.csv", index=False)
        for words in (["train", "evaluate", "register"], ["promote"]):
            command = [sys.executable, "-m", "modelmake", *words]
            subprocess.run(command, cwd=folder, env=environment(), capture_output=True, check=True)
        yield folder


def mixed(rows: int = 5_000) -> pd.DataFrame:
    """Return 20 columns, three of them text, and a target of two classes."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({f"x{number:02}": rng.normal(size=rows) for number in range(17)})
    for name, values in (("town", 12), ("plan", 4), ("kind", 3)):
        frame[name] = rng.choice([f"{name} {number}" for number in range(values)], rows)
    odds = frame["x00"] + frame["x01"] * (frame["plan"] == "plan 1") + rng.normal(size=rows)
    return frame.assign(y=(odds > 0).astype(int))


def logged(folder: Path) -> Path:
    """Return the folder of the model."""
    [about] = (folder / ".mlflow/artifacts").rglob("MLmodel")
    return about.parent


@contextmanager
def running(command: list[str], folder: Path, port: int, **settings: str) -> Iterator[tuple[int, float]]:
    """Run a server until it answers /ping; give its process id, and the seconds to the first answer."""
    began = time.monotonic()
    with (folder / f"{port}.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(**settings), stdout=log, stderr=log, start_new_session=True
        )
    try:
        while True:
            try:
                if urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).status == 200:
                    break
            except OSError:
                assert process.poll() is None, (folder / f"{port}.log").read_text()
                time.sleep(0.02)
        yield process.pid, time.monotonic() - began
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(40)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def ours(folder: Path, workers: int = 1) -> Iterator[tuple[int, int, float]]:
    """Run our server; give its port, process id and seconds to start."""
    port = free_port()
    settings = {"MODELMAKE_SERVE_PORT": str(port), "MODELMAKE_WORKERS": str(workers)}
    with running(OURS, folder, port, **settings) as (pid, seconds):
        yield port, pid, seconds


@contextmanager
def mlflows(folder: Path, workers: int = 1) -> Iterator[tuple[int, int, float]]:
    """Run MLflow's server of the same model."""
    port = free_port()
    words = ["models", "serve", "-m", str(logged(folder)), "--env-manager", "local", "-p", str(port)]
    command = [sys.executable, "-m", "mlflow", *words, "--workers", str(workers)]
    with running(command, folder, port) as (pid, seconds):
        yield port, pid, seconds


def body(folder: Path, rows: int) -> bytes:
    """Return a request with rows of the project's table."""
    table = pd.read_csv(folder / "table.csv").drop(columns=["species", "y"], errors="ignore")
    split = json.loads(table.head(rows).to_json(orient="split", index=False))
    return json.dumps({"dataframe_split": {"columns": split["columns"], "data": split["data"]}}).encode()


def beside(folder: Path, sent: bytes, workers: int) -> tuple[Barrage, Barrage]:
    """Send the same to both servers in turns, after both have warmed up, since a machine's speed changes."""
    results = Barrage(), Barrage()
    with ours(folder, workers) as (first, _, _), mlflows(folder, workers) as (second, _, _):
        for turn in range(TURNS + 1):
            for port, result in zip((first, second), results, strict=True):
                part = barrage(port, sent, CLIENTS, SECONDS)
                assert not part.failures, part.failures[:3]
                if turn:
                    result.seconds += part.seconds
                    result.duration += part.duration
    return results


def said(a: Barrage, b: Barrage) -> str:
    """Return both rates and tails."""
    tails = f"p99 {a.quantile(0.99) * 1e3:.0f} and {b.quantile(0.99) * 1e3:.0f} ms"
    return f"{a.rate:.0f} / {b.rate:.0f} requests a second, {tails}"


def forest() -> list[Figure]:
    """Ask for one row of a forest of 100 trees from 8 clients: our server beside MLflow's."""
    with project(FOREST, pd.read_csv("tests/support/fixtures/example/data/iris.csv")) as folder:
        a, b = beside(folder, body(folder, 1), 1)
    return [Figure("MLflow's rate / ours, forest, one row", b.rate / a.rate, 0.1, said(a, b))]


def boosting() -> list[Figure]:
    """Ask gradient boosting on 20 columns for one row, by 2 workers, and for 1,000 rows; both servers."""
    with project(BOOSTING, mixed()) as folder:
        a, b = beside(folder, body(folder, 1), 2)
        c, d = beside(folder, body(folder, 1000), 1)
    tail = a.quantile(0.99) / b.quantile(0.99)
    return [
        Figure("MLflow's rate / ours, boosting, one row", b.rate / a.rate, 0.5, said(a, b)),
        Figure("our p99 / MLflow's, boosting, one row", tail, 0.5, f"{CLIENTS} clients, 2 workers"),
        Figure("MLflow's rate / ours, 1,000 rows", d.rate / c.rate, 0.67, said(c, d)),
    ]


def cpu(pid: int) -> float:
    """Return the seconds of processor time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


COST = """
import base64, sys, time
from pathlib import Path
from modelmake.serving.scorer import load
from modelmake.serving.protocols import mlflow
from modelmake.serving.rows import frame
scorer = load(Path(sys.argv[1]), "bench", ())
sent = base64.b64decode(sys.argv[2])
X = frame(mlflow.read(sent, "application/json", scorer.contract.names), scorer.contract)
for _ in sys.stdin:
    began = time.process_time()
    for _ in range(100):
        scorer.predict(X)
        time.sleep(0.0003)  # as a server waits for its next request; what follows a pause is slower
    print((time.process_time() - began) * 10, flush=True)
"""
ROUNDS = 25


def overhead() -> list[Figure]:
    """Compare the processor time of a request with that of the model's own predict, with and without the log.

    In turns, since the speed of a core changes by more than the difference within seconds.
    """
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with ExitStack() as stack:
        folder = stack.enter_context(project(BOOSTING, mixed()))
        sent = body(folder, 1)
        words = [sys.executable, "-c", COST, str(logged(folder)), base64.b64encode(sent).decode()]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        alone = stack.enter_context(
            subprocess.Popen(words, cwd=folder, env=environment(**single), text=True, bufsize=1, **pipes)
        )
        other = shutil.copytree(folder, Path(stack.enter_context(tempfile.TemporaryDirectory()), "other"))
        servers = {"logs": stack.enter_context(ours(folder)), "drops": stack.enter_context(ours(other))}
        shutil.rmtree(other / ".serve/pipeline/log")  # a log that cannot be written drops its records
        costs: dict[str, list[float]] = {"alone": [], "logs": [], "drops": []}
        for _ in range(ROUNDS):
            alone.stdin.write("again\n")
            costs["alone"].append(float(alone.stdout.readline()))
            for name, (port, pid, _) in servers.items():
                before = cpu(pid)
                answers = barrage(port, sent, 1, 0.7)
                costs[name].append((cpu(pid) - before) / len(answers.seconds) * 1e3)
        alone.stdin.close()
    middle = {name: statistics.median(each[1:]) for name, each in costs.items()}  # the first is the warm-up
    how = f"ms, {middle['logs']:.2f} - {middle['alone']:.2f}; one row of 20 columns"
    logging = middle["logs"] - middle["drops"]
    return [
        Figure("CPU of a request above the model's own", middle["logs"] - middle["alone"], 1.0, how),
        Figure("CPU of the request log", logging, 0.3, f"ms, {middle['logs']:.2f} - {middle['drops']:.2f}"),
    ]


def memory(pid: int) -> float:
    """Return the resident megabytes of a process and its children."""
    listed = subprocess.run(["ps", "-o", "pid=,ppid=,rss=", "-A"], capture_output=True, text=True, check=True)
    rows = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    family = {pid}
    for _ in range(4):
        family |= {child for child, parent, _ in rows if parent in family}
    return sum(size for child, _, size in rows if child in family) * 1.024e-3


def start() -> list[Figure]:
    """Time both servers to the first answer, ours also from its cache without a registry, and read their memory."""
    with project(FOREST, pd.read_csv("tests/support/fixtures/example/data/iris.csv")) as folder:
        sent = body(folder, 1)
        times, sizes = {}, {}
        for name, server in (("ours", ours), ("MLflow", mlflows)):
            with server(folder) as (port, pid, seconds):
                barrage(port, sent, 1, 2)
                times[name], sizes[name] = seconds, memory(pid)
        (folder / ".mlflow/mlflow.db").unlink()
        with ours(folder) as (_, _, cached):
            pass
    return [
        Figure("start to the first answer", times["ours"], 6.0, f"seconds; MLflow's {times['MLflow']:.1f}"),
        Figure("the same from the cache, without a registry", cached, 6.0, "seconds"),
        Figure("memory of one worker", sizes["ours"], 250, f"MB resident; MLflow's {sizes['MLflow']:.0f}"),
    ]


ALONE = """
import sys, time
import pyarrow.parquet as pq
from pathlib import Path
from modelmake.serving.scorer import load
scorer = load(Path(sys.argv[1]), "bench", ())
names, spent = scorer.contract.names, 0.0
for batch in pq.ParquetFile("large.parquet").iter_batches(10_000):
    X = batch.to_pandas()[names]
    X = X.astype({name: "str" for name in X.columns if X[name].dtype == object})
    began = time.monotonic()
    scorer.predict(X)
    spent += time.monotonic() - began
print(spent)
"""


# The peak of a command's memory, from a small process, since a fork begins with the memory of its parent.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def batch(rows: int = 5_000_000) -> list[Figure]:
    """Predict a Parquet file of five million rows, and time the estimator's own predict on the same chunks."""
    with project(BOOSTING, mixed()) as folder:
        part = mixed(500_000).drop(columns="y")
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.Table.from_pandas(part, preserve_index=False)
        with pq.ParquetWriter(folder / "large.parquet", table.schema) as writer:
            for _ in range(rows // len(part)):
                writer.write_table(table)
        single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        words = [sys.executable, "-c", ALONE, str(logged(folder))]
        done = subprocess.run(words, cwd=folder, env=environment(**single), capture_output=True, text=True, check=True)
        alone = float(done.stdout)
        settings = {"MODELMAKE_IN": "large.parquet", "MODELMAKE_OUT": "out.parquet"}
        began = time.monotonic()
        words = [sys.executable, "-c", PEAK, sys.executable, "-m", "modelmake", "predict"]
        done = subprocess.run(
            words, cwd=folder, env=environment(**settings), capture_output=True, text=True, check=True
        )
        seconds = time.monotonic() - began
        assert pq.ParquetFile(folder / "out.parquet").metadata.num_rows == rows
    peak = int(done.stdout.splitlines()[-1]) * (1 if sys.platform == "darwin" else 1024) / 1e9
    how = f"{seconds:.0f} s / {alone:.0f} s, {rows} x 20"
    return [
        Figure("make predict / the model's own predict", seconds / alone, 1.5, how),
        Figure("memory of that", peak, 1.0, "GB"),
    ]
