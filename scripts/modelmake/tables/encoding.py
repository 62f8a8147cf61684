"""Encoding: of a text file by all of its bytes, which are read once for it and for their SHA-256."""

import codecs
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core.errors import UserError, few
from modelmake.tables.file import File

MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
BLOCK = 1 << 20
OTHERS = bytes((*range(0x80), *range(0xA0, 0x100)))  # all but the controls of Latin-1, where Windows has characters
UNDEFINED = frozenset((0x81, 0x8D, 0x8F, 0x90, 0x9D))  # in the encoding of Windows
UNMARKED = ("cp1252", "latin-1")
SURE = 20  # bytes beyond the first of characters: no text of another encoding has so many by chance
SHOWN = 3  # values in an error message
OFTEN = "cp1250, cp1251, gbk, shift_jis or mac-roman"


@dataclass(frozen=True)
class Bytes:
    """What the bytes of a text file say.

    Parameters
    ----------
    sha256 : str
        Of the file, "" if it is compressed.
    encoding : str
        "" where the file is not Unicode.
    controls : frozenset of int
        The bytes that tell Windows from Latin-1.
    quotes : int
        The number of quotation marks.
    surely : bool
        Whether it has so many characters of UTF-8 that it can have no other encoding.

    """

    sha256: str
    encoding: str
    controls: frozenset[int]
    quotes: int
    surely: bool


def looked(file: File) -> Bytes:
    """Look at all bytes of a text file."""
    digest, quotes, controls, characters = hashlib.sha256(), 0, set[int](), 0
    marked = _marked(file.head())
    encoding, decoder = marked or "utf-8", codecs.getincrementaldecoder("utf-8")()
    with file.open() as opened:
        while block := opened.read(BLOCK):
            digest.update(block)
            quotes += block.count(b'"')
            if not marked and (not block.isascii() or decoder.getstate()[0]):
                controls.update(block.translate(None, OTHERS))
                try:
                    characters += len(block) - len(decoder.decode(block)) if encoding else 0
                except UnicodeDecodeError:
                    encoding = ""
    surely = encoding == "utf-8" and characters > SURE
    return Bytes("" if file.compression else digest.hexdigest(), encoding, frozenset(controls), quotes, surely)


def check_key(config: Data, files: Sequence[Bytes]) -> None:
    """Raise UserError for a stated encoding that cannot be that of the files."""
    if any(one.surely for one in files) and not _is_unicode(config.encoding):
        what = f"{config.path} is UTF-8, and not {config.encoding}"
        raise UserError(entry("data.encoding"), what, "remove the key")


def check_bytes(files: Sequence[File], looks: Sequence[Bytes], config: Data) -> None:
    """Raise UserError for a file that is UTF-8 but for a few bytes, with the place of the first one."""
    for file, one in zip(files, looks, strict=True):
        if not one.encoding and _is_unicode(config.encoding):
            _check_bytes(file)


def _is_unicode(encoding: str | None) -> bool:
    return encoding is None or encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")


def _check_bytes(file: File) -> None:
    first, wrong, characters = "", 0, 0
    with file.open() as opened:
        for number, line in enumerate(opened, 1):
            if not line.isascii():
                text = line.decode("utf-8", errors="surrogateescape")
                places = [place for place, sign in enumerate(text, 1) if "\udc80" <= sign <= "\udcff"]
                wrong, characters = wrong + len(places), characters + sum(sign > "\x7f" for sign in text) - len(places)
                first = first or (f"line {number}, column {places[0]}" if places else "")
    if characters > wrong:
        many = f"and {wrong - 1} more" if wrong > 1 else "the only one"
        what = f"a byte is not UTF-8: {first} ({many}; {characters} other characters are UTF-8)"
        raise UserError(str(file.path), what, "correct it; if the whole file has another encoding, set data.encoding")


def guessed(texts: pa.Table, config: Data, encoding: str) -> UserError | None:
    """Return the error for texts of an encoding that nobody stated, None where all of them are ASCII."""
    for name in (name for name in texts.column_names if name not in (*(config.drop or []), config.id)):
        column = texts.column(name)
        others = column.filter(pc.invert(pc.string_is_ascii(column))).unique().slice(0, SHOWN).to_pylist()
        if others or not name.isascii():
            what = f"is not UTF-8. As {encoding}, which is a guess, column '{name}' has {few(others or [name])}"
            fix = f'if these are right, set data.encoding = "{encoding}", else the right one, such as {OFTEN}'
            return UserError(config.path, what, fix)
    return None


def encoding_of(files: Sequence[Bytes]) -> str:
    """Return the encoding of the files that are not Unicode: of Windows, if they have characters of it."""
    controls = frozenset[int]().union(*(one.controls for one in files if not one.encoding))
    return UNMARKED[0] if controls and not controls & UNDEFINED else UNMARKED[1]


def _marked(head: bytes) -> str:
    if head.count(b"\0") > len(head) / 4 and not head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return "utf-16-le" if head[1:2] == b"\0" else "utf-16-be"
    return next((name for mark, name in MARKS if head.startswith(mark)), "")
