"""Method: what a method of search provides.

Proposals are a function of the seed and of the results of the batches before, and of nothing else.
"""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from modelmake.config.search import Params, Search
from modelmake.search.trial import Result, Trial

TRIALS = 64  # where `trials` is not set
ENOUGH = 5  # finished trials that a stage is compared with


def equal(search: Search, total: int | None = None) -> list[range]:
    """Return the batches of `total` trials, by default those that the search asks for, each of `batch` trials.

    Examples
    --------
    >>> from modelmake.config.space import Parameter
    >>> equal(Search(trials=20, space={"C": Parameter(low=0.1, high=1.0)}))
    [range(0, 8), range(8, 16), range(16, 20)]

    """
    total = total or search.trials or TRIALS
    return [range(first, min(first + search.batch, total)) for first in range(0, total, search.batch)]


@dataclass(frozen=True)
class Method:
    """A method of search.

    Parameters
    ----------
    propose : callable
        Returns the trials with these numbers, given the seed and the results of the batches before in the order of
        their numbers. Each one draws from a random generator of its own, seeded by the seed and the trial's number.
    independent : bool
        Whether a proposal depends on no results.
    batches : callable
        Returns the numbers of the trials of each batch; those of a batch do not know of each other's results. Raises
        UserError where there are too many.

    """

    propose: Callable[[Search, int, Sequence[Result], range], list[Trial]]
    independent: bool = False
    batches: Callable[[Search], list[range]] = equal


def trials(search: Search, before: Sequence[Result], numbers: range, points: Iterable[Params]) -> list[Trial]:
    """Return the trials of these points.

    With a budget each must reach the median of the finished ones at a stage (Golovin et al. 2017).
    """
    budgets, least = tuple(search.stages), _least(search, before)
    return [Trial(number, params, budgets, least) for number, params in zip(numbers, points, strict=True)]


def _least(search: Search, before: Sequence[Result]) -> tuple[float | None, ...]:
    """Return the median of the scores at each stage but the last; None where there are too few."""
    reached = [
        [one.means[place] for one in before if len(one.means) > place] for place in range(len(search.stages) - 1)
    ]
    return tuple(statistics.median(scores) if len(scores) >= ENOUGH else None for scores in reached)
