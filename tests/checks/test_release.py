"""make release: a commit and a tag of a version, or one line for each reason against it, and no change."""

import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from modelmake.core import changelog
from modelmake.core.errors import UserError
from tests.conftest import Once
from tests.support.checkout import Checkout

CHANGES = """\
# Changelog

## [Unreleased]

### Added

- A new command.
- A second one,
  in two lines.
"""


class Clone(Checkout):
    """A clone on its default branch, with a changelog."""

    tree = (*Checkout.tree, "docs", "README.md", "CONTRIBUTING.md", "LICENSE")

    def adapt(self) -> None:
        """Write the changelog."""
        (self.path / "CHANGELOG.md").write_text(CHANGES)

    def git(self, *words: str) -> str:
        """Run git, and return what it prints."""
        command = ["git", "-c", "user.name=Test", "-c", "user.email=test@localhost", *words]
        return subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=True).stdout.strip()

    def release(self, version: str) -> subprocess.CompletedProcess[str]:
        """Run make release."""
        return self.make("release", f"VERSION={version}")

    def state(self) -> tuple[str, ...]:
        """Return what a release changes."""
        files = [(self.path / name).read_text() for name in ("CHANGELOG.md", "pyproject.toml")]
        return (self.git("rev-parse", "HEAD"), self.git("status", "--porcelain"), self.git("tag"), *files)


@pytest.fixture
def clone(once: Once, empty_store: Path, tmp_path: Path) -> Clone:
    """Return a clone that can be released, with a committer of its own."""

    def make(path: Path) -> None:
        made = Clone(path).fill(empty_store)
        made.git("branch", "-M", "main")
        for name, value in (("user.name", "Ada"), ("user.email", "ada@localhost")):
            made.git("config", name, value)

    shutil.copytree(once("a clone to release", make), tmp_path / "a clone")
    return Clone(tmp_path / "a clone")


def errors(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of a refusal."""
    assert done.returncode == 2, done.stdout + done.stderr
    return [line.removeprefix("error: ") for line in done.stderr.splitlines() if line.startswith("error: ")]


def test_a_release_is_a_commit_and_a_tag(clone: Clone) -> None:
    """The entries move under the version, the version is written at its one place, and nothing is pushed."""
    before = clone.git("rev-parse", "HEAD")
    done = clone.release("0.2.0")
    assert done.returncode == 0, done.stderr
    assert clone.git("log", "-1", "--format=%P %s") == f"{before} Release 0.2.0"
    assert clone.git("cat-file", "-t", "v0.2.0") == "tag"
    assert clone.git("rev-parse", "v0.2.0^{commit}") == clone.git("rev-parse", "HEAD")
    assert clone.git("tag", "-l", "--format=%(contents)", "v0.2.0").startswith(
        "modelmake 0.2.0\n\n### Added\n\n- A new"
    )
    assert clone.git("diff", "--name-only", "HEAD^", "HEAD").split() == ["CHANGELOG.md", "pyproject.toml"]
    assert 'version = "0.2.0"' in (clone.path / "pyproject.toml").read_text()
    text = (clone.path / "CHANGELOG.md").read_text()
    assert list(changelog.sections(text)) == ["Unreleased", "0.2.0"]
    assert changelog.sections(text)["Unreleased"] == ""
    assert clone.git("status", "--porcelain") == ""
    assert "2 entries of 0.2.0" in done.stdout
    assert "git push --atomic origin main v0.2.0" in done.stdout

    assert clone.make("notes").stdout.count("- A new command.") == 1
    assert errors(clone.make("notes", "VERSION=v0.3.0")) == [
        "VERSION=0.3.0: this checkout is 0.2.0 (git checkout v0.3.0)"
    ]
    [same, empty] = errors(clone.release("0.2.0"))
    assert same == "VERSION=0.2.0: the tag v0.2.0 exists (choose a greater version)"
    assert empty == "CHANGELOG.md: no entries under [Unreleased] (say what changed for users)"
    clone.git("tag", "-d", "v0.2.0")  # as in a clone that has no tags: the changelog knows the last release
    assert errors(clone.release("0.2.0-rc.1"))[0] == (
        "VERSION=0.2.0-rc.1: not greater than 0.2.0, the last release (choose a greater version)"
    )


def test_each_reason_against_a_release_is_a_line(clone: Clone) -> None:
    """All at once, with the fix of each; nothing is changed."""
    clone.git("switch", "-q", "-c", "topic")
    clone.edit("CHANGELOG.md", CHANGES, "# Changelog\n\n## [Unreleased]\n")
    clone.edit("pyproject.toml", '"scipy>=1.17"', '"scipy>=99"')
    clone.edit("docs/reference/commands.md", "# Commands", "# Comands")
    before = clone.state()
    lines = errors(clone.release("v0.2"))
    assert lines[:4] == [
        "VERSION=v0.2: not a version (without the v: VERSION=0.2)",
        "git: the branch is topic (git switch main)",
        "git: 3 files not committed, such as CHANGELOG.md (commit, or git stash)",
        "CHANGELOG.md: no entries under [Unreleased] (say what changed for users)",
    ]
    assert lines[4].startswith("docker/requirements.txt: scipy>=99 is in pyproject.toml but ")
    assert lines[4].endswith(" is locked (make lock)")
    assert lines[5] == "docs: docs/reference/commands.md: out of date (make docs)"
    assert clone.state() == before


@pytest.mark.long
def test_a_release_whose_commit_or_tag_is_refused_leaves_nothing(clone: Clone) -> None:
    """By a hook of the user, or by git without a name; the clone is as it was."""
    before = clone.state()
    hook = clone.path / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    assert errors(clone.release("0.2.0")) == ["git: the commit was refused (see above; nothing has changed)"]
    assert clone.state() == before
    hook.unlink()
    clone.git("config", "tag.gpgSign", "true")
    clone.git("config", "gpg.program", "false")
    refused = "git: the tag v0.2.0 was refused (see above; nothing has changed)"
    assert errors(clone.release("0.2.0"))[-1] == refused  # after those of git
    assert clone.state() == before
    clone.git("config", "user.useConfigOnly", "true")
    clone.git("config", "--unset", "user.email")
    done = clone.make("release", "VERSION=0.2.0", HOME=str(clone.path.parent))
    assert errors(done) == ['git: no name and address for the commit (git config user.name "…", and user.email)']
    assert clone.state() == before


@pytest.mark.parametrize("text", ["1", "1.2", "01.2.3", "1.2.3.4", "1.2.3-foo", "1.2.3+4", " 1.2.3", "1.2.3\n", ""])
def test_what_is_no_version_of_semver_is_refused(text: str) -> None:
    """Nor one of SemVer that Python does not know."""
    with pytest.raises(UserError, match="not a version"):
        changelog.parsed(text)


def test_versions_are_in_the_order_of_semver() -> None:
    """A version for trial is before its release; numbers are compared as numbers."""
    order = ["0.1.0", "0.9.0", "0.10.0-alpha.2", "0.10.0-alpha.10", "0.10.0-beta.1", "0.10.0-rc.1", "0.10.0", "1.0.0"]
    assert sorted(order, key=changelog.parsed) == order


def test_a_release_keeps_the_rest_of_the_changelog() -> None:
    """Older versions stay as they are, and the new one is the first below the empty section."""
    older = "## [0.1.0] - 2026-01-01\n\n- Old.\n"
    text = changelog.released(
        f"# Changelog\n\nFor people.\n\n## [Unreleased]\n\n- New.\n\n{older}", "0.2.0", date(2026, 2, 3)
    )
    assert text == f"# Changelog\n\nFor people.\n\n## [Unreleased]\n\n## [0.2.0] - 2026-02-03\n\n- New.\n\n{older}"


def test_the_version_has_one_place() -> None:
    """In pyproject.toml; no other file of the product says which version it is."""
    version = changelog.current()
    assert changelog.parsed(version)
    assert changelog.versioned(changelog.PROJECT.read_text(), version) == changelog.PROJECT.read_text()
