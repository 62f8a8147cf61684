"""Format: the code, and the fixes of ruff for the problems that `make lint` names."""

import subprocess

from modelmake.checks import lint


def main() -> None:
    """Apply the fixes, and the format."""
    check = lint.commands()["ruff check"]
    subprocess.run([*check[:-1], "--fix", "--exit-zero", "."], check=True)
    subprocess.run(["ruff", "format", "--no-cache", "--exclude=.modelmake", "."], check=True)
