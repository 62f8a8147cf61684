"""Seal: the encryption of a backup with age (the library pyrage), while it is written and read."""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import pyrage

from modelmake.core import settings

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

HEADER = b"age-encryption.org/"


class SealedError(ValueError):
    """The key is missing, is not a key, or does not fit."""


def identity() -> pyrage.x25519.Identity | None:
    """Return the key in BACKUP_KEY, None if there is none.

    Raises
    ------
    SealedError
        It is not an age identity.

    """
    lines = [line for line in settings.variable("BACKUP_KEY").split() if line.startswith("AGE-SECRET-KEY-")]
    try:
        return pyrage.x25519.Identity.from_str(lines[0]) if lines else None
    except pyrage.IdentityError as error:
        raise SealedError(f"KEY contains no age identity: {error}") from None


@contextmanager
def encrypted(archive: BinaryIO) -> Iterator[BinaryIO]:
    """Yield a file that encrypts its data and writes it to `archive`, or `archive` itself if there is no key."""
    key = identity()
    if key is None:
        yield archive
        return
    source, sink = os.pipe()

    def work() -> None:
        with os.fdopen(source, "rb") as plain:  # always closed, so that a writer never waits
            pyrage.encrypt_io(plain, archive, [key.to_public()])

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        with os.fdopen(sink, "wb") as plain:
            yield plain
        working.result()


@contextmanager
def decrypted(archive: BinaryIO) -> Iterator[BinaryIO]:
    """Yield the data of `archive`, which may be encrypted.

    Raises
    ------
    SealedError
        It is encrypted, and the key is missing or does not fit.

    """
    start = archive.read(len(HEADER))
    whole = io.BufferedReader(_Joined(start, archive))
    if start != HEADER:
        yield whole
        return
    key = identity()
    if key is None:
        raise SealedError("it is encrypted: KEY=… names the file with its key")
    source, sink = os.pipe()

    def work() -> None:
        with os.fdopen(sink, "wb") as plain:
            pyrage.decrypt_io(whole, plain, [key])

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            with os.fdopen(source, "rb") as plain:
                yield plain
                while plain.read(1 << 20):  # read to the end: only then is all of it authentic
                    pass
        except Exception:
            failed = working.exception()
            if failed and not isinstance(failed, BrokenPipeError):  # that error comes from our own close
                raise SealedError(f"the key does not open it, or it is damaged: {failed}") from None
            raise
        working.result()


class _Joined(io.RawIOBase):
    """A stream of `start`, bytes that were read already, and then of `rest`."""

    def __init__(self, start: bytes, rest: BinaryIO) -> None:
        self.start, self.rest = start, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        view = memoryview(buffer)
        data = self.start or self.rest.read(len(view))
        self.start, data = data[len(view) :] if self.start else b"", data[: len(view)]
        view[: len(data)] = data
        return len(data)
