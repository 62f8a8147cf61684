"""Format: modelmake's own code, and the fixes of ruff for the problems that `make lint` names."""

import subprocess

from modelmake.checks import lint


def main() -> None:
    """Apply the fixes everywhere, and the format only to the code of modelmake itself."""
    subprocess.run(["ruff", "check", "--fix", "--exit-zero", "--quiet", "--no-cache", "."], check=True)
    subprocess.run(["ruff", "format", "--no-cache", *lint.own()], check=True)
