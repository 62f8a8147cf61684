"""Windows: the request log as tables, one for each model and each time that it was watched.

In `<server>/windows/<model id>/`, `*.jsonl` are the records since the last window, and `*.parquet` the windows.
"""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from modelmake.core import files
from modelmake.model.contract import Contract
from modelmake.serving.log import CLOSE, CLOSED, OPEN, SECONDS
from modelmake.serving.refusal import Refusal
from modelmake.serving.rows import values

META = "modelmake."  # before the names of the columns that are not the model's
REQUEST, ROW, TIME, PREDICTION = (META + name for name in ("request_id", "row", "time", "prediction"))
PATIENCE = 3.0  # seconds for the server to close its files
KEPT = 400  # windows of a model


@dataclass
class Columns:
    """Rows that were read from the log, column by column."""

    features: dict[str, list[Any]]
    meta: dict[str, list[Any]] = field(default_factory=lambda: {name: [] for name in (REQUEST, ROW, TIME, PREDICTION)})


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
        while any(_alive(log)) and time.monotonic() < deadline:
            time.sleep(0.1)
    count = 0
    for path in sorted([*log.glob(f"*{CLOSED}"), *_abandoned(log)]):
        parts: dict[str, list[bytes]] = {}
        for line in path.read_bytes().splitlines(keepends=True):
            with suppress(ValueError, KeyError, TypeError):
                record = json.loads(line)
                if not record["smoke"]:
                    parts.setdefault(record["model_id"], []).append(line)
        for model_id, lines in parts.items():
            files.write(server / "windows" / model_id / f"{path.stem}{CLOSED}", b"".join(lines))
            count += len(lines)
        path.unlink()
    return count


def _alive(log: Path) -> Iterator[Path]:
    """Yield the open files that a server seems to write."""
    yield from (path for path in log.glob(f"*{OPEN}") if time.time() - path.stat().st_mtime < 2 * SECONDS)


def _abandoned(log: Path) -> Iterator[Path]:
    """Yield the open files of servers that were killed."""
    yield from (path for path in log.glob(f"*{OPEN}") if time.time() - path.stat().st_mtime >= 2 * SECONDS)


def pending(server: Path, model_id: str, contract: Contract) -> pd.DataFrame:
    """Return the rows of a model since its last window.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_columns)
        The model's columns without the private ones, and those of META. A request counts once.

    """
    columns = Columns({})
    for path in sorted((server / "windows" / model_id).glob(f"*{CLOSED}")):
        for line in path.read_bytes().splitlines():
            _add(columns, json.loads(line))
    features = {}
    for feature in contract.features:
        if feature.name in columns.features:
            with suppress(Refusal):  # written by a server with another contract
                features[feature.name] = values(feature, columns.features[feature.name])
    frame = pd.DataFrame(features | columns.meta)
    return frame.drop_duplicates([REQUEST, ROW], ignore_index=True)


def _add(columns: Columns, record: dict[str, Any]) -> None:
    """Add the rows of one record; a column that it lacks keeps all rows aligned."""
    predictions = record["predictions"]
    count, before = len(predictions), len(columns.meta[ROW])
    for name, given in record["columns"].items():
        columns.features.setdefault(name, [None] * before).extend(given)
    for listed in columns.features.values():
        listed.extend([None] * (before + count - len(listed)))
    columns.meta[REQUEST] += [record["request_id"]] * count
    columns.meta[ROW] += range(count)
    columns.meta[TIME] += [record["time"]] * count
    columns.meta[PREDICTION] += predictions


def finish(server: Path, model_id: str, window: pd.DataFrame) -> Path:
    """Keep a window as Parquet, and only then remove its records; return the file."""
    folder = server / "windows" / model_id
    path = folder / f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.monotonic_ns()}.parquet"
    with files.whole(path) as aside:
        window.to_parquet(aside, index=False)
    for record in folder.glob(f"*{CLOSED}"):
        record.unlink()
    for old in sorted(folder.glob("*.parquet"))[:-KEPT]:
        old.unlink()
    return path


def kept(server: Path, model_id: str) -> pd.DataFrame | None:
    """Return the rows of all windows of a model, None where there are none."""
    frames = [pd.read_parquet(path) for path in sorted((server / "windows" / model_id).glob("*.parquet"))]
    if not frames:
        return None
    return pd.concat(frames, ignore_index=True).drop_duplicates([REQUEST, ROW], ignore_index=True)
