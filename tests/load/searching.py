"""The benchmarks of `make tune`: beside scikit-learn's search, on a cluster, and with trials that do nothing."""

import heapq
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from modelmake.config.config import Config
from modelmake.config.search import Search
from modelmake.model.train import prepare
from modelmake.search import methods
from modelmake.search.cluster import connected
from modelmake.search.journal import Journal, opened
from modelmake.search.local import ALIKE, local
from modelmake.search.trial import Problem, Result, Trial
from tests.load.figure import Figure

ROUNDS = 3
SKLEARN = """
import sys, time
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import RandomizedSearchCV
table = pd.read_csv("data/iris.csv")
X, y = table.drop(columns="species"), table["species"]
space = {"max_depth": range(1, 13), "min_samples_leaf": range(1, 6), "criterion": ["gini", "entropy"]}
started = time.monotonic()
RandomizedSearchCV(RandomForestClassifier(n_estimators=50, random_state=1), space, n_iter=64, cv=5, n_jobs=2,
                   random_state=1, refit=False).fit(X, y)
print(time.monotonic() - started)
"""
FOREST = {
    "max_depth": {"low": 1, "high": 12},
    "min_samples_leaf": {"low": 1, "high": 5},
    "criterion": {"choices": ["gini", "entropy"]},
}
BOOSTING = {"max_leaf_nodes": {"low": 8, "high": 32}, "learning_rate": {"low": 0.05, "high": 0.3}}


def problem(table: Path, target: str, estimator: str, params: dict[str, object], space: object, folds: int) -> Problem:
    """Return a search's problem, as `make tune` prepares it."""
    config = Config.model_validate(
        {
            "experiment": "bench",
            "data": {"path": str(table), "target": target},
            "model": {"estimator": estimator, "params": params},
            "search": {"method": "random", "trials": 64, "folds": folds, "space": space},
            "gate": {"rules": ["accuracy > 0.5"]},
            "registry": {"name": "bench"},
        }
    )
    train = config.train.model_copy(update={"folds": folds})
    with redirect_stdout(StringIO()):
        return Problem.of(prepare(config.model_copy(update={"search": None, "train": train})), config)


def trials(given: Problem, most: int = 64) -> list[Trial]:
    """Return the trials of the search."""
    assert given.searched.search is not None
    return methods.of(given.searched.search).propose(given.searched.search, 1, [], range(most))


def iris(folds: int = 5) -> Problem:
    """Return the forest on all rows of iris that the benchmark of scikit-learn has."""
    params: dict[str, object] = {"n_estimators": 50}
    return problem(Path("data/iris.csv"), "species", "sklearn.ensemble.RandomForestClassifier", params, FOREST, folds)


def timed(run: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started = time.monotonic()
    run()
    return time.monotonic() - started


def processes(given: Problem, todo: list[Trial], workers: int) -> float:
    """Return the seconds of local processes, with their start."""

    def run() -> None:
        with local(given, workers) as pool:
            assert all(result.state == "complete" for result in pool.run(todo))

    return timed(run)


@contextmanager
def cluster(workers: int) -> Iterator[None]:
    """Run a scheduler and workers of Dask on loopback, in processes that end with the block."""
    port = 8796
    own = os.environ | ALIKE | {"PYTHONPATH": str(Path("scripts").absolute()), "PYTHONWARNINGS": "ignore"}
    dask = [sys.executable, "-m", "dask"]
    address = f"tcp://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as scratch:
        member = ["worker", address, "--nthreads=1", "--no-nanny", "--no-dashboard", f"--local-directory={scratch}"]
        scheduler = ["scheduler", "--host=tcp://127.0.0.1", f"--port={port}", "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": own}
        started = [subprocess.Popen([*dask, *words], **quiet) for words in (scheduler, *[member] * workers)]
        os.environ["DASK_SCHEDULER_ADDRESS"] = address
        try:
            time.sleep(5)
            yield
        finally:
            for process in started:
                process.send_signal(signal.SIGKILL)
                process.wait()


def distributed(given: Problem, todo: list[Trial]) -> float:
    """Return the seconds of the cluster's workers, from the connection on."""

    def run() -> None:
        with connected(given) as pool:
            assert all(result.state == "complete" for result in pool.run(todo))

    return timed(run)


def search() -> list[Figure]:
    """Compare 64 trials of a forest on iris: scikit-learn's search, ours, ours on a cluster, and one process."""
    given = iris()
    todo = trials(given)
    theirs, ours, one = [], [], []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", SKLEARN], capture_output=True, text=True, check=True)
        theirs.append(float(done.stdout))
        ours.append(processes(given, todo, 2))
        one.append(processes(given, todo, 1))
    a, b, c = statistics.median(ours), statistics.median(theirs), statistics.median(one)
    with cluster(2):
        distributed(given, todo[:4])
        far = statistics.median(distributed(given, todo) for _ in range(ROUNDS))
        near = statistics.median(processes(given, todo, 2) for _ in range(ROUNDS))
    return [
        Figure("64 trials / RandomizedSearchCV", a / b, 1.1, f"{a:.1f} s / {b:.1f} s, two processes, 5 folds of iris"),
        Figure("the same: two Dask workers / two processes", far / near, 1.25, f"{far:.1f} s / {near:.1f} s"),
        Figure("two processes / one", a / c, 1 / 1.7, f"{a:.1f} s / {c:.1f} s"),
    ]


def boosted() -> Figure:
    """Compare 64 trials of HistGradientBoosting on 100,000 rows: a cluster and processes."""
    with tempfile.TemporaryDirectory() as scratch:
        draw = np.random.default_rng(1)
        table = pd.DataFrame(draw.normal(size=(100_000, 20)), columns=[f"x{place}" for place in range(20)])
        table["y"] = (table["x0"] * table["x1"] + draw.normal(size=100_000) > 0).astype(int)
        path = Path(scratch, "table.parquet")
        table.to_parquet(path)
        params: dict[str, object] = {"max_iter": 20}
        name = "sklearn.ensemble.HistGradientBoostingClassifier"
        given = problem(path, "y", name, params, BOOSTING, 2)
        todo = trials(given)
        near = processes(given, todo, 2)
        with cluster(2):
            far = distributed(given, todo)
    return Figure("64 boosted trials: Dask / processes", far / near, 1.05, f"{far:.0f} s / {near:.0f} s, 100000 x 20")


def nothing() -> Figure:
    """Time trials that do nothing: proposed by TPE in batches of 8, and written to the journal."""
    count = 256
    of = Search.model_validate({"trials": count, "space": FOREST})
    with tempfile.TemporaryDirectory(dir="build") as scratch, opened_in(Path(scratch)) as journal:
        started = time.monotonic()
        for numbers in methods.of(of).batches(of):
            done = [journal.results[number] for number in range(numbers.start)]
            for trial in methods.of(of).propose(of, 1, done, numbers):
                journal.add(Result(trial.number, trial.params, [], [[float(trial.number % 7)]]))
        spent = time.monotonic() - started
    return Figure("a trial that does nothing", 1000 * spent / count, 10, f"ms, of {count}")


def simulated(count: int, workers: int, batch: int, seconds: float) -> dict[str, float]:
    """Simulate a search: the real proposals and journal, and workers whose trials only take time.

    Each trial takes `seconds` on average, drawn from an exponential distribution, and goes to the worker that is free
    first. Returns the processor's seconds of the proposals, the last one in milliseconds, the seconds of the journal,
    the share of the workers' time that is used, and the hours that all of it takes.
    """
    of = Search.model_validate({"trials": count, "batch": batch, "space": FOREST})
    draw = np.random.default_rng(1)
    results: dict[int, Result] = {}
    proposing = writing = waiting = busy = last = 0.0
    with tempfile.TemporaryDirectory() as scratch, opened_in(Path(scratch)) as journal:
        for numbers in methods.of(of).batches(of):
            began = time.process_time()
            todo = methods.of(of).propose(of, 1, [results[number] for number in range(numbers.start)], numbers)
            spent = time.process_time() - began
            proposing, last = proposing + spent, 1000 * spent / len(todo)
            free = [0.0] * workers
            for took in draw.exponential(seconds, len(todo)):
                heapq.heapreplace(free, free[0] + float(took))
                busy += float(took)
            waiting += max(free)
            began = time.monotonic()
            for trial in todo:
                value = float(np.sin(float(trial.params["max_depth"])))  # type: ignore[arg-type]
                results[trial.number] = Result(trial.number, trial.params, [], [[value]])
                journal.add(results[trial.number])
            writing += time.monotonic() - began
    total = waiting + proposing + writing
    used = busy / workers / total
    return {"proposing": proposing, "last": last, "writing": writing, "used": used, "hours": total / 3600}


@contextmanager
def opened_in(folder: Path) -> Iterator[Journal]:
    """Open a journal in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with opened("0" * 64) as journal:
            yield journal
    finally:
        os.chdir(before)


if __name__ == "__main__":
    for given in ((1_000, 8, 8), (1_000, 8, 40), (1_000, 200, 200), (10_000, 200, 200), (10_000, 200, 1_000)):
        print(*given, {name: round(value, 2) for name, value in simulated(*given, 60.0).items()}, flush=True)
