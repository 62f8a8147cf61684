"""Table: the user's file or folder, opened once; all that reads it asks here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import pandas as pd
import pyarrow as pa

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.tables import arrow, folders, location, rows
from modelmake.tables.chunk import Chunk, like, of_texts, of_types
from modelmake.tables.content import recognized
from modelmake.tables.damage import readable
from modelmake.tables.dialect import sniff
from modelmake.tables.encoding import Bytes, check_bytes, check_key, encoding_of, guessed, looked
from modelmake.tables.file import HEAD, File, short
from modelmake.tables.kinds import csv
from modelmake.tables.kinds.kind import Kind
from modelmake.tables.names import check_once, named
from modelmake.tables.numbers import inferred
from modelmake.tables.reading import TYPED, Reading, decided, decimal_of

BLOCK = 100_000  # rows of a text file that are read at once


@dataclass(frozen=True)
class Table:
    """A file, or the files of a folder, which are of one format.

    Parameters
    ----------
    config : Data
        The keys of [data].
    files : tuple of File
        In the order of their names.
    kind : Kind
        Their format.
    bytes : tuple of Bytes
        What the bytes of each text file say.
    reading : Reading
        How its texts are read: as was decided before, or as the first rows say, until all rows decide.
    decided : bool
        Whether `reading` was decided before.
    guess : str
        The encoding of the files that are not Unicode, if nobody stated it.

    """

    config: Data
    files: tuple[File, ...]
    kind: Kind
    bytes: tuple[Bytes, ...] = ()
    reading: Reading = TYPED
    decided: bool = False
    guess: str = ""

    def __str__(self) -> str:
        """Return how the table is written, as one line, "" for a plain CSV or Parquet file."""
        first, count = self.files[0], len(self.files)
        folder = f"{count} file{'s' * (count > 1)} in a folder" if Path(self.config.path).is_dir() else ""
        return ", ".join(part for part in (folder, self.kind.about(first, self.config), first.compression) if part)

    @property
    def short(self) -> str:
        """What is said of rows with fewer fields than the header, once all are read; "" for none."""
        return short(self.files)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the data file, or of the names and contents of the files in a folder."""
        digests = {file.path: one.sha256 for file, one in zip(self.files, self.bytes, strict=False) if one.sha256}
        return location.fingerprint(self.config, digests)

    def by(self, reading: Reading, columns: Sequence[str]) -> "Table":
        """Return the table of a trained model, or one like it: read by what was decided then, if it has its columns.

        Parameters
        ----------
        reading : Reading
            What was decided when the model was trained.
        columns : sequence of str
            The columns of the model.

        """
        table = replace(self, config=self.config.model_copy(update={"target": columns[0]}))
        if self.kind.read:
            return table
        other = "" if reading.encoding.startswith("utf") else reading.encoding
        if reading.delimiter:
            keys = {key: getattr(self.config, key) or getattr(reading, key) for key in ("delimiter", "decimal")}
            fitting = table._sniffed(table.config.model_copy(update=keys), other)
            if all(set(columns) <= set(table._columns(file)) for file in fitting.files):
                return replace(fitting, reading=reading.model_copy(update=keys), decided=True)
        return table._sniffed(table.config, other)

    def count(self) -> int | None:
        """Return the number of rows where the files say it, None where they do not."""
        with readable(self.config):
            stated = [self.kind.metadata(file) for file in self.files]
        return None if None in stated else sum(int(one.num_rows) for one in stated if one)

    def frame(self) -> pd.DataFrame:
        """Return all rows with the types of the files; raises UserError for files that are not valid, or differ."""
        return self.read()[0]

    def read(self) -> tuple[pd.DataFrame, Reading]:
        """Return all rows, and how their texts are read, which does not depend on their order; raises as `frame`."""
        with readable(self.config):
            if self.kind.read:
                frames = [self.kind.read(file, self.config) for file in self.files]
                columns = folders.common([list(frame.columns) for frame in frames], self._paths, self.config)
                frame = pd.concat([frame[columns] for frame in frames], ignore_index=True) if frames[1:] else frames[0]
                lengths = [len(frame) for frame in frames]
                return folders.added(named(frame), self._paths, lengths, self.config), self.reading
            parts = [self._texts(file) for file in self.files]
            if not self.decided:
                self._check(parts)
            names = folders.common([part.column_names for part in parts], self._paths, self.config)
            texts, lengths = pa.concat_tables(part.select(names) for part in parts), [len(part) for part in parts]
            del parts  # a column of numbers takes the place of its texts
            reading = self.reading if self.decided else decided(texts, self.reading, self.config)
            for place, name in enumerate(names):
                if name not in reading.codes:
                    texts = texts.set_column(place, name, inferred(texts.column(place), reading.decimal))
            frame = named(arrow.to_frame(texts, self.config))
            return folders.added(frame, self._paths, lengths, self.config), reading

    def fields(self, column: str) -> pd.Series | None:
        """Return the fields of a column as the files have them, None where they are not text."""
        if self.kind.read:
            return None
        parts = [part.column(column) for file in self.files for part in csv.fields(file, BLOCK)]
        return pa.chunked_array([chunk for part in parts for chunk in part.chunks], pa.string()).to_pandas()

    def chunks(self, size: int) -> Iterator[Chunk]:
        """Yield the rows, some at a time, with the columns of the first chunk; raises as `frame`."""
        first: Chunk | None = None
        with readable(self.config):
            decimal = self.reading.decimal if self.kind.read or self.decided else self._decimal()
            for chunk in self._chunks(size, decimal):
                first = first or replace(chunk, frame=named(chunk.frame))
                yield like(chunk, first)

    def _sniffed(self, config: Data, other: str = "") -> "Table":
        """Return the table with how its files are written; `other` is the encoding of those that are not Unicode."""
        files, guess = [], other or encoding_of(self.bytes)
        encodings = [one.encoding if one.surely else config.encoding or one.encoding or guess for one in self.bytes]
        unsure = not (other or config.encoding or all(one.encoding for one in self.bytes))
        for file, encoding, one in zip(self.files, encodings, self.bytes, strict=True):
            head = file.head()
            text, skipped = head.decode(encoding, errors="replace"), config.skipped(file.path) or ()
            dialect = sniff(text, encoding, config, skipped, whole=len(head) < HEAD)
            if not dialect.names:
                raise UserError(str(file.path), "the file is empty", "add a header line and rows")
            files.append(replace(file, dialect=dialect, quotes=one.quotes))
        first, encoding = files[0].dialect, next((name for name in encodings if name != "utf-8"), "utf-8")
        reading = Reading(delimiter=first.delimiter, encoding=encoding, decimal=first.decimal, gaps=config.gaps)
        return replace(self, files=tuple(files), reading=reading, guess=guess if unsure else "")

    def _check(self, parts: Sequence[pa.Table]) -> None:
        """Raise UserError for rows that are not data, and for what else only the user can say."""
        check_key(self.config, self.bytes)
        for file, part in zip(self.files, parts, strict=True):
            check_once(part.column_names, self.config.target, str(file.path))
            self._check_encoding(part)
        files = zip(self.files, parts, strict=True)
        rows.check([rows.Part(file.path, part, partial(csv.lines, file)) for file, part in files], self.config)

    def _check_encoding(self, texts: pa.Table) -> None:
        """Raise UserError for texts that are not ASCII, where their encoding is a guess."""
        if self.guess and (error := guessed(texts, self.config, self.guess)):
            raise error

    def _decimal(self) -> str:
        return self.config.decimal or decimal_of(self._streamed)

    def _streamed(self) -> Iterator[pa.ChunkedArray]:
        """Yield the fields of all files, column by column of some rows."""
        for file in self.files:
            for part in self.kind.stream(file, self.config, BLOCK):
                yield from part.columns

    def _texts(self, file: File) -> pa.Table:
        schema = pa.schema([(name, pa.string()) for name in file.dialect.names if name])
        return pa.concat_tables([schema.empty_table(), *csv.fields(file, BLOCK, self.config.gaps)])

    @property
    def _paths(self) -> list[Path]:
        return [file.path for file in self.files]

    def _columns(self, file: File) -> list[str]:
        """Return the names of the columns of a text file, and of those that its folders name."""
        return [*filter(None, file.dialect.names), *folders.of_folders(file.path, self.config)]

    def _chunks(self, size: int, decimal: str) -> Iterator[Chunk]:
        schema = arrow.common([self.kind.metadata(file) for file in self.files])
        for file in self.files:
            first = 0
            for part in self.kind.stream(file, self.config, size):
                more = folders.more(file.path, part, self.config)
                if self.kind.read:
                    gaps = self.config.gaps if self.kind.gaps else ()
                    chunk = of_types(file.path, first, arrow.with_types(part, schema), more, self.config, gaps)
                else:
                    self._check_encoding(part)
                    chunk = of_texts(file.path, first, part.to_pandas(), more, decimal, self.config.gaps)
                yield chunk
                first += len(part)


def opened(config: Data, reading: Reading = TYPED, columns: Sequence[str] = ()) -> Table:
    """Open the table at config.path, by the `reading` of a model with `columns` as `Table.by` does, if they are given.

    Raises
    ------
    UserError
        There is no table, its format is not one that is read, or files of a folder are of several formats.

    """
    with readable(config):
        files, kind = recognized(location.files(config), config)
        gaps = config.gaps if kind.gaps else ()
        table = Table(config, files, kind, reading=Reading(decimal=config.decimal or ".", gaps=gaps))
        if not table.kind.read:
            table = replace(table, bytes=tuple(map(looked, files)))
            check_bytes(files, table.bytes, config)
        if columns:
            return table.by(reading, columns)
        return table if table.kind.read else table._sniffed(config)
