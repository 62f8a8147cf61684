"""comment: one comment on the pull request, for any answer of GitHub."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.conftest import Project


class GitHub(BaseHTTPRequestHandler):
    """The part of GitHub's API that comments go through; two comments a page."""

    comments: list[dict]
    refuse: tuple[str, int] | None

    def answer(self, status: int, body: object, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_GET(self) -> None:
        page = int(self.path.partition("&page=")[2] or 1)
        more = {"Link": f'<http://{self.headers["Host"]}/repos/a/b/issues/7/comments?x=1&page={page + 1}>; rel="next"'}
        assert self.path.startswith("/repos/a/b/issues/7/comments")
        self.answer(200, self.comments[2 * page - 2 : 2 * page], **(more if len(self.comments) > 2 * page else {}))

    def write(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["body"]
        if self.refuse:
            return self.answer(self.refuse, {})
        if self.command == "POST":
            self.comments.append({"id": len(self.comments), "body": body, "html_url": "http://new"})
            return self.answer(201, self.comments[-1])
        comment = self.comments[int(self.path.rpartition("/")[2])]
        comment["body"] = body
        return self.answer(200, comment | {"html_url": "http://old"})

    def do_POST(self) -> None:
        self.write()

    def do_PATCH(self) -> None:
        self.write()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def github(evaluated: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[GitHub]]:
    """A pull request with three comments of other people, in a workflow that has evaluated."""
    GitHub.comments = [{"id": number, "body": f"comment {number}", "html_url": ""} for number in range(3)]
    GitHub.refuse = None
    with ThreadingHTTPServer(("127.0.0.1", 0), GitHub) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("GITHUB_REPOSITORY", "a/b")
        monkeypatch.setenv("GITHUB_REF", "refs/pull/7/merge")
        monkeypatch.setenv("GITHUB_SHA", "c0ffee")
        monkeypatch.setenv("GITHUB_TOKEN", "s3cret")
        yield GitHub
        server.shutdown()


def test_later_pushes_update_the_one_comment(evaluated: Project, github: type[GitHub]) -> None:
    """The first push adds it, the second finds it among the others and rewrites it."""
    assert evaluated.stage("comment").out == "http://new\n"
    evaluated.edit(": pass", ": refuse", "build/report.md")
    assert evaluated.stage("comment").out == "http://old\n"
    assert len(github.comments) == 4
    assert ": refuse" in github.comments[3]["body"]
    assert "c0ffee" in github.comments[3]["body"]
    assert [each["body"] for each in github.comments[:3]] == ["comment 0", "comment 1", "comment 2"]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_token_that_may_not_write_is_no_failure(evaluated: Project, github: type[GitHub], status: int) -> None:
    """A fork's token can only read: it says so and goes on, and shows no token."""
    github.refuse = status
    done = evaluated.stage("comment")
    assert done.code == 0
    assert f"not posted: GitHub answers {status}" in done.out
    assert "s3cret" not in done.out + done.err


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("GITHUB_REF", "refs/heads/main", "not posted: this is not a pull request"),
        ("GITHUB_TOKEN", "", "not posted: no GITHUB_TOKEN"),
        ("GITHUB_API_URL", "http://127.0.0.1:9", "not posted: ConnectionError"),
    ],
)
def test_nothing_depends_on_it(
    evaluated: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    """No pull request, no token, no network: one line, and no failure."""
    monkeypatch.setenv(name, value)
    done = evaluated.stage("comment")
    assert (done.code, done.out.strip()) == (0, expected)
    assert len(github.comments) == 3
