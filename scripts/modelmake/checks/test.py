"""Test: the tests of the project, after a check of its pipelines.

Of modelmake itself: all except those that need an engine (`make test-stack`) and the examples.
"""

import shlex
import subprocess
import sys
import time

from modelmake.checks import definitions
from modelmake.config import receipt
from modelmake.core import settings
from modelmake.core.errors import UserError

EXAMPLES = "tests/registry/test_examples.py"  # of `make examples`, which every CI run runs
# The project may write to build/ alone, and its tests run in their own order, as anywhere else.
OF_PROJECT = ["-o", "cache_dir=build/.pytest", "--ignore=build", "-p", "no:randomly", "-p", "no:schemathesis"]
NO_TESTS = 5  # pytest's exit code for no tests


def run(*words: str) -> None:
    """Run modelmake's own tests by pytest with `words` and with ARGS.

    Raises
    ------
    UserError
        A test failed.

    """
    marks = "not stack" if settings.in_ci() else "not stack and not long"
    # Each core has a process of pytest already: more threads would wait for it by spinning.
    engineless = settings.environment() | {"DOCKER_HOST": "unix:///nowhere", "OMP_NUM_THREADS": "1"}
    _pytest(["-m", marks, *words], engineless)


def _pytest(words: list[str], environment: dict[str, str]) -> None:
    command = [sys.executable, "-m", "pytest", *words, *shlex.split(settings.make().args)]
    done = subprocess.run(command, env=environment, check=False)
    if done.returncode not in (0, NO_TESTS):
        raise UserError("test", f"pytest ended with exit code {done.returncode}", "see its output above")


def main() -> None:
    """Write build/test.json if all tests pass and ARGS selects none of them."""
    started = time.monotonic()
    if settings.is_product():
        run(f"--ignore={EXAMPLES}")
    else:
        definitions.check()
        _pytest(OF_PROJECT, settings.environment())
    if not settings.make().args:
        receipt.Test().write(started)
