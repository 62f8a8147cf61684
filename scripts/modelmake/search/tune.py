"""Tune: try parameters by `[search]`, and save the best in build/tuned.toml. A second start continues the search."""

import json
import math
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Protocol

from modelmake.config import config as configuration
from modelmake.config import receipt
from modelmake.config.config import Config
from modelmake.config.search import Search
from modelmake.core import files, processors, provenance, settings
from modelmake.core.errors import SearchError, UserError
from modelmake.model import tuning
from modelmake.model.train import begin, prepare
from modelmake.search import cluster, methods, report
from modelmake.search.check import check
from modelmake.search.journal import Journal, opened
from modelmake.search.local import local
from modelmake.search.progress import Progress
from modelmake.search.tracking import KEY, SEARCHED, Tracked, ended, recall
from modelmake.search.trial import Problem, Result, Trial, ranked
from modelmake.search.trial import run as fitted
from modelmake.tracking import preflight
from modelmake.tracking.address import uri
from modelmake.tracking.runs import Run, Tracking


class Executor(Protocol):
    """What runs trials."""

    size: int

    def run(self, trials: Iterable[Trial], until: float) -> Iterator[Result]:
        """Yield the result of each trial when it has finished; those that are running at `until` fail."""


def executor(problem: Problem) -> AbstractContextManager[Executor]:
    """Return what ENGINE names.

    Raises
    ------
    UserError
        ENGINE or WORKERS is not valid.

    """
    variables = settings.make()
    if variables.engine == "dask":
        return cluster.connected(problem)
    return local(problem, variables.workers or processors.available())


def unfinished(of: Search, seed: int, journal: Journal) -> Iterator[list[Trial]]:
    """Yield the trials of each batch that the journal has not; it has them when the next batch is asked for."""
    method = methods.of(of)
    parts = method.batches(of)
    if method.independent and not of.stages:  # no trial waits for the others of its batch
        parts = [range(parts[-1].stop)]
    for numbers in parts:
        if all(number in journal.results and not journal.results[number].is_ended for number in numbers):
            continue
        before = [journal.results[number] for number in range(numbers.start) if number in journal.results]
        trials = [trial for trial in method.propose(of, seed, before, numbers) if not _done(trial, journal)]
        if trials:
            yield trials


def search(
    config: Config, of: Search, journal: Journal, ready: AbstractContextManager[Executor], tracked: Tracked
) -> bool:
    """Run what the journal has not; return whether `minutes` ended the search."""
    until = time.monotonic() + 60 * (of.minutes or math.inf)
    run: Executor | None = None
    before = [one for one in asked(of, journal) if not one.is_ended]
    with Progress(of, tuning.metric(config), planned(of), before) as progress, ExitStack() as stack:
        for trials in unfinished(of, config.seed, journal):
            if time.monotonic() >= until:
                return True
            if run is None:
                run = stack.enter_context(ready)
                files.place(files.TUNED).unlink(missing_ok=True)  # an earlier answer; if this is stopped, make goes on
            progress.begin(trials, run.size)
            for result in each_once(run, trials, [*journal.results.values()], until):
                journal.add(result)
                progress.add(result)
            tracked.add(asked(of, journal))
    return next(unfinished(of, config.seed, journal), None) is not None


def each_once(
    run: Executor, trials: Sequence[Trial], known: Iterable[Result], until: float = math.inf
) -> Iterator[Result]:
    """Yield the result of each trial. A trial that repeats an earlier one has the same result."""
    same = defaultdict[str, list[Trial]](list)
    for trial in trials:
        same[_given(trial.params, trial.budgets, trial.least)].append(trial)
    for result in (one for one in known if not one.is_ended):
        for trial in same.pop(_given(result.params, result.budgets, ()), ()):
            yield replace(result, number=trial.number)
    groups = {group[0].number: group for group in same.values()}
    for result in run.run([group[0] for group in groups.values()], until):
        for trial in groups[result.number]:
            yield replace(result, number=trial.number)


def _given(*facts: object) -> str:
    return json.dumps(facts, sort_keys=True)


def planned(of: Search) -> int:
    """Return the number of trials of all batches; halving makes fewer where too few of a stage have a score."""
    return sum(map(len, methods.of(of).batches(of)))


def asked(of: Search, journal: Journal) -> list[Result]:
    """Return the finished trials of this search by number; an earlier one may have asked for more of them."""
    return [
        journal.results[number] for part in methods.of(of).batches(of) for number in part if number in journal.results
    ]


def _done(trial: Trial, journal: Journal) -> bool:
    """Return whether the journal has the trial.

    Raises
    ------
    UserError
        It has other parameters there.

    """
    result = journal.results.get(trial.number)
    if result is not None and result.params != trial.params:
        what = f"trial {trial.number} has other parameters than this search proposes"
        raise UserError("the journal of the search", what, "make tune FORCE=1 puts it aside and starts again")
    return result is not None and not result.is_ended


def main() -> None:
    """Leave build/tuned.toml, build/search.html, the run of the search, and build/tune.json.

    Raises
    ------
    UserError
        The search, the table or another key is not valid; nothing is fitted then.
    SearchError
        Every trial failed.

    """
    started = time.monotonic()
    config = configuration.load()
    of = config.search
    if of is None:
        print(
            f"note: {files.pipeline()} has no [search], so there is nothing to tune ({settings.page('howto/tune.md')})"
        )
        receipt.Tune().write(started)
        return
    train = config.train.model_copy(update={"folds": tuning.folds(config)})
    task = prepare(config.model_copy(update={"search": None, "train": train}))
    problem = Problem.of(task, config)
    check(config, of, task, problem)
    ready, key, short = executor(problem), tuning.key(config, task.data_sha256), False
    with opened(key, anew=settings.make().force) as journal:
        tracking = Tracking()
        if run := finished(tracking, config, of, journal, key):
            print(f"trials  all are in run {run.run_id} (FORCE=1 searches again)\nurl     {run.url}", flush=True)
            found, drawn = outcome(problem, of, run, journal, compared(problem, of))
        else:
            what = f"search {type(task.estimator).__name__}"
            tags = provenance.tags("tune", what, task.data_sha256, config.training_sha256)
            run = begin(tracking, config, tags | {KEY: key})
            with tracking.open(run):
                preflight.check(tracking, run)
                tracked = Tracked(tracking, run, config, of)
                short = search(config, of, journal, ready, tracked)
                given = compared(problem, of, short=short)
                found, drawn = outcome(problem, of, run, journal, given)
                results = asked(of, journal)
                tracked.finish(found, results, journal.ordered(), drawn, len(results) if short else planned(of))
        found.write()
        files.replace("search.html", drawn)
    if short:
        print(f"note: stopped after {of.minutes:g} minutes, so the result depends on the speed of this machine")
    print(f"tuned   {found}\nfile    {files.place(files.TUNED)}\nreport  {files.place('search.html')}", flush=True)
    receipt.Tune(
        tracking_uri=uri(),
        run_id=found.run_id,
        trial=str(found.trial),
        score=repr(found.score),
        params=json.dumps(found.params),
    ).write(started)


def finished(tracking: Tracking, config: Config, of: Search, journal: Journal, key: str) -> Run | None:
    """Return the run in which this very search has ended, if nothing is left of it; take its trials from there."""
    if settings.make().force:
        return None
    earlier = ended(tracking, config, key)
    if not journal.results:
        recall(tracking, earlier, of, journal)
    run = next((run for run in earlier if run.tags[SEARCHED] == str(planned(of))), None)
    return run if run and next(unfinished(of, config.seed, journal), None) is None else None


def compared(problem: Problem, of: Search, *, short: bool = False) -> Result:
    """Return the score of the parameters of `[model]`, from a process that can be ended if trials have a limit."""
    given, minutes = Trial(0, {}), of.trial_minutes or of.minutes
    if short:
        return Result.failed(given, "the search was ended (search.minutes)")
    if minutes is None:
        return fitted(problem, given)
    with local(problem, 1) as pool:
        return next(pool.run([given], time.monotonic() + 60 * minutes))


def outcome(problem: Problem, of: Search, run: Run, journal: Journal, given: Result) -> tuple[tuning.Tuned, str]:
    """Return the best trial, and the page of the search; say how it compares with the parameters of `[model]`.

    Raises
    ------
    SearchError
        Every trial failed; the error has the reason of the first one.

    """
    results = asked(of, journal)
    top = next(iter(ranked(of, results)), None)
    if top is None:
        failed = [one for one in results if one.state == "failed"]
        why = f"trial {failed[0].number}: {failed[0].reason}" if failed else "none was finished"
        raise SearchError("make tune", f"none of the {len(results)} trials has a score ({why})", "see search.space")
    params = {name: top.params[name] for name in of.space if name in top.params}
    key = tuning.key(problem.searched, problem.data_sha256)
    found = tuning.Tuned(key, top.number, len(results), problem.metric, top.score, run.run_id, params)
    notes = report.notes(found, results, given)
    print("".join(f"note: {note}\n" for note in notes), end="", flush=True)
    return found, report.page(problem.searched, of, found, results, notes)
