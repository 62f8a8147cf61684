"""Test: every test of the product's but those that drive an engine (`make test-stack`), and with no engine in reach."""

import os
import shlex
import subprocess
import sys
import time

from scripts.core import receipt, settings
from scripts.core.errors import UserError

OWN = "tests/test_*.py"  # the user's; ours are in rooms below tests/
NO_TESTS = 5  # pytest's exit code where it found none


def run(*words: str) -> None:
    """Run pytest with `words` and with ARGS.

    Raises
    ------
    UserError
        A test failed.

    """
    which = "not stack" if settings.in_ci() else "not stack and not long"
    engineless = os.environ | {"DOCKER_HOST": "unix:///nowhere"}
    command = [sys.executable, "-m", "pytest", "-m", which, *words, *shlex.split(settings.text("ARGS"))]
    done = subprocess.run(command, env=engineless, check=False)
    if done.returncode not in (0, NO_TESTS):
        raise UserError("test", f"pytest ended with exit code {done.returncode}", "its output is above")


def main() -> None:
    """Leave build/test.json if all pass and no option narrowed the choice."""
    started = time.monotonic()
    run(f"--ignore-glob={OWN}")
    if not settings.text("ARGS"):
        receipt.Test(**receipt.common("test", started)).write()
