"""Clients: many processes that log to one server at once, and a check of what the server acknowledged.

In the image, `python -m tests.load.clients log CLIENTS RUNS SECONDS` (RUNS each, or as many as fit into SECONDS) prints
a line of JSON for each run; `python -m tests.load.clients check` reads those lines and checks every one on the server.
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
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
from mlflow.entities import Metric, Param, Run, RunTag

EXPERIMENT = "chaos"
METRICS, PARAMS, ARTIFACT = 100, 10, 1_000_000
STEPS = ("created", "logged", "kept", "ended")


def artifact(tag: str) -> bytes:
    """Return the artifact of a run; its tag determines the bytes."""
    return random.Random(tag).randbytes(ARTIFACT)  # not for secrets


def one(client: mlflow.MlflowClient, experiment: str, tag: str) -> dict[str, object]:
    """Log one run; return the acknowledged steps, in seconds since the start, and the first error."""
    record: dict[str, object] = {"tag": tag, "run": None, "error": None, "began": time.time()}
    started = time.monotonic()

    def done(step: str) -> None:
        record[step] = time.monotonic() - started

    try:
        run_id = client.create_run(experiment, tags={"chaos": tag}).info.run_id
        record["run"] = run_id
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
            path.write_bytes(artifact(tag))
            client.log_artifact(run_id, str(path))
        done("kept")
        client.set_terminated(run_id)
        done("ended")
    except Exception as error:  # every error of a client counts
        record["error"] = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return record


def work(experiment: str, number: int, runs: int, until: float, say: Callable[[str], None]) -> None:
    """Log runs as one client."""
    client, count = mlflow.MlflowClient(), 0
    while count < runs or time.monotonic() < until:
        say(json.dumps(one(client, experiment, f"{os.getpid()} {until} {number} {count}")))
        count += 1


def log(clients: int, runs: int, seconds: float) -> None:
    """Start `clients` processes that log; they are forked, so that MLflow is imported once."""
    client = mlflow.MlflowClient()
    existing = client.get_experiment_by_name(EXPERIMENT)
    experiment = existing.experiment_id if existing else client.create_experiment(EXPERIMENT)
    fork = multiprocessing.get_context("fork")
    lock = fork.Lock()

    def say(line: str) -> None:
        with lock:
            print(line, flush=True)

    until = time.monotonic() + seconds
    processes = [fork.Process(target=work, args=(experiment, number, runs, until, say)) for number in range(clients)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def check(records: Sequence[dict[str, object]]) -> dict[str, object]:
    """Check every acknowledged step on the server; return the missing steps and the runs that exist twice."""
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(EXPERIMENT).experiment_id
    stored, token = {}, None
    tags: Counter[str] = Counter()
    while token != "":
        page = client.search_runs([experiment], page_token=token, max_results=1000)
        stored |= {run.info.run_id: run for run in page}
        tags.update(run.data.tags.get("chaos", "") for run in page)
        token = page.token or ""
    acknowledged = [(record, step) for record in records for step in STEPS if step in record]
    with ThreadPoolExecutor(8) as pool:
        shown = pool.map(lambda pair: _has(client, stored, *pair), acknowledged)
        missing = [f"{record['run']}: {step}" for (record, step), ok in zip(acknowledged, shown, strict=True) if not ok]
    complete = {record["tag"] for record in records if not record["error"]}
    twice = [tag for tag, count in tags.items() if count > 1 and tag in complete]
    return {"missing": missing, "twice": twice, "runs": len(stored)}


def _has(client: mlflow.MlflowClient, stored: dict[str, Run], record: dict[str, object], step: str) -> bool:
    """Whether the server shows a step of a run."""
    run = stored.get(str(record["run"]))
    if run is None or step == "created":
        return run is not None
    if step == "logged":
        return (len(run.data.metrics), len(run.data.params)) == (METRICS, PARAMS) and "logged" in run.data.tags
    if step == "ended":
        return run.info.status == "FINISHED"
    with tempfile.TemporaryDirectory() as scratch:
        try:
            data = Path(client.download_artifacts(run.info.run_id, "artifact", scratch)).read_bytes()
        except (mlflow.MlflowException, OSError):
            return False
    return hashlib.sha256(data).digest() == hashlib.sha256(artifact(record["tag"])).digest()


def main(verb: str, *numbers: str) -> None:
    """Log, or check."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    if verb == "log":
        log(int(numbers[0]), int(numbers[1]), float(numbers[2]))
    else:
        print(json.dumps(check([json.loads(line) for line in sys.stdin])))


if __name__ == "__main__":
    main(*sys.argv[1:])
