"""Local: trials in processes of this machine, one thread each."""

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

from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.model import TRIALS
from modelmake.search.trial import Problem, Result, Trial, run

# Read when a process starts; later it is too late. Threads inside of processes take many times as long, and another
# order of sets gives another result; 6640 is what Dask's nannies give their workers.
ALIKE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONHASHSEED": "6640"}
TIMES = 3  # that a trial is tried whose process is killed
KILLED = "its process was killed at each attempt; it may need more memory than the machine has"


@dataclass
class Worker:
    """One process, and the trial that it runs."""

    process: BaseProcess
    link: Connection
    trial: Trial | None = None


class Local:
    """Processes that share nothing: one that is killed costs its own trial, which is tried again."""

    def __init__(self, problem: Problem, workers: int) -> None:
        """Keep how many processes there may be; each starts with its first trial."""
        self.problem = problem
        self.size = workers
        self._workers: list[Worker] = []

    def run(self, trials: Iterable[Trial]) -> Iterator[Result]:
        """Yield the result of each trial when it has finished."""
        waiting, deaths = deque(trials), dict[int, int]()
        self._feed(waiting)
        while any(worker.trial for worker in self._workers):
            ready = wait([worker.link for worker in self._workers if worker.trial])
            for place, worker in enumerate(self._workers):
                if worker.link not in ready or (trial := worker.trial) is None:
                    continue
                worker.trial = None
                try:
                    result = worker.link.recv()
                except (EOFError, OSError):
                    result = self._replaced(place, trial, deaths)
                if result is None:
                    waiting.appendleft(trial)
                self._feed(waiting)
                if result is not None:
                    yield result

    def _replaced(self, place: int, trial: Trial, deaths: dict[int, int]) -> Result | None:
        """Start another process in place of a dead one; return a result if its trial is not tried again."""
        process = self._workers[place].process
        process.join()
        code = process.exitcode or 0
        self._workers[place] = self._started()
        deaths[trial.number] = deaths.get(trial.number, 0) + 1
        name = f"by {Signals(-code).name}" if code < 0 else f"with exit code {code}"
        print(f"note: the process of trial {trial.number} ended {name}", file=sys.stderr, flush=True)
        return Result.failed(trial, KILLED) if deaths[trial.number] >= TIMES else None

    def _feed(self, waiting: deque[Trial]) -> None:
        """Give each idle process a trial."""
        while waiting and (worker := self._idle()):
            worker.trial = waiting.popleft()
            with suppress(OSError):  # it is dead, which `run` sees
                worker.link.send(worker.trial)

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

    def close(self) -> None:
        """End the processes, also in the middle of a trial."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.link.close()


@contextmanager
def local(problem: Problem, workers: int) -> Iterator[Local]:
    """Yield processes that run trials; they end with the block."""
    pool = Local(problem, workers)
    try:
        yield pool
    finally:
        pool.close()


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
        link.send(run(problem, trial))


def _follow(parent: BaseProcess | None) -> None:
    """End this process when its parent has ended."""
    if parent is not None:
        parent.join()
    os._exit(1)


def cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
