"""Method: what a method of search provides."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from modelmake.config.search import Params, Search
from modelmake.search.trial import Result, Trial

TRIALS = 64  # where `trials` is not set
ENOUGH = 5  # finished trials that a stage is compared with


def equal(search: Search, total: int) -> list[range]:
    """Return the batches of `total` trials, each of `batch` trials."""
    return [range(first, min(first + search.batch, total)) for first in range(0, total, search.batch)]


@dataclass(frozen=True)
class Method:
    """A method of search.

    Parameters
    ----------
    name : str
        Its value of search.method.
    propose : callable
        Returns the trials with these numbers as a function of the seed and the results of the batches before.
    independent : bool
        Whether a proposal depends on no results.
    total : callable
        Returns the number of trials that `batches` is given.
    batches : callable
        Returns the numbers of the trials of each batch.
    check : callable
        Raises UserError for a `[search]` that the method cannot work with.

    """

    name: str
    propose: Callable[[Search, int, Sequence[Result], range], list[Trial]]
    independent: bool = False
    total: Callable[[Search], int] = lambda search: search.trials or TRIALS
    batches: Callable[[Search, int], list[range]] = equal
    check: Callable[[Search], None] = lambda _search: None


def trials(search: Search, before: Sequence[Result], numbers: range, points: Iterable[Params]) -> list[Trial]:
    """Return the trials of these points; with a budget each must reach the median of the finished ones at a stage."""
    budgets, least = tuple(search.stages), _least(search, before)
    return [Trial(number, params, budgets, least) for number, params in zip(numbers, points, strict=True)]


def _least(search: Search, before: Sequence[Result]) -> tuple[float | None, ...]:
    """Return the median of the scores at each stage but the last; None where there are too few."""
    reached = [
        [one.means[place] for one in before if len(one.means) > place] for place in range(len(search.stages) - 1)
    ]
    return tuple(statistics.median(scores) if len(scores) >= ENOUGH else None for scores in reached)
