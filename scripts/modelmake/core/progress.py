"""Progress: say on standard error that work goes on, once it takes longer than a moment."""

import sys
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

PATIENCE, EVERY = 2, 30  # seconds without a word, and between two lines where there is no terminal


class Progress:
    """A bar on a terminal, and lines elsewhere; nothing at all for work that takes less than `PATIENCE` seconds.

    Parameters
    ----------
    what : str
        What is done. It may change while the work goes on.
    total : int, optional
        How much there is to do, where that is known.
    unit : str, default=""
        What is counted. "bytes" are shown as kB, MB or GB on a terminal.
    done : int, default=0
        How much was done before.

    """

    def __init__(self, what: str, total: int | None = None, unit: str = "", *, done: int = 0) -> None:
        """Prepare; the block that this is entered for is the work."""
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self._bar: Bar | None = None
        self._said = 0.0
        self._timer = threading.Timer(PATIENCE, self._begin)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._bar is not None:
            self._bar.stop()

    def __str__(self) -> str:
        """Return what is done, and how much of it."""
        if not self.done:
            return f"{self.what} …"
        of = f" of {self.total:,}" if self.total else ""
        return f"{self.what}: {self.done:,}{of} {self.unit}".rstrip()

    def advance(self, count: int = 1) -> None:
        """Count what is done."""
        self.done += count
        if self._bar is not None:
            self._show(self._bar)
        elif self._said and time.monotonic() - self._said > EVERY:
            self._say()

    def _begin(self) -> None:
        if sys.stderr.isatty():
            self._bar = _bar(self)
            self._show(self._bar)
            self._bar.start()
        else:
            self._say()

    def _show(self, bar: "Bar") -> None:
        bar.update(bar.task_ids[0], total=self.total, completed=self.done, description=self.what)

    def _say(self) -> None:
        self._said = time.monotonic()
        print(self, file=sys.stderr, flush=True)


def _bar(work: Progress) -> "Bar":
    """Return a bar, which is not shown yet."""
    from rich.console import Console  # noqa: PLC0415  # slow, and most work ends before
    from rich.progress import (  # noqa: PLC0415
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TimeRemainingColumn,
    )

    count = DownloadColumn() if work.unit == "bytes" else MofNCompleteColumn()
    columns = ("{task.description}", BarColumn(), count, TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    bar.add_task(work.what, total=work.total)
    return bar
