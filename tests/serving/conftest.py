"""A scoring server as a process of its own, and models of several kinds of columns."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from modelmake.__main__ import run
from modelmake.config.data import Data
from modelmake.gate import isolation
from modelmake.model.contract import Contract, contract
from tests.conftest import ROOT, Once, Project, copy, enter, forget, scratch
from tests.support.checkout import free_port
from tests.support.inside import Inside
from tests.support.warm import python

JSON = "application/json"


def split(names: Sequence[str], rows: Sequence[Sequence[Any]], **more: Any) -> bytes:
    """Return a request for rows of cells."""
    return json.dumps({"dataframe_split": {"columns": [*names], "data": [*rows]}, **more}).encode()


@dataclass(frozen=True)
class Answer:
    """An answer of the server."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def read(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Process:
    """`python -m modelmake serve` in a project, on a port of its own."""

    def __init__(self, path: Path, **settings: str) -> None:
        """Start it."""
        self.path, self.port = path, free_port()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "MODELMAKE_"))}
        uri = settings.pop("MLFLOW_TRACKING_URI", f"sqlite:///{path}/.mlflow/mlflow.db")
        environment = {
            **kept,
            "MLFLOW_TRACKING_URI": uri,
            "MODELMAKE_SERVE_PORT": str(self.port),
            "PYTHONPATH": str(ROOT / "scripts"),
            "PYTHONDONTWRITEBYTECODE": "1",
            **{f"MODELMAKE_{name}": value for name, value in settings.items()},
        }
        self.log = path / f"serve-{self.port}.log"
        first = sys.executable if "WORKERS" in settings else python()  # workers are children of a process of its own
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [first, "-m", "modelmake", "serve"], cwd=path, env=environment, stdout=log, stderr=log
            )

    def wait(self, status: int = 200, path: str = "/ping") -> "Process":
        """Wait until /ping answers with a status."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.ask("GET", path).status == status:
                    return self
            except OSError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def ask(self, method: str, path: str, body: Any = b"", **headers: str) -> Answer:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            text = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Host": "localhost"} | text)
            response = connection.getresponse()
            return Answer(response.status, response.read(), {k.lower(): v for k, v in response.headers.items()})
        finally:
            connection.close()

    def post(self, body: Any, content_type: str = JSON, **headers: str) -> Answer:
        """Ask for predictions; a body that is not bytes is sent as JSON."""
        whole = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.ask("POST", "/invocations", whole, Content_Type=content_type, **headers)

    @property
    def health(self) -> dict[str, Any]:
        """What the server says of itself."""
        return self.ask("GET", "/health").read

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)


def promoted(once: Once, store: Path, versions: int) -> Path:
    """Return a project with some versions, of which the first is the champion; it is made once."""

    def make(path: Path) -> None:
        scratch(path, store)
        text = (path / "pipeline.toml").read_text().replace("[gate]", '[gate]\nchampion = "off"')
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(isolation, "take", Inside)
            enter(path, patch)
            for number in range(versions):
                (path / "pipeline.toml").write_text(text.replace("seed = 42", f"seed = {42 + number}"))
                stages = (
                    ("train", "evaluate", "register", "promote") if number == 0 else ("train", "evaluate", "register")
                )
                assert [run(stage) for stage in stages] == [0] * len(stages)

    return once(f"promoted-{versions}", make)


@pytest.fixture
def served(once: Once, empty_store: Path, project: Project) -> Project:
    """A project with a champion."""
    copy(promoted(once, empty_store, 1), project.path)
    forget()
    return project


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """A way to start servers, which end with the test."""
    started: list[Process] = []

    def begin(path: Path, **settings: str) -> Process:
        started.append(Process(path, **settings))
        return started[-1]

    yield begin
    for process in started:
        process.process.kill()
        process.process.wait()


@pytest.fixture(scope="module")
def server(once: Once, empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server of the champion, for all tests of a module, in a copy of the project that others copy too."""
    path = tmp_path_factory.mktemp("served") / "project"
    copy(promoted(once, empty_store, 1), path)
    process = Process(path).wait()
    yield process
    process.process.kill()
    process.process.wait()


@dataclass(frozen=True)
class Kinds:
    """A model of columns of every kind, and the rows that it was fitted to."""

    pipeline: Pipeline
    X: pd.DataFrame
    contract: Contract


@pytest.fixture(scope="session")
def kinds() -> Kinds:
    """Numbers, whole numbers, truth values, texts and dates, each with and without gaps."""
    rng, n = np.random.default_rng(1), 60
    X = pd.DataFrame(
        {
            "day": pd.date_range("2026-01-01", periods=n).astype("datetime64[us]"),
            "flag": rng.random(n) < 0.5,
            "flag_or_none": np.where(rng.random(n) < 0.2, np.nan, rng.integers(0, 2, n)),
            "kind": pd.array(rng.choice(["a", "b", "é"], n), dtype="str"),
            "number": rng.normal(0, 1, n),
            "number_or_none": np.where(rng.random(n) < 0.2, np.nan, rng.normal(0, 1, n)),
            "whole": rng.integers(0, 100, n),
        }
    )
    y = (X["number"] > 0).map({True: "yes", False: "no"})
    numbers = ["flag", "flag_or_none", "number", "number_or_none", "whole"]
    columns = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["kind"]), ("passthrough", numbers))
    fitted = make_pipeline(columns, RandomForestClassifier(5, random_state=1)).fit(X, y)
    frame = X.assign(target=y, id=range(n))
    return Kinds(fitted, X, contract(fitted, X, frame, Data(path="x.csv", target="target", id="id")))
