"""A GitHub of the tests: a repository with entries of other people, in a workflow with a token."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import Project

TOKEN = "t0ken"  # noqa: S105
DISPATCH = "/repos/a/b/actions/workflows/mlops-pipeline.yml"
PAGE = 2  # entries


class GitHub(BaseHTTPRequestHandler):
    """The part of GitHub's API that is asked here: a list of issues or comments, and starts of a workflow."""

    entries: list[dict]
    runs: list[dict]
    started: list[dict]
    status: int
    facts: dict[str, object]  # what else is asked, by its path
    refused: str  # the requests that `status` answers: those with this in their path

    def answer(self, status: int, body: object, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode() if status != 204 else b"")

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == f"Bearer {TOKEN}"
        if self.path.startswith(f"{DISPATCH}/runs?event=workflow_dispatch"):
            return self.answer(200, {"workflow_runs": self.runs})
        path, _, query = self.path.partition("?")
        if self.status != 200 and self.refused and self.refused in self.path:
            return self.answer(self.status, {})
        if path in self.facts:
            return self.answer(200, self.facts[path])
        assert path in ("/repos/a/b/issues", "/repos/a/b/issues/7/comments")
        assert query.startswith("state=open")
        first = PAGE * int(query.partition("&page=")[2] or 0)
        link = f'<http://{self.headers["Host"]}{path}?state=open&page={first // PAGE + 1}>; rel="next"'
        more = {"Link": link} if len(self.entries) > first + PAGE else {}
        return self.answer(200, self.entries[first : first + PAGE], **more)

    def write(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.status != 200 and self.refused in self.path:
            return self.answer(self.status, {})
        if self.path == f"{DISPATCH}/dispatches":
            self.started.append(sent)
            return self.answer(204, None)
        if self.command == "POST":
            url = f"http://{self.headers['Host']}{self.path}/{len(self.entries)}"
            self.entries.append(sent | {"url": url, "html_url": "http://new"})
            return self.answer(201, self.entries[-1])
        self.entries[int(self.path.rpartition("/")[2])].update(sent)
        return self.answer(200, {"html_url": "http://old"})

    def do_POST(self) -> None:
        self.write()

    def do_PATCH(self) -> None:
        self.write()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def github(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GitHub]]:
    """A repository with three entries of somebody else, in a workflow on main."""
    GitHub.entries = [{"body": None if k else "not ours", "url": "", "html_url": ""} for k in range(3)]
    GitHub.runs, GitHub.started, GitHub.facts, GitHub.status, GitHub.refused = [], [], {}, 200, ""
    with ThreadingHTTPServer(("127.0.0.1", 0), GitHub) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        values = {
            "ACTIONS": "true",
            "TOKEN": TOKEN,
            "REPOSITORY": "a/b",
            "API_URL": f"http://127.0.0.1:{server.server_port}",
            "SERVER_URL": "https://github.example",
            "RUN_ID": "7",
            "REF": "refs/heads/main",
            "SHA": "c0ffee",
        }
        for name, value in values.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        yield GitHub
        server.shutdown()
