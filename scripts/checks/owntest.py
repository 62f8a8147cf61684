"""Own test: the user's tests, tests/test_*.py, which run alone where only the user's files have changed."""

import time
from pathlib import Path

from scripts.checks.test import run
from scripts.core import receipt, settings


def main() -> None:
    """Leave build/owntest.json if all pass, or if there are none."""
    started = time.monotonic()
    if own := sorted(str(path) for path in Path("tests").glob("test_*.py")):
        run("--numprocesses=0", *own)
    if not settings.text("ARGS"):
        receipt.OwnTest(**receipt.common("owntest", started)).write()
