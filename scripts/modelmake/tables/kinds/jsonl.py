"""JSON: a record a line, or a list of records."""

import io
import itertools
import json
from collections.abc import Iterable, Iterator
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
SUFFIXES = (".json", ".jsonl", ".ndjson", ".geojson")


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
        records = iter(json.load(text) if first == "[" else _lines(text, file))
        while part := list(itertools.islice(records, rows)):
            if not all(isinstance(record, dict) for record in part):
                what = "its JSON is not a list of records"
                raise UserError(str(file.path), what, 'write {"column": value, …} a row')
            if len(part) == 1 and (
                _keys(part[0]) or all(isinstance(value, (dict, list)) for value in part[0].values())
            ):
                raise _wrapped(part[0], file)
            yield part


def _lines(text: Iterable[str], file: File) -> Iterator[Any]:
    """Yield the record of each line; raises UserError for what is not JSON, or one object over many lines."""
    for number, line in enumerate(text, 1):
        try:
            if line.strip():
                yield json.loads(line)
        except ValueError as error:
            if number == 1 and isinstance(whole := _whole(file), dict):
                raise _wrapped(whole, file) from None
            what = f"cannot be parsed: line {number} is not JSON ({error.args[0]:.80})"
            raise UserError(str(file.path), what, "correct it, or write each record on a line of its own") from None


def _whole(file: File) -> object:
    try:
        return json.loads(file.content())
    except ValueError:
        return None


def _keys(table: dict[str, Any]) -> list[str]:
    """Return the keys under which an object has a list of records."""
    return [key for key, value in table.items() if isinstance(value, list) and value and isinstance(value[0], dict)]


def _wrapped(table: dict[str, Any], file: File) -> UserError:
    """Return the error for a table that is one object: GeoJSON, records under a key, or columns."""
    name = file.path.name
    if table.get("type") == "FeatureCollection":
        what, fix = "is GeoJSON, whose columns are the properties of its features", ".features[].properties"
    elif keys := [
        key for key, value in table.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    ]:
        what, fix = (
            f"its JSON is not a list of records: they are under the key '{keys[0]}'",
            f".{json.dumps(keys[0])}[]",
        )
    else:
        what = "its JSON is not a list of records: it has an object, or columns"
        return UserError(
            str(file.path), what, 'write {"column": value, …} a row, as pandas\' to_json(orient="records")'
        )
    return UserError(str(file.path), what, f"write a record a line: jq -c '{fix}' {name} > {file.path.stem}.jsonl")


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
