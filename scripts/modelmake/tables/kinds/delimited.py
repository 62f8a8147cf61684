"""Delimited text: CSV, and what programs make of it."""

import io
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TextIO

import pandas as pd

from modelmake.config.data import Data
from modelmake.tables.dialect import Dialect, without_comments
from modelmake.tables.file import File
from modelmake.tables.kinds.kind import Kind


def _read(file: File, config: Data, texts: Collection[str]) -> pd.DataFrame:
    return parsed(file, config, dtype=dict.fromkeys(texts, "str"))


def parsed(file: File, config: Data, *, raw: bool = False, **options: object) -> pd.DataFrame:
    """Parse one text file; `raw` fields are not read as gaps."""
    with _opened(file) as opened, _quiet():
        frame = pd.read_csv(opened, **_options(file.dialect, config, raw=raw), **options)
    return frame.reset_index(drop=True) if file.dialect.row_names else frame


def _stream(file: File, config: Data, rows: int) -> Iterator[pd.DataFrame]:
    with _opened(file) as opened, _quiet():
        options = _options(file.dialect, config, raw=True)
        for frame in pd.read_csv(opened, **options, dtype=str, chunksize=rows):
            yield frame.reset_index(drop=True)


def _options(dialect: Dialect, config: Data, *, raw: bool) -> dict[str, Any]:
    """Return how pandas reads a file; `raw` fields are not read as gaps."""
    options: dict[str, Any] = {"keep_default_na": False, "na_values": [] if raw else [*config.gaps]}
    options |= {"index_col": False} if dialect.trailing else {"index_col": 0} if dialect.row_names else {}
    return options | {
        "sep": r"\s+" if dialect.delimiter == " " else dialect.delimiter,
        "decimal": dialect.decimal,
        "encoding": dialect.encoding,
        "skipinitialspace": dialect.spaces,
    }


def _opened(file: File) -> BinaryIO | TextIO:
    """Return the file, or its text without its comments and without the lines before its header."""
    dialect = file.dialect
    if not (dialect.comment or dialect.skip):
        return file.open()
    with io.TextIOWrapper(file.open(), encoding=dialect.encoding, newline="") as text:
        lines = list(without_comments(text, dialect.comment, dialect.prefix))
    return io.StringIO("".join(lines[dialect.skip :]).removeprefix("\ufeff"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what `Table` corrects: rows with a trailing delimiter, and columns that it reads again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        yield


KIND = Kind(
    name="csv",
    title="",
    suffixes=(".csv", ".tsv", ".txt", ".data", ".dat"),
    read=_read,
    stream=_stream,
    text=True,
    gaps=True,
    fits=lambda _path, _head: True,
    about=lambda file, _config: str(file.dialect),
)
