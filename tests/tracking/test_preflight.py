"""Preflight: a server that cannot take the model is named before anything is fitted."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import pytest

from modelmake.core.errors import TrackingError, UserError
from modelmake.tracking import preflight
from modelmake.tracking.runs import Tracking
from tests.conftest import Project

HTML = "<!doctype html><title>404 Not Found</title>"
Answers = dict[str, tuple[int, object]]  # by a part of the path
RUNS = (f"run{number}" for number in count())


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Tracking]]:
    """A client of a server that answers as MLflow does where `changes` says nothing; what is asked is in `asked`."""
    started = []

    def start(root: str, changes: Answers | None = None, asked: list[str] | None = None) -> Tracking:
        run_id = next(RUNS)  # MLflow's client remembers where the artifacts of a run are
        info = {"run_id": run_id, "experiment_id": "1", "status": "RUNNING", "artifact_uri": f"{root}/run/artifacts"}
        answers: Answers = {
            "/version": (200, "3.17.2"),
            "runs/get": (200, {"run": {"info": {**info, "lifecycle_stage": "active", "start_time": 1}, "data": {}}}),
            "experiments/search": (200, {"experiments": []}),
            "logged-models/search": (200, {"models": []}),
            "artifacts/list": (200, {"files": [{"path": "modelmake/probe.txt", "is_dir": False}]}),
            "mlflow-artifacts": (200, {}),
        }

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if asked is not None:
                    asked.append(f"{self.command} {self.path.partition('?')[0]}")
                known = [*(changes or {}).items(), *answers.items()]
                status, body = next((each for name, each in known if name in self.path), (404, HTML))
                self.send_response(status)
                self.end_headers()
                self.wfile.write((body if isinstance(body, str) else json.dumps(body)).encode())

            def log_message(self, *_: object) -> None:
                pass

        for method in ("GET", "POST", "PUT", "DELETE"):
            setattr(Handler, f"do_{method}", Handler.answer)
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        started.append(server)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        return Tracking()

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def check(tracking: Tracking) -> None:
    preflight.check(tracking, tracking.run("any"))


def test_a_server_that_takes_the_probe_keeps_nothing_of_it(serve: Callable[..., Tracking]) -> None:
    """It is uploaded, and removed again."""
    asked: list[str] = []
    check(serve("mlflow-artifacts:/1", asked=asked))
    path = "/api/2.0/mlflow-artifacts/artifacts/1/run/artifacts/modelmake"
    assert asked[-2:] == [f"PUT {path}/probe.txt", f"DELETE {path}"]


def test_an_older_server_is_named_with_its_version(serve: Callable[..., Tracking]) -> None:
    """MLflow 2.22 answers with a page of HTML, and that after the fit."""
    tracking = serve("mlflow-artifacts:/1", {"logged-models": (404, HTML), "/version": (200, "2.22.0")})
    with pytest.raises(TrackingError, match=r"has no logged models \(MLflow 2\.22\.0\): it is older than MLflow 3"):
        check(tracking)


def test_a_proxy_that_refuses_the_upload_is_named(serve: Callable[..., Tracking]) -> None:
    """Not as a full disk, and not as a server that does not answer."""
    tracking = serve("mlflow-artifacts:/1", {"mlflow-artifacts": (413, "<h1>Request Entity Too Large</h1>")})
    with pytest.raises(TrackingError, match=r"too large \(HTTP 413\), asked to take a small upload") as raised:
        check(tracking)
    assert "client_max_body_size" in raised.value.fix


def test_a_folder_that_is_not_on_this_machine_is_not_made(serve: Callable[..., Tracking], tmp_path: Path) -> None:
    """The model would stay on this machine, and the server would show nothing."""
    with pytest.raises(TrackingError, match="file:///nowhere/1/run/artifacts, a folder that the server and this"):
        check(serve("file:///nowhere/1"))
    assert not Path("/nowhere").exists()
    with pytest.raises(TrackingError, match="a folder that the server and this process do not share"):
        check(serve(tmp_path.as_uri(), {"artifacts/list": (200, {})}))
    assert list(tmp_path.rglob("*.txt")) == []


def test_a_folder_that_the_server_sees_too_is_taken(serve: Callable[..., Tracking], tmp_path: Path) -> None:
    """Such as that of a server on this machine, or of a disk that both have."""
    check(serve(tmp_path.as_uri()))
    assert list(tmp_path.rglob("*.txt")) == []


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_bucket_without_its_package_is_named(project: Project, scheme: str) -> None:
    """The package is not in the lock, and MLflow imports it at the first upload."""
    tracking = Tracking()
    experiment = tracking.client.create_experiment("elsewhere", artifact_location=f"{scheme}://bucket/prefix")
    run = tracking.run(tracking.client.create_run(experiment).info.run_id)
    with pytest.raises(UserError, match=f"artifacts are in {scheme}://bucket/prefix.*, which needs the package"):
        preflight.check(tracking, run)


def test_training_stops_before_the_fit(project: Project, error_line: Callable[..., str]) -> None:
    """The experiment of the pipeline is elsewhere: one line, no fit, and the run is FAILED."""
    client = project.client
    client.create_experiment("flowers", artifact_location="s3://bucket/prefix")
    outcome = project.stage("train")
    assert "make add PKG=boto3" in error_line(outcome, 2)
    assert "\nfit " not in outcome.out
    [run] = client.search_runs([client.get_experiment_by_name("flowers").experiment_id])
    assert run.info.status == "FAILED"
