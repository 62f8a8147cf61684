"""Where a run comes from: git, image, lock, data, config and the machine's role, as MLflow tags."""

import hashlib
import os
import platform
import pwd
import subprocess
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

from scripts.core import settings

LOCK = Path("docker/requirements.txt")
IMAGE = Path("/etc/modelmake")  # in the image, its name and that of its base; no variable of anybody's says so


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def image() -> str:
    """Return the name of the image that this runs in, "" on the host."""
    return IMAGE.read_text(encoding="utf-8").split()[0] if IMAGE.exists() else ""


def base() -> str:
    """Return the name of that image's base, "" on the host."""
    return IMAGE.read_text(encoding="utf-8").split()[1] if IMAGE.exists() else ""


def git(*words: str) -> str:
    """Return what git says of this checkout, or "" where it is none."""
    return _git(*words).stdout.strip()


def without_commit() -> str:
    """Return why git knows no commit here, "" where it does."""
    done = _git("rev-parse", "HEAD")
    return "" if done.stdout else (done.stderr.strip().splitlines() or ["git does not answer"])[0]


def _git(*words: str) -> subprocess.CompletedProcess[str]:
    """Ask git, which never waits for the index; docker/run.sh names the history of a worktree or a submodule."""
    where = (
        (f"--git-dir={folder}", "--work-tree=.") if (folder := os.environ.get("MODELMAKE_GIT_DIR")) and image() else ()
    )
    command = ("git", "--no-optional-locks", *where, *words)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))
    return done if done.returncode == 0 else subprocess.CompletedProcess(command, done.returncode, "", done.stderr)


def runner() -> str:
    """Return who runs this: github, act, or local."""
    if settings.in_act():
        return "act"
    return "github" if settings.in_github() else "local"


def user() -> str:
    """Return who asked for this, as GitHub or the machine knows them."""
    try:
        return settings.github("ACTOR") or os.environ.get("USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container knows no names
        return f"uid {os.getuid()}"


def host() -> str:
    """Return what no other machine answers: the engine's id in its containers, else the machine's name and address."""
    return os.environ.get("MODELMAKE_HOST") or f"{platform.node()}-{uuid.getnode():012x}"


def process() -> dict[str, str]:
    """Return the tags of what this process holds, by which others can tell once it is gone."""
    return {
        "modelmake.host": host(),
        "modelmake.container": os.environ.get("MODELMAKE_CONTAINER", "none"),
        "modelmake.pid": str(os.getpid()),
        "modelmake.since": f"{time.time():.3f}",
    }


def gone(tags: Mapping[str, str]) -> bool:
    """Whether the process of these tags is surely gone; of other machines, and of what has no tags, nobody here knows.

    MODELMAKE_CONTAINERS holds a moment of the engine's clock and the containers that ran then.
    """
    held = [tags.get(f"modelmake.{name}", "") for name in ("host", "container", "pid", "since")]
    if held[0] != host() or not all(held):
        return False
    _, container, pid, since = held
    if container != os.environ.get("MODELMAKE_CONTAINER", "none"):
        moment, *running = os.environ.get("MODELMAKE_CONTAINERS", "1970-01-01").split()
        older = float(since) < datetime.fromisoformat(moment).timestamp()
        return older and container not in ("none", *running)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):  # somebody else's, so alive
        return False
    return False


def cpu() -> str:
    """Return which instructions numpy finds in the processor: with others, sums may differ in their last bit."""
    import numpy as np  # noqa: PLC0415  # the linters need none of it

    found = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return " ".join([*found.get("baseline", ()), *found.get("found", ())])


def run_url() -> str:
    """Return the address of the GitHub Actions run, or "" elsewhere."""
    if runner() != "github":
        return ""
    return "/".join(
        (settings.github("SERVER_URL"), settings.github("REPOSITORY"), "actions/runs", settings.github("RUN_ID"))
    )


def tags(stage: str, data_sha256: str, training_sha256: str) -> dict[str, str]:
    """Return every tag of a run; what MLflow would otherwise guess (source, user, git) is set here too."""
    commit = git("rev-parse", "HEAD")
    branch = settings.github("HEAD_REF") or git("rev-parse", "--abbrev-ref", "HEAD")
    found = {
        "mlflow.user": user(),
        "mlflow.source.name": f"scripts/{stage}.py",
        "mlflow.source.type": "LOCAL" if runner() == "local" else "JOB",
        "mlflow.source.git.commit": commit,
        "mlflow.source.git.branch": branch,
        "modelmake.git.commit": commit,
        "modelmake.git.branch": branch,
        "modelmake.git.dirty": str(bool(git("status", "--porcelain"))).lower() if commit else "",
        "modelmake.image": image() or "host",
        "modelmake.image.id": (os.environ.get("MODELMAKE_IMAGE_ID") or "unknown") if image() else "host",
        "modelmake.image.base": base() or "host",
        "modelmake.lock": sha256(LOCK),
        "modelmake.data": data_sha256,
        "modelmake.config": training_sha256,
        "modelmake.runner": runner(),
        "modelmake.run_url": run_url(),
        "modelmake.reason": settings.text("REASON"),
        "modelmake.python": platform.python_version(),
        "modelmake.platform": f"{platform.system()} {platform.machine()}",
        "modelmake.cpu": cpu(),
    }
    return {name: value for name, value in found.items() if value}


def pins(*names: str) -> list[str]:
    """Return the lock's `name==version` for each of `names`, in that order."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    locked = {line.split("==")[0]: line.split(" ")[0] for line in lines if "==" in line and line[0].isalpha()}
    return [locked[name] for name in names]
