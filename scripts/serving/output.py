"""Output: a table that is written chunk by chunk, whole or not at all."""

import contextlib
import gzip
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scripts.core.errors import UserError
from scripts.serving.batch import PREDICTION, Scored

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")


def suffix(path: Path) -> str:
    """Return which of SUFFIXES a path has; raises UserError for another one."""
    found = [ending for ending in SUFFIXES if path.name.endswith(ending)]
    if not found:
        raise UserError(f"OUT={path.name}", "has no known suffix", f"one of: {', '.join(SUFFIXES)}")
    return found[-1]


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a file aside, which becomes `path` if the block ends without an error, and else nothing.

    Raises
    ------
    UserError
        The folder is not writable, or its disk is full.

    """
    aside = None
    try:
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=suffix(path), dir=path.parent)
        aside = Path(name)
        os.close(handle)
        yield aside
        with aside.open("rb") as written:
            os.fsync(written.fileno())
        aside.chmod(0o644)
        os.replace(aside, path)
    except OSError as error:
        fix = "free some space, or name a folder that you can write"
        raise UserError(f"OUT={path.name}", f"cannot be written: {error.strerror}", fix) from None
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


class Writer:
    """Rows with their predictions, in the format of the path's suffix."""

    def __init__(self, path: Path, *, version: str) -> None:
        """Open the file; a Parquet file names the version of the model in its metadata."""
        self.path, self.kind, self.version = path, suffix(path), version
        self._parquet: pq.ParquetWriter | None = None
        self._text: IO[Any] | None = None

    def write(self, part: Scored) -> None:
        """Add the rows of a chunk that have a prediction."""
        if self.kind == ".parquet":
            self._write_parquet(part)
            return
        first = self._text is None
        if self._text is None:
            opened = gzip.open if self.kind.endswith(".gz") else open
            self._text = opened(self.path, "wt", encoding="utf-8", newline="")
        frame = rows(part)
        if ".csv" in self.kind:
            frame.to_csv(self._text, index=False, header=first)
        else:
            frame.to_json(self._text, orient="records", lines=True, date_format="iso", force_ascii=False)

    def close(self) -> None:
        """End the file."""
        for opened in (self._parquet, self._text):
            if opened is not None:
                opened.close()

    def _write_parquet(self, part: Scored) -> None:
        table = arrow(part)
        if self._parquet is None:
            schema = table.schema.with_metadata({"modelmake.version": self.version})
            self._parquet = pq.ParquetWriter(self.path, schema)
        self._parquet.write_table(table.cast(self._parquet.schema))


def rows(part: Scored) -> pd.DataFrame:
    """Return the rows with all columns of the table, the model's in their types, and the prediction."""
    frame = part.chunk.frame[part.good].reset_index(drop=True)
    if part.chunk.table is None:
        frame = frame.assign(**{str(name): part.X[name] for name in part.X.columns})
    return frame.assign(**{PREDICTION: part.y_pred})


def arrow(part: Scored) -> pa.Table:
    """Return the same as Arrow has it; a Parquet file keeps the types of its columns."""
    if part.chunk.table is None:
        return pa.Table.from_pandas(rows(part), preserve_index=False)
    kept = part.chunk.table.filter(pa.array(part.good)).replace_schema_metadata(None)
    return kept.append_column(PREDICTION, pa.array(part.y_pred.tolist()))
