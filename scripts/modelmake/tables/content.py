"""Content: of which format a file is, by its first bytes and not by its name."""

from collections.abc import Sequence
from pathlib import Path

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core.errors import UserError
from modelmake.tables.file import CONVERT, ZIP, File, compression_of
from modelmake.tables.kinds import KINDS, xlsx
from modelmake.tables.kinds.kind import Kind

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


def recognized(paths: Sequence[Path], config: Data) -> tuple[tuple[File, ...], Kind]:
    """Return the files at `paths` and their format; raises UserError as `_recognized`, or if they have several."""
    files, kinds = zip(*(_recognized(path, config) for path in paths), strict=True)
    formats = [kind.name for kind in kinds]
    if len(set(formats)) > 1:
        counts = " and ".join(f"{formats.count(name)} {name}" for name in sorted(set(formats)))
        what = f"the folder '{config.path}' has files of several formats ({counts})"
        raise UserError(entry("data.path"), what, "name one file, or keep files of one format in the folder")
    return files, kinds[0]


def _recognized(path: Path, config: Data) -> tuple[File, Kind]:
    """Return the file at `path` and its format.

    Raises
    ------
    UserError
        The file is of a kind that is not read, or of another kind than its name says, or its end is missing.

    """
    with path.open("rb") as opened:
        first = opened.read(16)
    if first.startswith(ZIP) and (config.format == xlsx.KIND.name or xlsx.is_workbook(path)):
        return File(path), xlsx.KIND
    file = File(path, compression_of(first))
    head = file.head()
    if not head:
        raise UserError(str(path), "the file is empty", "add a header line and rows")
    return file, KINDS[config.format] if config.format else _kind(path, head)


def _kind(path: Path, head: bytes) -> Kind:
    if kind := next((kind for kind in KINDS.values() if kind.title and kind.has(path, head)), None):
        return kind
    opening = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    foreign = [title for magic, title in FOREIGN.items() if head.startswith(magic)]
    foreign += [title for magic, title in PAGES.items() if opening.startswith(magic)]
    if foreign:
        raise UserError(str(path), f"the file is {foreign[0][0]}", foreign[0][1])
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        raise UserError(str(path), f"cannot read '{suffix}' files", CONVERT)
    if head[257:262] == b"ustar":
        raise UserError(str(path), "the file is an archive", "unpack the table, and name that file")
    if title := next((kind.title for kind in KINDS.values() if suffix in kind.suffixes), ""):
        what = f"cannot be parsed: the content is not {title}"
        raise UserError(str(path), what, 'write the file again, or set data.format = "csv" if it is text')
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")) and head.count(b"\0") < len(head) / 4:
        raise UserError(str(path), "the file is neither text nor of a format that can be read", CONVERT)
    return next(kind for kind in KINDS.values() if not kind.title and kind.has(path, head))


def named(path: Path) -> set[str]:
    """Return the formats that a file's name says, without or with a suffix of its compression.

    Examples
    --------
    >>> named(Path("churn.JSONL.gz")), named(Path("churn"))
    ({'jsonl'}, set())

    """
    suffixes = set(map(str.lower, path.suffixes[-2:]))
    return {kind.name for kind in KINDS.values() if suffixes & set(kind.suffixes)}
