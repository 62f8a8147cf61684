"""Tune: try parameters by `[search]`, and leave the best in build/tuned.toml. Started again, it goes on."""

import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from scripts.core import config as configuration
from scripts.core import files, provenance, receipt, settings
from scripts.core.errors import PipelineError, UserError
from scripts.core.search import Search
from scripts.model import tuned
from scripts.model.train import Task, begin, prepare
from scripts.search import cluster, report
from scripts.search.check import check
from scripts.search.journal import Journal, opened, path, read
from scripts.search.local import cores, local
from scripts.search.progress import Progress, shown
from scripts.search.propose import batches, best, independent, propose
from scripts.search.trial import Problem, Result, Trial
from scripts.tracking import searches
from scripts.tracking.address import uri
from scripts.tracking.runs import Run, Tracking

JOURNAL = "journal.jsonl"
SEARCHED = "modelmake.searched"  # the tag with the number of trials of a search that has ended
NESTED = 3  # of the best trials, which are runs of their own too
FOLDER = "search"  # of the run's artifacts


class NothingFound(PipelineError):
    """No trial of a search has a score."""

    outcome = "no trial succeeded"


class Executor(Protocol):
    """What runs trials."""

    size: int

    def run(self, trials: Iterable[Trial]) -> Iterator[Result]:
        """Yield the result of each trial when it has finished."""


def executor(problem: Problem) -> AbstractContextManager[Executor]:
    """Return what ENGINE names.

    Raises
    ------
    UserError
        ENGINE or WORKERS is not valid.

    """
    engine = settings.text("ENGINE") or "local"
    if engine == "dask":
        return cluster.connected(problem)
    if engine != "local":
        raise UserError(f"ENGINE={engine:.40}", "unknown", "local or dask")
    workers = settings.text("WORKERS") or str(cores())
    if not workers.isdecimal() or not 0 < int(workers) <= 1024:
        raise UserError(f"WORKERS={workers:.40}", "is no number of processes", "leave it out for one for each core")
    return local(problem, int(workers))


def search(config: configuration.Config, of: Search, journal: Journal, run: Executor, tracked: "Tracked") -> bool:
    """Run what the journal has not; return whether `minutes` ended the search before its last batch."""
    parts, started = batches(of), time.monotonic()
    if independent(of) and of.minutes is None:  # no trial waits for the others of its batch
        parts = [range(parts[-1].stop)]
    with Progress(config, sum(map(len, parts)), asked(of, journal)) as progress:
        for numbers in parts:
            before = [journal.results[number] for number in range(numbers.start) if number in journal.results]
            if all(number in journal.results for number in numbers):
                continue
            trials = propose(of, config.seed, before, numbers)
            todo = [trial for trial in trials if not _done(trial, journal)]
            if todo and of.minutes is not None and time.monotonic() - started > 60 * of.minutes:
                return True
            progress.begin(todo, run.size)
            for result in run.run(todo):
                journal.add(result)
                progress.add(result)
            tracked.add(asked(of, journal))
    return False


def asked(of: Search, journal: Journal) -> list[Result]:
    """Return the finished trials of this search by number; an earlier one may have asked for more of them."""
    return [journal.results[number] for part in batches(of) for number in part if number in journal.results]


def _done(trial: Trial, journal: Journal) -> bool:
    """Return whether the journal has the trial.

    Raises
    ------
    UserError
        It has other parameters there.

    """
    result = journal.results.get(trial.number)
    if result is not None and result.params != trial.params:
        what = f"has other parameters for trial {trial.number} than this search proposes"
        raise UserError("the journal of the search", what, "make tune FORCE=1 puts it aside and starts again")
    return result is not None


class Tracked:
    """The MLflow run of a search, which a search that goes on opens again."""

    def __init__(
        self, tracking: Tracking, config: configuration.Config, of: Search, task: Task, journal: Journal, key: str
    ) -> None:
        """Find the run of this search on the server, or create it; one that ended with other trials stays as it is."""
        self.tracking, self.config = tracking, config
        found = tracking.search(config.experiment, f"tags.`modelmake.search` = '{key}'", most=1)
        if found and not journal.results and not settings.switch("FORCE"):
            self._recall(found[0], of, journal)
        goes_on = found and found[0].tags.get(SEARCHED) in (None, str(sum(map(len, batches(of)))))
        tags = provenance.tags("tune", task.data_sha256, config.training_sha256)
        self.run = found[0] if goes_on else begin(tracking, config, tags | {"modelmake.search": key})
        self._logged = searches.logged(tracking, self.run) if goes_on else 0

    def _recall(self, run: Run, of: Search, journal: Journal) -> None:
        """Take the trials that another machine has finished and logged."""
        kept = self.tracking.read_file(run, f"{FOLDER}/{JOURNAL}") or b""
        for result in read(kept.splitlines(), f"{JOURNAL} of run {run.run_id}"):
            if of.contains(result.params):
                journal.add(result)
        if journal.results:
            print(f"takes {len(journal.results)} trials from run {run.run_id}", flush=True)

    def add(self, results: Sequence[Result]) -> None:
        """Log the trials that are not logged yet."""
        lines, top = [], -math.inf
        for result in results:
            top = max(top, result.score) if result.state == "complete" else top
            lines.append((result.number, result.score, top if math.isfinite(top) else math.nan))
        searches.add(self.tracking, self.run, lines[self._logged :])
        self._logged = len(lines)

    def finish(self, of: Search, found: tuned.Tuned, results: Sequence[Result], drawn: str) -> None:
        """Log the best parameters, the table of all trials, the page, the journal, and the best few as nested runs."""
        given = {"method": of.method, "metric": found.metric, "folds": tuned.folds(self.config)}
        best_params = {f"best.{name}": shown(value) for name, value in found.params.items()}
        metrics = {"trials": len(results), "failed": sum(one.state == "failed" for one in results)}
        params = {name: str(value) for name, value in given.items()} | best_params
        self.tracking.log(self.run, params=params, metrics={**metrics, f"best_{found.metric}": found.score})
        ranked = sorted((one for one in results if one.state == "complete"), key=lambda one: (-one.score, one.number))
        if SEARCHED not in self.run.tags:
            names = list(of.space)
            columns: dict[str, list[object]] = {
                "trial": [one.number for one in results],
                "score": [one.score for one in results],
            }
            columns |= {name: [shown(one.params.get(name, "")) for one in results] for name in names}
            columns |= {"state": [one.state for one in results], "reason": [one.reason for one in results]}
            searches.table(self.tracking, self.run, columns)
            for one in ranked[:NESTED]:
                values = {name: shown(value) for name, value in one.params.items()}
                searches.nested(self.tracking, self.run, f"trial {one.number}", values, {found.metric: one.score})
        artifacts = {"search.html": drawn.encode(), files.TUNED: files.place(files.TUNED).read_bytes()}
        artifacts[JOURNAL] = path(found.search).read_bytes()
        self.tracking.log_files(self.run, FOLDER, artifacts)
        self.tracking.log(self.run, tags={SEARCHED: str(len(results))})


def main() -> None:
    """Leave build/tuned.toml, build/search.html, the run of the search, and build/tune.json.

    Raises
    ------
    UserError
        The search, the table or another key is not valid; nothing is fitted then.
    NothingFound
        Every trial failed.

    """
    started = time.monotonic()
    config = configuration.load()
    of = config.search
    if of is None:
        print(f"note: {files.pipeline()} has no [search], so there is nothing to tune (docs/howto/tune.md)")
        receipt.Tune(**receipt.common("tune", started)).write()
        return
    train = config.train.model_copy(update={"folds": tuned.folds(config)})
    task = prepare(config.model_copy(update={"search": None, "train": train}))
    check(config, of, task)
    key = tuned.key(config, task.data_sha256)
    with opened(key, anew=settings.switch("FORCE")) as journal:
        tracking = Tracking()
        tracked = Tracked(tracking, config, of, task, journal, key)
        with tracking.open(tracked.run):
            with executor(Problem.of(task, config)) as runs:
                short = search(config, of, journal, runs, tracked)
            results = asked(of, journal)
            found = chosen(config, of, key, tracked.run, results)
            found.write()
            drawn = report.page(config, of, found, results)
            files.replace("search.html", drawn)
            tracked.add(results)
            tracked.finish(of, found, results, drawn)
    if short:
        print(f"note: stopped after {of.minutes:g} minutes, so the result depends on the speed of this machine")
    print(f"tuned   {found}\nfile    {files.place(files.TUNED)}\nreport  {files.place('search.html')}", flush=True)
    receipt.Tune(**receipt.common("tune", started), tracking_uri=uri(), run_id=found.run_id, **_facts(found)).write()


def chosen(config: configuration.Config, of: Search, key: str, run: Run, results: Sequence[Result]) -> tuned.Tuned:
    """Return the best trial.

    Raises
    ------
    NothingFound
        Every trial failed; the error has the reason of the first one.

    """
    top = best(of, results)
    if top is None:
        failed = [one for one in results if one.state == "failed"]
        why = f"trial {failed[0].number}: {failed[0].reason}" if failed else "none was finished"
        raise NothingFound("make tune", f"no trial of {len(results)} has a score ({why})", "see search.space")
    params = {name: top.params[name] for name in of.space if name in top.params}
    return tuned.Tuned(key, top.number, len(results), tuned.metric(config), top.score, run.run_id, params)


def _facts(found: tuned.Tuned) -> dict[str, str]:
    return {"trial": str(found.trial), "score": repr(found.score), "params": json.dumps(found.params)}
