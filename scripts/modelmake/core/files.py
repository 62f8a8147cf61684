"""Files: the pipeline's file, the files under build/, and how any file is written: whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelmake.core import settings
from modelmake.core.errors import UserError, first_line
from modelmake.core.stages import SHARED, STAGES

BUILD = Path("build")
MAIN = Path("pipeline.toml")
PART = ".part-"  # how the folders begin in which files wait until they are whole
TUNED = STAGES["tune"].leaves  # what `make tune` leaves for `make train`


def pipeline() -> Path:
    """Return the file of the pipeline that PIPELINE names, or pipeline.toml."""
    return settings.make().pipeline or MAIN


def build(path: Path | None = None) -> Path:
    """Return the folder of the receipts of the pipeline at `path`: build/ or build/pipelines/<name>."""
    path = path or pipeline()
    return BUILD if path == MAIN else BUILD / path.with_suffix("")


def place(name: str) -> Path:
    """Return the path of a file under build/: those of lint and of the tests are the same for every pipeline."""
    return (BUILD if name.partition(".")[0] in SHARED else build()) / name


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a place aside; the file or folder that the block leaves there becomes `path`, also when the power fails.

    The place aside has the name of `path`, in a folder beside it. If the block fails, or leaves nothing, `path` stays
    as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=PART) as folder:
        aside = Path(folder, path.name)
        yield aside
        if aside.is_dir():
            remove(path)
        elif aside.exists():
            with aside.open("rb") as file:
                os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            os.replace(aside, path)


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all."""
    with whole(path) as aside:
        aside.write_bytes(content.encode() if isinstance(content, str) else content)


def replace(name: str, text: str) -> None:
    """Write the file `name` of the pipeline's folder, whole or not at all; raises what `writing` raises."""
    path = place(name)
    with writing(path):
        write(path, text)


@contextmanager
def writing(path: Path | str, fix: str = "check that it belongs to you and that its disk has space") -> Iterator[None]:
    """Turn a full disk, or a folder that is not writable, into one line.

    Raises
    ------
    UserError
        The block raised an OSError.

    """
    try:
        yield
    except OSError as error:
        while isinstance(path, Path) and path.name.startswith(PART):  # a temporary folder: name the user's
            path = path.parent
        reason = os.strerror(error.errno) if error.errno else first_line(error)
        raise UserError(str(path), f"cannot be written: {reason}", fix) from None


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
