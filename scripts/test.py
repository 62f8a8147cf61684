"""Test: every test that can run here; where an engine is, `make test` runs the `stack` tests after these."""

import os
import shlex
import subprocess
import sys
import time

from scripts.pipeline import receipt
from scripts.pipeline.errors import UserError


def main() -> None:
    """Run pytest, and leave build/test.json if all pass and no option narrowed the choice."""
    started = time.monotonic()
    chosen = shlex.split(os.environ.get("ARGS", ""))
    # With an engine the stack tests run on the host, as a user would; without one they are skipped with the reason.
    here = ["not stack"] if os.environ.get("IN_IMAGE") else []
    if not os.environ.get("CI") or os.environ.get("ACT"):  # act replays on a laptop, as a laptop
        here.append("(stack or not long)")
    done = subprocess.run([sys.executable, "-m", "pytest", "-m", " and ".join(here), *chosen], check=False)
    if done.returncode:
        raise UserError("test", f"pytest ended with exit code {done.returncode}", "what it says stands above")
    if not chosen:
        receipt.Test(**receipt.common("test", started)).write()
