"""The files that a stage depends on."""

from pathlib import Path

import pytest

from modelmake.config import modules
from tests.conftest import ROOT


@pytest.mark.parametrize(("module", "package"), [("tables/table", "tables/kinds"), ("search/tune", "search/methods")])
def test_modules_that_a_package_lists_are_followed(module: str, package: str) -> None:
    """A format or a method that changes makes the stages stale that use it, although they import its package only."""
    code = Path("scripts/modelmake")
    listed = {path.relative_to(ROOT) for path in (ROOT / code / package).glob("*.py")}
    assert listed <= modules.imported(code / f"{module}.py", ROOT)
