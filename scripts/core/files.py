"""Files: what is left under build/, whole or not at all."""

import os
import tempfile
from pathlib import Path

from scripts.core.errors import UserError

BUILD = Path("build")


def replace(name: str, text: str) -> None:
    """Write build/<name> whole or not at all.

    Raises
    ------
    UserError
        The folder can't be written, or its disk is full.

    """
    try:
        BUILD.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=BUILD, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, BUILD / name)
    except OSError as error:
        raise UserError(
            f"{BUILD}/{name}", f"cannot be written: {error.strerror}", "is build/ yours, with room?"
        ) from None
