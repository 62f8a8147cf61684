"""File: one file of a table, how it is compressed, and how its text is written."""

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import pyarrow as pa

from modelmake.core.errors import UserError, few
from modelmake.tables.dialect import Dialect

HEAD = 1 << 18  # bytes that are looked at
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
ZIP = b"PK\x03\x04"
PLAIN = Dialect()
ROW_HASHES = "row"  # the name of the index that `data.read` adds, which is not a column
CONVERT = "convert it to .csv, .parquet, .xlsx, .jsonl or .feather"


@dataclass
class Short:
    """The rows of a text file that have fewer fields than the header, once all are read, and the first one's line."""

    rows: int = 0
    line: int = 0


@dataclass(frozen=True)
class File:
    """One file of a table.

    Parameters
    ----------
    path : Path
        Where it is.
    compression : str
        A name such as gzip, "" for none.
    dialect : Dialect
        How its text is written, if it is text.
    quotes : int
        The number of quotation marks in its text.
    short : Short
        Its rows that lack fields.

    """

    path: Path
    compression: str = ""
    dialect: Dialect = PLAIN
    quotes: int = 0
    short: Short = field(default_factory=Short, compare=False)

    def open(self) -> BinaryIO:
        """Return the decompressed content."""
        return _opened(self.path, self.compression)

    def head(self) -> bytes:
        """Return the first bytes of the decompressed content."""
        with self.open() as file:
            return file.read(HEAD)

    def content(self) -> bytes:
        """Return all bytes of the decompressed content."""
        with self.open() as file:
            return file.read()


def short(files: Sequence[File]) -> str:
    """Return what is said of the rows that have fewer fields than the header; "" where none has."""
    found = [file for file in files if file.short.rows]
    if not found:
        return ""
    count, first = sum(file.short.rows for file in found), f"{found[0].path.name}, line {found[0].short.line}"
    rows = "1 row has" if count == 1 else f"{count} rows have"
    return f"{rows} fewer fields than the header, and a gap in each of the last columns (the first: {first})"


def compression_of(first: bytes) -> str:
    """Return the compression of a file by its first bytes."""
    archive = "zip" if first.startswith(ZIP) else ""
    return next((name for magic, name in COMPRESSED.items() if first.startswith(magic)), archive)


def _opened(path: Path, compression: str) -> BinaryIO:
    if compression == "gzip":
        return cast("BinaryIO", gzip.open(path))
    if compression == "bzip2":
        return cast("BinaryIO", bz2.open(path))
    if compression == "xz":
        return cast("BinaryIO", lzma.open(path))
    if compression == "zip":
        return _member(path)
    if compression == "zstd":
        return cast("BinaryIO", io.BufferedReader(pa.input_stream(str(path), compression="zstd")))
    return path.open("rb")


def _member(path: Path) -> BinaryIO:
    """Return the only file of a zip archive."""
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
    if len(names) != 1:
        what = f"the archive has {len(names)} files ({few(names)})"
        raise UserError(str(path), what, "unpack the table, and name that file")
    return cast("BinaryIO", archive.open(names[0]))
