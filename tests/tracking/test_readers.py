"""The registry of a server: a download that is cut is not a model that is damaged."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import mlflow
import pytest
from requests.exceptions import ChunkedEncodingError

from modelmake.core.errors import TrackingError
from modelmake.model import store
from modelmake.tracking.readers.rest import Rest
from modelmake.tracking.runs import Tracking
from tests.conftest import Project

WHOLE, PART = b"x" * 5000, 1000


class Cutting(BaseHTTPRequestHandler):
    """A server that lists one file, and ends the connection before the file ends."""

    protocol_version = "HTTP/1.1"
    how = "whole"

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.close_connection = True
        if "?path=" in self.path:
            files = json.dumps({"files": [{"path": "model.skops", "is_dir": False, "file_size": str(len(WHOLE))}]})
            self.send_header("Content-Length", str(len(files)))
            self.end_headers()
            self.wfile.write(files.encode())
            return
        if self.how == "chunked":
            self.send_header("Transfer-Encoding", "chunked")
        elif self.how != "closed":
            self.send_header("Content-Length", str(len(WHOLE)))
        self.end_headers()
        size = b"1388\r\n" if self.how == "chunked" else b""
        self.wfile.write(size + (WHOLE if self.how == "whole" else WHOLE[:PART]))

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server of a class of its own, whose attribute `how` says how a download ends."""
    made = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Cutting,), {}))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.parametrize("how", ["whole", "length", "chunked", "closed"])
def test_a_cut_download_is_not_blamed_on_the_model(server: ThreadingHTTPServer, how: str, tmp_path: Path) -> None:
    """Whether the server says the length, sends pieces, or just closes: the line names the file that was cut."""
    server.RequestHandlerClass.how = how  # type: ignore[attr-defined]
    rest = Rest(f"http://127.0.0.1:{server.server_address[1]}")
    if how == "whole":
        rest.download("m-1", "mlflow-artifacts:/1/models/m-1/artifacts", tmp_path)
        assert (tmp_path / "model.skops").read_bytes() == WHOLE
        return
    with pytest.raises(TrackingError, match=r"the download of model.skops was cut after \d+ of 5000 bytes") as raised:
        rest.download("m-1", "mlflow-artifacts:/1/models/m-1/artifacts", tmp_path)
    assert "make train" not in str(raised.value)


def test_nor_is_one_of_mlflows_client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The stages of training and evaluation take the model with it."""

    def cut(*_args: object, **_options: object) -> str:
        raise ChunkedEncodingError("Connection broken: IncompleteRead(1000 bytes read, 4000 more expected)")

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", cut)
    with pytest.raises(TrackingError, match="IncompleteRead") as raised:
        store.download("m-1", [], str(tmp_path))
    assert "make train" not in str(raised.value)


def test_nor_is_one_that_ends_without_an_error(
    trained: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As behind a proxy that closes the connection: the sizes that the server lists are compared."""
    download = mlflow.artifacts.download_artifacts

    def cut(*args: str, **options: str) -> str:
        folder = download(*args, **options)
        saved = Path(folder, "model.skops")
        saved.write_bytes(saved.read_bytes()[:PART])
        return folder

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", cut)
    Tracking()
    with pytest.raises(TrackingError, match=r"the download of model.skops was cut after 1000 of \d+ bytes"):
        store.download(trained.receipt("train")["model_id"], [], str(tmp_path / "scratch"))
