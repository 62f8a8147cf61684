"""Test: all tests of the product except those that need an engine (`make test-stack`) and the examples."""

import shlex
import subprocess
import sys
import time

from modelmake.config import receipt
from modelmake.core import settings
from modelmake.core.errors import UserError

OWN = "tests/test_*.py"  # the user's; the product's are in folders below tests/
EXAMPLES = "tests/registry/test_examples.py"  # of `make examples`, which every CI run runs
NO_TESTS = 5  # pytest's exit code for no tests


def run(*words: str) -> None:
    """Run pytest with `words` and with ARGS.

    Raises
    ------
    UserError
        A test failed.

    """
    marks = "not stack" if settings.in_ci() else "not stack and not long"
    # Each core has a process of pytest already: more threads would wait for it by spinning.
    engineless = settings.environment() | {"DOCKER_HOST": "unix:///nowhere", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-m", marks, *words, *shlex.split(settings.make().args)]
    done = subprocess.run(command, env=engineless, check=False)
    if done.returncode not in (0, NO_TESTS):
        raise UserError("test", f"pytest ended with exit code {done.returncode}", "see its output above")


def main() -> None:
    """Write build/test.json if all tests pass and ARGS selects none of them."""
    started = time.monotonic()
    run(f"--ignore-glob={OWN}", f"--ignore={EXAMPLES}")
    if not settings.make().args:
        receipt.Test().write(started)
