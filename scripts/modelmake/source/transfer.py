"""Transfer: blocks of bytes on their way into a file, with a progress bar."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelmake.core.errors import UserError, first_line

BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class Remote:
    """What the server says about the version of a file, "" where it says nothing."""

    etag: str = ""
    modified: str = ""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a full disk, or a folder that is not writable, into one line."""
    try:
        yield
    except OSError as error:
        while folder.name.startswith((".", "fetch-")):  # a temporary one, which nobody knows
            folder = folder.parent
        reason = os.strerror(error.errno) if error.errno else first_line(error)
        what = f"cannot be written: {reason}"
        raise UserError(str(folder), what, "check that it belongs to you and that its disk has space") from None


def write(blocks: Iterable[bytes], path: Path, size: int) -> None:
    """Write blocks of bytes to a file, with a progress bar on a terminal; `size` is 0 where nobody knows it."""
    from rich.console import Console  # noqa: PLC0415  # slow, and only `fetch` needs it
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = ("download", BarColumn(), DownloadColumn(), TransferSpeedColumn())
    path.parent.mkdir(parents=True, exist_ok=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("download", total=size or None)
        with path.open("wb", buffering=0) as file:
            for block in blocks:
                with writing(path.parent):
                    file.write(block)
                progress.advance(task, len(block))
