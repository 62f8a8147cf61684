"""Journal: the finished trials of one search, one line each, in build/search/. Nothing that is in it is lost."""

import errno
import fcntl
import itertools
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from pydantic import TypeAdapter

from modelmake.core import files
from modelmake.core.errors import UserError
from modelmake.core.files import place
from modelmake.search.trial import Result

FOLDER, LOCK = "search", "lock"
LINE = TypeAdapter(Result)


class Journal:
    """The results of a search by number, and the file that each new one is added to."""

    def __init__(self, file: FileIO, results: Mapping[int, Result]) -> None:
        """Keep the file, which ends with a whole line, and what it has."""
        self._file = file
        self.results = dict(results)

    def add(self, result: Result) -> None:
        """Add a finished trial; when this returns it is on the disk."""
        text = line(result)
        with files.writing(str(self._file.name), "free some space, then make tune goes on"):
            if self._file.write(text) != len(text):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        self.results[result.number] = result

    def ordered(self) -> bytes:
        """Put the lines in the order of the trials' numbers, and return them; nothing is added afterwards."""
        text = b"".join(line(self.results[number]) for number in sorted(self.results))
        files.replace(f"{FOLDER}/{Path(self._file.name).name}", text.decode())
        return text


def line(result: Result) -> bytes:
    """Return a result as its line, which is the same wherever the trial ran: no time and no place is in it."""
    return json.dumps(result.facts(), sort_keys=True).encode() + b"\n"


@contextmanager
def opened(key: str, *, anew: bool = False) -> Iterator[Journal]:
    """Yield the journal of a search; `anew` puts an existing one aside.

    Raises
    ------
    UserError
        Another search is running in this folder, the journal is damaged, or it cannot be written.

    """
    path = place(f"{FOLDER}/{key[:16]}.jsonl")
    with _locked(path.parent):
        with files.writing(path):
            if anew and path.exists():
                os.replace(path, _aside(path))
            file = path.open("a+b", buffering=0)
        with file:
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):  # the line that was written when the power went
                lines.pop()
                file.truncate(sum(map(len, lines)))
            yield Journal(file, {result.number: result for result in read(lines, str(path))})


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which ends with the process."""
    with files.writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / LOCK).open("ab")
    with file:
        with files.writing(folder):  # some file systems have no locks
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fix = "wait for that one, or stop it"
                raise UserError(str(folder), "another make tune writes to it", fix) from None
        yield


def _aside(path: Path) -> Path:
    """Return a name that no journal has yet."""
    names = (path.with_suffix(f".{number}.before") for number in itertools.count(1))
    return next(name for name in names if not name.exists())


def read(lines: list[bytes], name: str) -> Iterator[Result]:
    """Yield the results of a journal's lines; one that is not a trial of this version raises UserError."""
    for number, text in enumerate(lines, start=1):
        try:
            yield LINE.validate_python(json.loads(text))
        except ValueError:
            fix = "remove that line, or make tune FORCE=1 puts all of them aside"
            raise UserError(f"{name}:{number}", "is not a trial of this version", fix) from None
