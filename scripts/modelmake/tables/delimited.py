"""Delimited: text files as frames, whole or some rows at a time, however they are written."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, BinaryIO, TextIO

import pandas as pd

from modelmake.core.config import Data
from modelmake.tables.content import Content
from modelmake.tables.dialect import Dialect, sniff, without_comments


def parsed(part: Content, config: Data, *, raw: bool = False, **options: object) -> pd.DataFrame:
    """Parse one text file; `raw` fields are not read as gaps."""
    read = written(part, config)
    with _opened(part, read) as file, _quiet():
        frame = pd.read_csv(file, **_options(read, config, raw=raw), **options)
    return frame.reset_index(drop=True) if read.row_names else frame


def in_chunks(part: Content, config: Data, rows: int) -> Iterator[pd.DataFrame]:
    """Yield the rows of one text file, some at a time; every value is text, or missing."""
    read = written(part, config)
    with _opened(part, read) as file, _quiet():
        for frame in pd.read_csv(file, **_options(read, config, raw=False), dtype=str, chunksize=rows):
            yield frame.reset_index(drop=True)


def _options(read: Dialect, config: Data, *, raw: bool) -> dict[str, Any]:
    """Return how pandas has to read a file; `raw` fields are not read as gaps."""
    options: dict[str, Any] = {}
    if not raw and config.missing is not None:
        options |= {"keep_default_na": False, "na_values": ["", *config.missing]}
    elif raw:
        options["keep_default_na"] = False
    options |= {"index_col": False} if read.trailing else {"index_col": 0} if read.row_names else {}
    return options | {
        "sep": r"\s+" if read.delimiter == " " else read.delimiter,
        "decimal": read.decimal,
        "encoding": read.encoding,
        "skipinitialspace": read.spaces,
    }


def _opened(part: Content, read: Dialect) -> BinaryIO | TextIO:
    return _lines(part, read) if read.comment or read.skip else part.open()


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what `formats` mends: rows with a trailing delimiter, and columns that it reads again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        yield


def _lines(part: Content, read: Dialect) -> TextIO:
    """Return the text without its comments and without the lines before its header."""
    with io.TextIOWrapper(part.open(), encoding=read.encoding, newline="") as file:
        lines = list(without_comments(file, read.comment, read.prefix))
    return io.StringIO("".join(lines[read.skip :]).removeprefix("\ufeff"))


def written(part: Content, config: Data) -> Dialect:
    """Return how a text file is written."""
    state = part.path.stat()
    keys = {"path", "target", "delimiter", "decimal", "encoding", "comment"}
    return _sniffed(part, config.model_dump_json(include=keys), state.st_mtime_ns, state.st_size)


@cache
def _sniffed(part: Content, keys: str, modified: int, size: int) -> Dialect:  # noqa: ARG001  # another file is sniffed
    return sniff(part, Data.model_validate_json(keys))
