"""Windows: the request log as windows, one for each model and each time that it was watched.

In `<server>/windows/<model id>/`, `*.jsonl` are the records since the last window, and `*.parquet` the windows.
"""

import hashlib
import json
import shutil
import time
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from itertools import chain, compress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic_core import to_json

from modelmake.batch.batch import ROWS
from modelmake.core import files
from modelmake.model.contract import Contract, Feature
from modelmake.serving.casts import of_json
from modelmake.serving.log import CLOSE, CLOSED, OPEN, SECONDS
from modelmake.tables.reading import Reading
from modelmake.watch.window import PREDICTION, REQUEST, ROW, TIME, Window

PATIENCE = 3.0  # seconds for the server to close its files
KEPT = 400  # windows of a model

Record = dict[str, Any]  # a line of the log


def collect(server: Path) -> int:
    """Move the records of the request log to the folders of their models, and return how many were moved.

    Parameters
    ----------
    server : Path
        The folder of the scoring server. A file that its server still writes is closed first. Requests of `make smoke`
        are left out, and so is a line that was not written to its end.

    """
    log = server / "log"
    if not log.is_dir():
        return 0
    if any(log.glob(f"*{OPEN}")):
        (log / CLOSE).touch()
        deadline = time.monotonic() + PATIENCE
        while any(map(_is_written, log.glob(f"*{OPEN}"))) and time.monotonic() < deadline:
            time.sleep(0.1)
    left = [path for path in log.glob(f"*{OPEN}") if not _is_written(path)]  # by servers that were killed
    return sum(_move(path, server / "windows") for path in sorted([*log.glob(f"*{CLOSED}"), *left]))


def _is_written(path: Path) -> bool:
    """Return whether a server seems to write an open file; a time in the future is from a clock that was set back."""
    return abs(time.time() - path.stat().st_mtime) < 2 * SECONDS


def _move(path: Path, windows: Path) -> int:
    """Move the lines of a file to the folders of their models, and return how many were moved."""
    count, parts = 0, dict[str, BinaryIO]()
    with path.open("rb") as lines, ExitStack() as stack:
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                record = json.loads(line)
                if not record["smoke"]:
                    model_id = str(record["model_id"])
                    if model_id not in parts:
                        aside = stack.enter_context(files.whole(windows / model_id / f"{path.stem}{CLOSED}"))
                        parts[model_id] = stack.enter_context(aside.open("wb"))
                    parts[model_id].write(line.rstrip(b"\n") + b"\n")
                    count += 1
    path.unlink()
    return count


def pending(server: Path, model_id: str, contract: Contract, path: Path) -> Window:
    """Write the rows of a model since its last window to the file `path`, some at a time.

    Its columns are the model's without the private ones, and those of META. Of requests with the same x-request-id and
    the same rows one counts: a move of the log that was interrupted, or a client that asked again.
    """
    records = sorted((server / "windows" / model_id).glob(f"*{CLOSED}"))
    names, first = _first(_read(records))
    features = [feature for feature in contract.features if feature.name in names]
    types = [(feature.name, pa.from_numpy_dtype(np.dtype(feature.dtype))) for feature in features]
    answers = pa.array(list(contract.predictions)).type
    meta = [(REQUEST, pa.string()), (ROW, pa.int64()), (TIME, pa.float64()), (PREDICTION, answers)]
    schema = pa.schema([*types, *meta])
    parts = (_table(some, features, contract.reading, schema) for some in _some(compress(_read(records), first)))
    return Window.write(path, parts, schema, repeated=first.count(False))


def _read(paths: Iterable[Path]) -> Iterator[Record]:
    for path in paths:
        with path.open("rb") as lines:
            yield from map(json.loads, lines)


def _first(records: Iterable[Record]) -> tuple[set[str], list[bool]]:
    """Return the names of all columns, and which records are the first with their x-request-id and their rows."""
    names, hashes = set[str](), array("Q")
    for record in records:
        names |= record["columns"].keys()
        content = to_json([record["request_id"], record["columns"]])
        hashes.frombytes(hashlib.blake2b(content, digest_size=8).digest())
    first = np.zeros(len(hashes), dtype=bool)
    first[np.unique(np.array(hashes), return_index=True)[1]] = True
    return names, first.tolist()


def _some(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield records, about ROWS rows at a time."""
    some, rows = list[Record](), 0
    for record in records:
        some.append(record)
        rows += len(record["predictions"])
        if rows >= ROWS:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _table(records: list[Record], features: Iterable[Feature], reading: Reading, schema: pa.Schema) -> pa.Table:
    """Return the rows of records in the model's types, without the values that are not of these types."""
    counts = [len(record["predictions"]) for record in records]
    arrays = [
        _array(feature, reading, list(chain.from_iterable(_values(record, feature.name) for record in records)))
        for feature in features
    ]
    repeated = ([record[name] for record in records] for name in ("request_id", "time"))
    ids, times = (np.repeat(np.array(values, dtype=object), counts) for values in repeated)
    answers = list(chain.from_iterable(record["predictions"] for record in records))
    meta = [map(str, ids), chain.from_iterable(map(range, counts)), map(float, times), answers]
    arrays += [pa.array(list(values)) for values in meta]
    return pa.table([one.cast(kind) for one, kind in zip(arrays, schema.types, strict=True)], schema=schema)


def _values(record: Record, name: str) -> list[Any]:
    return record["columns"].get(name) or [None] * len(record["predictions"])


def _array(feature: Feature, reading: Reading, given: list[Any]) -> pa.Array:
    made = of_json(given, feature.lenient, reading)
    return pa.Array.from_pandas(pd.Series(made.with_gaps()).mask(made.lost))


def finish(server: Path, model_id: str, window: Window) -> Path:
    """Keep a window, and only then remove its records; return its file."""
    folder = server / "windows" / model_id
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.monotonic_ns()}.parquet"
    with files.whole(path) as aside:
        shutil.copyfile(window.path, aside)
    for record in folder.glob(f"*{CLOSED}"):
        record.unlink()
    for old in sorted(folder.glob("*.parquet"))[:-KEPT]:
        old.unlink()
    return path


def kept(server: Path, model_id: str) -> list[Window]:
    """Return all earlier windows of a model."""
    return [Window(path) for path in sorted((server / "windows" / model_id).glob("*.parquet"))]
