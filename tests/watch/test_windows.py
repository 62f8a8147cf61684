"""Windows: the request log as tables, whole or not at all."""

import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from modelmake.serving.log import Log, Record
from modelmake.watch import windows
from modelmake.watch.window import ROW as PLACE
from modelmake.watch.window import Window
from tests.serving.conftest import Kinds

ROW = {"day": "2026-01-31", "flag": True, "flag_or_none": None, "kind": "a", "number": 0.5, "whole": 3}


def record(number: int, count: int = 1, **more: Any) -> Record:
    columns = {name: [value] * count for name, value in ROW.items()}  # number_or_none is private
    facts = {"version": "1", "model_id": "m-1", "predictions": ["yes"] * count} | more
    return Record(time=float(number), request_id=f"r{number}", columns=columns, **facts)


def write(server: Path, *records: Record) -> None:
    log = Log(server / "log", [])
    for each in records:
        log.put(each)
    log.close()


def pending(server: Path, kinds: Kinds, model_id: str = "m-1") -> Window:
    return windows.pending(server, model_id, kinds.contract, server / "window.parquet")


def test_records_become_a_table(kinds: Kinds, tmp_path: Path) -> None:
    """With the types of the training rows, a row for each row of a request, and no private column."""
    write(tmp_path, record(1), record(2, count=2))
    assert windows.collect(tmp_path) == 2
    window = pending(tmp_path, kinds)
    assert len(window) == 3
    assert window[PLACE].tolist() == [0, 0, 1]
    assert {name: window[name].dtype for name in ROW} == {name: kinds.X[name].dtype for name in ROW}
    assert "number_or_none" not in window.columns
    assert not list((tmp_path / "log").glob("*.jsonl"))


def test_smoke_and_torn_lines_do_not_count(kinds: Kinds, tmp_path: Path) -> None:
    """A server that was killed leaves the last line as it was."""
    write(tmp_path, record(1), record(2, smoke=True))
    [path] = (tmp_path / "log").glob("*.jsonl")
    path.write_bytes(path.read_bytes() + b'{"time": 3, "request_')
    assert windows.collect(tmp_path) == 1
    assert len(pending(tmp_path, kinds)) == 1


def test_each_model_has_its_own_windows(kinds: Kinds, tmp_path: Path) -> None:
    """After a promotion the rows of the old model wait in their own folder."""
    write(tmp_path, record(1), record(2, model_id="m-2"), record(3, model_id="m-2"))
    windows.collect(tmp_path)
    counts = {model_id: len(pending(tmp_path, kinds, model_id)) for model_id in ("m-1", "m-2", "m-3")}
    assert counts == {"m-1": 1, "m-2": 2, "m-3": 0}


def test_rows_wait_until_their_window_is_kept(kinds: Kinds, tmp_path: Path) -> None:
    """Then they are in a Parquet file, with every value as it was."""
    write(tmp_path, record(1))
    windows.collect(tmp_path)
    for _ in range(2):
        window = pending(tmp_path, kinds)
        assert len(window) == 1
    before = pd.concat(window.chunks())
    path = windows.finish(tmp_path, "m-1", window)
    assert len(pending(tmp_path, kinds)) == 0
    assert {name: pd.read_parquet(path)[name].tolist() for name in ROW} == {
        name: [pd.Timestamp(value) if name == "day" else value] for name, value in ROW.items() if value is not None
    } | {"flag_or_none": pytest.approx([math.nan], nan_ok=True)}
    [kept] = windows.kept(tmp_path, "m-1")
    pd.testing.assert_frame_equal(pd.concat(kept.chunks()), before)


def test_a_request_counts_once(kinds: Kinds, tmp_path: Path) -> None:
    """Although a move of the log was interrupted before it removed its source, or a client asked again."""
    write(tmp_path, record(1))
    [path] = (tmp_path / "log").glob("*.jsonl")
    text = path.read_bytes()
    windows.collect(tmp_path)
    path.with_name("again.jsonl").write_bytes(text)
    windows.collect(tmp_path)
    write(tmp_path, replace(record(1), time=9.0))
    windows.collect(tmp_path)
    window = pending(tmp_path, kinds)
    assert (len(window), window.repeated) == (1, 2)


def test_requests_of_one_id_count_where_their_rows_differ(kinds: Kinds, tmp_path: Path) -> None:
    """A client may give all of its requests the same x-request-id."""
    write(tmp_path, *(replace(record(k), request_id="r", columns={"number": [k / 2]}) for k in (1, 2, 2, 3)))
    windows.collect(tmp_path)
    window = pending(tmp_path, kinds)
    assert (window["number"].tolist(), window.repeated) == ([0.5, 1.0, 1.5], 1)


def test_memory_does_not_grow_with_the_log(kinds: Kinds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some rows at a time are parsed, and the same rows arrive as from one table."""
    write(tmp_path, *(record(k, count=3) for k in range(20)))
    windows.collect(tmp_path)
    whole = pd.concat(pending(tmp_path, kinds).chunks())
    sizes = []
    table = windows._table
    monkeypatch.setattr(windows, "ROWS", 10)
    monkeypatch.setattr(windows, "_table", lambda records, *more: sizes.append(len(records)) or table(records, *more))
    pd.testing.assert_frame_equal(pd.concat(pending(tmp_path, kinds).chunks()), whole)
    assert (max(sizes), sum(sizes)) == (4, 20)


def test_a_log_is_read_whose_clock_was_set_back(kinds: Kinds, tmp_path: Path) -> None:
    """An open file from tomorrow is that of a server that was killed before."""
    (tmp_path / "log").mkdir()
    path = tmp_path / "log/tomorrow.open"
    path.write_bytes(json.dumps(record(1).__dict__).encode() + b"\n")
    os.utime(path, (time.time() + 86_400, time.time() + 86_400))
    assert windows.collect(tmp_path) == 1
    assert len(pending(tmp_path, kinds)) == 1


def test_the_file_of_a_server_that_was_killed_is_taken(kinds: Kinds, tmp_path: Path) -> None:
    """Once it is old; one that a server writes is not."""
    (tmp_path / "log").mkdir()
    line = json.dumps(record(1).__dict__).encode() + b"\n"
    for name, age in (("old", 1000), ("new", 0)):
        path = tmp_path / "log" / f"{name}.open"
        path.write_bytes(line)
        os.utime(path, (time.time() - age, time.time() - age))
    assert windows.collect(tmp_path) == 1
    assert [path.stem for path in (tmp_path / "log").glob("*.open")] == ["new"]


@pytest.mark.parametrize("made", [False, True])
def test_no_log_is_no_record(tmp_path: Path, made: bool) -> None:
    """A server that has never run, or was never asked."""
    if made:
        (tmp_path / "log").mkdir()
    assert windows.collect(tmp_path) == 0
