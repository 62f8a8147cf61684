"""Encoding: of the text files of a table, by all of their bytes, which are read once."""

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from modelmake.tables.file import File

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BLOCK = 1 << 20
CONTROLS = frozenset(range(0x80, 0xA0))  # of Latin-1, where Windows has characters
UNDEFINED = frozenset((0x81, 0x8D, 0x8F, 0x90, 0x9D))  # in the encoding of Windows


@dataclass(frozen=True)
class Bytes:
    """What a file is made of: its encoding, "" for one that is not Unicode, and its bytes that tell two such apart."""

    encoding: str
    controls: frozenset[int] = frozenset()


def encodings(files: Sequence[File]) -> list[str]:
    """Return the encoding of each file; those that are not Unicode have one encoding in common.

    That is the one of Windows if they have the characters that Latin-1 does not have.
    """
    looked = [_looked(file) for file in files]
    controls = frozenset[int]().union(*(found.controls for found in looked))
    other = "cp1252" if controls and not controls & UNDEFINED else "latin-1"
    return [found.encoding or other for found in looked]


def _looked(file: File) -> Bytes:
    head = file.head()
    if mark := next((name for mark, name in MARKS if head.startswith(mark)), None):
        return Bytes(mark)
    if head.count(b"\0") > len(head) / 4:
        return Bytes("utf-16-le" if head[1:2] == b"\0" else "utf-16-be")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in _blocks(file):
            if not block.isascii() or decoder.getstate()[0]:
                decoder.decode(block)
    except UnicodeDecodeError:
        return Bytes("", frozenset[int]().union(*(CONTROLS.intersection(block) for block in _blocks(file))))
    return Bytes("utf-8")


def _blocks(file: File) -> Iterator[bytes]:
    with file.open() as opened:
        while block := opened.read(BLOCK):
            yield block
