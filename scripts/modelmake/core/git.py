"""Git: the commit of the project, that of modelmake in it, and whether there are uncommitted changes."""

import subprocess
from pathlib import Path

from modelmake.core import settings


def output(*words: str, of: Path = Path()) -> str:
    """Return the output of a git command in a folder, "" where it fails."""
    return _git(*words, of=of).stdout.strip()


def dirty() -> str:
    """Return "true" if the project has uncommitted changes, else "false"."""
    return str(bool(output("status", "--porcelain"))).lower()


def product() -> tuple[str, str]:
    """Return the commit of modelmake, and whether it has uncommitted changes; "" where it is not known.

    In a project that has modelmake as a plain folder, without a history of its own, the commit is in its file VERSION.
    """
    folder = settings.product()
    if folder != Path() and _git("rev-parse", "--show-prefix", of=folder).stdout.strip():
        version = folder / "VERSION"
        return (version.read_text(encoding="utf-8").strip() if version.exists() else ""), ""
    commit = _git("rev-parse", "HEAD", of=folder).stdout.strip()
    return commit, str(bool(_git("status", "--porcelain", of=folder).stdout)).lower() if commit else ""


def without_commit() -> str:
    """Return why git finds no commit in this folder, "" where it finds one."""
    done = _git("rev-parse", "HEAD")
    return "" if done.stdout else (done.stderr.strip().splitlines() or ["git does not answer"])[0]


def _git(*words: str, of: Path = Path()) -> subprocess.CompletedProcess[str]:
    """Run git without waiting for the index; docker/run.sh names the git directory of a worktree or a submodule."""
    container = settings.container()
    folder = container.git_dir if of == Path() else container.product_git_dir
    directory = (f"--git-dir={folder}", "--work-tree=.") if folder and settings.IMAGE.exists() else ()
    command = ("git", "-C", str(of), "--no-optional-locks", *directory, *words)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
    return done if done.returncode == 0 else subprocess.CompletedProcess(command, done.returncode, "", done.stderr)
