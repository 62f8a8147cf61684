"""exposure and approval: what a workflow says before a table is exposed, and before a champion moves unseen."""

from collections.abc import Callable

import pytest

from tests.conftest import Outcome, Project
from tests.github.conftest import GitHub

Check = Callable[[Outcome, int], str]
REVIEWS = "/repos/a/b/actions/runs/7/approvals"


@pytest.mark.parametrize(
    ("source", "private", "refused"),
    [
        ("env:DATABASE_URL", False, True),
        ("s3://bucket/table.parquet", False, True),
        ("env:DATABASE_URL", True, False),
        ("https://example.com/table.csv", False, False),  # whoever sees the repository can fetch it
        ("", False, False),
    ],
)
def test_a_public_repository_exposes_no_table(
    project: Project, github: type[GitHub], error_line: Check, source: str, private: bool, refused: bool
) -> None:
    """Everybody can download its artifacts, and the snapshot is one; what is public anyway may be fetched."""
    github.facts["/repos/a/b"] = {"private": private}
    if source:
        query = 'query = "SELECT 1"\n' if source.startswith("env:") else ""
        project.edit('path = "data/iris.csv"', f'source = "{source}"\n{query}')
    done = project.stage("exposure")
    if refused:
        assert "a/b is public" in error_line(done, 2)
    else:
        assert (done.code, done.out.startswith("exposure: ")) == (0, True)


def test_a_repository_that_github_does_not_show_is_not_private(
    project: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """Nothing is fetched on a guess."""
    project.edit('path = "data/iris.csv"', 'source = "s3://bucket/table.csv"')
    github.status, github.refused = 403, "/repos/a/b"
    assert "contents: read" in error_line(project.stage("exposure"), 1)
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "no GITHUB_TOKEN" in error_line(project.stage("exposure"), 2)


@pytest.mark.parametrize(
    ("reviews", "says"),
    [
        ([{"state": "approved", "user": {"login": "octocat"}}], "approved by octocat"),
        ([], "::warning title=approval::nobody had to approve (Settings → Environments"),
        ([{"state": "pending", "user": {"login": "octocat"}}], "nobody had to approve"),
    ],
)
def test_a_promotion_says_who_approved_it(
    project: Project, github: type[GitHub], reviews: list[dict], says: str
) -> None:
    """Or that nobody had to, since the environment has no reviewers; in the summary of the job too."""
    github.facts[REVIEWS] = reviews
    done = project.stage("approval")
    assert (done.code, says in done.out) == (0, True)
    assert says.rpartition("::")[2] in (project.path / "build/approval.md").read_text()


def test_a_promotion_goes_on_where_the_reviews_are_not_shown(
    project: Project, github: type[GitHub], monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """It says which permission the job lacks; outside of a workflow there is nothing to ask."""
    github.status, github.refused = 403, "/approvals"
    done = project.stage("approval")
    assert (done.code, "it is not known who approved" in done.out, "actions: read" in done.out) == (0, True, True)
    monkeypatch.delenv("GITHUB_TOKEN")
    assert "no GITHUB_TOKEN" in error_line(project.stage("approval"), 2)
