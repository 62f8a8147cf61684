"""Output: a table that is written chunk by chunk, whole or not at all."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modelmake.batch.batch import PREDICTION, Scored
from modelmake.core.errors import UserError

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
GROUP = 100_000  # rows of a row group of Parquet; smaller ones are slower to read
LEVEL = 6  # of gzip; its default of 9 takes three times as long for 2 % less


def suffix(path: Path) -> str:
    """Return which of SUFFIXES a path has; raises UserError for any other."""
    found = [ending for ending in SUFFIXES if path.name.endswith(ending)]
    if not found:
        raise UserError(f"OUT={path.name}", "has no known suffix", f"one of: {', '.join(SUFFIXES)}")
    return found[-1]


def opened(path: Path) -> IO[str]:
    """Return a text file to write, compressed if its name says so."""
    if path.suffix == ".gz":
        return cast("IO[str]", gzip.open(path, "wt", LEVEL, encoding="utf-8", newline=""))
    return path.open("w", encoding="utf-8", newline="")


class Writer:
    """Rows with their predictions, in the format of the path's suffix."""

    def __init__(self, path: Path, *, version: str) -> None:
        """Keep where to write; a Parquet file names the version of the model in its metadata."""
        self.path, self.kind, self.version = path, suffix(path), version
        self._parquet: pq.ParquetWriter | None = None
        self._text: IO[str] | None = None
        self._waiting: list[pa.Table] = []

    def write(self, part: Scored) -> None:
        """Add the rows of a chunk that have a prediction.

        Raises
        ------
        UserError
            A column has values of another type than in the rows before, and the format has one type for each column.

        """
        if self.kind == ".parquet":
            self._write_parquet(part)
            return
        first = self._text is None
        if self._text is None:
            self._text = opened(self.path)
        if ".csv" in self.kind:
            fields(part).to_csv(self._text, index=False, header=first)
        else:
            self._text.writelines(lines(part))

    def close(self) -> None:
        """End the file."""
        self._flush()
        for file in (self._parquet, self._text):
            if file is not None:
                file.close()

    def _write_parquet(self, part: Scored) -> None:
        table = rows(part)
        if self._parquet is None:
            known = [field.with_type(pa.string()) if pa.types.is_null(field.type) else field for field in table.schema]
            schema = pa.schema(known, metadata={"modelmake.version": self.version})
            self._parquet = pq.ParquetWriter(self.path, schema)
        self._waiting.append(_alike(table, self._parquet.schema, part))
        if sum(map(len, self._waiting)) >= GROUP:
            self._flush()

    def _flush(self) -> None:
        """Write the rows that wait, as one row group."""
        waiting, self._waiting = self._waiting, []
        if self._parquet is not None and waiting:
            self._parquet.write_table(pa.concat_tables(waiting))


def rows(part: Scored) -> pa.Table:
    """Return the rows with all columns of the table and the prediction; of a text file, the model's have types."""
    table = part.chunk.table
    if not isinstance(table, pd.DataFrame):
        kept = table if part.good.all() else table.filter(pa.array(part.good))
    else:
        fields = table.where(table != "")[part.good].reset_index(drop=True)
        frame = fields.assign(**{str(name): part.X[name] for name in part.X.columns})
        kept = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    return kept.append_column(PREDICTION, pa.array(part.y_pred.tolist()))


def fields(part: Scored) -> pd.DataFrame:
    """Return the rows for a CSV: the fields of a text file as they are, and whole numbers with gaps as such."""
    if isinstance(part.chunk.table, pd.DataFrame):
        return part.chunk.table[part.good].assign(**{PREDICTION: part.y_pred})
    frame: pd.DataFrame = rows(part).to_pandas(types_mapper=pd.ArrowDtype)
    return frame


def lines(part: Scored) -> Iterator[str]:
    """Yield the rows as JSON, with every bit of a number."""
    table = rows(part)
    for place, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            column = table.column(place)
            finite = pc.is_finite(column)
            table = table.set_column(place, field.name, pc.if_else(finite, column, pa.scalar(None, field.type)))
    for row in table.to_pylist():
        yield json.dumps(row, ensure_ascii=False, default=_as_text) + "\n"


def _as_text(value: Any) -> str:  # noqa: ANN401  # what JSON has no type for
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def _alike(table: pa.Table, schema: pa.Schema, part: Scored) -> pa.Table:
    """Return the rows in the types of the first ones."""
    if table.schema.equals(schema):
        return table
    columns = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        try:
            columns.append(column.cast(schema.field(name).type))
        except pa.ArrowException:
            what = f"column '{name}' is {column.type} here, and {schema.field(name).type} in the rows before"
            where = f"{part.chunk.path}: rows from {part.chunk.first + 1}"
            raise UserError(where, what, "name an OUT that ends in .csv or .jsonl") from None
    return pa.table(columns, schema=schema)
