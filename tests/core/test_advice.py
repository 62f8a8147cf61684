"""Advice: the line `next` names a command that fits the state."""

from pathlib import Path

import pytest

from modelmake.core import advice


@pytest.mark.parametrize(
    ("champion", "line"),
    [
        ("", "make promote (version 3 becomes @champion)"),
        ("2", "make promote (version 3 becomes @champion in place of version 2)"),
        ("3", "make serve (version 3 is @champion already)"),
    ],
)
def test_after_a_registration_the_version_is_promoted(champion: str, line: str) -> None:
    """Unless it is in production, as after `make register FORCE=1`."""
    assert advice.registered("3", champion) == line


def test_on_github_a_workflow_promotes(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a person approves it."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert advice.registered("3", "") == "the workflow promote, which asks for an approval"


def test_after_the_first_promotion_the_version_is_served() -> None:
    """Later ones go to the server that runs, and can be undone."""
    assert advice.promoted("1", "") == "make serve (answers requests with version 1)"
    later = "make smoke (a running server loads version 2; make rollback returns to version 1)"
    assert advice.promoted("2", "1") == later


def test_a_command_names_its_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only if it is not pipeline.toml."""
    assert advice.command("serve") == "make serve"
    assert advice.served() == "make smoke (sends example rows)"
    assert advice.drafted(Path("pipelines/churn.toml")) == "make all PIPELINE=pipelines/churn.toml"
    monkeypatch.setenv("MODELMAKE_PIPELINE", "pipelines/churn.toml")
    assert advice.promoted("1", "").startswith("make serve PIPELINE=pipelines/churn.toml (")


@pytest.mark.parametrize(("remote", "line"), [("git@example.com:a/b", "git push"), ("", "docs/howto/github.md")])
def test_after_a_replay_the_commit_goes_to_github(remote: str, line: str) -> None:
    """If there is a repository; if not, the page that explains it."""
    assert advice.replayed(remote).startswith(line)
