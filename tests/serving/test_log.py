"""The request log: nobody waits for it, and it keeps private columns to itself."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from scripts.serving import counts, log
from scripts.serving.log import Log, Record


def record(number: int = 0, **more: Any) -> Record:
    return Record(1.5, f"r{number}", "1", "m-1", {"a": [number], "name": ["marked-7391"]}, ["yes"], **more)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("*.jsonl")) for line in path.read_text().splitlines()]


def test_a_record_is_a_line_without_private_columns(tmp_path: Path) -> None:
    """With time, id, version, values, predictions, and whether it was smoke."""
    writer = Log(tmp_path, ["name"])
    writer.put(record(1))
    writer.put(record(2, smoke=True))
    writer.close()
    first, second = lines(tmp_path)
    assert first == {
        "time": 1.5,
        "request_id": "r1",
        "version": "1",
        "model_id": "m-1",
        "columns": {"a": [1]},
        "predictions": ["yes"],
        "smoke": False,
    }
    assert second["smoke"]
    assert not list(tmp_path.glob("*.open"))


def test_watch_gets_what_is_in_an_open_file(tmp_path: Path) -> None:
    """It touches a file, and the writer closes its own."""
    writer = Log(tmp_path, [])
    writer.put(record())
    deadline = time.monotonic() + 10
    while not list(tmp_path.glob("*.open")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.1)
    (tmp_path / log.CLOSE).touch()
    while not list(tmp_path.glob("*.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(lines(tmp_path)) == 1
    writer.put(record())
    writer.close()
    assert len(lines(tmp_path)) == 2


def dropped() -> float:
    return counts.DROPPED._value.get()


def test_a_full_queue_drops_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No request waits for the disk."""
    monkeypatch.setattr(log, "QUEUED", 1)
    monkeypatch.setattr(Log, "_run", lambda _: None)
    writer, before = Log(tmp_path, []), dropped()
    for number in range(3):
        writer.put(record(number))
    assert dropped() == before + 2


def test_a_full_disk_does_not_end_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are dropped while it is full, and written when it has room again."""
    writer, before = Log(tmp_path / "log", []), dropped()
    (tmp_path / "log").rmdir()
    (tmp_path / "log").write_text("no folder")
    writer.put(record(1))
    deadline = time.monotonic() + 10
    while dropped() == before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert dropped() == before + 1
    (tmp_path / "log").unlink()
    (tmp_path / "log").mkdir()
    writer.put(record(2))
    writer.close()
    assert [each["request_id"] for each in lines(tmp_path / "log")] == ["r2"]


def test_the_oldest_files_go_where_nobody_watches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder has a limit."""
    monkeypatch.setattr(log, "TOTAL", 200)
    for number in range(3):
        (tmp_path / f"2026010{number}.jsonl").write_bytes(b" " * 90)
        os.utime(tmp_path / f"2026010{number}.jsonl", (number, number))
    writer = Log(tmp_path, [])
    writer.put(record())
    writer.close()
    assert len(lines(tmp_path)) == 1
