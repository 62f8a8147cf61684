"""JSON: a record a line, or a list of records."""

import io
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.tables.arrow import array
from modelmake.tables.file import File
from modelmake.tables.kinds.kind import Kind

ROWS = 50_000  # records that are parsed at once
SUFFIXES = (".json", ".jsonl", ".ndjson")


def _read(file: File, config: Data) -> pd.DataFrame:
    frames = [pd.DataFrame.from_records(part) for part in _parts(file, config, ROWS)]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _stream(file: File, config: Data, rows: int) -> Iterator[pa.Table]:
    names = dict[str, None]()
    for part in _parts(file, config, rows):
        names |= dict.fromkeys(name for record in part for name in record)
        yield pa.table({name: array([record.get(name) for record in part]) for name in names})


def _parts(file: File, config: Data, rows: int) -> Iterator[list[dict[str, Any]]]:
    """Yield records, some at a time; a list of them is parsed whole."""
    with io.TextIOWrapper(file.open(), encoding=config.encoding or "utf-8-sig") as text:
        first = text.read(1 << 10).lstrip()[:1]
        text.seek(0)
        records = iter(json.load(text) if first == "[" else (json.loads(line) for line in text if line.strip()))
        while part := list(itertools.islice(records, rows)):
            if not all(isinstance(record, dict) for record in part) or _is_one_object(part):
                what = "its JSON is not a list of records"
                raise UserError(str(file.path), what, 'write {"column": value, …} a row')
            yield part


def _is_one_object(records: list[dict[str, Any]]) -> bool:
    """Return whether the whole table is in one object, by columns or under a key."""
    return len(records) == 1 and all(isinstance(value, (dict, list)) for value in records[0].values())


def _fits(path: Path, head: bytes) -> bool:
    """Return whether a text is JSON: by a suffix of its name, or since its first line is an object."""
    if set(map(str.lower, path.suffixes[-2:])) & set(SUFFIXES):
        return True
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n", 1)[0]
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return head.lstrip().startswith((b'[{"', b'[\n  {"'))


KIND = Kind("jsonl", "", SUFFIXES, _stream, _read, fits=_fits)
