"""Transfer: blocks of bytes on their way into a file."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from modelmake.core.files import writing
from modelmake.core.progress import Progress

BLOCK = 1 << 20  # bytes


@dataclass(frozen=True)
class Remote:
    """What the server says about the version of a file, "" where it says nothing."""

    etag: str = ""
    modified: str = ""


def write(blocks: Iterable[bytes], path: Path, size: int) -> None:
    """Write blocks of bytes to a file, and show how many; `size` is 0 if it is not known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Progress("downloading", size or None, "bytes") as progress, path.open("wb", buffering=0) as file:
        for block in blocks:
            with writing(path.parent):
                file.write(block)
            progress.advance(len(block))
