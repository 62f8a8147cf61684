"""Settings: what the caller chose, as make hands it on by MODELMAKE_<NAME> (docker/environment.sh)."""

import os


def text(name: str) -> str:
    """Return make's variable `name`, "" where it is not set."""
    return os.environ.get(f"MODELMAKE_{name}", "").strip()


def run_id() -> str:
    """Return the run that the caller named, which stands in for receipts; "" where there is none."""
    return text("RUN_ID") or os.environ.get("MLFLOW_RUN_ID", "").strip()


def switch(name: str) -> bool:
    """Return whether make's variable `name` is on; make reads yes and no, and hands 1 on."""
    return text(name) == "1"


def in_ci() -> bool:
    """Return whether CI is on, as GitHub and most others have it, and this is no replay on a laptop."""
    return os.environ.get("CI") == "1" and not in_act()


def in_act() -> bool:
    """Return whether act runs this."""
    return os.environ.get("ACT") == "true"


def in_github() -> bool:
    """Return whether GitHub Actions, or act in its place, runs this: GITHUB_ variables mean something only then."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def github(name: str) -> str:
    """Return GITHUB_<name>, "" outside of GitHub Actions."""
    return os.environ.get(f"GITHUB_{name}", "") if in_github() else ""
