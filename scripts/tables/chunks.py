"""Chunks: a table of any size, some rows at a time; Parquet and text in bounded memory, other formats whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from scripts.core.config import Data
from scripts.tables.content import Content
from scripts.tables.delimited import in_chunks
from scripts.tables.formats import READERS, ROW_HASHES, files_of

if TYPE_CHECKING:
    import pyarrow as pa


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
        The rows; of a text file every value is text, or missing.
    table : pyarrow.Table or None
        The same rows as a Parquet file has them.

    """

    path: Path
    first: int
    frame: pd.DataFrame
    table: "pa.Table | None" = None


def chunks(config: Data, rows: int) -> Iterator[Chunk]:
    """Yield the rows of the file, or of all files of the folder, at config.path; raises as `formats.load`."""
    for part in files_of(config):
        if part.kind == "csv":
            first = 0
            for frame in in_chunks(part, config, rows):
                yield Chunk(part.path, first, frame)
                first += len(frame)
        elif part.kind == "parquet" and not part.compression:
            yield from _parquet(part, config, rows)
        else:
            frame = READERS[part.kind](part, config)
            for first in range(0, len(frame), rows):
                yield Chunk(part.path, first, frame.iloc[first : first + rows].reset_index(drop=True))


def count(config: Data) -> int | None:
    """Return the number of rows where the files say it, None where they do not."""
    import pyarrow.parquet as pq  # noqa: PLC0415  # a CSV does not need it

    parts = files_of(config)
    if all(part.kind == "parquet" and not part.compression for part in parts):
        return sum(int(pq.ParquetFile(part.path).metadata.num_rows) for part in parts)
    return None


def _parquet(part: Content, config: Data, rows: int) -> Iterator[Chunk]:
    import pyarrow as pa  # noqa: PLC0415  # a CSV does not need it
    import pyarrow.parquet as pq  # noqa: PLC0415

    from scripts.tables.arrow import to_frame  # noqa: PLC0415

    first = 0
    for batch in pq.ParquetFile(part.path).iter_batches(rows):
        table = pa.Table.from_batches([batch])
        kept = table.select([name for name in table.column_names if name != ROW_HASHES])
        yield Chunk(part.path, first, to_frame(table, config, ROW_HASHES), kept)
        first += batch.num_rows
