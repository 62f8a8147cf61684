"""Add: put packages into pyproject.toml and into the lock; if they do not resolve, nothing changes."""

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from modelmake.checks import lock, manifest
from modelmake.checks.lock import NEW, OWN, locked
from modelmake.checks.manifest import PROJECT
from modelmake.core import advice, settings
from modelmake.core.errors import UserError
from modelmake.core.files import write
from modelmake.core.lock import lockfile


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


def missing(asked: list[Requirement], project: str, lock_text: str = "") -> list[Requirement]:
    """Return those of `asked` that the texts of pyproject.toml and of the lock do not have, and say so of the others.

    A package that others need, or the tests, is in the lock alone. It is installed in that version as it is.

    Raises
    ------
    UserError
        It has the package with other versions or extras.

    """
    present = {canonicalize_name(Requirement(line).name): line for line in manifest.dependencies(project)}
    new, versions = dict[str, Requirement](), locked(lock_text)
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


def bounded(requirement: Requirement, version: str) -> str:
    """Return the requirement with the locked version as its lower bound, if it has no versions of its own."""
    if requirement.specifier:
        return str(requirement)
    name, semicolon, marker = str(requirement).partition(";")
    return f"{name}>={Version(version).public}{semicolon}{marker}"


def main() -> None:
    """Leave the new files in build/packages, from where make puts them in place, if a package is new."""
    project, before = manifest.read(), lockfile().read_text(encoding="utf-8")
    new = missing(requirements(settings.make().pkg), project, before)
    if not new:
        return
    lock.own()
    lines = list(map(str, new))
    where = f"PKG={' '.join(lines)}"
    print(f"▸ add · resolving {', '.join(lines)}", flush=True)
    alone = lock.newest(where, lines)
    newest, versions = locked(alone), locked(text := _resolved(where, alone, project, lines))
    names = {canonicalize_name(requirement.name): requirement for requirement in new}
    final = [bounded(requirement, versions[name]) for name, requirement in names.items()]
    write(NEW / OWN, text)
    write(NEW / PROJECT, manifest.inserted(project, final))
    print("\n".join([f"added    {', '.join(final)}", *lock.changes(locked(before), versions)]))
    for name in names:
        if versions[name] != newest[name]:
            print(f"note: {name} {versions[name]} is locked, not {newest[name]}: another package needs the older one")
    print(f"next     {advice.added()}")


def _resolved(where: str, alone: str, project: str, lines: list[str]) -> str:
    """Return the lock with the new packages, or name both sides of a conflict."""
    sides = {str(PROJECT): manifest.wanted(project)}
    if not settings.is_product():
        sides = {"modelmake": manifest.wanted(manifest.of_product())} | sides
    try:
        return lock.resolve(where, manifest.inserted(project, lines))
    except UserError:
        if both := lock.conflict(where, alone, sides):
            raise both from None
        raise
