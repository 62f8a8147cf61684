"""Cluster: trials on the workers of a Dask cluster, one task each."""

import asyncio
import json
import math
import pickle
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import FunctionType
from typing import Any, TypeVar, cast

from distributed import Client, Future, KilledWorker, wait
from distributed.security import Security
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelmake.core.errors import ClusterError, UserError, first_line
from modelmake.core.lock import lockfile
from modelmake.model import tuning
from modelmake.search import remote
from modelmake.search.connection import CONNECT, address, client, security
from modelmake.search.local import KILLED
from modelmake.search.trial import Problem, Result, Trial

Function = TypeVar("Function", bound=Callable[..., object])

PATIENCE = 60  # seconds for a worker to come back
SMALL = 10_000_000  # bytes of rows that are sent rather than read by each worker
RETRIES = 3  # of a task that fails on its way
AHEAD = 3  # tasks for each worker that are with the scheduler
RESTART = "start the cluster again from this checkout: make cluster, or your own"


class Cluster:
    """The workers of a cluster, which have the same packages and the same code as this process."""

    def __init__(self, client: Client, problem: Problem, address: str) -> None:
        """Compare the workers with this process, and bring the rows to them."""
        self._client, self._address = client, address
        wanted = remote.expected(dict(tuning.code(problem.searched)))
        self.size = self._compared(wanted)
        self._problem = self._sent(problem)
        self._token = uuid.uuid4().hex
        given = by_value(remote.difference), wanted, locked(), self._token
        self._comparison = client.submit(by_value(remote.together), *given, pure=False)

    def run(self, trials: Iterable[Trial], until: float = math.inf) -> Iterator[Result]:
        """Yield the result of each trial when it has finished; those that are running at `until` fail.

        One that kills its workers is tried once more, alone.
        """
        suspects: deque[Trial] = deque()
        yield from self._run(deque(trials), suspects, AHEAD * self.size, until)
        while suspects:
            trial, again = suspects.popleft(), deque[Trial]()
            yield from self._run(deque([trial]), again, 1, until)
            if again:
                yield Result.failed(trial, KILLED)

    def _run(self, waiting: deque[Trial], suspects: deque[Trial], most: int, until: float) -> Iterator[Result]:
        running: dict[Future[Any], Trial] = {}
        since = time.monotonic()
        while waiting or running:
            if time.monotonic() >= until:
                waiting.clear()
                self.end()
            some = [waiting.popleft() for _ in range(min(most - len(running), len(waiting)))]
            if some:
                names = [f"trial-{trial.number}-{uuid.uuid4().hex}" for trial in some]
                sent = [pickle.dumps(trial) for trial in some]
                given = self._client.map(
                    by_value(remote.attempt),
                    sent,
                    problem=self._problem,
                    comparison=self._comparison,
                    key=names,
                    retries=RETRIES,
                )
                running |= dict(zip(given, some, strict=True))
            try:
                done = wait(list(running), timeout=1, return_when="FIRST_COMPLETED").done
            except TimeoutError:
                since = self._alive(since)
                continue
            except (Exception, asyncio.CancelledError) as error:  # Dask has no error of its own for a lost scheduler
                raise self._gone(f"the connection to the scheduler is lost ({type(error).__name__})") from None
            since = time.monotonic()
            for future in done:
                trial = running.pop(future)
                result, killed = self._result(future, trial), future.status == "error"
                future.release()  # or it would be computed again when its worker dies
                if result is not None:
                    yield result
                elif killed:
                    suspects.append(trial)

    def end(self) -> None:
        """End the trials that are running, and let none begin."""
        try:
            self._client.run(by_value(remote.end), self._token, on_error="ignore")
        except Exception as error:  # of a worker that goes while it is asked
            raise self._gone(first_line(error)) from None

    def _result(self, future: Future[Any], trial: Trial) -> Result | None:
        """Return the result of a task; None if it killed its workers, or did not begin before the search ended."""
        if future.status == "finished":
            try:
                line: bytes = self._client.gather(future)
            except Exception as error:  # the scheduler or the worker went between the two
                raise self._gone(first_line(error)) from None
            if isinstance(facts := json.loads(line), list):
                where, what = facts
                raise UserError(where, what, RESTART)
            return Result(**facts) if facts else None
        if future.status != "error":
            raise self._gone("the scheduler has lost the trials")
        problem: BaseException = future.exception(timeout=CONNECT)
        if isinstance(problem, KilledWorker):
            return None
        raise UserError(f"trial {trial.number} on {self._address}", first_line(problem), RESTART)

    def _alive(self, since: float) -> float:
        """Return since when there is no worker; raise ClusterError if that is too long, or the scheduler has ended."""
        if self._client.status not in ("running", "newly-created"):
            raise self._gone("the scheduler no longer answers")
        try:
            workers = self._client.scheduler_info(n_workers=1)["workers"]
        except (OSError, ValueError, KeyError) as error:
            raise self._gone(first_line(error)) from None
        if workers:
            return time.monotonic()
        if time.monotonic() - since > PATIENCE:
            raise self._gone(f"it has had no worker for {PATIENCE} seconds")
        return since

    def _compared(self, wanted: remote.Expected) -> int:
        """Return the number of workers.

        Raises
        ------
        UserError
            A worker has other packages or other code, or runs several trials in one process.
        ClusterError
            There is no worker, or one does not answer.

        """
        began = time.monotonic()
        while not (workers := self._client.scheduler_info(n_workers=-1)["workers"]):
            if time.monotonic() - began > CONNECT:
                raise self._gone("it has no workers")
            time.sleep(0.2)
        if several := [name for name, one in workers.items() if one["nthreads"] != 1]:
            what = f"it runs {workers[several[0]]['nthreads']} trials in one process, which share random numbers"
            raise UserError(f"worker {several[0]}", what, "start it with --nthreads 1")
        try:
            said = self._client.run(by_value(remote.difference), wanted, locked(), on_error="return")
        except Exception as error:  # of a worker that goes while it is asked
            raise self._gone(first_line(error)) from None
        for name, text in sorted(said.items()):
            if isinstance(text, BaseException):
                raise UserError(f"worker {name}", f"{type(text).__name__}: {first_line(text)}", RESTART)
            if text:
                raise UserError(f"worker {name}", text, RESTART)
        return len(said)

    def _sent(self, problem: Problem) -> Future[Any]:
        """Return the rows as a task: each worker gets them once, and they are made again if their worker dies."""
        packed = pickle.dumps(problem)
        if len(packed) < SMALL:
            return self._client.submit(by_value(remote.unpacked), packed, pure=False)
        data = problem.config.data.model_dump(by_alias=True, exclude_none=True)
        if data.get("source"):
            data.pop("path")
        there = self._client.run(by_value(remote.fingerprint), data, on_error="return")
        if all(sha256 == problem.data_sha256 for sha256 in there.values()):
            both = pickle.dumps(problem.config), pickle.dumps(problem.searched)
            return self._client.submit(by_value(remote.prepared), *both, pure=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dask's, about a large task
            return self._client.submit(by_value(remote.unpacked), packed, pure=False)

    def _gone(self, what: str) -> ClusterError:
        return ClusterError(self._address, what, "make cluster, or check your own cluster; then make tune goes on")


def by_value(function: Function) -> Function:
    """Return a copy of a function that Dask sends whole, as it does with what is defined in `__main__`."""
    copy = FunctionType(function.__code__, {"__name__": "__main__"}, function.__name__)
    copy.__module__ = "__main__"
    return cast("Function", copy)


def locked() -> list[str]:
    """Return the packages of the lock that are installed here."""
    lines = lockfile().read_text(encoding="utf-8").splitlines()
    names = [Requirement(line.split(";")[0].rstrip(" \\")).name for line in lines if line[:1].isalnum()]
    return [canonicalize_name(name) for name in names]


def connected(problem: Problem) -> AbstractContextManager[Cluster]:
    """Return the cluster that DASK_SCHEDULER_ADDRESS names, to be connected; `make cluster` sets it.

    Raises
    ------
    UserError
        The address or a certificate is not usable; when it connects, also a worker.
    ClusterError
        When it connects: the scheduler does not answer, or has no workers.

    """
    where = address()
    return _connected(problem, where, security(where))


@contextmanager
def _connected(problem: Problem, where: str, secured: Security | None) -> Iterator[Cluster]:
    print(f"cluster {where}", flush=True)
    with client(where, secured) as connection:
        cluster = Cluster(connection, problem, where)
        yield cluster
        with suppress(ClusterError):  # all trials have finished
            cluster.end()
