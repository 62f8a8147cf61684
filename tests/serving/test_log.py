"""The request log: no answer waits for it, and it leaves private columns out."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelmake.serving import counts, log
from modelmake.serving.log import Log, Record
from tests.conftest import ROOT


def until(holds: Callable[[], object]) -> None:
    """Wait for something that has to happen."""
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


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


@pytest.mark.parametrize("back", [0, 86_400])
def test_watch_gets_what_is_in_an_open_file(tmp_path: Path, back: int) -> None:
    """It touches a file, and the writer closes its own, also if the clock was set back since it was opened."""
    writer = Log(tmp_path, [])
    writer.put(record())
    deadline = time.monotonic() + 10
    while not list(tmp_path.glob("*.open")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.1)
    (tmp_path / log.CLOSE).touch()
    os.utime(tmp_path / log.CLOSE, (time.time() - back, time.time() - back))
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


FULL = """
import pathlib, resource, signal, sys
from modelmake.serving.log import Log, Record

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
log = Log(pathlib.Path(sys.argv[1]), [])
for number in range(50):
    log.put(Record(1.0, f"r{number}", "1", "m-1", {"a": [number]}, ["yes"]))
log.close()
"""


def test_a_disk_that_takes_half_a_line_leaves_whole_lines(tmp_path: Path) -> None:
    """What is in the file is whole, nothing else is left, and the server has not ended."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], cwd=ROOT, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    written = [each["request_id"] for each in lines(tmp_path)]
    assert written == [f"r{number}" for number in range(len(written))]
    assert 0 < len(written) < 50
    assert [path.suffix for path in tmp_path.iterdir()] == [".jsonl"]


def test_a_killed_server_leaves_what_it_wrote(tmp_path: Path) -> None:
    """Each line but the last one is whole, and `make watch` can tell."""
    code = FULL.replace("log.close()", "import os, time; time.sleep(1); os.kill(os.getpid(), signal.SIGKILL)")
    code = code.replace("resource.setrlimit", "# ")
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    [path] = tmp_path.iterdir()
    assert path.suffix == log.OPEN
    whole = [json.loads(line) for line in path.read_text().split("\n")[:-1]]
    assert [each["request_id"] for each in whole] == [f"r{number}" for number in range(50)]


def test_a_record_that_is_no_json_does_not_end_the_writer(tmp_path: Path) -> None:
    """It is dropped and counted, and the next one is written."""
    writer, before = Log(tmp_path, []), dropped()
    writer.put(Record(1.0, "odd", "1", "m-1", {"a": [object()]}, ["yes"]))
    writer.put(record(2))
    writer.close()
    assert [each["request_id"] for each in lines(tmp_path)] == ["r2"]
    assert dropped() == before + 1


def test_large_requests_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is slow the records of a few of them wait, for any number of records; then more fit."""
    real = Log._run
    monkeypatch.setattr(Log, "_run", lambda _: None)
    writer, before = Log(tmp_path, []), dropped()
    for number in range(100):
        writer.put(record(number), log.HELD // 8)
    assert dropped() == before + 92
    writer._thread = threading.Thread(target=real, args=(writer,), daemon=True)
    writer._thread.start()
    until(lambda: len(list(tmp_path.glob("*.open"))) == 1 and not writer._queue)
    until(lambda: writer._done == writer._taken)
    writer.put(record(1000), log.HELD)
    writer.close()
    assert len(lines(tmp_path)) == 9


def test_a_folder_that_is_gone_at_the_end_holds_nobody(tmp_path: Path) -> None:
    """The writer ends; the server's own end does not wait for it."""
    writer = Log(tmp_path / "log", [])
    writer.put(record())
    until(lambda: list((tmp_path / "log").glob("*.open")))
    shutil.rmtree(tmp_path / "log")
    writer.close()
    assert not writer._thread.is_alive()
