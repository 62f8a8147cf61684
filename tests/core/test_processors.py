"""How many processors there are is asked of the container, too."""

import os
from pathlib import Path

import pytest

from modelmake.core import processors


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "100000 100000"}, 1),
        ({"cpu.max": "150000 100000"}, 1),
        ({"cpu.max": "20000 100000"}, 1),
        ({"cpu.max": "300000 100000"}, 3),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
        ({}, 8),
    ],
)
def test_a_container_with_fewer_processors_has_so_many(
    files: dict[str, str], most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `docker run --cpus` sets them in either version of control groups; a part of one counts as one."""
    (tmp_path / "cpu").mkdir()
    for name, text in files.items():
        (tmp_path / name).write_text(f"{text}\n")
    monkeypatch.setattr(processors, "CGROUP", tmp_path)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: range(8), raising=False)
    assert processors.available() == most
