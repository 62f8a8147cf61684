"""Arrow: the types of Parquet and Arrow files as the plain types that a CSV has too."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modelmake.config.data import Data
from modelmake.core.types import LARGEST
from modelmake.tables.file import ROW_HASHES


def to_frame(table: pa.Table, config: Data) -> pd.DataFrame:
    """Return the frame, which takes the memory of `table` over; an index of pandas is left out, unless it has a name.

    Parameters
    ----------
    table : pyarrow.Table
        Nothing else may refer to it.
    config : Data
        The columns of `drop` stay as they are.

    """
    table = indexed(table)
    for place, field in enumerate(table.schema):
        if field.name == config.time or field.name not in (config.drop or []):
            table = table.set_column(place, field.name, plain(table.column(place)))
    frame = table.to_pandas(ignore_metadata=True, split_blocks=True, self_destruct=True)
    pa.default_memory_pool().release_unused()  # as much as the frame takes, which a split needs
    return frame


def indexed(table: pa.Table, first: int = 0) -> pa.Table:
    """Return a table without the index of pandas, unless it has a name; `first` is the place of its first row."""
    index = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}")).get("index_columns", [])
    table = table.drop_columns(
        [n for n in index if isinstance(n, str) and (n.startswith("__index_") or n == ROW_HASHES)]
    )
    for counted in (entry for entry in index if isinstance(entry, dict) and entry.get("name")):
        numbers = range(counted["start"], counted["stop"], counted["step"])[first : first + table.num_rows]
        table = table.add_column(0, counted["name"], pa.array(numbers, pa.int64()))
    return table


def array(values: Any) -> pa.Array:  # noqa: ANN401  # a list, or a column of pandas
    """Return values of Python as a column; values of several types become text."""
    try:
        return pa.array(values, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if pd.api.types.is_scalar(v) and pd.isna(v) else str(v) for v in values], pa.string())


def slices(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    """Yield the rows of a table, some at a time."""
    for first in range(0, table.num_rows, rows):
        yield table.slice(first, rows)


def common(stated: list[pq.FileMetaData | None]) -> pa.Schema | None:
    """Return the types that the columns of several files can have, None where they do not say it, or have none."""
    schemas = [one.schema.to_arrow_schema().remove_metadata() for one in stated if one]
    if len(schemas) < max(2, len(stated)):
        return None
    try:
        return pa.unify_schemas(schemas, promote_options="permissive")
    except pa.ArrowException:
        return None


def with_types(table: pa.Table, schema: pa.Schema | None) -> pa.Table:
    """Return a table with the types of a schema; it keeps its columns and their order."""
    for place, field in enumerate(table.schema):
        if schema is not None and field.name in schema.names and field.type != schema.field(field.name).type:
            wider = schema.field(field.name).type
            table = table.set_column(place, field.name, table.column(place).cast(wider))
    return table


def _boolean(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return 0 and 1 where there are gaps, which JSON can say for numbers alone."""
    return column.cast(pa.float64()) if column.null_count else column


def _decimal(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whole numbers where the type has no decimal places and they fit, else floating-point numbers."""
    if column.type.scale > 0:
        return column.cast(pa.float64(), safe=False)
    try:
        return column.cast(pa.int64())
    except pa.ArrowInvalid:
        return column.cast(pa.string())  # named as too large


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    largest = pc.max(column).as_py()
    return column.cast(pa.string() if largest is not None and largest > LARGEST else pa.int64())


def _moments(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return moments without a zone, in UTC where the type has one."""
    return column.cast(pa.timestamp("us"), safe=False)


def _of_day(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return times of day as moments of 1970-01-01, as the texts of a CSV are."""
    return column.cast(pa.time64("us"), safe=False).cast(pa.int64()).cast(pa.timestamp("us"))


CASTS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], pa.ChunkedArray]], ...] = (
    (pa.types.is_dictionary, lambda column: plain(column.cast(column.type.value_type))),
    (pa.types.is_boolean, _boolean),
    (pa.types.is_decimal, _decimal),
    (pa.types.is_uint64, _whole),
    (pa.types.is_time, _of_day),
    (pa.types.is_temporal, _moments),
    (pa.types.is_null, lambda column: column.cast(pa.float64())),
    (pa.types.is_float16, lambda column: column.cast(pa.float32())),
)
REFUSED: tuple[tuple[Callable[[pa.DataType], bool], tuple[str, str]], ...] = (  # what they are, and the cast
    (pa.types.is_duration, ("durations", "turn them into seconds: .dt.total_seconds()")),
    (lambda kind: "binary" in str(kind), ("bytes", 'turn them into text: .str.decode("utf-8")')),
    (
        pa.types.is_struct,
        ("records in records", "split it into several columns, as pandas.json_normalize does"),
    ),
    (pa.types.is_nested, ("lists", "split it into several columns")),
    (lambda kind: "Interval" in str(kind), ("intervals", "turn them into their midpoints, or into text")),
)


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of a plain type: booleans, numbers, texts or moments; of a type in REFUSED as it is."""
    fitting = (cast for fits, cast in CASTS if fits(column.type) and not refused(column.type))
    return next(fitting, lambda column: column)(column)


def refused(kind: pa.DataType) -> tuple[str, str] | None:
    """Return what values of a type are that no model takes, and the cast that makes plain ones; None for others."""
    return next((words for fits, words in REFUSED if fits(kind)), None)
