"""Dialect: how a text file writes a table, from its first lines, the name of the target and the keys of the user."""

import csv
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from modelmake.config.data import Data
from modelmake.tables.names import clean, columns

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
    left_out : frozenset of int
        The lines that are not data.
    escape : str
        What stands before a quotation mark in a quoted field, "" where it is doubled.

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
    left_out: frozenset[int] = frozenset()
    escape: str = ""

    @property
    def again(self) -> list[str]:
        """What is said of the columns whose name another column has."""
        second = [re.fullmatch(r"(.+)\.\d+", name) for name in self.names]
        return [f"another column '{match[1]}' as '{match[0]}'" for match in second if match and match[1] in self.names]

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
            f"without {len(self.left_out)} line{'s' * (len(self.left_out) > 1)} of skip_lines" if self.left_out else "",
            *self.again,
        )
        return ", ".join(part for part in parts if part)


def sniff(head: str, encoding: str, config: Data, skipped: Collection[int] = (), *, whole: bool) -> Dialect:
    """Return the dialect of a text by its first lines; the keys of the user count, and sniffing fills in the others.

    `skipped` has the lines that are not data; `whole` says that `head` is the whole text, whose last line is complete.
    """
    lines = re.split(r"\r\n|\n|\r", head.removeprefix("\ufeff"))
    if not whole and len(lines) > 1:
        lines.pop()
    left_out = frozenset(skipped)
    lines = [line for number, line in enumerate(lines, 1) if number not in left_out]
    stated, skip = _stated(lines)
    prefix, comment = _comment([line for line in lines[skip:] if line.strip()], config)
    body = list(without_comments(lines[skip:], comment, prefix))
    title = _header(body, config)
    delimiter = config.delimiter or stated or _delimiter(body[title:], config)
    escape = "\\" if _escaped(body[title:], delimiter) else ""
    spaces = delimiter != " " and spaced(_records(body[title:], delimiter, escape=escape))
    rows = _records(body[title:], delimiter, spaces=spaces, escape=escape)
    header = _lines(body[title:], delimiter)
    fields = [field for row in rows[1:] for field in row]
    quoted = all(line.startswith('"') for line in body[title + header :] if line)
    return Dialect(
        delimiter=delimiter,
        decimal=config.decimal or _decimal(fields, delimiter),
        encoding=encoding,
        comment=comment,
        skip=skip + title,
        header=header,
        names=columns(rows, quoted=quoted),
        prefix=prefix,
        spaces=spaces,
        left_out=left_out,
        escape=escape,
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
    """Return how many lines stand before the first record that names the target, or before the first with a text.

    One with as many fields as most of the records below counts before a title that is the name of the target.
    """
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    named = [candidate for sign in DELIMITERS for candidate in _naming(lines, sign, config.target)]
    return min(named)[1] if named else first


def _naming(lines: list[str], delimiter: str, target: str) -> Iterator[tuple[int, int]]:
    """Yield how far the records below are from the width of one that names the target, and its first line."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter)
    began, rows = 0, []
    for row in itertools.islice(reader, 2 * PREAMBLE):
        rows.append((began, [clean(field) for field in row]))
        began = reader.line_num
    for place, (began, row) in enumerate(rows[:PREAMBLE]):
        if target in row:
            widths = Counter(len(other) for _, other in rows[place + 1 :] if other).most_common(1)
            more = widths[0][0] - len(row) if widths else 0
            yield more if len(row) > 1 and more in (0, 1) else 2, began


def _delimiter(lines: list[str], config: Data) -> str:
    """Return the delimiter by which the header names the target, most rows have one width, and rows are widest."""
    return max(DELIMITERS, key=lambda sign: _fit(_records(lines, sign), sign, config))


def _fit(records: Records, sign: str, config: Data) -> tuple[float, ...]:
    if not records:
        return (0,)
    width, count = Counter(map(len, records)).most_common(1)[0]
    named = len(records[0]) > 1 and config.target in (field.strip() for field in records[0])
    if width == 1 or (sign == " " and count < len(records) and not named):
        return (named,)
    return named, True, len(records[0]) == width, sign != " ", round(count / len(records), 1), width


def records(lines: Iterable[str], delimiter: str, *, spaces: bool = False, escape: str = "") -> Iterator[list[str]]:
    """Yield the fields of each record, which may be several lines in quotation marks."""
    if delimiter == " ":
        lines = (f"{line.strip()}\n".replace("\t", " ") for line in lines)
    spaces = spaces or delimiter == " "
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=spaces, escapechar=escape or None)


def _records(lines: Iterable[str], delimiter: str, *, spaces: bool = False, escape: str = "") -> Records:
    return [row for row in records((f"{line}\n" for line in lines), delimiter, spaces=spaces, escape=escape) if row]


def _escaped(lines: list[str], delimiter: str) -> bool:
    """Return whether a backslash stands before quotation marks and delimiters of a field, and not at its end."""
    inside = re.compile(rf'\\"(?!\s*({re.escape(delimiter)}|$))')
    if not any("\\" in line for line in lines):
        return False
    plain, escaped = ({len(row) for row in _records(lines, delimiter, escape=escape)} for escape in ("", "\\"))
    return len(escaped) == 1 and (len(plain) > 1 or any(inside.search(line) for line in lines))


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
