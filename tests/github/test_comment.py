"""comment: one comment on the pull request, for any answer of GitHub."""

import pytest

from modelmake.core import job
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


def test_a_long_report_is_cut_at_a_heading(evaluated: Project, github: type[GitHub]) -> None:
    """GitHub takes 65,536 characters: what is left is whole, and says where the rest is."""
    table = "| column | value |\n| --- | --- |\n" + "| a | b |\n" * 1000
    sections = "".join(f"**Section {k}**\n\n{table}\n" for k in range(9))
    (evaluated.path / "build/report.md").write_text(f"## flowers: pass\n\n{sections}")
    assert evaluated.stage("comment").out == "http://new\n"
    body = github.entries[3]["body"]
    assert 50_000 < len(body) <= 65_536
    assert body.partition("\n\n**Cut**")[0].endswith("| a | b |")
    assert "github.example/a/b/actions/runs/7" in body.splitlines()[-1]
    assert body.count("**Section") == body.count("| column | value |")


def test_the_model_is_in_an_artifact_where_no_server_stays(
    evaluated: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can open the job's own server on localhost; a replay and a server of the user have a link."""
    for uri, kept in (
        ("http://localhost:5000", True),
        ("sqlite:///.mlflow/mlflow.db", True),
        ("https://x.example", False),
    ):
        assert ("kept in" in job.facts(uri)) == kept
    assert "`state-pipeline`" in job.facts("http://localhost:5000")["kept in"]
    monkeypatch.setenv("MODELMAKE_UI", "http://localhost:5000")
    assert evaluated.stage("evaluate").code == 0
    assert evaluated.stage("comment").code == 0
    body = github.entries[3]["body"]
    assert "version 1, and no champion" in body
    assert "localhost" not in body
    monkeypatch.setenv("ACT", "true")
    assert job.facts("http://localhost:5000") == {}


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
