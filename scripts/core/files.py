"""Files under build/, written as a whole or not at all."""

import os
import tempfile
from pathlib import Path

from scripts.core.errors import UserError

BUILD = Path("build")


def replace(name: str, text: str) -> None:
    """Write build/<name> as a whole or not at all.

    Raises
    ------
    UserError
        The folder is not writable, or its disk is full.

    """
    try:
        BUILD.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=BUILD, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, BUILD / name)
    except OSError as error:
        raise UserError(
            f"{BUILD}/{name}",
            f"cannot be written: {error.strerror}",
            "check that build/ belongs to you and that its disk has space",
        ) from None
