"""Local: trials in processes of this machine, one thread each."""

import math
import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from signal import SIG_BLOCK, SIG_SETMASK, SIGINT, Signals, pthread_sigmask
from time import monotonic

from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.model import TRIALS
from modelmake.search.trial import ENDED, Problem, Result, Trial, run

# Read when a process starts; later it is too late. Threads inside of processes take many times as long, and another
# order of sets gives another result; 6640 is what Dask's nannies give their workers.
ALIKE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "6640"}
POLL = 1  # second between two looks at the time
TIMES = 3  # that a trial is tried whose process is killed
KILLED = "its process was killed at each attempt; it may need more memory than the machine has"


@dataclass
class Worker:
    """One process, the trial that it runs, and since when."""

    process: BaseProcess
    link: Connection
    trial: Trial | None = None
    since: float = math.inf

    def kill(self) -> None:
        """End the process, also in the middle of a trial."""
        self.process.kill()
        self.process.join()
        self.link.close()


class Local:
    """Processes that share nothing: one that is killed costs its own trial, which is tried again."""

    def __init__(self, problem: Problem, workers: int) -> None:
        """Keep how many processes there may be; each starts with its first trial."""
        self.problem = problem
        self.size = workers
        self._minutes = (problem.searched.search and problem.searched.search.trial_minutes) or math.inf
        self._until = math.inf
        self._workers: list[Worker] = []

    def run(self, trials: Iterable[Trial], until: float = math.inf) -> Iterator[Result]:
        """Yield the result of each trial when it has finished; those that are running at `until` fail."""
        waiting, deaths = deque(trials), dict[int, int]()
        self._until = min(self._until, until)
        while self._feed(waiting):
            links = [worker.link for worker in self._workers if worker.trial]
            ready = wait(links, None if math.isinf(self._until) and math.isinf(self._minutes) else POLL)
            for worker in [one for one in self._workers if one.trial]:
                received = self._received(worker, deaths) if worker.link in ready else self._overdue(worker)
                if isinstance(received, Trial):
                    waiting.appendleft(received)
                elif received is not None:
                    self._feed(waiting)
                    yield received

    def _received(self, worker: Worker, deaths: dict[int, int]) -> Result | Trial | None:
        """Return the result of a process, its trial if that is tried again, or None where the trial has just begun."""
        trial = worker.trial
        assert trial is not None  # noqa: S101  # for the type checker
        try:
            result: Result | None = worker.link.recv()
        except (EOFError, OSError):
            return self._died(worker, trial, deaths)
        if result is None:
            worker.since = monotonic()
        else:
            worker.trial, worker.since = None, math.inf
        return result

    def _died(self, worker: Worker, trial: Trial, deaths: dict[int, int]) -> Result | Trial:
        """Remove a process that has died; return its trial to try it again, or a result if that is not done."""
        self._workers.remove(worker)
        worker.kill()
        if monotonic() >= self._until:
            return Result.failed(trial, ENDED)
        code = worker.process.exitcode or 0
        deaths[trial.number] = deaths.get(trial.number, 0) + 1
        name = f"by {Signals(-code).name}" if code < 0 else f"with exit code {code}"
        print(f"note: the process of trial {trial.number} ended {name}", file=sys.stderr, flush=True)
        return Result.failed(trial, KILLED) if deaths[trial.number] >= TIMES else trial

    def _overdue(self, worker: Worker) -> Result | None:
        """Return the result of a trial whose time is over, and end its process."""
        now = monotonic()
        if worker.trial is None or (now < self._until and now - worker.since < 60 * self._minutes):
            return None
        self._workers.remove(worker)
        worker.kill()
        longer = f"takes longer than {self._minutes:g} minutes (search.trial_minutes)"
        return Result.failed(worker.trial, ENDED if now >= self._until else longer)

    def _feed(self, waiting: deque[Trial]) -> bool:
        """Give each idle process a trial, unless the search has ended; return whether a trial is running."""
        while waiting and monotonic() < self._until and (worker := self._idle()):
            worker.trial = waiting.popleft()
            with suppress(OSError):  # it is dead, which `run` sees
                worker.link.send(worker.trial)
        return any(worker.trial for worker in self._workers)

    def _idle(self) -> Worker | None:
        """Return a process without a trial, a new one if there may be more; None if all are busy."""
        for worker in self._workers:
            if worker.trial is None:
                return worker
        if len(self._workers) == self.size:
            return None
        self._workers.append(self._started())
        return self._workers[-1]

    def _started(self) -> Worker:
        context = multiprocessing.get_context("spawn")
        resource_tracker.ensure_running()  # it would let SIGINT through
        mask = pthread_sigmask(SIG_BLOCK, {SIGINT})  # Ctrl-C reaches every process; this one ends the others
        try:
            ours, theirs = context.Pipe()
            process = context.Process(name=TRIALS, target=work, args=(theirs, self.problem), daemon=True)
            with settings.exported(ALIKE):
                process.start()
        except OSError as error:
            what = f"process {len(self._workers) + 1} cannot be started: {error.strerror}"
            raise UserError(f"WORKERS={self.size}", what, "use fewer; make tune then goes on") from None
        finally:
            pthread_sigmask(SIG_SETMASK, mask)
        theirs.close()
        return Worker(process, ours)

    def end(self) -> None:
        """End the search, from another thread: what is running fails, and nothing begins any more."""
        self._until = -math.inf
        for worker in [*self._workers]:
            worker.process.kill()

    def close(self) -> None:
        """End the processes, also in the middle of a trial."""
        for worker in self._workers:
            worker.kill()


@contextmanager
def local(problem: Problem, workers: int) -> Iterator[Local]:
    """Yield processes that run trials; they end with the block."""
    pool = Local(problem, workers)
    try:
        yield pool
    finally:
        pool.close()


_alone: dict[str, Local] = {}  # by the client of a cluster
_ended: set[str] = set()


def alone(problem: Problem, trial: Trial, client: str) -> Result | None:
    """Run a trial of a client beside this process, which cannot end it; None where the search has ended."""
    multiprocessing.current_process()._config["daemon"] = False  # type: ignore[attr-defined]  # or it has no children
    if client not in _alone:
        _alone[client] = Local(problem, 1)
    return next(_alone[client].run([trial]), None) if client not in _ended else None


def end(client: str) -> None:
    """End the search of a client in this process: the trial that is running fails, and none begins any more."""
    _ended.add(client)
    if client in _alone:
        _alone.pop(client).end()


def work(link: Connection, problem: Problem) -> None:
    """Run the trials that arrive; end with the process that sends them, also if that one is killed."""
    parent = multiprocessing.parent_process()
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    with Path(os.devnull).open("w") as nothing:  # what libraries of C print
        os.dup2(nothing.fileno(), 1)
    while True:
        try:
            trial = link.recv()
        except EOFError:
            return
        link.send(None)  # its time begins
        link.send(run(problem, trial))


def _follow(parent: BaseProcess | None) -> None:
    """End this process when its parent has ended."""
    if parent is not None:
        parent.join()
    os._exit(1)
