"""Fetch: take a snapshot of the table that data.source names, which every later run reads."""

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from modelmake.config import config as configuration
from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core import files
from modelmake.core.errors import UserError, first_line, suggestion
from modelmake.core.files import PART, writing
from modelmake.core.provenance import sha256
from modelmake.data import schema
from modelmake.source import snapshot, sql, stores, web
from modelmake.source.address import Source, source
from modelmake.source.snapshot import Snapshot
from modelmake.source.transfer import Remote
from modelmake.tables.arrow import to_frame
from modelmake.tables.columns import plain
from modelmake.tables.kinds import parquet
from modelmake.tables.table import opened


def main() -> None:
    """Leave the snapshot and its facts in data/snapshots/; an older snapshot stays if anything fails."""
    config = configuration.load().data
    if config.source is None:
        print(f"nothing to fetch: {files.pipeline()} names a table by its path, {config.path}")
        return
    origin, path = source(config), Path(config.path)
    print(f"source  {origin.shown}", flush=True)
    files.BUILD.mkdir(exist_ok=True)
    with writing(path.parent), files.whole(path) as part:
        taken = take(origin, config, part)
        check(part, config, origin)
        if unchanged := snapshot.same(part, path):
            part.unlink()  # the older file keeps its date
    taken.write(path)
    print(f"{'unchanged' if unchanged else f'snapshot {path}'}, {taken.rows} rows, {taken.columns} columns")


def take(origin: Source, config: Data, part: Path) -> Snapshot:
    """Write the table of a source to the Parquet file `part`, and return the facts about it.

    Raises
    ------
    UserError
        The source does not answer, has no such table, or the table cannot be read or is empty.

    """
    remote = Remote()
    try:
        if origin.query:
            rows, columns = snapshot.store(sql.tables(origin), part)
        else:
            with tempfile.TemporaryDirectory(dir=files.BUILD, prefix=PART) as scratch:
                file = Path(scratch, origin.name)
                remote = (web if origin.scheme in ("http", "https") else stores).download(origin, file)
                rows, columns = _store(file, config, origin, part)
    except pa.ArrowException as error:
        what = f"the types of a column do not fit together: {first_line(error)}"
        raise UserError(origin.shown, what, "give each column values of one type") from None
    if not rows:
        raise UserError(
            origin.shown, "the table has no rows", "check the source" if not origin.query else "check the query"
        )
    time = datetime.now(UTC).isoformat(timespec="seconds")
    return Snapshot(
        source=origin.shown,
        query=origin.query,
        time=time,
        rows=rows,
        columns=columns,
        sha256=sha256(part),
        etag=remote.etag,
        modified=remote.modified,
    )


def check(part: Path, config: Data, origin: Source) -> None:
    """Check a new snapshot before it replaces the older one: its target, and the columns of [data.schema].

    Raises
    ------
    UserError
        The target does not exist, or values violate the schema.

    """
    names = pq.read_schema(part).names
    if config.target not in names:
        what = f"no column '{config.target}' in {origin.shown}"
        raise UserError(entry("data.target"), what, suggestion(config.target, names))
    stated = [name for name in names if name in (config.columns or {})]
    if config.columns:
        frame = to_frame(pq.read_table(part, columns=stated), config)
        schema.check(plain(frame, config), config)


def _store(file: Path, config: Data, origin: Source, part: Path) -> tuple[int, int]:
    """Write a downloaded file to the snapshot; an error names the source, not the copy."""
    local = config.model_copy(update={"path": str(file), "source": None})
    try:
        return snapshot.store(_tables(file, local), part)
    except UserError as error:
        where = origin.shown if error.where == str(file) else error.where
        raise type(error)(where, error.what, error.fix) from None


def _tables(file: Path, config: Data) -> Iterator[pa.Table]:
    """Yield the table of a file: a Parquet file in chunks, other formats as training reads them."""
    table = opened(config)
    if table.kind is parquet.KIND and file.is_file():
        yield from table.kind.stream(table.files[0], config, snapshot.ROWS)
        return
    frame, reading = table.read()
    if how := reading.words(config.stated):
        print(f"read    {how}")
    if note := table.short:
        print(f"warning: {note}")
    yield pa.Table.from_pandas(frame, preserve_index=False)
