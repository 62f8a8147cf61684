"""alert: one issue for a pipeline, and a pipeline that is started at most once a week."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from modelmake.watch.history import Watch
from tests.conftest import Outcome, Project
from tests.github.conftest import TOKEN, GitHub

Check = Callable[[Outcome, int], str]


def watched(alert: bool, finding: str = "'age' has moved") -> None:
    """Leave the receipt of `make watch`."""
    facts = {"name": "churn", "version": "3", "run_id": "r", "url": "http://mlflow/r", "n_rows": 500}
    facts |= {"headline": "A rule of the gate is broken"}
    moments = {"since": "2026-11-28T00:00:00+00:00", "until": "2026-11-29T00:00:00+00:00"}
    Watch(**facts, **moments, alert=alert, findings=[finding]).write(time.monotonic())


def test_an_alert_is_one_issue_that_is_kept_up_to_date(project: Project, github: type[GitHub]) -> None:
    """The second alert updates the issue of the first one, and no other issue."""
    watched(alert=True)
    assert project.stage("alert").out == "opened http://new\n"
    watched(alert=True, finding="'income' has moved too")
    assert project.stage("alert").out == "updated http://old\n"
    *theirs, ours = github.entries
    assert [entry["body"] for entry in theirs] == ["not ours", None, None]
    assert ours["title"] == "churn: a rule of the gate is broken"
    assert "'income' has moved too" in ours["body"]
    assert "http://mlflow/r" in ours["body"]
    assert github.started == []


def test_no_alert_writes_nothing(project: Project, github: type[GitHub]) -> None:
    """Not even to an open issue."""
    watched(alert=False)
    done = project.stage("alert")
    assert (done.code, "nothing to report" in done.out, len(github.entries)) == (0, True, 3)


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
        assert github.started[0] == {"ref": "main", "inputs": {"reason": "watch: 'age' has moved"}}


def test_a_refusal_is_one_line_without_the_token(project: Project, github: type[GitHub], error_line: Check) -> None:
    """It names the permission of what was refused."""
    github.status = 403
    watched(alert=True)
    line = error_line(project.stage("alert"), 1)
    assert "GitHub answers 403" in line
    assert "issues: write" in line
    assert TOKEN not in line


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
    assert len(github.entries) == 4


def test_a_pull_request_is_not_the_issue(project: Project, github: type[GitHub]) -> None:
    """GitHub lists pull requests as issues, and anybody can open one with our first line."""
    github.entries[0] |= {"body": "<!-- modelmake watch pipeline -->", "pull_request": {}}
    watched(alert=True)
    assert project.stage("alert").out == "opened http://new\n"


def test_what_a_client_sends_is_text_in_the_issue(project: Project, github: type[GitHub]) -> None:
    """A finding quotes values of requests: none is Markdown, HTML or a mention, and a long one fits."""
    watched(alert=True, finding="new: '</pre> @maintainer " + 70_000 * "x")
    assert project.stage("alert").code == 0
    body = github.entries[3]["body"]
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
    assert len(github.entries) == 3
