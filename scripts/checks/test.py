"""Test: every test but those that drive an engine (`make test-stack`), and with no engine in reach."""

import os
import shlex
import subprocess
import sys
import time

from scripts.core import receipt, settings
from scripts.core.errors import UserError


def main() -> None:
    """Run pytest, and leave build/test.json if all pass and no option narrowed the choice."""
    started = time.monotonic()
    chosen = shlex.split(settings.text("ARGS"))
    which = "not stack" if settings.in_ci() else "not stack and not long"
    engineless = os.environ | {"DOCKER_HOST": "unix:///nowhere"}
    done = subprocess.run([sys.executable, "-m", "pytest", "-m", which, *chosen], env=engineless, check=False)
    if done.returncode:
        raise UserError("test", f"pytest ended with exit code {done.returncode}", "what it says stands above")
    if not chosen:
        receipt.Test(**receipt.common("test", started)).write()
