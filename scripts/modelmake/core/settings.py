"""Settings: the variables of make, which docker/environment.sh passes as MODELMAKE_<NAME>."""

import os


def text(name: str) -> str:
    """Return the make variable `name`, "" where it is not set."""
    return os.environ.get(f"MODELMAKE_{name}", "").strip()


def run_id() -> str:
    """Return the run that RUN_ID names, which is used in place of receipts; "" where it is not set."""
    return text("RUN_ID") or os.environ.get("MLFLOW_RUN_ID", "").strip()


def switch(name: str) -> bool:
    """Return whether the make variable `name` is on; make accepts yes and no, and passes 1."""
    return text(name) == "1"


def in_ci() -> bool:
    """Return whether this runs in CI: the variable CI is on, and act does not replay the workflow."""
    return os.environ.get("CI") == "1" and not in_act()


def in_act() -> bool:
    """Return whether act runs this."""
    return os.environ.get("ACT") == "true"


def in_github() -> bool:
    """Return whether GitHub Actions or act runs this: only then do GITHUB_ variables count."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def github(name: str) -> str:
    """Return GITHUB_<name>, "" outside of GitHub Actions."""
    return os.environ.get(f"GITHUB_{name}", "") if in_github() else ""
