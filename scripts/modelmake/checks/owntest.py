"""Owntest: the user's tests, tests/test_*.py, which run alone if only the user's files have changed."""

import time
from pathlib import Path

from modelmake.checks.test import run
from modelmake.config import receipt
from modelmake.core import settings


def main() -> None:
    """Write build/owntest.json if all tests pass, or if there are none."""
    started = time.monotonic()
    if paths := sorted(str(path) for path in Path("tests").glob("test_*.py")):
        run("--numprocesses=0", *paths)
    if not settings.make().args:
        receipt.OwnTest().write(started)
