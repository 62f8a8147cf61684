"""Propose: the next trials, as a function of the seed and of the results of the batches before, and of nothing else."""

from collections.abc import Sequence

from modelmake.config.search import Search
from modelmake.search.methods import METHODS
from modelmake.search.trial import Result, Trial


def batches(search: Search) -> list[range]:
    """Return the numbers of the trials of each batch; no trial of a batch uses the result of another.

    Examples
    --------
    >>> from modelmake.config.space import Parameter
    >>> search = Search(method="random", trials=20, space={"C": Parameter(low=0.1, high=1.0)})
    >>> batches(search)
    [range(0, 8), range(8, 16), range(16, 20)]
    >>> batches(search.model_copy(update={"method": "halving"}))
    [range(0, 20), range(20, 27), range(27, 30)]

    """
    return METHODS[search.method].batches(search, total(search))


def planned(search: Search) -> int:
    """Return the number of trials of all batches; halving makes fewer where too few of a stage have a score."""
    return sum(map(len, batches(search)))


def total(search: Search) -> int:
    """Return the number of trials; for halving, of the first stage."""
    return METHODS[search.method].total(search)


def independent(search: Search) -> bool:
    """Return whether no trial depends on the results of others."""
    return METHODS[search.method].independent and not search.stages


def propose(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    """Return the trials with these numbers, given the results of the batches before, in the order of their numbers.

    Each proposal draws from a random generator of its own, seeded by `seed` and the trial's number. With a budget a
    stage must reach the median of the finished trials at that stage (Golovin et al. 2017).
    """
    return METHODS[search.method].propose(search, seed, before, numbers)


def best(search: Search, results: Sequence[Result]) -> Result | None:
    """Return the best trial; None if none has a score on the whole budget."""
    return next(iter(ranked(search, results)), None)


def ranked(search: Search, results: Sequence[Result]) -> list[Result]:
    """Return the trials with a score on the whole budget, the best one first; of equals the first one."""
    whole = search.stages[-1:]
    scored = [one for one in results if one.state == "complete" and one.budgets[-1:] == whole]
    return sorted(scored, key=lambda one: (-one.score, one.number))
