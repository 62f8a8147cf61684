"""Log: the requests and their predictions as JSON lines, written by a thread of its own, which no request waits for."""

import errno
import os
import threading
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from pydantic_core import to_json

from modelmake.serving import counts
from modelmake.serving.body import Columns

QUEUED = 10_000  # records
EVERY = 0.2  # seconds between two looks at the queue
SECONDS, BYTES = 60, 1 << 26  # after which a file is closed
HELD = 1 << 26  # bytes of the requests whose records wait; as Python's objects they take up to fifty times as much
TOTAL = 1 << 30  # bytes of all files; the oldest ones go first
OPEN, CLOSED, CLOSE = ".open", ".jsonl", "close"  # `make watch` touches the file CLOSE to get what is in open files


@dataclass(frozen=True)
class Record:
    """One request that got predictions."""

    time: float  # seconds since 1970
    request_id: str  # which its answer has too
    version: str
    model_id: str
    columns: Columns
    predictions: list[Any]
    smoke: bool = False  # whether `make smoke` sent it


class Log:
    """The files of this process in a folder of JSON lines, without the values of private columns."""

    def __init__(self, folder: Path, private: Collection[str]) -> None:
        """Start the thread."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.private = folder, frozenset(private)
        self._queue: deque[tuple[Record, int]] = deque()
        self._taken = self._done = 0  # bytes; each is written by one thread
        self._ended = threading.Event()
        self._file: IO[bytes] | None = None
        self._opened, self._asked = 0.0, 0  # when the file was opened, and when CLOSE was touched before
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, record: Record, size: int = 0) -> None:
        """Take the record of a request of a size in bytes, or count it as dropped: the queue is full if a disk is slow.

        One thread calls this.
        """
        if len(self._queue) < QUEUED and self._taken - self._done + size <= HELD:
            self._taken += size
            self._queue.append((record, size))  # wakes no thread, which would cost more than the request itself
        else:
            counts.DROPPED.inc()

    def close(self) -> None:
        """Write what is queued, and close the file."""
        self._ended.set()
        self._thread.join(10)

    def _run(self) -> None:
        ended = False
        while not ended:
            ended = self._ended.wait(EVERY)
            for _ in range(len(self._queue)):  # what comes meanwhile waits, so that a full file is closed
                self._keep(*self._queue.popleft())
            try:
                if self._file is not None and (ended or self._is_due()):
                    self._close()
            except OSError:
                self._abandon()

    def _keep(self, record: Record, size: int) -> None:
        """Write a record, or count it as dropped, and go on."""
        try:
            self._write(record)
        except (OSError, ValueError, TypeError):  # the disk is full, or a value is not one of JSON
            counts.DROPPED.inc()
        finally:
            self._done += size

    def _write(self, record: Record) -> None:
        """Add a line; it is in the file, for other processes too, when this returns."""
        kept = {name: values for name, values in record.columns.items() if name not in self.private}
        line = to_json(record.__dict__ | {"columns": kept}) + b"\n"
        if self._file is None:
            self._opened, self._asked = time.monotonic(), self._touched()
            name = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}-{time.monotonic_ns()}"
            self._file = (self.folder / f"{name}{OPEN}").open("wb", buffering=0)
        self._append(self._file, line)
        counts.LOGGED.inc()

    def _append(self, file: IO[bytes], line: bytes) -> None:
        """Write a whole line or nothing; a full disk may take a part of it without an error."""
        start = file.tell()
        try:
            if file.write(line) != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.seek(start)
            file.truncate()
            raise

    def _is_due(self) -> bool:
        assert self._file is not None  # noqa: S101  # for the type checker
        old = time.monotonic() - self._opened > SECONDS  # a clock may be set back
        return old or self._file.tell() > BYTES or self._touched() != self._asked

    def _touched(self) -> int:
        """Return when `make watch` asked last for what is in open files, by the clock of the file system."""
        try:
            return (self.folder / CLOSE).stat().st_mtime_ns
        except OSError:
            return 0

    def _close(self) -> None:
        """Give the file its final name, and keep the folder within its limit."""
        if self._file is None:
            return
        path = Path(self._file.name)
        self._abandon()
        os.replace(path, path.with_suffix(CLOSED))
        files = sorted(self.folder.glob(f"*{CLOSED}"))
        sizes = [path.stat().st_size for path in files]
        for file, size in zip(files, sizes, strict=True):
            if sum(sizes) <= TOTAL:
                break
            file.unlink(missing_ok=True)
            sizes = sizes[1:]
            print(f"the request log is over {TOTAL >> 30} GB: {size} bytes removed; run make watch", flush=True)

    def _abandon(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            finally:
                self._file = None
