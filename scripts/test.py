"""Test: every test that can run here; where an engine is, `make test` runs the `stack` tests after these."""

import os
import shlex
import time

import pytest

from scripts.pipeline import receipt
from scripts.pipeline.errors import UserError


def main() -> None:
    """Run pytest, and leave build/test.json if all pass and no option narrowed the choice."""
    started = time.monotonic()
    chosen = shlex.split(os.environ.get("ARGS", ""))
    # With an engine the stack tests run on the host, as a user would; without one they are skipped with the reason.
    not_here = ["-m", "not stack"] if os.environ.get("MODELMAKE_IMAGE") else []
    if code := pytest.main([*not_here, *chosen]):
        raise UserError(
            "test", f"pytest ended with {code.name if isinstance(code, pytest.ExitCode) else code}", "see above"
        )
    if not chosen:
        receipt.Test(**receipt.common("test", started)).write()
