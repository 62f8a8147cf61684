"""Settings: what the caller chose. make hands its variables on as MODELMAKE_<NAME>; docker/environment.sh lists the rest."""

import os

from scripts.pipeline.errors import UserError

ON = ("1", "true", "yes")
OFF = ("", "0", "false", "no")


def text(name: str) -> str:
    """Return make's variable `name`, "" where it is not set."""
    return os.environ.get(f"MODELMAKE_{name}", "").strip()


def switch(name: str) -> bool:
    """Return whether make's variable `name` is on.

    Raises
    ------
    UserError
        It is neither a yes nor a no.

    """
    return _on(name, text(name))


def in_ci() -> bool:
    """Return whether CI is set to a yes, as GitHub and most others do, and this is no replay on a laptop."""
    return _on("CI", os.environ.get("CI", "")) and not in_act()


def in_act() -> bool:
    """Return whether act runs this."""
    return os.environ.get("ACT") == "true"


def in_github() -> bool:
    """Return whether GitHub Actions, or act in its place, runs this: GITHUB_ variables mean something only then."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def github(name: str) -> str:
    """Return GITHUB_<name>, "" outside of GitHub Actions."""
    return os.environ.get(f"GITHUB_{name}", "") if in_github() else ""


def _on(name: str, value: str) -> bool:
    word = value.strip().lower()
    if word not in ON + OFF:
        raise UserError(f"{name}={value:.40}", "is neither a yes nor a no", "1, true or yes; 0, false, no or empty")
    return word in ON
