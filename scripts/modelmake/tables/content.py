"""Content: what a file is by its first bytes, whatever its name says, and how it is compressed."""

import bz2
import gzip
import io
import json
import lzma
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from modelmake.core.config import Data
from modelmake.core.errors import UserError, few

HEAD = 1 << 18  # bytes that are looked at
BINARY = {b"PAR1": "parquet", b"ARROW1": "feather", b"FEA1": "feather"}
COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
ZIP = b"PK\x03\x04"
KINDS = {  # by the suffix of a name
    **dict.fromkeys((".csv", ".tsv", ".txt", ".data", ".dat"), "csv"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
    **dict.fromkeys((".feather", ".arrow"), "feather"),
    **dict.fromkeys((".json", ".jsonl", ".ndjson"), "jsonl"),
    ".xlsx": "xlsx",
}
TITLES = {"parquet": "a Parquet file", "feather": "an Arrow file", "xlsx": "an Excel workbook"}
CONVERT = "convert it to .csv, .parquet, .xlsx, .jsonl or .feather"
FOREIGN = {
    b"\xd0\xcf\x11\xe0": ("an .xls workbook, or one with a password", "save it as .xlsx without a password"),
    b"\x89HDF": ("an HDF5 file", CONVERT),
    b"ORC": ("an ORC file", CONVERT),
    b"Obj\x01": ("an Avro file", CONVERT),
    b"SQLite format 3": ("an SQLite database", "name it as data.source with a data.query, or export the table"),
    b"\x93NUMPY": ("a NumPy array", CONVERT),
    b"$FL": ("an SPSS file", CONVERT),
    b"<stata_dta>": ("a Stata file", CONVERT),
    b"HEADER RECORD": ("a SAS file", CONVERT),
    b"\0" * 12 + b"\xc2\xea": ("a SAS file", CONVERT),
    **{bytes([0x80, protocol]): ("a pickle, which can run code", CONVERT) for protocol in (2, 3, 4, 5)},
    b"RDX": ("an R data file", CONVERT),
    b"RDA": ("an R data file", CONVERT),
    b"X\n\0": ("an R data file", CONVERT),
    b"MATLAB": ("a MATLAB file", CONVERT),
    b"%PDF": ("a PDF", CONVERT),
}
PAGES = {  # texts that are not tables, in lower case
    b"<!doctype html": ("an HTML page, such as a login or an error page", "download the table itself"),
    b"<html": ("an HTML page, such as a login or an error page", "download the table itself"),
    b"<?xml": ("an XML file", CONVERT),
    b"@relation": ("an ARFF file", CONVERT),
    b"version https://git-lfs": ("a Git LFS pointer, not the file that it stands for", "run git lfs pull"),
}
SUFFIXES = (
    *(".xls .xlsb .ods .sas7bdat .xpt .sav .zsav .dta .pkl .pickle .h5 .hdf .hdf5 .orc .avro .db .sqlite".split()),
    *(".rds .rdata .rda .mat .npy .npz .joblib .tar .7z .rar".split()),
)


@dataclass(frozen=True)
class Content:
    """What a file is: `kind` is a value of data.format, `compression` a name such as gzip, "" for none."""

    path: Path
    kind: str
    compression: str

    def open(self) -> BinaryIO:
        """Return the decompressed content."""
        return _opened(self.path, self.compression)

    def head(self) -> bytes:
        """Return the first bytes of the decompressed content."""
        with self.open() as file:
            return file.read(HEAD)


def content(path: Path, config: Data) -> Content:
    """Return what the file at `path` is.

    Raises
    ------
    UserError
        The file is of a kind that is not read, or of another kind than its name says, or its end is missing.

    """
    with path.open("rb") as file:
        first = file.read(16)
    compression = next((name for magic, name in COMPRESSED.items() if first.startswith(magic)), "")
    if first.startswith(ZIP):
        if config.format == "xlsx" or _is_workbook(path):
            return Content(path, "xlsx", "")
        compression = "zip"
    head = Content(path, "", compression).head()
    if not head:
        raise UserError(str(path), "the file is empty", "add a header line and rows")
    kind = config.format or _kind(path, head)
    return Content(path, kind, compression)


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
        import pyarrow as pa  # noqa: PLC0415  # slow, and few tables need it

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


def _is_workbook(path: Path) -> bool:
    """Return whether a zip archive is a workbook; a damaged one counts by its name."""
    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile:
        raise UserError(str(path), "the file is damaged or its end is missing", "download or copy it again") from None
    if "content.xml" in names or any(name.endswith(".npy") for name in names) or "xl/workbook.bin" in names:
        raise UserError(str(path), f"cannot read '{path.suffix}' files", CONVERT)
    return "xl/workbook.xml" in names


def _kind(path: Path, head: bytes) -> str:
    if kind := next((kind for magic, kind in BINARY.items() if head.startswith(magic)), None):
        return kind
    opening = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    kinds = [title for magic, title in FOREIGN.items() if head.startswith(magic)]
    kinds += [title for magic, title in PAGES.items() if opening.startswith(magic)]
    if kinds:
        raise UserError(str(path), f"the file is {kinds[0][0]}", kinds[0][1])
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        raise UserError(str(path), f"cannot read '{suffix}' files", CONVERT)
    if head[257:262] == b"ustar":
        raise UserError(str(path), "the file is an archive", "unpack the table, and name that file")
    if suffix == ".arrow" and head.startswith(b"\xff\xff\xff\xff"):  # a stream
        return "feather"
    if title := TITLES.get(KINDS.get(suffix, "")):
        what = f"cannot be parsed: the content is not {title}"
        raise UserError(str(path), what, 'write the file again, or set data.format = "csv" if it is text')
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and head.count(b"\0") < len(head) / 4:
        raise UserError(str(path), "the file is neither text nor of a format that can be read", CONVERT)
    return "jsonl" if _is_json(path, head) else "csv"


def named(path: Path) -> set[str]:
    """Return the kinds that a file's name says, without or with a suffix of its compression.

    Examples
    --------
    >>> named(Path("churn.JSONL.gz")), named(Path("churn"))
    ({'jsonl'}, set())

    """
    return {KINDS[suffix] for suffix in map(str.lower, path.suffixes[-2:]) if suffix in KINDS}


def _is_json(path: Path, head: bytes) -> bool:
    """Return whether a text is JSON: by a suffix of its name, or since its first line is an object."""
    if "jsonl" in named(path):
        return True
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return head.lstrip().startswith((b'[{"', b'[\n  {"'))
