"""Manifest: the packages that a pyproject.toml asks for, one more of them, and what the resolver reads of it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import tomli_w
from packaging.dependency_groups import resolve_dependency_groups
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from modelmake.core import settings
from modelmake.core.errors import UserError, first_line

PROJECT = Path("pyproject.toml")
GROUP = "dev"
TABLE = """\
[project]
name = "{name}"
version = "0"
requires-python = "{python}"
dependencies = [
]
"""
UNMANAGED = """
[tool.uv]
managed = false # `make add` and `make lock` write requirements.txt; `uv sync` would install other versions
"""
LIST = re.compile(r"^dependencies *= *\[[^\S\n]*(?:#[^\n]*)?\n(.*?)^\]", re.M | re.S)
ENTRY = re.compile(r"""\s*["']([A-Za-z0-9._-]+)""")


def read(folder: Path = Path()) -> str:
    """Return the text of a folder's pyproject.toml, "" without one."""
    path = folder / PROJECT
    return path.read_text(encoding="utf-8") if path.exists() else ""


def of_product() -> str:
    """Return the text of modelmake's own pyproject.toml."""
    return read(settings.product())


def tables(text: str) -> dict[str, Any]:
    """Return the tables of a pyproject.toml.

    Raises
    ------
    UserError
        It is not TOML.

    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(str(PROJECT), f"not TOML: {first_line(error)}", "correct it") from None


def dependencies(text: str) -> list[str]:
    """Return the lines of `dependencies` in [project]."""
    return list(tables(text).get("project", {}).get("dependencies", []))


def wanted(text: str) -> list[str]:
    """Return the lines of `dependencies`, and of the group `dev` with the groups that it includes.

    Raises
    ------
    UserError
        A line is not a requirement, has an address, or has its source in [tool.uv.sources]; or a group is wrong.

    """
    groups = tables(text).get("dependency-groups", {})
    try:
        lines = [*dependencies(text), *(resolve_dependency_groups(groups, GROUP) if GROUP in groups else ())]
    except Exception as error:  # packaging raises a group of errors, of its own kinds
        raise UserError(f"{PROJECT}: dependency-groups", first_line(error), "correct it") from None
    sources = {canonicalize_name(name) for name in tables(text).get("tool", {}).get("uv", {}).get("sources", {})}
    for line in lines:
        try:
            requirement = Requirement(line)
        except InvalidRequirement as error:
            raise UserError(f"{PROJECT}: '{line}'", first_line(error), "write it as 's3fs>=2026'") from None
        if requirement.url or canonicalize_name(requirement.name) in sources:
            what = "has an address, and the lock has packages of the index"
            raise UserError(f"{PROJECT}: '{line}'", what, "name a package of the index")
    return lines


def resolvable(text: str) -> str:
    """Return what the resolver reads: name and packages, and modelmake's settings of it."""
    product = tables(of_product())
    uv = {name: value for name, value in product["tool"]["uv"].items() if name != "managed"}
    table = tables(text).get("project", {})
    project = {
        "name": table.get("name", "project"),
        "version": "0",
        "requires-python": table.get("requires-python", product["project"]["requires-python"]),
    }
    lines = wanted(text)
    main = dependencies(text)
    group = lines[len(main) :]
    return tomli_w.dumps(
        {"project": project | {"dependencies": main}, "dependency-groups": {GROUP: group}, "tool": {"uv": uv}}
    )


def alone(lines: list[str]) -> str:
    """Return a pyproject.toml that asks for nothing but `lines`."""
    return tomli_w.dumps({"project": {"dependencies": lines}})


def inserted(text: str, lines: list[str]) -> str:
    r"""Return the text of pyproject.toml with `lines` among the dependencies of [project], in alphabetical order.

    Raises
    ------
    UserError
        A line has several dependencies.

    Examples
    --------
    >>> text = '[project]\ndependencies = [\n    "a>=1", # why\n    "c>=1"\n]\n'
    >>> print(*inserted(text, ["b>=2", "d"]).splitlines()[2:6], sep="\n")
        "a>=1", # why
        "b>=2",
        "c>=1",
        "d",

    """
    before = tables(text)
    after = _with_list(text)
    project = re.search(r"^\[project\].*?(?=^\[|\Z)", after, re.M | re.S)
    block = LIST.search(after, project.start(), project.end()) if project else None
    if block:
        entries = [_with_comma(entry) for entry in block[1].splitlines(keepends=True)]
        for line in lines:
            later = (place for place, entry in enumerate(entries) if _name(entry) > _name(f'"{line}"'))
            entries.insert(next(later, len(entries)), f"    {_quoted(line)},\n")
        after = after[: block.start(1)] + "".join(entries) + after[block.end(1) :]
    if not _differs_by(before, after, lines):
        raise UserError(f"{PROJECT}: dependencies", "not one package a line", "add it by hand, then make lock")
    return after


def _with_list(text: str) -> str:
    """Return the text with a list of dependencies, which takes a line for each package."""
    table = tables(text).get("project")
    if table is None:
        python = tables(of_product())["project"]["requires-python"]
        created = TABLE.format(name=_folder(), python=python)
        return f"{text.rstrip()}\n\n{created}" if text.strip() else created + UNMANAGED
    if "dependencies" not in table:
        return re.sub(
            r"^\[project\][^\n]*\n", lambda header: f"{header[0]}dependencies = [\n]\n", text, count=1, flags=re.M
        )
    return re.sub(r"^dependencies *= *\[\s*\]", "dependencies = [\n]", text, count=1, flags=re.M)


def _folder() -> str:
    """Return the name of the project's folder, as the name of a package; in a container docker/run.sh says it."""
    folder = settings.container().folder or Path.cwd().name
    return re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-") or "project"


def _differs_by(before: dict[str, Any], text: str, lines: list[str]) -> bool:
    """Return whether nothing but the lines, and a [project] where there was none, is new in the text."""
    try:
        after = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    present = before.get("project", {}).get("dependencies", [])
    if sorted(after["project"].pop("dependencies", [])) != sorted([*present, *lines]):
        return False
    if not before:
        return True
    rest = {name: value for name, value in before.get("project", {}).items() if name != "dependencies"}
    if "project" not in before:
        return {name: value for name, value in after.items() if name != "project"} == before
    return after == before | {"project": rest}


def _quoted(line: str) -> str:
    return f"'{line}'" if '"' in line else f'"{line}"'


def _with_comma(entry: str) -> str:
    """Return a line of the list with the comma that the last one may leave out."""
    return re.sub(r"""^(\s*("[^"]*"|'[^']*'))(\s*(#.*)?)$""", r"\1,\3", entry, count=1)


def _name(entry: str) -> str:
    """Return the package in a line of the list, "" in a comment."""
    match = ENTRY.match(entry)
    return canonicalize_name(match[1]) if match else ""
