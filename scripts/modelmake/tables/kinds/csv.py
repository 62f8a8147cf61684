"""CSV, and what programs make of it: text, of which every field is a text until all of them say what they are."""

import io
import itertools
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
from pyarrow import csv

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.tables.arrow import slices
from modelmake.tables.dialect import records, without_comments
from modelmake.tables.file import File, Short
from modelmake.tables.kinds.kind import Kind
from modelmake.tables.names import UNNAMED

BLOCK = 1 << 22  # bytes that are parsed at once
END = "\0"  # a record behind the last one, which a quotation mark without an end would swallow


def _stream(file: File, _config: Data, rows: int) -> Iterator[pa.Table]:
    return fields(file, rows)


def fields(file: File, rows: int, gaps: Collection[str] = ()) -> Iterator[pa.Table]:
    """Yield the fields of a file as texts, some rows at a time; those of `gaps` have no value.

    Raises
    ------
    UserError
        A row has more fields than the header, or a quotation mark has no end.

    """
    done, dialect = 0, file.dialect
    if not (
        dialect.left_out
        or dialect.comment
        or dialect.spaces
        or dialect.delimiter == " "
        or (file.quotes % 2 and not dialect.escape)
    ):
        try:
            for table in _at_once(file, gaps):
                for part in slices(table, rows):
                    yield part
                    done += len(part)
        except pa.ArrowInvalid:  # such as a row with fewer fields than the header
            pass
        else:
            return
    others = (record for _, record in itertools.islice(_one_by_one(file), done, None))
    while some := list(itertools.islice(others, rows)):
        columns = ([None if field in gaps else field for field in column] for column in zip(*some, strict=True))
        yield _named(pa.table([pa.array(column, pa.string()) for column in columns], dialect.places), file)


def _at_once(file: File, gaps: Collection[str]) -> Iterator[pa.Table]:
    """Yield the fields of a plain file, block by block."""
    places = file.dialect.places
    with file.open() as opened:
        reader = csv.open_csv(
            opened,
            csv.ReadOptions(
                block_size=BLOCK,
                column_names=places,
                skip_rows=file.dialect.skip + file.dialect.header,
                encoding=file.dialect.encoding,
            ),
            csv.ParseOptions(
                delimiter=file.dialect.delimiter,
                escape_char=file.dialect.escape or False,
                newlines_in_values=file.quotes > 0,
            ),
            csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()), null_values=[*gaps], strings_can_be_null=True
            ),
        )
        for batch in reader:
            yield _named(pa.Table.from_batches([batch]), file)


def lines(file: File, rows: Sequence[int]) -> list[int]:
    """Return the lines in which rows end, which count from 0."""
    wanted = set(rows)
    return [line for row, (line, _) in enumerate(_one_by_one(file)) if row in wanted]


def _one_by_one(file: File) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with the line in which it ends, and as many fields as the header has; raises as `fields`."""
    dialect, line, short = file.dialect, [0], Short()
    encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    with io.TextIOWrapper(file.open(), encoding=encoding, newline="") as text:
        lines = without_comments(_counted(text, line, dialect.left_out), dialect.comment, dialect.prefix)
        rest = itertools.islice(lines, dialect.skip + dialect.header, None)
        began, width = dialect.skip + dialect.header + 1, len(dialect.names)
        least = max((n for n, name in enumerate(dialect.names, 1) if name and not UNNAMED.fullmatch(name)), default=0)
        lines = itertools.chain(rest, [END])
        for record in records(lines, dialect.delimiter, spaces=dialect.spaces, escape=dialect.escape):
            if record == [END]:
                file.short.rows, file.short.line = short.rows, short.line
                return
            if record and record[-1].endswith(END):
                what = f"cannot be parsed: a quotation mark has no end: that of the row that begins in line {began}"
                raise UserError(str(file.path), what, "add its end, or remove it")
            if any(record[width:]):
                what = f"cannot be parsed: line {line[0]} has {len(record)} fields, and the header has {width}"
                fix = f"write a field that contains {dialect.delimiter!r} in quotation marks"
                raise UserError(str(file.path), what, fix)
            began = line[0] + 1
            if record and (record[0].strip() or record[1:] or width == 1):
                if len(record) < least:
                    short.rows, short.line = short.rows + 1, short.line or line[0]
                fields = [field.rstrip(" ") for field in record] if dialect.spaces else record
                yield line[0], (fields + [""] * width)[:width]


def _counted(text: io.TextIOWrapper, line: list[int], left_out: Collection[int]) -> Iterator[str]:
    for line[0], content in enumerate(text, 1):
        if line[0] not in left_out:
            yield content


def _named(table: pa.Table, file: File) -> pa.Table:
    """Return the columns that have a name: row names and what stands behind a trailing delimiter have none."""
    table = table.rename_columns([*file.dialect.names])
    return table.select([place for place, name in enumerate(file.dialect.names) if name])


KIND = Kind(
    name="csv",
    title="",
    suffixes=(".csv", ".tsv", ".txt", ".data", ".dat"),
    stream=_stream,
    gaps=True,
    fits=lambda _path, _head: True,
    about=lambda file, _config: str(file.dialect),
)
