"""Journal: the finished trials of one search, one line each, in build/search/. Nothing that is in it is lost."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from scripts.core.errors import UserError
from scripts.core.files import place
from scripts.search.trial import Result

FOLDER = "search"


def path(key: str) -> Path:
    """Return the file of the search with this key."""
    return place(f"{FOLDER}/{key[:16]}.jsonl")


class Journal:
    """The results of a search by number, and the file that each new one is added to."""

    def __init__(self, file: BinaryIO, results: Mapping[int, Result]) -> None:
        """Keep the file, which is locked and ends with a whole line, and what it has."""
        self._file = file
        self.results = dict(results)

    def add(self, result: Result) -> None:
        """Add a finished trial; when this returns it is on the disk."""
        try:
            self._file.write(line(result))
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            fix = "free some space, then make tune goes on"
            raise UserError(str(self._file.name), f"cannot be written: {error.strerror}", fix) from None
        self.results[result.number] = result


def line(result: Result) -> bytes:
    """Return a result as its line, which is the same wherever the trial ran: no time and no place is in it."""
    return json.dumps(result.facts(), sort_keys=True).encode() + b"\n"


@contextmanager
def opened(key: str, *, anew: bool = False) -> Iterator[Journal]:
    """Yield the journal of a search; `anew` puts an existing one aside, as .before.

    Raises
    ------
    UserError
        Another process has it, it is damaged, or it cannot be written.

    """
    file = path(key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if anew and file.exists():
            os.replace(file, file.with_suffix(".before"))
        opened = file.open("a+b")
    except OSError as error:
        what = f"cannot be written: {error.strerror}"
        raise UserError(str(file), what, "check that build/ belongs to you and that its disk has space") from None
    with opened:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(str(file), "another make tune writes to it", "wait for that one, or stop it") from None
        opened.seek(0)
        lines = opened.read().splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):  # the line that was written when the power went
            lines.pop()
            opened.truncate(sum(map(len, lines)))
        yield Journal(opened, {result.number: result for result in read(lines, str(file))})


def read(lines: list[bytes], name: str) -> Iterator[Result]:
    """Yield the results of a journal's lines; one that is no trial of this version raises UserError."""
    for number, text in enumerate(lines, start=1):
        try:
            yield Result(**json.loads(text))
        except (ValueError, TypeError):
            fix = "make tune FORCE=1 puts it aside and starts again"
            raise UserError(f"{name}:{number}", "is no trial of this version", fix) from None
