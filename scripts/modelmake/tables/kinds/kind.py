"""Kind: what a format of tables provides."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from modelmake.config.data import Data
from modelmake.tables.file import File


@dataclass(frozen=True)
class Kind:
    """A format of tables.

    Parameters
    ----------
    name : str
        Its value of data.format.
    title : str
        What a file of it is, in words; "" where any text may be of it.
    suffixes : tuple of str
        Of the names of its files.
    fits : callable
        Says by the path of a file and its first bytes, decompressed, whether it is of this format.
    stream : callable
        Yields the rows of a file, some at a time.
    read : callable or None
        Returns the rows of a file with the types that it has; None for text, where all rows say which types they have.
    gaps : bool
        Whether a text in it may stand for a missing value.
    magic : tuple of bytes
        With which its files start.
    metadata : callable
        Returns the types and the number of rows where a file states them, else None.
    about : callable
        Returns what is worth a word about how a file is read.

    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    stream: Callable[[File, Data, int], Iterator[pa.Table]]
    read: Callable[[File, Data], pd.DataFrame] | None = None
    gaps: bool = False
    magic: tuple[bytes, ...] = ()
    fits: Callable[[Path, bytes], bool] = lambda _path, _head: False
    metadata: Callable[[File], pq.FileMetaData | None] = lambda _file: None
    about: Callable[[File, Data], str] = lambda _file, _config: ""

    def has(self, path: Path, head: bytes) -> bool:
        """Return whether a file is of this format by its first bytes."""
        return head.startswith(self.magic) or self.fits(path, head)
