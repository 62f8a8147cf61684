"""Window: rows that are watched together, in a Parquet file, of which a column or some rows at a time are in memory."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from modelmake.batch.batch import ROWS

META = "modelmake."  # before the names of the columns that are not the model's
REQUEST, ROW, TIME, PREDICTION = (META + name for name in ("request_id", "row", "time", "prediction"))


@dataclass(frozen=True)
class Window:
    """Rows in a file.

    Parameters
    ----------
    path : Path
        The file.
    repeated : int
        The requests that were left out, since one with the same x-request-id had the same rows.

    """

    path: Path
    repeated: int = 0

    @classmethod
    def write(cls, path: Path, parts: Iterable[pa.Table], schema: pa.Schema, repeated: int = 0) -> "Window":
        """Write the rows of tables to a file, one table after the other."""
        with pq.ParquetWriter(path, schema) as writer:
            for part in parts:
                writer.write_table(part)
        return cls(path, repeated)

    @cached_property
    def _names(self) -> list[str]:
        return list(pq.read_schema(self.path).names)

    @property
    def columns(self) -> list[str]:
        """The columns of the rows themselves, without those of META."""
        return [name for name in self._names if not name.startswith(META)]

    @property
    def predicted(self) -> bool:
        """Whether each row has what was answered."""
        return PREDICTION in self._names

    @property
    def times(self) -> pd.Series:
        """When each row was asked, in seconds since 1970; empty for rows of a table."""
        return self[TIME] if TIME in self._names else pd.Series(dtype=float)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(pq.read_metadata(self.path).num_rows)

    def __getitem__(self, name: str) -> pd.Series:
        """Return a column, also one of META."""
        return _frame(pq.read_table(self.path, columns=[name]))[name]

    def chunks(self, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
        """Yield the rows, ROWS at a time, with all columns or those that are named, in that order."""
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(ROWS, columns=columns):
                frame = _frame(pa.Table.from_batches([batch]))
                yield frame if columns is None else frame[list(columns)]


def _frame(table: pa.Table) -> pd.DataFrame:
    """Return a frame of plain types: booleans with gaps are numbers."""
    frame = table.to_pandas(ignore_metadata=True)
    gaps = [
        field.name for field in table.schema if pa.types.is_boolean(field.type) and frame[field.name].dtype == object
    ]
    return frame.astype(dict.fromkeys(gaps, float))
