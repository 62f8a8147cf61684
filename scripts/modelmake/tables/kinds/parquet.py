"""Parquet: with types, by row groups."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from modelmake.config.data import Data
from modelmake.tables.arrow import to_frame
from modelmake.tables.file import File
from modelmake.tables.kinds.kind import Kind

BUFFER = 1 << 20  # bytes of a column that are read at once


def _read(file: File, config: Data) -> pd.DataFrame:
    return to_frame(pq.read_table(_source(file), partitioning=None, coerce_int96_timestamp_unit="us"), config)


def _stream(file: File, _config: Data, rows: int) -> Iterator[pa.Table]:
    # With pre_buffer, its default, Arrow keeps all that it has read until the end.
    options = {"pre_buffer": False, "buffer_size": BUFFER, "coerce_int96_timestamp_unit": "us"}
    with pq.ParquetFile(_source(file), **options) as opened:
        for batch in opened.iter_batches(rows):
            yield pa.Table.from_batches([batch])


def _source(file: File) -> Any:  # noqa: ANN401  # a path, or a buffer of Arrow
    return pa.BufferReader(file.content()) if file.compression else file.path


def _metadata(file: File) -> pq.FileMetaData | None:
    return None if file.compression else pq.read_metadata(file.path)


KIND = Kind("parquet", "a Parquet file", (".parquet", ".pq"), _stream, _read, magic=(b"PAR1",), metadata=_metadata)
