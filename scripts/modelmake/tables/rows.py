"""Rows: those of a text file or a workbook that are not data, such as units below the header, or a total at the end."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import UserError

Lines = list[int] | dict[str, list[int]]  # of one file, or by the names of files
ROWS = 10  # of each value of a column, and of a table, by which a second header is told
HEAD = 2  # rows below the header that may be none
SHOWN = 3  # lines in an error message
SAMPLE, MOSTLY = 1_000, 0.95  # rows by which a column has numbers, and the share that has: a total is none
MOST = 200  # lines of a file in data.skip_lines
NUMBER = re.compile(r"[-+(\u2212$€£]?\s?[$€£]?[\d.,]*\d.*")
UNIT = re.compile(r"[^\d]*([^\W\d]|[%°$€£])[^\d]*\d?")
RULE = re.compile(r"[-=_+:|\s]+")
TOTAL = re.compile(
    r"(?i)((grand|sub)[ -]?)?total[se]?|sums?|somm[ae]|(gesamt)?summe|(ins)?gesamt|averages?|means?|"
    "итого|всего|合計|总计"
)


class StrayRows(UserError):
    """Rows of a table that are not data; `lines` is the value of data.skip_lines that leaves them out."""

    def __init__(self, where: str, what: str, fix: str, lines: Lines) -> None:
        """Keep the lines."""
        super().__init__(where, what, fix)
        self.lines = lines


@dataclass(frozen=True)
class Part:
    """The fields of one file, without those that stand for a missing value; `lines` tells the lines of rows from 0."""

    path: Path
    texts: pa.Table
    lines: Callable[[Sequence[int]], Sequence[int]]


def check(parts: Iterable[Part], config: Data) -> None:
    """Raise StrayRows for rows that are not data, unless data.skip_lines says which lines of their file are none."""
    found = {
        part.path: dict(zip(part.lines([*rows][:MOST]), rows.values(), strict=False))
        for part, rows in _stray(parts, config)
    }
    if not found:
        return
    folder, first = Path(config.path).is_dir(), next(iter(found))
    lines: Lines = {config.member(path): list(rows) for path, rows in found.items()} if folder else list(found[first])
    told = [(path, line, what) for path, rows in found.items() for line, what in rows.items()]
    shown = "; ".join(
        f"{f'{config.member(path)}, ' if folder else ''}line {line} {what}" for path, line, what in told[:SHOWN]
    )
    shown += f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    fix = f"leave them out: {toml.data('skip_lines', lines)}; if all lines are rows, {toml.data('skip_lines', [])}"
    raise StrayRows(config.path, f"has rows that are not data: {shown}", fix, lines)


def _stray(parts: Iterable[Part], config: Data) -> Iterator[tuple[Part, dict[int, str]]]:
    """Yield the parts that have such rows, with what each row has, by its place."""
    target = config.target
    for part in parts:
        texts = part.texts
        if config.skipped(part.path) is not None or target not in texts.column_names or len(texts) <= HEAD:
            continue
        found = [*_heading(texts, target), *_headers(texts, target), *_units(texts, target), *_ends(texts, target)]
        if found:
            yield part, dict(sorted(found))


def _heading(texts: pa.Table, target: str) -> Iterator[tuple[int, str]]:
    """Yield the first row if it has names of columns: texts that no other row has, where a few texts occur often."""
    fields, below = _fields(texts, 0), texts.slice(1)
    if len(below) < ROWS or len(fields) < texts.num_columns:
        return
    counts = {name: pc.count_distinct(below.column(name)).as_py() for name in texts.column_names}
    repeated = [name for name, count in counts.items() if count <= len(below) / ROWS]
    once = all(not pc.any(pc.equal(below.column(name), fields[name])).as_py() for name in repeated)
    if (
        once
        and len(repeated) > 1
        and target in repeated
        and not re.search(r"\d", "".join(fields[name] for name in repeated))
    ):
        yield 0, f"has {fields[target]!r}, and other texts that no row below has, as a second header"


def _headers(texts: pa.Table, target: str) -> Iterator[tuple[int, str]]:
    """Yield the rows that have the names of the columns."""
    same = pc.equal(pc.utf8_trim_whitespace(texts.column(target)), target)
    for place in pc.indices_nonzero(pc.fill_null(same, fill_value=False)).to_pylist():
        fields = _fields(texts, place)
        if len(fields) > 1 and all(field.strip() == name for name, field in fields.items()):
            yield place, "repeats the header"


def _units(texts: pa.Table, target: str) -> Iterator[tuple[int, str]]:
    """Yield the rows below the header with texts in columns that have numbers otherwise."""
    below = texts.slice(HEAD, SAMPLE)
    numbers = {name for name in texts.column_names if _has_numbers(below.column(name))}
    for place in range(HEAD):
        fields = _fields(texts, place)
        if all(RULE.fullmatch(field) for field in fields.values()) and any(len(field) > 1 for field in fields.values()):
            yield place, "is a line of dashes"
            continue
        units = [field for name, field in fields.items() if name in numbers and UNIT.fullmatch(field.strip())]
        filled = sum(name in numbers for name in fields)
        if len(units) < max(1, filled / 2) or (len(units) == 1 and target in fields):
            return
        yield place, f"has {units[0]!r} where the rows below have numbers"


def _ends(texts: pa.Table, target: str) -> Iterator[tuple[int, str]]:
    """Yield the last rows that are totals, notes or empty, up to the last one that is neither."""
    for place in range(len(texts) - 1, HEAD, -1):
        fields = _fields(texts, place)
        totals = [name for name, field in fields.items() if TOTAL.fullmatch(field.strip(" :\t"))]
        once = [name for name in totals if pc.sum(pc.equal(texts.column(name), fields[name])).as_py() == 1]
        if once:
            yield place, f"has {fields[once[0]]!r}, as a total"
        elif len(fields) == 1 and target not in fields and texts.num_columns > 2:
            yield place, f"has one field, {next(iter(fields.values())):.40}, as a note"
        elif not fields:
            yield place, "is empty"
        else:
            return


def _fields(texts: pa.Table, place: int) -> dict[str, str]:
    """Return the fields of a row that are not missing."""
    [row] = texts.slice(place, 1).to_pylist()
    return {name: field for name, field in row.items() if field is not None}


def _has_numbers(column: pa.ChunkedArray) -> bool:
    fields = [field.strip() for field in column.to_pylist() if field is not None]
    return bool(fields) and sum(bool(NUMBER.fullmatch(field)) for field in fields) >= MOSTLY * len(fields)
