"""Files: the pipeline's file, and the files under build/, which are written as a whole or not at all."""

import os
import tempfile
from pathlib import Path

from modelmake.core import settings
from modelmake.core.errors import UserError

BUILD = Path("build")
SHARED = ("lint", "test", "owntest")  # the stages whose receipts are the same for every pipeline
MAIN = Path("pipeline.toml")
TUNED = "tuned.toml"  # what `make tune` leaves for `make train`


def pipeline() -> Path:
    """Return the file of the pipeline that PIPELINE names, or pipeline.toml."""
    return settings.make().pipeline or MAIN


def entry(name: str) -> str:
    """Return where a key of the pipeline stands, such as `pipeline.toml: data.path`."""
    return f"{pipeline()}: {name}"


def build(path: Path | None = None) -> Path:
    """Return the folder of the receipts of the pipeline at `path`: build/ or build/pipelines/<name>."""
    path = path or pipeline()
    return BUILD if path == MAIN else BUILD / path.with_suffix("")


def place(name: str) -> Path:
    """Return the path of a file under build/: those of lint and of the tests are the same for every pipeline."""
    return (BUILD if name.partition(".")[0] in SHARED else build()) / name


def replace(name: str, text: str) -> None:
    """Write the file `name` of the pipeline's folder as a whole or not at all.

    Raises
    ------
    UserError
        The folder is not writable, or its disk is full.

    """
    path = place(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, 0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise UserError(
            str(path),
            f"cannot be written: {error.strerror}",
            "check that build/ belongs to you and that its disk has space",
        ) from None
