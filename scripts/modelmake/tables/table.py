"""Table: the user's file or folder, opened once; all that reads it asks here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.core.files import entry
from modelmake.tables import location, names
from modelmake.tables.chunk import Chunk, of_texts, of_types
from modelmake.tables.codes import ROWS, may_be, with_zeros
from modelmake.tables.content import recognized
from modelmake.tables.damage import readable
from modelmake.tables.dialect import sniff
from modelmake.tables.encoding import UNMARKED, encoding_of, looked
from modelmake.tables.file import HEAD, File
from modelmake.tables.kinds.delimited import parsed
from modelmake.tables.kinds.kind import Kind
from modelmake.tables.reading import TYPED, Reading, decimal_of

if TYPE_CHECKING:
    import pyarrow as pa


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
    guess : Reading
        How its texts are read: as was decided before, or as the first rows say, until `read` decides over all of them.
    doubts : frozenset of str
        What of it `read` has to decide: "decimal", "codes".

    """

    config: Data
    files: tuple[File, ...]
    kind: Kind
    guess: Reading = TYPED
    doubts: frozenset[str] = frozenset()

    def __str__(self) -> str:
        """Return how the table is written, as one line, "" for a plain CSV or Parquet file."""
        first, count = self.files[0], len(self.files)
        folder = f"{count} file{'s' * (count > 1)} in a folder" if Path(self.config.path).is_dir() else ""
        return ", ".join(part for part in (folder, self.kind.about(first, self.config), first.compression) if part)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the data file, or of the names and contents of the files in a folder."""
        return location.fingerprint(self.config)

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
            frame = self._typed(self.guess.codes)
            if "decimal" in self.doubts:
                floats = (self.fields(name) for name in frame.columns if frame[name].dtype.kind == "f")
                decimal = decimal_of(frame, self.guess.decimal, (fields for fields in floats if fields is not None))
                if decimal != self.guess.decimal:
                    return self._with(self.guess.model_copy(update={"decimal": decimal}), "decimal").read()
            if "codes" in self.doubts:
                codes = self._codes([*self.guess.codes, *may_be(frame, self.config.target)])
                if set(codes) != set(self.guess.codes):
                    return self._with(self.guess.model_copy(update={"codes": codes}), "codes").read()
            return names.named(frame), self.guess

    def fields(self, column: str) -> pd.Series | None:
        """Return the fields of a column as the files have them, None where they are not text."""
        return self._fields([column])[column] if self.kind.text else None

    def chunks(self, rows: int) -> Iterator[Chunk]:
        """Yield the rows by `guess`, some at a time, with the columns of the first chunk; raises as `frame`."""
        first: Chunk | None = None
        with readable(self.config):
            for chunk in self._chunks(rows):
                first = first or replace(chunk, frame=names.named(chunk.frame))
                yield names.like(chunk, first)

    def _with(self, guess: Reading, decided: str = "") -> "Table":
        """Return the table by another guess, of which `decided` is in doubt no more."""
        files = (replace(file, dialect=replace(file.dialect, decimal=guess.decimal)) for file in self.files)
        return replace(self, files=tuple(files), guess=guess, doubts=self.doubts - {decided})

    def _fields(self, columns: list[str]) -> pd.DataFrame:
        frames = [parsed(file, self.config, dtype=str, usecols=columns, raw=True) for file in self.files]
        return pd.concat(frames, ignore_index=True).fillna("")

    def _codes(self, columns: list[str]) -> tuple[str, ...]:
        inside = [
            name for name in columns if not any(name in names.of_folders(file.path, self.config) for file in self.files)
        ]
        return tuple(sorted(with_zeros(self._fields(inside), self.config.target))) if inside else ()

    def _typed(self, texts: Sequence[str]) -> pd.DataFrame:
        """Return all rows; what is text in a part of a file, or in one of the files, is text in all of them."""
        frame = self._joined(texts)
        mixed = _mixed(frame) if self.kind.text else []
        return self._joined([*texts, *mixed]) if mixed else frame

    def _joined(self, texts: Sequence[str]) -> pd.DataFrame:
        """Return the rows of all files, whose columns have the same names in any order."""
        frames = []
        for file in self.files:
            frame = self.kind.read(file, self.config, texts)
            for name, text in names.of_folders(file.path, self.config).items():
                frame[name] = names.number(text)
            frames.append(frame)
        if len(frames) == 1:
            return frames[0]
        columns = list(frames[0].columns)
        for frame, file in zip(frames, self.files, strict=True):
            names.check(file.path, list(frame.columns), self.files[0].path, columns)
        return pd.concat([frame[columns] for frame in frames], ignore_index=True)

    def _chunks(self, rows: int) -> Iterator[Chunk]:
        from modelmake.tables.arrow import with_types  # noqa: PLC0415  # a CSV does not need it

        schema = self._schema()
        for file in self.files:
            more, first = names.of_folders(file.path, self.config), 0
            for part in self.kind.stream(file, self.config, rows):
                if isinstance(part, pd.DataFrame):
                    chunk = of_texts(file.path, first, part, more, self.guess.decimal, self.config.gaps)
                else:
                    chunk = of_types(file.path, first, with_types(part, schema), more, self.config)
                yield chunk
                first += len(part)

    def _schema(self) -> "pa.Schema | None":
        """Return the types that all files of a folder can have, None where the files do not say it."""
        from modelmake.tables.arrow import common  # noqa: PLC0415

        stated = [self.kind.metadata(file) for file in self.files] if len(self.files) > 1 else []
        schemas = [one.schema.to_arrow_schema() for one in stated if one]
        return common(schemas) if schemas and len(schemas) == len(stated) else None


def opened(config: Data, reading: Reading | None = None, columns: Sequence[str] = ()) -> Table:
    """Open the table at config.path.

    Parameters
    ----------
    config : Data
        The keys of [data].
    reading : Reading or None
        What was decided when a model was trained; it counts where the table has the `columns` by it.
    columns : sequence of str
        The columns of that model.

    Raises
    ------
    UserError
        There is no table, its format is not one that is read, or files of a folder are of several formats.

    """
    with readable(config):
        files, kinds = zip(*(recognized(path, config) for path in location.files(config)), strict=True)
        formats = [kind.name for kind in kinds]
        if len(set(formats)) > 1:
            counts = " and ".join(f"{formats.count(name)} {name}" for name in sorted(set(formats)))
            what = f"the folder '{config.path}' has files of several formats ({counts})"
            raise UserError(entry("data.path"), what, "name one file, or keep files of one format in the folder")
        config = config.model_copy(update={"target": columns[0]}) if columns else config
        gaps = config.gaps if kinds[0].gaps else ()
        table = Table(config, files, kinds[0], Reading(decimal=config.decimal or ".", gaps=gaps))
        return _written(table, reading or TYPED, columns) if table.kind.text else table


def _written(table: Table, reading: Reading, columns: Sequence[str]) -> Table:
    """Return a table of text files with how each is written, by what was decided before where that fits."""
    config, contents = table.config, [looked(file) for file in table.files]
    other = reading.encoding if reading.encoding in UNMARKED else encoding_of(contents)
    encodings = [config.encoding or content.encoding or other for content in contents]
    if reading.delimiter:
        keys = {key: getattr(config, key) or getattr(reading, key) for key in ("delimiter", "decimal")}
        files = _sniffed(table.files, config.model_copy(update=keys), encodings)
        if all(
            set(columns) <= {*parsed(file, config, nrows=0).columns, *names.of_folders(file.path, config)}
            for file in files
        ):
            return replace(table, files=files, guess=reading.model_copy(update=keys))
    files = _sniffed(table.files, config, encodings)
    first, signs = files[0].dialect, [file.dialect.delimiter for file in files]
    commas = any(content.has_commas(sign) for content, sign in zip(contents, signs, strict=True))
    zeros = any(content.has_zeros(sign) for content, sign in zip(contents, signs, strict=True))
    head = parsed(files[0], config, dtype=str, nrows=ROWS, raw=True) if zeros else pd.DataFrame()
    guess = Reading(
        delimiter=first.delimiter,
        encoding=next((name for name in encodings if name != "utf-8"), "utf-8"),
        decimal=config.decimal or (first.decimal if commas else "."),
        gaps=config.gaps,
        codes=tuple(with_zeros(head, config.target)),
    )
    doubts = {"decimal": commas and not config.decimal, "codes": zeros}
    return replace(table, files=files, doubts=frozenset(key for key in doubts if doubts[key]))._with(guess)


def _sniffed(files: Sequence[File], config: Data, encodings: Sequence[str]) -> tuple[File, ...]:
    made = []
    for file, encoding in zip(files, encodings, strict=True):
        head = file.head()
        dialect = sniff(head.decode(encoding, errors="replace"), encoding, config, whole=len(head) < HEAD)
        made.append(replace(file, dialect=dialect))
    return tuple(made)


def _mixed(frame: pd.DataFrame) -> list[str]:
    """Return the columns with texts beside values of other types."""
    objects = [name for name, dtype in frame.dtypes.items() if dtype.kind == "O" and dtype != "str"]
    return [name for name in objects if pd.api.types.infer_dtype(frame[name], skipna=True).startswith("mixed")]
