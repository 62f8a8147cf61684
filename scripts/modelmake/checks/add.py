"""Add: put packages into pyproject.toml and into the lock; if they do not resolve, nothing changes."""

import re
import subprocess
import tomllib
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelmake.core import advice, settings
from modelmake.core.errors import UserError
from modelmake.core.files import BUILD
from modelmake.core.lock import lockfile

PROJECT = Path("pyproject.toml")
ALONE = """\
[project]
name = "{name}"
version = "0"
requires-python = "{python}"
dependencies = {packages}
[dependency-groups]
dev = []
[tool.uv.pip]
universal = true
python-version = "3.11"
no-header = true
emit-index-url = false
"""


def requirements(text: str) -> list[Requirement]:
    """Return the packages that PKG names.

    Raises
    ------
    UserError
        A word is not a requirement, such as `s3fs>=2026`.

    """
    if not text.split():
        raise UserError("PKG", "is not given", "make add PKG=lightgbm")
    fix = "write names, such as PKG='lightgbm s3fs>=2026'"
    try:
        asked = [Requirement(word) for word in text.split()]
    except InvalidRequirement as error:
        raise UserError(f"PKG={text:.80}", str(error).splitlines()[0], fix) from None
    if places := [requirement for requirement in asked if requirement.url]:
        raise UserError(
            f"PKG={text:.80}", f"{places[0].url} is an address, and the lock has packages of the index", fix
        )
    return asked


def missing(asked: list[Requirement], project: str, lock: str = "") -> list[Requirement]:
    """Return those of `asked` that the texts of pyproject.toml and of the lock do not have, and say so of the others.

    A package that others need, or the tests, is in the lock alone. It is installed in that version as it is.

    Raises
    ------
    UserError
        It has the package with other versions or extras.

    """
    present = {canonicalize_name(Requirement(line).name): line for line in _dependencies(project)}
    new, versions = dict[str, Requirement](), locked(lock)
    for requirement in asked:
        name = canonicalize_name(requirement.name)
        if not (line := present.get(name)):
            version = versions.get(name, "")
            if version and not requirement.extras and requirement.specifier.contains(version, prereleases=True):
                print(f"{requirement.name}: already in the lock, as {name} {version}; nothing to add")
            else:
                new[name] = requirement
        elif str(requirement) in (requirement.name, str(Requirement(line))):
            print(f"{requirement.name}: already in {PROJECT}, as '{line}'")
        else:
            raise UserError(f"{PROJECT}: '{line}'", "the package is there already", "change that line, then make lock")
    return list(new.values())


def inserted(project: str, lines: list[str]) -> str:
    r"""Return the text of pyproject.toml with `lines` among the dependencies of [project], in alphabetical order.

    Raises
    ------
    UserError
        A line has several dependencies.

    Examples
    --------
    >>> text = '[project]\ndependencies = [\n    "a>=1", # why\n    "c>=1",\n]\n'
    >>> print(inserted(text, ["b>=2"]).splitlines()[3].strip())
    "b>=2",

    """
    block = re.search(r"^dependencies = \[\n(.*?)^\]", project, re.M | re.S)
    entries = block[1].splitlines(keepends=True) if block else []
    for line in lines:
        later = (place for place, entry in enumerate(entries) if _name(entry) > _name(f'"{line}"'))
        entries.insert(next(later, len(entries)), f'    "{line}",\n')
    text = project[: block.start(1)] + "".join(entries) + project[block.end(1) :] if block else project
    if sorted(_dependencies(text)) != sorted(_dependencies(project) + lines):
        raise UserError(f"{PROJECT}: dependencies", "not one package a line", "add it by hand, then make lock")
    return text


def _dependencies(project: str) -> list[str]:
    lines: list[str] = tomllib.loads(project)["project"]["dependencies"]
    return lines


def _name(entry: str) -> str:
    """Return the package in a line of the list, "" in a comment."""
    match = re.match(r'\s*"([A-Za-z0-9._-]+)', entry)
    return canonicalize_name(match[1]) if match else ""


def locked(lock: str) -> dict[str, str]:
    """Return the version of each package in the lock's text, by name."""
    return dict(re.findall(r"^([a-z0-9.-]+)(?:\[[^]]*\])?==([^\s;\\]+)", lock, re.M))


def resolve(project: str, asked: list[Requirement]) -> str:
    """Return the text of the lock for the text of a pyproject.toml.

    Raises
    ------
    UserError
        A package does not exist, or the packages do not resolve.

    """
    path = BUILD / PROJECT
    BUILD.mkdir(exist_ok=True)
    path.write_text(project, encoding="utf-8")
    try:
        done = subprocess.run(["docker/host/lock.sh", str(path)], capture_output=True, text=True, check=False)
    finally:
        path.unlink()
    if done.returncode:
        raise _unresolved(f"PKG={' '.join(map(str, asked))}", " ".join(done.stderr.split()))
    return (BUILD / lockfile().name).read_text(encoding="utf-8")


def _unresolved(where: str, output: str) -> UserError:
    """Return the last words of uv, or of pip that installs it, as one line."""
    if unknown := re.search(r"(\S+) was not found in the package registry", output):
        return UserError(where, f"no package '{unknown[1]}' in the index; nothing has changed", "check the spelling")
    reason = output.rpartition("cause: ")[2].rpartition("ERROR: ")[2].removeprefix("error: ")
    reason = reason if len(reason) <= 300 else reason[:299] + "…"
    return UserError(where, f"{reason}; nothing has changed", "check the network, or ask for other versions")


def bounded(requirement: Requirement, version: str) -> str:
    """Return the requirement with the locked version as its lower bound, if it has no versions of its own."""
    if requirement.specifier:
        return str(requirement)
    name, semicolon, marker = str(requirement).partition(";")
    return f"{name}>={Version(version).public}{semicolon}{marker}"


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return a line on the packages that are new in the lock, and one on those that changed."""
    new = [f"{name} {version}" for name, version in after.items() if name not in before]
    others = [f"{name} {before[name]} → {after[name]}" for name in before if before[name] != after.get(name, "none")]
    return [f"locked   {', '.join(new) or 'no new package'}", *([f"changed  {', '.join(others)}"] if others else [])]


def main() -> None:
    """Leave build/pyproject.toml and build/requirements.txt, which make then puts in place, if a package is new."""
    project, lock = PROJECT.read_text(encoding="utf-8"), lockfile().read_text(encoding="utf-8")
    new = missing(requirements(settings.make().pkg), project, lock)
    if not new:
        return
    lines = list(map(str, new))
    print(f"▸ add · resolving {', '.join(lines)}", flush=True)
    table = tomllib.loads(project)["project"]
    alone = ALONE.format(name=table["name"], python=table["requires-python"], packages=lines)
    newest = locked(resolve(alone, new))
    text = resolve(inserted(project, lines), new)
    versions = locked(text)
    names = {canonicalize_name(requirement.name): requirement for requirement in new}
    final = [bounded(requirement, versions[name]) for name, requirement in names.items()]
    (BUILD / PROJECT).write_text(inserted(project, final), encoding="utf-8")
    print("\n".join([f"added    {', '.join(final)}", *changes(locked(lock), versions)]))
    for name in names:
        if versions[name] != newest[name]:
            print(f"note: {name} {versions[name]} is locked, not {newest[name]}: another package needs the older one")
    print(f"next     {advice.added()}")
