"""Dialect: how a text file writes a table, from its first lines, the name of the target and the keys of the user."""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from modelmake.config.data import Data

DELIMITERS = {",": "", ";": "semicolon-separated", "\t": "tab-separated", "|": "separated by |", " ": "space-separated"}
PREAMBLE = 50  # lines among which the header is looked for
COMMA = re.compile(r"[-+]?(\d{1,3}(\.\d{3})+|\d*),\d+")
DOT = re.compile(r"[-+]?(\d{1,3}(,\d{3})+|\d*)\.\d+([eE][-+]?\d+)?")
GROUPS = {",": re.compile(r"[-+]?\d{1,3}(,\d{3})+"), ".": re.compile(r"[-+]?\d{1,3}(\.\d{3})+")}

Records = list[list[str]]
csv.field_size_limit(2**31 - 1)  # a field may be a whole document


@dataclass(frozen=True)
class Dialect:
    """How a text file writes a table.

    Parameters
    ----------
    skip, header : int
        The lines before the header, comments not counted, and those of the header.
    names : tuple of str
        The columns; "" for what the header has no name for, row names or a field behind the last delimiter.
    prefix : str
        What the header line has before the first name, such as "#".
    spaces : bool
        Whether fields start with a space that does not count.

    """

    delimiter: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    comment: str | None = None
    skip: int = 0
    header: int = 1
    names: tuple[str, ...] = ()
    prefix: str = ""
    spaces: bool = False

    @property
    def places(self) -> list[str]:
        """A text for each column that no other has."""
        return [str(place) for place in range(len(self.names))]

    def __str__(self) -> str:
        """Return what differs from plain CSV, as one line."""
        lines = "1 line" if self.skip == 1 else f"{self.skip} lines"
        parts = (
            DELIMITERS.get(self.delimiter, f"separated by {self.delimiter!r}"),
            "decimal comma" if self.decimal == "," else "",
            self.encoding if self.encoding != "utf-8" else "",
            f"without the comment lines ({self.comment})" if self.comment else "",
            f"without the {lines} before the header" if self.skip else "",
            "without the row names" if self.names[:1] == ("",) else "",
        )
        return ", ".join(part for part in parts if part)


def sniff(head: str, encoding: str, config: Data, *, whole: bool) -> Dialect:
    """Return the dialect of a text by its first lines; the keys of the user count, and sniffing fills in the others.

    `whole` says that `head` is the whole text, whose last line is complete.
    """
    lines = re.split(r"\r\n|\n|\r", head.removeprefix("\ufeff"))
    if not whole and len(lines) > 1:
        lines.pop()
    stated, skip = _stated(lines)
    prefix, comment = _comment([line for line in lines[skip:] if line.strip()], config)
    body = list(without_comments(lines[skip:], comment, prefix))
    title = _header(body, config)
    delimiter = config.delimiter or stated or _delimiter(body[title:], config)
    rows, spaces = _records(body[title:], delimiter), False
    if delimiter != " " and spaced(rows):
        rows, spaces = _records(body[title:], delimiter, spaces=True), True
    fields = [field for row in rows[1:] for field in row]
    return Dialect(
        delimiter=delimiter,
        decimal=config.decimal or _decimal(fields, delimiter),
        encoding=encoding,
        comment=comment,
        skip=skip + title,
        header=_lines(body[title:], delimiter),
        names=_columns(rows),
        prefix=prefix,
        spaces=spaces,
    )


def _stated(lines: list[str]) -> tuple[str | None, int]:
    """Return the delimiter of Excel's first line `sep=;`, and how many lines it takes."""
    match = re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r")) if lines else None
    return (match[1], 1) if match else (None, 0)


def without_comments(lines: Iterable[str], comment: str | None, prefix: str) -> Iterator[str]:
    """Yield the lines that are not comments; the first that starts with a `prefix` is the header, without it."""
    for line in lines:
        if prefix and line.startswith(prefix):
            yield line.removeprefix(prefix)
            prefix = ""
        elif not (comment and line.lstrip().startswith(comment)):
            yield line


def _comment(lines: list[str], config: Data) -> tuple[str, str | None]:
    """Return what the header has before its first name, such as "#", and the sign with which comments start."""
    sign = config.comment or "#"
    signed = [line for line in lines if line.lstrip().startswith(sign)]
    plain = [line for line in lines if not line.lstrip().startswith(sign)]
    if not signed or not plain:
        return "", config.comment
    named = [line for line in signed if _names(line.lstrip()[len(sign) :], config.target)]
    if named and not any(_names(line, config.target) for line in plain[:PREAMBLE]):
        names = named[0].lstrip()[len(sign) :].lstrip()
        return named[0].removesuffix(names), sign
    if lines[0] in signed:
        return "", sign
    delimiter = _delimiter(plain, config)
    width = len(next(iter(_records(plain[:1], delimiter)), []))
    return "", sign if any(len(record) < width for record in _records(signed, delimiter)) else config.comment


def _names(line: str, target: str) -> bool:
    """Return whether one of the fields of a line is the target, with any delimiter."""
    return any(
        target in (field.strip() for record in _records([line], sign) for field in record) for sign in DELIMITERS
    )


def _header(lines: list[str], config: Data) -> int:
    """Return how many lines stand before the first that names the target, or before the first with a text."""
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    named = (place for place, line in enumerate(lines[:PREAMBLE]) if _names(line, config.target))
    return next(named, first)


def _delimiter(lines: list[str], config: Data) -> str:
    """Return the delimiter by which the header names the target, most rows have one width, and rows are widest."""
    return max(DELIMITERS, key=lambda sign: _fit(_records(lines, sign), sign, config))


def _fit(records: Records, sign: str, config: Data) -> tuple[bool, bool, float, int]:
    if not records:
        return False, False, 0.0, 0
    width, count = Counter(map(len, records)).most_common(1)[0]
    named = len(records[0]) > 1 and config.target in (field.strip() for field in records[0])
    steady = width > 1 and (sign != " " or count == len(records) or named)
    return named, steady, round(count / len(records), 1) if steady else 0.0, width if steady else 0


def records(lines: Iterable[str], delimiter: str, *, spaces: bool = False) -> Iterator[list[str]]:
    """Yield the fields of each record, which may be several lines in quotation marks."""
    if delimiter == " ":
        lines = (f"{line.strip()}\n".replace("\t", " ") for line in lines)
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=spaces or delimiter == " ")


def _records(lines: Iterable[str], delimiter: str, *, spaces: bool = False) -> Records:
    try:
        return [row for row in records((f"{line}\n" for line in lines), delimiter, spaces=spaces) if row]
    except csv.Error:  # a field without an end
        return [line.split(delimiter) for line in lines if line]


def _lines(lines: list[str], delimiter: str) -> int:
    """Return how many lines the first record is."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    next(reader, None)
    return reader.line_num


def _decimal(fields: list[str], delimiter: str) -> str:
    """Return the comma where it is the mark of more fields than the dot is, and not of groups of three digits alone."""
    if delimiter == ",":  # only quoted fields have a comma
        fields = [field for field in fields if "," in field or "." in field]
    stripped = [field.strip() for field in fields]
    commas = [field for field in stripped if COMMA.fullmatch(field)]
    dots = [field for field in stripped if DOT.fullmatch(field)]
    if all(GROUPS[","].fullmatch(field) for field in commas):
        return "."
    return "," if len(commas) > len([field for field in dots if not GROUPS["."].fullmatch(field)]) else "."


def spaced(records: Records) -> bool:
    """Return whether the fields after the first start with a space in nearly all rows."""
    later = [field for record in records for field in record[1:] if field]
    return bool(later) and sum(field[0] == " " for field in later) >= 0.9 * len(later)


def _columns(rows: Records) -> tuple[str, ...]:
    """Return the names of the columns; where rows have one field more, it is a row name, or it is empty and last."""
    if not rows:
        return ()
    names: list[str] = []
    for place, title in enumerate(rows[0]):
        name, count = title or f"Unnamed: {place}", rows[0][:place].count(title)
        names.append(f"{name}.{count}" if title and count else name)
    widths = Counter(map(len, rows[1:])).most_common(1)
    if widths and widths[0][0] == len(names) + 1:
        more = all(not row[-1] for row in rows[1:] if len(row) == widths[0][0])
        return (*names, "") if more else ("", *names)
    return tuple(names)
