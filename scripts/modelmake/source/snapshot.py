"""Snapshot: a table as a Parquet file, the same bytes for the same content, and the facts about its origin."""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from modelmake.core import files
from modelmake.core.files import PART, writing
from modelmake.core.provenance import sha256

ROWS = 100_000  # in a row group, for chunks of any size


class Snapshot(BaseModel):
    """The facts about a snapshot, in a JSON file beside it.

    Parameters
    ----------
    source, query : str
        Where it comes from, without secrets.
    time : str
        When it was taken, or found unchanged, in UTC.
    rows, columns : int
        The size of the table.
    sha256 : str
        Of the Parquet file.
    etag, modified : str
        What the server said about the version of the file, "" where it said nothing.

    """

    model_config = ConfigDict(frozen=True)

    source: str
    query: str
    time: str
    rows: int
    columns: int
    sha256: str
    etag: str
    modified: str

    def write(self, table: Path) -> None:
        """Write the facts beside the table, as a whole or not at all."""
        path = facts(table)
        with writing(path.parent):
            files.write(path, self.model_dump_json(indent=2) + "\n")

    @classmethod
    def read(cls, table: Path) -> "Snapshot | None":
        """Return the facts about a table, None where there are none."""
        try:
            return cls.model_validate_json(facts(table).read_bytes())
        except (OSError, ValidationError):
            return None


def facts(table: Path) -> Path:
    """Return the path of the JSON file beside a table."""
    return table.with_suffix(".json")


def store(tables: Iterable[pa.Table], path: Path) -> tuple[int, int]:
    """Write tables, one after the other, to the Parquet file `path`; return its rows and columns.

    The chunks wait in files, since the type of a column is known only after the last one: a column of whole numbers in
    one chunk may have a gap or a fraction in another.

    Raises
    ------
    pyarrow.ArrowInvalid, pyarrow.ArrowTypeError
        A column has numbers in one chunk and texts in another.

    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=PART) as scratch:
        chunks: list[Path] = []
        schemas: list[pa.Schema] = []
        for number, table in enumerate(tables):
            plain = _plain(table)
            chunks.append(Path(scratch, f"{number}.arrow"))
            with (
                writing(path.parent),
                pa.OSFile(str(chunks[-1]), "wb") as sink,
                pa.ipc.new_file(sink, plain.schema) as file,
            ):
                file.write_table(plain)
            if plain.schema not in schemas:
                schemas.append(plain.schema)
        schema = pa.unify_schemas(schemas, promote_options="permissive") if schemas else pa.schema([])
        rows = 0
        with writing(path.parent), pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for group in _regrouped(chunks, schema):
                writer.write_table(group, row_group_size=ROWS)
                rows += len(group)
    return rows, len(schema)


def same(table: Path, other: Path) -> bool:
    """Return whether two snapshots have the same content."""
    return other.is_file() and sha256(table) == sha256(other)


def _plain(table: pa.Table) -> pa.Table:
    """Return a table without the notes of the program that wrote it, and without its choice of encodings."""
    table = table.replace_schema_metadata(None)
    for place, field in enumerate(table.schema):
        kind = field.type
        while pa.types.is_dictionary(kind) or isinstance(kind, pa.BaseExtensionType):
            kind = kind.value_type if pa.types.is_dictionary(kind) else kind.storage_type
        kind = pa.large_string() if pa.types.is_string(kind) or pa.types.is_string_view(kind) else kind
        if pa.types.is_timestamp(kind) and kind.tz:
            kind = pa.timestamp(kind.unit, "UTC")
        column = table.column(place)
        if kind != field.type:
            column = column.cast(kind)
        table = table.set_column(place, pa.field(field.name, kind), column)
    return table


def _regrouped(chunks: list[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of all chunks in groups of ROWS."""
    waiting: list[pa.Table] = []
    for path in chunks:
        with pa.memory_map(str(path)) as file:
            waiting.append(pa.ipc.open_file(file).read_all().cast(schema))
        while sum(map(len, waiting)) >= ROWS:
            joined = pa.concat_tables(waiting)
            yield joined.slice(0, ROWS)
            waiting = [joined.slice(ROWS)]
    if waiting and (rest := pa.concat_tables(waiting)):
        yield rest
