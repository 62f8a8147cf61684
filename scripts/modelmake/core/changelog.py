"""Changelog: CHANGELOG.md after Keep a Changelog, a section for each version, and the version in pyproject.toml."""

import re
import tomllib
from datetime import date
from pathlib import Path

from packaging.version import Version

from modelmake.core.errors import UserError

CHANGELOG = Path("CHANGELOG.md")
PROJECT = Path("pyproject.toml")  # the one place of the version
UNRELEASED = "Unreleased"
HEADING = re.compile(r"^## \[?([^\]\s]+)\]?.*\n", re.M)
# SemVer, as far as Python knows the version too.
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(alpha|beta|rc)\.(0|[1-9]\d*))?")


def parsed(text: str) -> Version:
    """Return a version, to compare it.

    Raises
    ------
    UserError
        The text is not a version of SemVer.

    Examples
    --------
    >>> parsed("1.0.0-rc.1") < parsed("1.0.0")
    True

    """
    if VERSION.fullmatch(text):
        return Version(text)
    bare = text.removeprefix("v")
    fix = f"without the v: VERSION={bare}" if bare != text else "use SemVer, such as 0.2.0 or 1.0.0-rc.1"
    raise UserError(f"VERSION={text}", "not a version", fix)


def current() -> str:
    """Return the version of this checkout."""
    return str(tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"])


def read() -> str:
    """Return the text of the changelog.

    Raises
    ------
    UserError
        There is none, as in a project.

    """
    if not CHANGELOG.exists():
        raise UserError(str(CHANGELOG), "no such file", "releases are of modelmake itself")
    return CHANGELOG.read_text(encoding="utf-8")


def sections(text: str) -> dict[str, str]:
    r"""Return what is below the heading of each version, the newest first, by version.

    Examples
    --------
    >>> sections("# Changelog\n\n## [Unreleased]\n\n- New.\n\n## [0.1.0] - 2026-11-30\n\n- First.\n")
    {'Unreleased': '- New.', '0.1.0': '- First.'}

    """
    parts = HEADING.split(text)
    return dict(zip(parts[1::2], (body.strip() for body in parts[2::2]), strict=True))


def released(text: str, version: str, day: date) -> str:
    r"""Return the changelog with the unreleased entries under a version.

    Examples
    --------
    >>> released("## [Unreleased]\n\n- New.\n", "0.1.0", date(2026, 11, 30))
    '## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n\n- New.\n'

    """
    heading = next(found for found in HEADING.finditer(text) if found[1] == UNRELEASED)
    return f"{text[: heading.end()]}\n## [{version}] - {day.isoformat()}\n{text[heading.end() :]}"


def versioned(project: str, version: str) -> str:
    """Return the text of pyproject.toml with another version."""
    return re.sub(r'(?m)^(version = ")[^"]*(")', rf"\g<1>{version}\g<2>", project, count=1)
