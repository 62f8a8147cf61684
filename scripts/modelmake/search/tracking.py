"""Tracked: the MLflow run of a search, which has its trials, and the journal for another machine to go on with."""

import math
from collections.abc import Iterable, Sequence

from pydantic import JsonValue

from modelmake.config.config import Config
from modelmake.config.search import Search
from modelmake.core import files
from modelmake.model import tuning
from modelmake.search.journal import Journal, read
from modelmake.search.trial import Result, ranked
from modelmake.tracking import searches
from modelmake.tracking.runs import Run, Tracking

JOURNAL = "journal.jsonl"
KEY = "modelmake.search"  # the tag with the key of the search
SEARCHED = "modelmake.searched"  # and with its number of trials, of a search that has ended
NESTED = 3  # of the best trials, which are runs of their own too
FOLDER = "search"  # of the run's artifacts
MOST = 100  # runs of one search that are looked at


def ended(tracking: Tracking, config: Config, key: str) -> list[Run]:
    """Return the runs of this search that have come to their end, the newest first."""
    runs = tracking.search(config.experiment, f"tags.`{KEY}` = '{key}'", most=MOST)
    return [run for run in runs if SEARCHED in run.tags]


def recall(tracking: Tracking, runs: Iterable[Run], of: Search, journal: Journal) -> None:
    """Take the trials that another machine has finished and logged."""
    run = max(runs, key=lambda run: int(run.tags[SEARCHED]), default=None)
    if run is None:
        return
    kept = tracking.read_file(run, f"{FOLDER}/{JOURNAL}") or b""
    for result in read(kept.splitlines(), f"{JOURNAL} of run {run.run_id}"):
        if of.contains(result.params):
            journal.add(result)
    if journal.results:
        print(f"takes {len(journal.results)} trials from run {run.run_id}", flush=True)


def _in_full(value: JsonValue) -> str:
    """Return a parameter's value in full, an estimator as its import path."""
    return str(value["estimator"]) if isinstance(value, dict) and "estimator" in value else str(value)


class Tracked:
    """The run of a search, while trials are added to it."""

    def __init__(self, tracking: Tracking, run: Run, config: Config, of: Search) -> None:
        """Keep the run, which has no trials yet."""
        self._tracking, self._run, self._config, self._of = tracking, run, config, of
        self._next = 0

    def add(self, results: Sequence[Result]) -> None:
        """Log the trials that are not logged yet, of all that have finished, by number."""
        top, lines = math.nan, []
        for result in results:
            if result.is_whole(self._of):
                top = result.score if math.isnan(top) else max(top, result.score)
            lines.append((result.number, result.score, top))
        new = [line for line in lines if line[0] >= self._next]
        searches.add(self._tracking, self._run, new)
        self._next = new[-1][0] + 1 if new else self._next

    def finish(self, found: tuning.Tuned, results: Sequence[Result], journal: bytes, drawn: str, count: int) -> None:
        """Log the best parameters, the table of all trials, the page, the journal, and the best few as nested runs."""
        self.add(results)
        columns: dict[str, list[object]] = {
            "trial": [one.number for one in results],
            "score": [one.score for one in results],
        }
        columns |= {name: [_in_full(one.params.get(name, "")) for one in results] for name in self._of.space}
        columns |= {"state": [one.state for one in results], "reason": [one.reason for one in results]}
        searches.table(self._tracking, self._run, columns)
        for one in ranked(self._of, results)[:NESTED]:
            values = {name: _in_full(value) for name, value in one.params.items()}
            searches.nested(self._tracking, self._run, f"trial {one.number}", values, {found.metric: one.score})
        artifacts = {"search.html": drawn.encode(), files.TUNED: found.text().encode()}
        self._tracking.log_files(self._run, FOLDER, {**artifacts, JOURNAL: journal})
        given = {"method": self._of.method, "metric": found.metric, "folds": str(tuning.folds(self._config))}
        params = given | {f"best.{name}": _in_full(value) for name, value in found.params.items()}
        failed = sum(one.state == "failed" for one in results)
        metrics = {"trials": float(len(results)), "failed": float(failed), f"best_{found.metric}": found.score}
        self._tracking.log(self._run, params=params, metrics=metrics, tags={SEARCHED: str(count)})
