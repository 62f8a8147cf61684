"""Chunk: some rows of a file, as the file has them and in plain types."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pyarrow as pa

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.tables.arrow import indexed, to_frame
from modelmake.tables.names import UNNAMED, check, clean

Partitions = Mapping[str, str | None]


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
    table : pyarrow.Table or pandas.DataFrame
        The same rows as the file has them: the fields of a text file, and the texts of a workbook, with those that
        stand for a missing value.
    decimal : str
        The decimal mark of numbers that are text.

    """

    path: Path
    first: int
    frame: pd.DataFrame
    table: pa.Table | pd.DataFrame
    decimal: str = "."


def of_texts(
    file: Path, first: int, fields: pd.DataFrame, more: Partitions, decimal: str, gaps: Collection[str]
) -> Chunk:
    """Return rows of a text file, with the columns `more` that its folders name."""
    fields = fields.assign(**more) if more else fields
    return Chunk(file, first, fields.mask(fields.isin([*gaps])), fields, decimal)


def like(chunk: Chunk, first: Chunk) -> Chunk:
    """Return a chunk with the columns of the first one, in their order."""
    names, given = list(first.frame.columns), list(chunk.frame.columns)
    if names == given:
        return chunk
    check(chunk.path, [n for n in given if n in names or not UNNAMED.fullmatch(n)], first.path, names)
    table = chunk.table[names] if isinstance(chunk.table, pd.DataFrame) else chunk.table.select(names)
    return replace(chunk, frame=chunk.frame[names], table=table)


def of_types(
    file: Path, first: int, table: pa.Table, more: Partitions, config: Data, gaps: Collection[str] = ()
) -> Chunk:
    """Return rows of a file that has types, with the columns `more` that its folders name, and without the `gaps`."""
    kept = indexed(table, first).replace_schema_metadata(None)
    kept = kept.rename_columns([clean(name) for name in kept.column_names])
    if len(set(kept.column_names)) != kept.num_columns:
        raise UserError(str(file), "column names must be text, each used once", "rename them")
    for name, value in more.items():
        kept = kept.append_column(name, pa.array([value] * len(kept), pa.string()))
    # The frame takes over the memory of the table that it is given.
    frame = to_frame(kept.replace_schema_metadata(None), config)
    for name in (name for name in frame.columns if gaps and frame[name].dtype == "str"):
        frame[name] = frame[name].mask(frame[name].isin([*gaps]))
    return Chunk(file, first, frame, kept, config.decimal or ".")
