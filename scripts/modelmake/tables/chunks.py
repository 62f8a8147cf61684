"""Chunks: a table of any size, some rows at a time, in bounded memory; workbooks and lists of JSON records whole."""

import io
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from modelmake.core.config import Data
from modelmake.core.errors import UserError
from modelmake.tables.content import Content
from modelmake.tables.delimited import in_chunks, written
from modelmake.tables.formats import READERS, ROW_HASHES, UNNAMED, check_columns, files_of, partitions

if TYPE_CHECKING:
    import pyarrow as pa

BUFFER = 1 << 20  # bytes of a column that are read at once


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file.

    Parameters
    ----------
    path : Path
        The file.
    first : int
        The place of its first row in the file, from 0.
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        The rows in plain types; of a text file every value is text, or missing.
    table : pyarrow.Table or None
        The same rows as the file has them, None for a text file.
    decimal : str
        The decimal mark of numbers that are text.

    """

    path: Path
    first: int
    frame: pd.DataFrame
    table: "pa.Table | None" = None
    decimal: str = "."


def chunks(config: Data, rows: int) -> Iterator[Chunk]:
    """Yield the rows of the file, or of all files of the folder, at config.path, with the columns of the first chunk.

    Raises
    ------
    UserError
        There is no table, its format is not one that is read, or files of a folder differ.

    """
    first: Chunk | None = None
    contents = files_of(config)
    for part in contents:
        read = _text if part.kind == "csv" else _typed(contents)
        for chunk in read(part, config, rows):
            first = first or _without_unnamed(chunk)
            yield _like(chunk, first)


def count(config: Data) -> int | None:
    """Return the number of rows where the files say it, None where they do not."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # a CSV does not need it

    parts = files_of(config)
    if all(part.kind == "parquet" and not part.compression for part in parts):
        return sum(int(pq.read_metadata(part.path).num_rows) for part in parts)
    return None


def _without_unnamed(chunk: Chunk) -> Chunk:
    """Return a chunk without what has neither a name nor a value: a trailing delimiter."""
    frame = chunk.frame
    empty = [name for name in frame.columns if UNNAMED.fullmatch(name) and frame[name].isna().to_numpy().all()]
    return replace(chunk, frame=frame.drop(columns=empty)) if empty else chunk


def _like(chunk: Chunk, first: Chunk) -> Chunk:
    """Return a chunk with the columns of the first one, in their order."""
    names, given = list(first.frame.columns), list(chunk.frame.columns)
    if names == given:
        return chunk
    check_columns(chunk.path, [n for n in given if n in names or not UNNAMED.fullmatch(n)], first.path, names)
    return replace(chunk, frame=chunk.frame[names], table=None if chunk.table is None else chunk.table.select(names))


def _text(part: Content, config: Data, rows: int) -> Iterator[Chunk]:
    first, more, decimal = 0, partitions(part.path, config), written(part, config).decimal
    for frame in in_chunks(part, config, rows):
        frame.columns = [str(name) for name in frame.columns]
        yield Chunk(part.path, first, frame.assign(**more) if more else frame, decimal=decimal)
        first += len(frame)


def _typed(contents: list[Content]) -> Callable[[Content, Data, int], Iterator[Chunk]]:
    """Return what reads files that have types: as Arrow's tables, with the same types in each file of a folder."""
    from modelmake.tables.arrow import indexed, to_frame  # noqa: PLC0415  # a CSV does not need it

    schema = _common(contents)

    def read(part: Content, config: Data, rows: int) -> Iterator[Chunk]:
        first, more = 0, partitions(part.path, config)
        for table in TABLES[part.kind](part, config, rows):
            if len(set(table.column_names)) != table.num_columns:
                raise UserError(str(part.path), "column names must be text, each used once", "rename them")
            kept = indexed(_cast(table, schema), ROW_HASHES, first).replace_schema_metadata(None)
            for name, value in more.items():
                kept = kept.append_column(name, _repeated(value, len(kept)))
            # The frame takes over the memory of the table that it is given.
            frame = to_frame(kept.replace_schema_metadata(None), config, ROW_HASHES)
            yield Chunk(part.path, first, frame, kept, config.decimal or ".")
            first += len(kept)

    return read


def _repeated(value: str | None, rows: int) -> "pa.Array":
    import pyarrow as pa  # noqa: PLC0415

    return pa.array([value] * rows, pa.string())


def _common(contents: list[Content]) -> "pa.Schema | None":
    """Return the types that all Parquet files of a folder can have, None for what is not Parquet."""
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    if len(contents) == 1 or any(part.kind != "parquet" or part.compression for part in contents):
        return None
    schemas = [pq.read_schema(part.path).remove_metadata() for part in contents]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException:  # types that have none in common
        return None


def _cast(table: "pa.Table", schema: "pa.Schema | None") -> "pa.Table":
    """Return a table with the types of a schema; it keeps its columns and their order."""
    for place, field in enumerate(table.schema):
        if schema is not None and field.name in schema.names and field.type != schema.field(field.name).type:
            wider = schema.field(field.name).type
            table = table.set_column(place, field.name, table.column(place).cast(wider))
    return table


def _parquet(part: Content, _config: Data, rows: int) -> "Iterator[pa.Table]":
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    with part.open() as file:
        source = pa.BufferReader(file.read()) if part.compression else part.path
    # With pre_buffer, its default, Arrow keeps all that it has read until the end.
    with pq.ParquetFile(source, pre_buffer=False, buffer_size=BUFFER) as opened:
        for batch in opened.iter_batches(rows):
            yield pa.Table.from_batches([batch])


def _feather(part: Content, _config: Data, rows: int) -> "Iterator[pa.Table]":
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import feather  # noqa: PLC0415

    head = part.head()[:8]
    with part.open() as file:
        source = pa.BufferReader(file.read()) if part.compression else pa.memory_map(str(part.path))
    if head.startswith(b"FEA1"):
        yield from _slices(feather.read_table(source), rows)
    elif head.startswith(b"ARROW1"):
        opened = pa.ipc.open_file(source)
        for place in range(opened.num_record_batches):
            yield from _slices(pa.Table.from_batches([opened.get_batch(place)]), rows)
    else:
        for batch in pa.ipc.open_stream(source):
            yield from _slices(pa.Table.from_batches([batch]), rows)


def _slices(table: "pa.Table", rows: int) -> "Iterator[pa.Table]":
    for first in range(0, table.num_rows, rows):
        yield table.slice(first, rows)


def _jsonl(part: Content, config: Data, rows: int) -> "Iterator[pa.Table]":
    """Yield the records of lines; a list of records is read whole."""
    with io.TextIOWrapper(part.open(), encoding=config.encoding or "utf-8-sig") as file:
        if file.read(1 << 10).lstrip()[:1] == "[":
            yield from _whole(part, config, rows)
            return
        file.seek(0)
        records, names = (json.loads(line) for line in file if line.strip()), dict[str, None]()
        while lines := list(itertools.islice(records, rows)):
            if not all(isinstance(record, dict) for record in lines):
                raise UserError(str(part.path), "its JSON is not a list of records", 'write {"column": value, …} a row')
            names |= dict.fromkeys(name for record in lines for name in record)
            yield _table({name: [record.get(name) for record in lines] for name in names})


def _whole(part: Content, config: Data, rows: int) -> "Iterator[pa.Table]":
    frame = READERS[part.kind](part, config)
    objects = {
        name: frame[name].where(frame[name].notna(), None).tolist() for name in frame if frame[name].dtype == object
    }
    yield from _slices(_table({str(name): objects.get(name, frame[name]) for name in frame.columns}), rows)


def _table(columns: dict[str, Any]) -> "pa.Table":
    """Return columns as a table; values of several types become text, as `columns.plain` makes them."""
    import pyarrow as pa  # noqa: PLC0415

    arrays = []
    for values in columns.values():
        try:
            array = pa.array(values, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            array = pa.array([None if value is None else str(value) for value in values], pa.string())
        arrays.append(array)
    return pa.table(arrays, names=list(columns))


TABLES: "dict[str, Callable[[Content, Data, int], Iterator[pa.Table]]]" = {
    "parquet": _parquet,
    "feather": _feather,
    "jsonl": _jsonl,
    "xlsx": _whole,
}
