"""Tracked: the MLflow run of a search, which has its trials, and the journal for another machine to go on with."""

import math
from collections.abc import Sequence

from scripts.core import files, provenance, settings
from scripts.core.config import Config
from scripts.core.search import Search
from scripts.model import tuned
from scripts.model.train import Task, begin
from scripts.search.journal import Journal, path, read
from scripts.search.progress import shown
from scripts.search.propose import batches
from scripts.search.trial import Result
from scripts.tracking import searches
from scripts.tracking.runs import Run, Tracking

JOURNAL = "journal.jsonl"
SEARCHED = "modelmake.searched"  # the tag with the number of trials of a search that has ended
NESTED = 3  # of the best trials, which are runs of their own too
FOLDER = "search"  # of the run's artifacts


class Tracked:
    """The MLflow run of a search, which a search that goes on opens again."""

    def __init__(self, tracking: Tracking, config: Config, of: Search, task: Task, journal: Journal, key: str) -> None:
        """Find the run of this search on the server, or create it; one that ended with other trials stays as it is."""
        self.tracking, self.config = tracking, config
        found = tracking.search(config.experiment, f"tags.`modelmake.search` = '{key}'", most=1)
        if found and not journal.results and not settings.switch("FORCE"):
            self._recall(found[0], of, journal)
        goes_on = found and found[0].tags.get(SEARCHED) in (None, str(sum(map(len, batches(of)))))
        tags = provenance.tags("tune", task.data_sha256, config.training_sha256)
        self.run = found[0] if goes_on else begin(tracking, config, tags | {"modelmake.search": key})
        self._next = searches.logged(tracking, self.run) if goes_on else 0

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
        new = [line for line in lines if line[0] >= self._next]
        searches.add(self.tracking, self.run, new)
        self._next = new[-1][0] + 1 if new else self._next

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
