"""lint: the lock and pyproject.toml agree, and what does not is said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.checks import lint
from tests.conftest import ROOT, Outcome, Project

PROJECT = '[project]\ndependencies = ["alpha>=1"]\n[dependency-groups]\ndev = ["beta"]\n'
LOCK = """\
alpha==1.2 \\
    --hash=sha256:00
    # via modelmake (pyproject.toml)
beta==3.0 ; sys_platform != 'win32' \\
    --hash=sha256:00
    # via
    #   modelmake (pyproject.toml:dev)
    #   alpha
gamma==1.0 \\
    --hash=sha256:00
    # via alpha
"""


def test_the_shipped_lock_agrees() -> None:
    """What is asked for is what is locked, with a hash each and without a download address."""
    lock = (ROOT / "docker/requirements.txt").read_text()
    assert list(lint.disagreements((ROOT / "pyproject.toml").read_text(), lock)) == []
    assert "://" not in lock
    assert lock.count("--hash=") > lock.count("==")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"beta"', '"beta", "delta"', "delta is asked for but not locked"),
        ("alpha>=1", "alpha>=2", "alpha>=2 is asked for but 1.2 is locked"),
        ('["beta"]', "[]", "beta is locked but no longer asked for"),
        ('["beta"]', '["beta", "gamma"]', "gamma is asked for but not locked"),
    ],
)
def test_a_disagreement_is_named(old: str, new: str, expected: str) -> None:
    """A dependency added, raised or dropped without `make lock` is seen."""
    assert list(lint.disagreements(PROJECT, LOCK)) == []
    assert list(lint.disagreements(PROJECT.replace(old, new), LOCK)) == [expected]


def test_a_linter_that_is_not_content_is_named(
    project: Project, error_line: Callable[[Outcome, int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words are shown, the exit code is 2, and there is no receipt."""
    Path("pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    Path("bad.py").write_text("import os\n")
    monkeypatch.setattr(lint, "commands", lambda: {"ruff check": ["ruff", "check", "--no-cache", "bad.py"]})
    outcome = project.stage("lint")
    assert "F401" in outcome.out
    assert "not content: ruff check" in error_line(outcome, 2)
    assert project.receipts == set()
