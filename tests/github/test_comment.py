"""comment: one comment on the pull request, for any answer of GitHub."""

import pytest

from tests.conftest import Project
from tests.github.conftest import TOKEN, GitHub


@pytest.fixture(autouse=True)
def pull(evaluated: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pull request, in a workflow that has evaluated."""
    monkeypatch.setenv("GITHUB_REF", "refs/pull/7/merge")


def test_later_pushes_update_the_one_comment(evaluated: Project, github: type[GitHub]) -> None:
    """The first push adds it, the second finds it among the others and rewrites it."""
    assert evaluated.stage("comment").out == "http://new\n"
    evaluated.edit(": pass", ": refuse", "build/report.md")
    assert evaluated.stage("comment").out == "http://old\n"
    *theirs, ours = github.entries
    assert [each["body"] for each in theirs] == ["not ours", None, None]
    assert ": refuse" in ours["body"]
    assert "c0ffee" in ours["body"]


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_token_that_may_not_write_is_no_failure(evaluated: Project, github: type[GitHub], status: int) -> None:
    """A fork's token can only read: it says so and goes on, and shows no token."""
    github.status = status
    done = evaluated.stage("comment")
    assert done.code == 0
    assert f"not posted: GitHub answers {status}" in done.out
    assert TOKEN not in done.out + done.err


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
    assert len(github.entries) == 3
