"""Encoding: of a text file by all of its bytes, which are looked at once, and what else they say about its fields."""

import codecs
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modelmake.tables.file import File

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BLOCK = 1 << 20
OVERLAP = 64  # bytes of the block before, for a field that two blocks share
CONTROLS = frozenset(range(0x80, 0xA0))  # of Latin-1, where Windows has characters
UNDEFINED = frozenset((0x81, 0x8D, 0x8F, 0x90, 0x9D))  # in the encoding of Windows
UNMARKED = ("cp1252", "latin-1")
QUOTED = re.compile(rb'"\s*[-+]?[\d.]*,\d+\s*"')
SEPARATORS = frozenset(b'\r\n" ')  # and the delimiter


@dataclass(frozen=True)
class Bytes:
    """What the bytes of a text file say.

    Parameters
    ----------
    encoding : str
        "" where the file is not Unicode.
    controls : frozenset of int
        The bytes that tell Windows from Latin-1.
    before_zeros : frozenset of int
        What stands before digits that begin with a zero.
    commas, quoted : bool
        Whether a digit follows a comma, and whether a quoted number has a comma.

    """

    encoding: str
    controls: frozenset[int] = frozenset()
    before_zeros: frozenset[int] = SEPARATORS
    commas: bool = True
    quoted: bool = True

    def has_zeros(self, delimiter: str) -> bool:
        """Return whether a field may be a code that begins with a zero."""
        return bool(self.before_zeros & {*SEPARATORS, *delimiter.encode()})

    def has_commas(self, delimiter: str) -> bool:
        """Return whether a field may be a number with a comma."""
        return self.quoted if delimiter == "," else self.commas


def looked(file: File) -> Bytes:
    """Look at all bytes of a text file."""
    head = file.head()
    if mark := next((name for mark, name in MARKS if head.startswith(mark) and name != "utf-8"), None):
        return Bytes(mark)
    if head.count(b"\0") > len(head) / 4:
        return Bytes("utf-16-le" if head[1:2] == b"\0" else "utf-16-be")
    decoder, before, last = codecs.getincrementaldecoder("utf-8")(), set[int](), b"\n"
    encoding, commas, quoted, controls = "utf-8", False, False, set[int]()
    for block in _blocks(file):
        if not block.isascii() or decoder.getstate()[0]:
            controls |= CONTROLS.intersection(block)
            encoding = encoding and _decoded(decoder, block)
        text = np.frombuffer(last + block, np.uint8)
        digits = (text - np.uint8(ord("0"))) < 10
        before |= set(_before_zeros(text, digits))
        commas = commas or bool((digits[1:] & (text[:-1] == ord(","))).any())
        quoted = quoted or (b'"' in block and QUOTED.search(last + block) is not None)
        last = block[-OVERLAP:]
    return Bytes(encoding, frozenset(controls), frozenset(before), commas, quoted)


def encoding_of(files: Sequence[Bytes]) -> str:
    """Return the encoding of the files that are not Unicode: of Windows, if they have characters of it."""
    controls = frozenset[int]().union(*(one.controls for one in files if not one.encoding))
    return UNMARKED[0] if controls and not controls & UNDEFINED else UNMARKED[1]


def _decoded(decoder: codecs.IncrementalDecoder, block: bytes) -> str:
    try:
        decoder.decode(block)
    except UnicodeDecodeError:
        return ""
    return "utf-8"


def _before_zeros(text: NDArray[np.uint8], digits: NDArray[np.bool_]) -> list[int]:
    """Return the bytes before a zero that two digits follow: a shorter code is not one."""
    zeros = (text[1:-2] == ord("0")) & digits[2:-1] & digits[3:] & ~digits[:-3]
    found: list[int] = np.unique(text[:-3][zeros]).tolist()
    return found


def _blocks(file: File) -> Iterator[bytes]:
    with file.open() as opened:
        while block := opened.read(BLOCK):
            yield block
