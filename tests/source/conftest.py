"""What the tests of sources share: a web server of their own, and a project whose table comes from a source."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import EXAMPLE, Project

IRIS = (EXAMPLE / "data/iris.csv").read_bytes()


@dataclass
class Answer:
    """What the server answers: a status, a body, and headers, of which Content-Length may be wrong."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Web(ThreadingHTTPServer):
    """A server on the loopback interface; each path has the answers that are given one after the other."""

    daemon_threads = True

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a client that went away."""

    def serve(self, path: str, *answers: Answer | bytes) -> str:
        """Give a path its answers, the last one for good, and return its address."""
        self.answers[path] = [Answer(one) if isinstance(one, bytes) else one for one in answers]
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    """Answers with what the test has laid out; it serves as a proxy too, which is asked for whole addresses."""

    server: Web

    def do_GET(self) -> None:
        """Answer."""
        self.server.asked.append(self.path)
        answers = self.server.answers.get(self.path.partition("?")[0], [Answer(status=404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(answer.status)
        for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name of the base class
        """Keep quiet."""


@contextmanager
def serving(server: Web) -> Iterator[Web]:
    """Serve in a thread, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server."""
    with serving(Web()) as server:
        yield server


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[Web]:
    """A web server with TLS and a certificate that no other program trusts."""
    server = Web()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server


Fetching = Callable[..., Project]


@pytest.fixture
def fetching(project: Project, monkeypatch: pytest.MonkeyPatch) -> Fetching:
    """A way to give the project a source in place of its path, with more keys of [data]."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.delenv("DATABASE_URL", raising=False)

    def given(source: str, keys: str = "") -> Project:
        text = (project.path / "pipeline.toml").read_text()
        start, _, rest = text.partition("[data]\n")
        rest = rest[rest.index("target = ") :]
        (project.path / "pipeline.toml").write_text(f'{start}[data]\nsource = "{source}"\n{keys}\n{rest}')
        return project

    return given


def snapshots(project: Project) -> list[Path]:
    """Return the tables among the snapshots; only their facts lie beside them."""
    folder = project.path / "data/snapshots"
    tables = sorted(folder.glob("*.parquet"))
    assert {path.name for path in folder.iterdir()} == {
        f"{path.stem}{end}" for path in tables for end in (".parquet", ".json")
    }
    assert not list((project.path / "build").glob("fetch-*"))
    return tables
