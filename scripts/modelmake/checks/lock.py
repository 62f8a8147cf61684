"""Lock: resolve the packages of pyproject.toml, in a project together with those of modelmake.

A project has a lock of its own, requirements.txt, if it has packages of its own. Versions stay as they are locked.
"""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelmake.checks import manifest
from modelmake.checks.manifest import GROUP, PROJECT
from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.core.files import BUILD, remove, write
from modelmake.core.lock import lockfile

OWN = Path("requirements.txt")  # of a project
NEW = BUILD / "packages"  # what make puts in place
SCRATCH = BUILD / "resolution"
Sides = dict[str, list[str]]  # requirements, by the name of what has them


def own() -> str:
    """Return the lock that `make lock` writes, "" where there is none yet.

    Raises
    ------
    UserError
        requirements.txt is not from `make lock`.

    """
    if settings.is_product() or lockfile() == OWN:
        return lockfile().read_text(encoding="utf-8")
    if OWN.exists():
        what = "is not from make lock, which would replace it"
        raise UserError(str(OWN), what, f"move its packages to {PROJECT} or PKG, and rename it")
    return ""


def locked(lock: str) -> dict[str, str]:
    """Return the version of each package in the lock's text, by name."""
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", lock, re.M))


def preferences(*, upgrade: bool = False) -> str:
    """Return the versions that stay, as the text of a lock: modelmake's in a project, and those of packages beside it.

    With `upgrade` the packages beside it take their newest versions: modelmake's own are tested together.
    """
    if settings.is_product():
        return "" if upgrade else own()
    product = (settings.product() / "docker" / OWN).read_text(encoding="utf-8")
    beside = (
        {} if upgrade else {name: version for name, version in locked(own()).items() if name not in locked(product)}
    )
    return product + "".join(f"{name}=={version}\n" for name, version in beside.items())


def resolve(where: str, project: str, *, upgrade: bool = False) -> str:
    """Return the text of the lock for the text of a pyproject.toml; in a project modelmake's is resolved with it.

    Raises
    ------
    UserError
        A package does not exist, or the packages do not resolve.

    """
    write(SCRATCH / PROJECT, manifest.resolvable(project))
    words = [str(PROJECT), "--group", GROUP]
    if not settings.is_product():
        path = settings.product() / PROJECT
        write(SCRATCH / path, manifest.resolvable(manifest.of_product()))
        words += [str(path), "--group", f"{path}:{GROUP}"]
    return _compiled(where, preferences(upgrade=upgrade), words)


def newest(where: str, lines: list[str]) -> str:
    """Return the text of a lock of nothing but `lines`; raises what `resolve` raises."""
    write(SCRATCH / PROJECT, manifest.resolvable(manifest.alone(lines)))
    return _compiled(where, "", [str(PROJECT)])


def _compiled(where: str, preferred: str, words: list[str]) -> str:
    path = SCRATCH / OWN
    write(path, preferred)
    command = [str(settings.product() / "docker/host/lock.sh"), str(SCRATCH), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        text = path.read_text(encoding="utf-8")
    finally:
        remove(SCRATCH)
    if done.returncode:
        raise _unresolved(where, " ".join(done.stderr.split()))
    if "://" in text:
        address = re.search(r"\S*://[^\s@]*", text)
        raise UserError(where, f"needs a package from {address and address[0]:.80}", "name packages of the index")
    return text


def _unresolved(where: str, output: str) -> UserError:
    """Return the last words of uv, or of pip that installs it, as one line."""
    if unknown := re.search(r"(\S+) was not found in the package registry", output):
        return UserError(where, f"no package '{unknown[1]}' in the index; nothing has changed", "check the spelling")
    reason = output.rpartition("cause: ")[2].rpartition("ERROR: ")[2].removeprefix("error: ")
    reason = reason if len(reason) <= 300 else "…" + reason[-299:]  # the conclusion comes last
    return UserError(where, f"{reason}; nothing has changed", "check the network, or ask for other versions")


def conflict(where: str, alone: str, sides: Sides) -> UserError | None:
    r"""Return the error that names both sides, given the lock of the packages alone, which others do not allow.

    Examples
    --------
    >>> print(conflict("PKG=autoviz", "pandas==2.3\n", {"modelmake": ["pandas>=3.1", "numpy"]}))
    PKG=autoviz: takes pandas 2.3, and modelmake needs pandas>=3.1; nothing has changed (ask for other versions)

    """
    versions = locked(alone)
    for side, lines in sides.items():
        others = [
            (requirement, version)
            for requirement in map(Requirement, lines)
            if (version := versions.get(canonicalize_name(requirement.name)))
            and not requirement.specifier.contains(version, prereleases=True)
        ]
        if others:
            takes = _and(f"{requirement.name} {version}" for requirement, version in others)
            needs = _and(f"{requirement.name}{requirement.specifier}" for requirement, _ in others)
            what = f"takes {takes}, and {side} needs {needs}; nothing has changed"
            return UserError(where, what, "ask for other versions")
    return None


def _and(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return a line on the packages that are new in the lock, one on those that changed, and one on those that left."""
    new = [f"{name} {version}" for name, version in after.items() if name not in before]
    others = [
        f"{name} {before[name]} → {after[name]}" for name in after if after[name] != before.get(name, after[name])
    ]
    gone = [name for name in before if name not in after]
    return [
        f"locked   {', '.join(new) or 'no new package'}",
        *([f"changed  {', '.join(others)}"] if others else []),
        *([f"removed  {', '.join(gone)}"] if gone else []),
    ]


def main() -> None:
    """Leave the new lock in build/packages, from where make puts it in place; an empty one removes it.

    Raises
    ------
    UserError
        The packages do not resolve.

    """
    project, lock, where = manifest.read(), own(), str(PROJECT)
    lines = manifest.wanted(project)
    if not (lines or settings.is_product()):
        print(f"lock: {PROJECT} names no packages, so modelmake's lock counts (make add PKG=… adds one)")
        if lock:
            write(NEW / OWN, "")
            print(f"removed  {OWN}")
        return
    print(f"▸ lock · resolving {PROJECT}", flush=True)
    try:
        text = resolve(where, project, upgrade=settings.make().upgrade)
    except UserError:
        if not settings.is_product() and (
            both := conflict(where, newest(where, lines), {"modelmake": manifest.wanted(manifest.of_product())})
        ):
            raise both from None
        raise
    if text == lock:
        print("lock: no package changed")
        return
    write(NEW / OWN, text)
    print("\n".join(changes(locked(lock or lockfile().read_text(encoding="utf-8")), locked(text))))
