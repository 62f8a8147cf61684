"""Clients: many processes that log to one server at once, and a check of what they were told was done.

Run in the image as `python -m tests.load.clients log CLIENTS RUNS SECONDS` (RUNS each, or as many as fit into SECONDS),
which prints a line of JSON for each run; `python -m tests.load.clients check` reads those lines and asks the server for
all of it.
"""

import hashlib
import json
import logging
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
from mlflow.entities import Metric, Param, RunTag

EXPERIMENT = "chaos"
METRICS, PARAMS, ARTIFACT = 100, 10, 1_000_000
STEPS = ("created", "logged", "kept", "ended")


def content(tag: str) -> bytes:
    """Return the artifact of a run, which its tag determines."""
    return random.Random(tag).randbytes(ARTIFACT)  # noqa: S311  # for weight, not for secrets


def one(client: mlflow.MlflowClient, experiment: str, tag: str) -> dict[str, object]:
    """Log one run; return which steps the server acknowledged, in seconds since the start, and the first error."""
    told: dict[str, object] = {"tag": tag, "run": None, "error": None, "began": time.time()}
    started = time.monotonic()

    def done(step: str) -> None:
        told[step] = time.monotonic() - started

    try:
        run_id = client.create_run(experiment, tags={"chaos": tag}).info.run_id
        told["run"] = run_id
        done("created")
        now = int(time.time() * 1000)
        client.log_batch(
            run_id,
            metrics=[Metric(f"metric {i}", i / 7, now, 0) for i in range(METRICS)],
            params=[Param(f"param {i}", str(i)) for i in range(PARAMS)],
            tags=[RunTag("logged", "yes")],
        )
        done("logged")
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch, "artifact")
            path.write_bytes(content(tag))
            client.log_artifact(run_id, str(path))
        done("kept")
        client.set_terminated(run_id)
        done("ended")
    except Exception as error:  # whatever a client is told counts
        told["error"] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return told


def work(experiment: str, number: int, runs: int, until: float, say: Callable[[str], None]) -> None:
    """Be one client."""
    client, count = mlflow.MlflowClient(), 0
    while count < runs or time.monotonic() < until:
        say(json.dumps(one(client, experiment, f"{os.getpid()} {until} {number} {count}")))
        count += 1


def log(clients: int, runs: int, seconds: float) -> None:
    """Let `clients` processes log, forked so that all of them share what MLflow's import takes."""
    client = mlflow.MlflowClient()
    found = client.get_experiment_by_name(EXPERIMENT)
    experiment = found.experiment_id if found else client.create_experiment(EXPERIMENT)
    fork = multiprocessing.get_context("fork")
    lock = fork.Lock()

    def say(line: str) -> None:
        with lock:
            print(line, flush=True)

    until = time.monotonic() + seconds
    started = [fork.Process(target=work, args=(experiment, number, runs, until, say)) for number in range(clients)]
    for each in started:
        each.start()
    for each in started:
        each.join()


def check(told: Iterable[dict[str, object]]) -> dict[str, object]:
    """Ask the server for every step that it acknowledged; return what is missing, and runs that are there twice."""
    client, told = mlflow.MlflowClient(), list(told)
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    there, token = {}, None
    tags: Counter[str] = Counter()
    while token != "":
        page = client.search_runs([experiment], page_token=token, max_results=1000)
        there |= {run.info.run_id: run for run in page}
        tags.update(run.data.tags.get("chaos", "") for run in page)
        token = page.token or ""
    acknowledged = [(each, step) for each in told for step in STEPS if step in each]
    with ThreadPoolExecutor(8) as pool:
        shown = pool.map(lambda pair: _has(client, there, *pair), acknowledged)
        missing = [f"{each['run']}: {step}" for (each, step), ok in zip(acknowledged, shown, strict=True) if not ok]
    twice = [
        tag for tag, count in tags.items() if count > 1 and tag in {each["tag"] for each in told if not each["error"]}
    ]
    return {"missing": missing, "twice": twice, "runs": len(there)}


def _has(client: mlflow.MlflowClient, there: dict[str, object], told: dict[str, object], step: str) -> bool:
    """Whether the server shows a step of a run."""
    run = there.get(told["run"])
    if run is None or step == "created":
        return run is not None
    if step == "logged":
        return (len(run.data.metrics), len(run.data.params)) == (METRICS, PARAMS) and "logged" in run.data.tags
    if step == "ended":
        return run.info.status == "FINISHED"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            found = Path(client.download_artifacts(told["run"], "artifact", scratch)).read_bytes()
        except (mlflow.MlflowException, OSError):
            return False
    return hashlib.sha256(found).digest() == hashlib.sha256(content(told["tag"])).digest()


def main(verb: str, *numbers: str) -> None:
    """Log, or check."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    if verb == "log":
        log(int(numbers[0]), int(numbers[1]), float(numbers[2]))
    else:
        print(json.dumps(check(json.loads(line) for line in sys.stdin)))


if __name__ == "__main__":
    main(*sys.argv[1:])
