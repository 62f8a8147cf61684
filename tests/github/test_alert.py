"""alert: one issue for a pipeline, and a pipeline that is started at most once a week."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelmake.watch.history import Watch
from tests.conftest import Outcome, Project

Check = Callable[[Outcome, int], str]
DISPATCH = "/repos/a/b/actions/workflows/mlops-pipeline.yml"


class GitHub(BaseHTTPRequestHandler):
    """The part of GitHub's API that alerts go through."""

    issues: list[dict]
    runs: list[dict]
    started: list[dict]
    status: int
    refused: str  # the requests that `status` answers: those with this in their path

    def answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode() if status != 204 else b"")

    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer t0ken"
        if self.path.startswith(f"{DISPATCH}/runs?event=workflow_dispatch"):
            return self.answer(200, {"workflow_runs": self.runs})
        assert self.path.startswith("/repos/a/b/issues?state=open")
        return self.answer(200, self.issues)

    def write(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.status != 200 and self.refused in self.path:
            return self.answer(self.status, {})
        if self.path == f"{DISPATCH}/dispatches":
            self.started.append(sent)
            return self.answer(204, None)
        if self.command == "POST":
            self.issues.append(sent | {"number": len(self.issues), "html_url": "http://new"})
            return self.answer(201, self.issues[-1])
        self.issues[int(self.path.rpartition("/")[2])].update(sent)
        return self.answer(200, {"html_url": "http://old"})

    def do_POST(self) -> None:
        self.write()

    def do_PATCH(self) -> None:
        self.write()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def github(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GitHub]]:
    """A repository with an issue of somebody else's, in a workflow."""
    GitHub.issues = [{"number": 0, "body": None, "html_url": ""}]
    GitHub.runs, GitHub.started, GitHub.status, GitHub.refused = [], [], 200, ""
    with ThreadingHTTPServer(("127.0.0.1", 0), GitHub) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        settings = {
            "ACTIONS": "true",
            "TOKEN": "t0ken",
            "REPOSITORY": "a/b",
            "API_URL": f"http://127.0.0.1:{server.server_port}",
            "SERVER_URL": "https://github.example",
            "RUN_ID": "7",
            "REF": "refs/heads/main",
        }
        for name, value in settings.items():
            monkeypatch.setenv(f"GITHUB_{name}", value)
        yield GitHub
        server.shutdown()


def watched(alert: bool, finding: str = "'age' has moved") -> None:
    """Leave the receipt of `make watch`."""
    facts = {"name": "churn", "version": "3", "run_id": "r", "url": "http://mlflow/r", "n_rows": 500}
    moments = {"since": "2026-11-28T00:00:00+00:00", "until": "2026-11-29T00:00:00+00:00"}
    common = {"command": "make watch", "runner": "host", "seconds": 1.0}
    Watch(**common, **facts, **moments, alert=alert, findings=[finding]).write()


def test_an_alert_is_one_issue_that_is_kept_up_to_date(project: Project, github: type[GitHub]) -> None:
    """The second alert updates the issue of the first one, and no other issue."""
    watched(alert=True)
    assert project.stage("alert").out == "opened http://new\n"
    watched(alert=True, finding="'income' has moved too")
    assert project.stage("alert").out == "updated http://old\n"
    theirs, ours = github.issues
    assert theirs["body"] is None
    assert ours["title"] == "churn: the data has drifted"
    assert "'income' has moved too" in ours["body"]
    assert "http://mlflow/r" in ours["body"]
    assert github.started == []


def test_no_alert_writes_nothing(project: Project, github: type[GitHub]) -> None:
    """Not even to an open issue."""
    watched(alert=False)
    done = project.stage("alert")
    assert (done.code, "nothing to report" in done.out, len(github.issues)) == (0, True, 1)


def ago(days: float) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize(
    ("runs", "count"),
    [
        ([], 1),
        ([{"created_at": ago(8), "status": "completed"}], 1),
        ([{"created_at": ago(2), "status": "completed"}], 0),
        ([{"created_at": ago(9), "status": "in_progress"}], 0),
    ],
)
def test_retrain_starts_the_pipeline_once_a_week(
    project: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch, runs: list[dict], count: int
) -> None:
    """With the finding as its reason; it waits for one that was started before."""
    github.runs = runs
    monkeypatch.setenv("MODELMAKE_RETRAIN", "1")
    watched(alert=True)
    done = project.stage("alert")
    assert done.code == 0
    assert len(github.started) == count
    assert ("started mlops-pipeline.yml on main" in done.out) == bool(count)
    assert done.out.count("not retrained: waiting") == 1 - count
    if count:
        assert github.started[0] == {"ref": "main", "inputs": {"reason": "drift: 'age' has moved"}}


def test_a_refusal_is_one_line_without_the_token(project: Project, github: type[GitHub], error_line: Check) -> None:
    """It names the permission of what was refused."""
    github.status = 403
    watched(alert=True)
    line = error_line(project.stage("alert"), 1)
    assert "GitHub answers 403" in line
    assert "issues: write" in line
    assert "t0ken" not in line


def test_a_refused_start_names_its_own_permission(
    project: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """The issue is opened all the same."""
    github.status, github.refused = 403, "/dispatches"
    monkeypatch.setenv("MODELMAKE_RETRAIN", "1")
    watched(alert=True)
    done = project.stage("alert")
    assert "actions: write" in error_line(done, 1)
    assert done.out == "opened http://new\n"
    assert len(github.issues) == 2


def test_a_pull_request_is_not_the_issue(project: Project, github: type[GitHub]) -> None:
    """GitHub lists pull requests as issues, and anybody can open one with our first line."""
    github.issues[0] |= {"body": "<!-- modelmake watch pipeline -->", "pull_request": {}}
    watched(alert=True)
    assert project.stage("alert").out == "opened http://new\n"


def test_what_a_client_sends_is_text_in_the_issue(project: Project, github: type[GitHub]) -> None:
    """A finding quotes values of requests: none is Markdown, HTML or a mention, and a long one fits."""
    watched(alert=True, finding="new: '</pre> @maintainer " + 70_000 * "x")
    assert project.stage("alert").code == 0
    body = github.issues[1]["body"]
    assert "<pre>\nnew: '&lt;/pre&gt; @maintainer x" in body
    assert len(body) < 65_536


def test_outside_of_a_workflow_nothing_is_reported(
    project: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """Without a window, a token or a workflow, it is one line."""
    assert "watch.json" in error_line(project.stage("alert"), 2)
    watched(alert=True)
    with monkeypatch.context() as without:
        without.delenv("GITHUB_TOKEN")
        assert "no GITHUB_TOKEN" in error_line(project.stage("alert"), 2)
    monkeypatch.delenv("GITHUB_ACTIONS")
    assert "no GITHUB_TOKEN" in error_line(project.stage("alert"), 2)
    assert len(github.issues) == 1
