"""Downloads: one that is cut is the network's fault, and says nothing about the model or the run."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from modelmake.core.errors import TrackingError, UserError
from modelmake.model import store
from modelmake.tracking import tables
from modelmake.tracking.readers import registry
from modelmake.tracking.runs import Run, Tracking

RUNS = (f"run{number}" for number in count())
PLACE = "mlflow-artifacts:/1/artifacts"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """A run on a server that promises 100 bytes of each file, and closes the connection after 10."""
    run_id = next(RUNS)
    info = {"run_id": run_id, "experiment_id": "1", "status": "FINISHED", "artifact_uri": PLACE}
    model = {"model_id": "m-1", "experiment_id": "1", "name": "model", "artifact_uri": PLACE, "status": 2}
    answers = {
        "runs/get": {"run": {"info": {**info, "lifecycle_stage": "active", "start_time": 1}, "data": {}}},
        "experiments/search": {"experiments": []},
        "logged-models": {"model": {"info": model, "data": {}}},
        "artifacts?path=": {"files": [{"path": "file", "is_dir": False, "file_size": 100}]},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = next((json.dumps(each).encode() for name, each in answers.items() if name in self.path), None)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) if body else 100))
            self.end_headers()
            self.wfile.write(body or b"x" * 10)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    yield Run(run_id, "1", "FINISHED", {}, {}, {})
    server.shutdown()
    server.server_close()


def test_a_model_that_is_cut_is_not_served(run: Run, tmp_path: Path) -> None:
    """The reader of the scoring server would take the first bytes for the file."""
    with pytest.raises(TrackingError, match="the download of file was cut after 10 of 100 bytes"):
        registry().fetch("m-1", tmp_path)


def test_a_file_that_is_cut_is_not_missing(run: Run, tmp_path: Path) -> None:
    """Neither the evidence of a run, nor its table, nor its model: nothing is to be trained again."""
    tracking = Tracking()
    for download in (
        lambda: tracking.read_file(run, "evaluate/file"),
        lambda: tables.take(tracking, tables.Kept(run.run_id, "table/file", ""), tmp_path / "file"),
        lambda: store.download("m-1", (), str(tmp_path)),
    ):
        with pytest.raises(TrackingError) as raised:
            download()
        assert "train" not in raised.value.fix


def test_a_file_that_is_missing_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The other side: there the run has no such file, and the model no files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/store/mlflow.db")
    tracking = Tracking()
    run = tracking.create_run("flowers", {})
    assert tracking.read_file(run, "evaluate/evidence.json") is None
    with pytest.raises(UserError, match="no longer exists"):
        tables.take(tracking, tables.Kept(run.run_id, "table/iris.csv", ""), tmp_path / "iris.csv")
    with pytest.raises(UserError, match="its files no longer exist"):
        store.download("m-0123", (), str(tmp_path))
