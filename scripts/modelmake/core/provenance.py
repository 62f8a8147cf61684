"""Provenance: the git commit, image, lock, data, config and machine of a run, as MLflow tags."""

import hashlib
import os
import platform
import pwd
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Literal, Self

from modelmake.core import files, git, settings
from modelmake.core.lock import lockfile

PREFIX = "modelmake."

Use = Literal["report", "version", "parity", "reproduce"]


@dataclass(frozen=True)
class Fact:
    """What modelmake does with one field of Provenance.

    Parameters
    ----------
    name : str
        Its name in tables; its tag is `modelmake.<name>`.
    uses : tuple of Use
        "report" shows it, "version" makes it a tag of the registered version, "parity" fails where it differs between
        two runs of one commit, "reproduce" compares it between a run and its repetition.
    cause : str
        How `make reproduce` names it as the cause of other results, "" where it is none.
    rank : int
        `make reproduce` names the cause with the lowest rank.

    """

    name: str
    uses: tuple[Use, ...]
    cause: str = ""
    rank: int = 0


def _fact(name: str, *uses: Use, cause: str = "", rank: int = 0) -> str:
    """Return a field of Provenance with its Fact; its value is "" where a run has none."""
    default: str = field(default="", metadata={"fact": Fact(name, uses, cause, rank)})
    return default


@dataclass(frozen=True)
class Provenance:
    """Where a run comes from: one text a field, "" where it is not known."""

    git_commit: str = _fact("git.commit", "report", "version", "parity", "reproduce")
    git_branch: str = _fact("git.branch", "report")
    git_dirty: str = _fact(
        *("git.dirty", "report", "version", "parity", "reproduce"),
        cause="the run had uncommitted changes, which the commit does not contain",
        rank=7,
    )
    product_commit: str = _fact(
        *("product.commit", "report", "parity", "reproduce"), cause="modelmake has another commit", rank=2
    )
    product_dirty: str = _fact(
        *("product.dirty", "report", "parity", "reproduce"),
        cause="modelmake had uncommitted changes, which its commit does not contain",
        rank=7,
    )
    image: str = _fact("image", "report", "reproduce", cause="the image differs", rank=3)
    image_id: str = _fact(
        "image.id", "parity", "reproduce", cause="the image was built again and is not identical", rank=9
    )
    image_base: str = _fact("image.base", "parity")
    lock: str = _fact("lock", "report", "parity", "reproduce", cause="the lock differs", rank=2)
    data: str = _fact("data", "report", "version", "parity", "reproduce", cause="the data has changed", rank=1)
    pipeline: str = _fact("pipeline", "report")
    config: str = _fact("config", "report", "parity", "reproduce", cause="the config differs", rank=8)
    python: str = _fact("python", "report", "parity", "reproduce", cause="the Python version differs", rank=4)
    platform: str = _fact("platform", "report", "parity", "reproduce", cause="the platform differs", rank=5)
    cpu: str = _fact(
        *("cpu", "report", "parity", "reproduce"),
        cause="the processor differs, and sums may differ in their last bit",
        rank=6,
    )
    runner: str = _fact("runner", "report", "version")
    run_url: str = _fact("run_url")
    reason: str = _fact("reason")

    @classmethod
    def collect(cls, data_sha256: str, training_sha256: str) -> Self:
        """Return the provenance of a run that this process starts on this data and config."""
        commit = git.output("rev-parse", "HEAD")
        product_commit, product_dirty = git.product()
        return cls(
            product_commit=product_commit,
            product_dirty=product_dirty,
            git_commit=commit,
            git_branch=settings.github().head_ref or git.output("rev-parse", "--abbrev-ref", "HEAD"),
            git_dirty=git.dirty() if commit else "",
            image=image() or "host",
            image_id=settings.container().image_id if image() else "host",
            image_base=base() or "host",
            lock=sha256(lockfile()),
            data=data_sha256,
            pipeline=str(files.pipeline()),
            config=training_sha256,
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            cpu=cpu(),
            runner=runner(),
            run_url=run_url(),
            reason=settings.make().reason,
        )

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> Self:
        """Return the provenance of the run with these tags."""
        return cls(**{field: tags.get(PREFIX + fact.name, "") for field, fact in facts().items()})

    def tags(self, use: Use | None = None, *, unknown: str = "") -> dict[str, str]:
        """Return `values` by tag."""
        return {PREFIX + name: value for name, value in self.values(use, unknown=unknown).items()}

    def values(self, use: Use | None = None, *, unknown: str = "") -> dict[str, str]:
        """Return the values by name, of one use or of all; `unknown` replaces "", and what is still "" is left out."""
        named = {
            fact.name: str(getattr(self, field)) or unknown
            for field, fact in facts().items()
            if use is None or use in fact.uses
        }
        return {name: value for name, value in named.items() if value}


@cache
def facts() -> dict[str, Fact]:
    """Return the Fact of each field of Provenance."""
    return {entry.name: entry.metadata["fact"] for entry in fields(Provenance)}


def names(use: Use) -> tuple[str, ...]:
    """Return the names of the fields that have a use."""
    return tuple(fact.name for fact in facts().values() if use in fact.uses)


def causes() -> dict[str, str]:
    """Return how `make reproduce` names the cause of other results, by the name of the field, the likeliest first."""
    return {fact.name: fact.cause for fact in sorted(facts().values(), key=lambda fact: fact.rank) if fact.cause}


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of the file at `path`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@cache
def image() -> str:
    """Return the name of the image in which this process runs, "" on the host."""
    return settings.IMAGE.read_text(encoding="utf-8").split()[0] if settings.IMAGE.exists() else ""


def base() -> str:
    """Return the name of that image's base, "" on the host."""
    return settings.IMAGE.read_text(encoding="utf-8").split()[1] if settings.IMAGE.exists() else ""


def runner() -> str:
    """Return what runs this process: github, act or local."""
    if settings.in_act():
        return "act"
    return "github" if settings.in_github() else "local"


def user() -> str:
    """Return the name of the user, from GitHub or from the machine."""
    try:
        return settings.github().actor or settings.variable("USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container has no entry for this user
        return f"uid {os.getuid()}"


def host() -> str:
    """Return the unique name of the machine: in a container the engine's id, else the node name and MAC address."""
    return settings.container().host or f"{platform.node()}-{uuid.getnode():012x}"


def process() -> dict[str, str]:
    """Return the tags of a run or lock of this process, by which other processes see whether it has ended."""
    return {
        "modelmake.host": host(),
        "modelmake.container": settings.container().container,
        "modelmake.pid": str(os.getpid()),
        "modelmake.since": f"{time.time():.3f}",
    }


def gone(tags: Mapping[str, str]) -> bool:
    """Return whether the process of these tags has certainly ended; False for other machines and without tags.

    MODELMAKE_CONTAINERS is a time on the engine's clock and the containers that ran at that time.
    """
    values = [tags.get(f"modelmake.{name}", "") for name in ("host", "container", "pid", "since")]
    if values[0] != host() or not all(values):
        return False
    _, container, pid, since = values
    if container != settings.container().container:
        moment, *running = settings.container().containers.split()
        older = float(since) < datetime.fromisoformat(moment).timestamp()
        return older and container not in ("none", *running)
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, ValueError):  # a process of another user, so it runs
        return False
    return False


def cpu() -> str:
    """Return the processor's instruction sets that numpy uses: with others, sums may differ in their last bit."""
    import numpy as np  # noqa: PLC0415  # slow, and the linters do not need it

    extensions = np.show_config(mode="dicts").get("SIMD Extensions", {})
    return " ".join([*extensions.get("baseline", ()), *extensions.get("found", ())])


def run_url() -> str:
    """Return the address of the GitHub Actions run, or "" elsewhere."""
    if runner() != "github":
        return ""
    return "/".join(
        (settings.github().server_url, settings.github().repository, "actions/runs", settings.github().run_id)
    )


def tags(stage: str, what: str, data_sha256: str, training_sha256: str) -> dict[str, str]:
    """Return every tag of a run, with those that MLflow would otherwise guess (name, source, user, git).

    The name of the run is the pipeline's, then `what` it makes, and the commit, with a + for uncommitted changes.
    """
    origin = Provenance.collect(data_sha256, training_sha256)
    commit = origin.git_commit[:7] + "+" * (origin.git_dirty == "true")
    of_mlflow = {
        "mlflow.runName": f"{files.pipeline().stem} {what} {commit}".strip(),
        "mlflow.user": user(),
        "mlflow.source.name": f"scripts/{stage}.py",
        "mlflow.source.type": "LOCAL" if origin.runner == "local" else "JOB",
        "mlflow.source.git.commit": origin.git_commit,
        "mlflow.source.git.branch": origin.git_branch,
    }
    return {name: value for name, value in of_mlflow.items() if value} | origin.tags()
