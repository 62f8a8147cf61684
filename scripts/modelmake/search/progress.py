"""Progress: what `make tune` says while it runs, as a bar in a terminal and as lines elsewhere."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from modelmake.config.search import Search
from modelmake.core import progress
from modelmake.search.trial import Result, Trial


class Progress:
    """Trials done, running and failed, the best score, and the time that is left."""

    def __init__(self, of: Search, metric: str, total: int, before: Iterable[Result]) -> None:
        """Count what was done before."""
        self._of, self._metric, self._total = of, metric, total
        self._done = self._failed = self._running = self._workers = 0
        self._best: Result | None = None
        for result in before:
            self._count(result)
        if self._done:
            print(f"continues after {self._done} of {total} trials", flush=True)
        self._progress = progress.Progress("trials", total, done=self._done)

    def __enter__(self) -> Self:
        self._progress.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.__exit__(kind, error, trace)
        self._running = 0
        print(f"trials  {self._done} of {self._total} done{self._more()}", flush=True)

    def begin(self, trials: Sequence[Trial], workers: int) -> None:
        """Say how many trials of a batch can run at once."""
        self._running, self._workers = len(trials), workers
        self._progress.what = f"trials{self._more()}"

    def add(self, result: Result) -> None:
        """Count a finished trial."""
        self._running -= 1
        self._count(result)
        self._progress.what = f"trials{self._more()}"
        self._progress.advance()
        if result.state == "failed" and self._failed == 1:
            print(f"note: trial {result.number} failed: {result.reason}", flush=True)

    def _count(self, result: Result) -> None:
        self._done += 1
        self._failed += result.state == "failed"
        if result.is_whole(self._of) and (self._best is None or result.rank < self._best.rank):
            self._best = result

    def _more(self) -> str:
        """Return how many are running and have failed, and the best score."""
        best = f", best {self._metric} {self._best.score:.4f} (trial {self._best.number})" if self._best else ""
        running = f", {min(self._running, self._workers)} running" if self._running else ""
        failed = f", {self._failed} failed" if self._failed else ""
        return f"{running}{failed}{best}"
