"""Processors: how many of them this process may use."""

import os
from pathlib import Path

CGROUP = Path("/sys/fs/cgroup")


def available() -> int:
    """Return the number of processors of this process, or of its container if that is less: `docker run --cpus=1`."""
    every = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(every, int(_limit(CGROUP) or every)))


def _limit(folder: Path) -> float | None:
    """Return how many processors a control group may use, None without a limit; both versions of cgroups count."""
    for quota, period in (("cpu.max", "cpu.max"), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        try:
            used, whole = ((folder / name).read_text().split() for name in (quota, period))
            share = float(used[0]) / float(whole[-1])
        except (OSError, ValueError, IndexError, ZeroDivisionError):  # there is no such file, or "max"
            continue
        return share if share > 0 else None
    return None
