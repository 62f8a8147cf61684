"""Trials in processes: one that takes too long, and those that run when the search ends, are ended and say so."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelmake.config import config as configuration
from modelmake.config.search import Search
from modelmake.config.space import Parameter
from modelmake.model.train import prepare
from modelmake.search import journal, local, tune
from modelmake.search.trial import ENDED, Problem, Result, Trial
from tests.search.conftest import WIDE, Searching

TRIALS = [Trial(number, {"max_depth": number + 1}) for number in range(3)]


class Clock:
    """A clock that stands still until it is told to go: then each look at it takes a minute."""

    def __init__(self) -> None:
        """Begin at 0."""
        self.now = self.step = 0.0

    def __call__(self) -> float:
        """Return the time."""
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that trials are timed with."""
    made = Clock()
    monkeypatch.setattr(local, "monotonic", made)
    monkeypatch.setattr(local, "POLL", 0.05)
    return made


@pytest.fixture
def problem(own: Callable[[str], Searching], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Problem]]:
    """Return what the trials of a project share; the first one may begin, and the others wait for ever."""

    def made(keys: str, begin: int = 1) -> Problem:
        searching = own(WIDE)
        searching.edit("[search]\n", f"[search]\n{keys}\n")
        searching.allow(begin)
        monkeypatch.syspath_prepend(searching.path)
        config = configuration.load()
        folds = config.train.model_copy(update={"folds": 3})
        return Problem.of(prepare(config.model_copy(update={"search": None, "train": folds})), config)

    yield made
    for name in ("models", "models.own"):  # of another project next time
        sys.modules.pop(name, None)


def test_a_trial_that_never_ends_is_ended_after_its_minutes(problem: Callable[..., Problem], clock: Clock) -> None:
    """It is a failed trial with the key as its reason, and the next one has its place."""
    with local.local(problem("trial_minutes = 9"), 1) as pool:
        results = pool.run(TRIALS)
        assert next(results).state == "complete"
        clock.step = 60.0
        later = list(results)
    assert [(one.number, one.state) for one in later] == [(1, "failed"), (2, "failed")]
    assert {one.reason for one in later} == {"takes longer than 9 minutes (search.trial_minutes)"}


def test_trials_that_run_when_the_search_ends_are_ended(problem: Callable[..., Problem], clock: Clock) -> None:
    """What has not begun has no result."""
    with local.local(problem("minutes = 9"), 1) as pool:
        results = pool.run(TRIALS, until=540.0)
        assert next(results).state == "complete"
        clock.step = 60.0
        [ended] = results
    assert (ended.number, ended.state, ended.reason) == (1, "failed", ENDED)
    assert ended.is_ended


def test_parameters_of_the_model_that_never_end_are_ended_too(problem: Callable[..., Problem], clock: Clock) -> None:
    """They are compared with the best trial, and have its limit."""
    of = problem("trial_minutes = 9", begin=0)
    assert of.searched.search
    clock.step = 60.0
    given = tune.compared(of, of.searched.search)
    assert given.reason == "takes longer than 9 minutes (search.trial_minutes)"
    ended = tune.compared(of, of.searched.search, short=True)
    assert (ended.state, ended.reason) == ("failed", "the search was ended (search.minutes)")


def test_a_search_that_was_ended_tries_those_trials_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other ones, once there is more time; a trial that took too long stays a failed one."""
    monkeypatch.chdir(tmp_path)
    of = Search(method="random", trials=3, space={"max_depth": Parameter(low=1, high=1000)})
    with journal.opened("key") as found:
        [trials] = tune.unfinished(of, 1, found)
        found.add(Result(0, trials[0].params, scores=[[0.5]]))
        found.add(Result.failed(trials[1], ENDED))
        found.add(Result.failed(trials[2], "takes longer than 9 minutes (search.trial_minutes)"))
    with journal.opened("key") as found:
        assert list(tune.unfinished(of, 1, found)) == [[trials[1]]]
        found.add(Result(1, trials[1].params, scores=[[0.6]]))
    with journal.opened("key") as found:
        assert list(tune.unfinished(of, 1, found)) == []
        assert [one.score for one in tune.asked(of, found)[:2]] == [0.5, 0.6]
