"""Halving: the best of each stage get the next budget (Jamieson and Talwalkar 2016)."""

import itertools
import math
from collections.abc import Sequence

from optuna.samplers import RandomSampler

from modelmake.config.search import Search
from modelmake.search.methods.method import TRIALS, Method
from modelmake.search.study import drawn
from modelmake.search.trial import Result, Trial, ordered


def _batches(search: Search) -> list[range]:
    """Return the numbers of each stage's trials, `factor` times fewer than the stage before has.

    Examples
    --------
    >>> from modelmake.config.space import Parameter
    >>> _batches(Search(method="halving", trials=20, space={"C": Parameter(low=0.1, high=1.0)}))
    [range(0, 20), range(20, 27), range(27, 30)]

    """
    counts, factor = [search.trials or TRIALS], search.budget.factor if search.budget is not None else 3
    while len(counts) < len(search.stages):
        counts.append(math.ceil(counts[-1] / factor))
    ends = list(itertools.accumulate(counts))
    return [range(end - count, end) for end, count in zip(ends, counts, strict=True)]


def _propose(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    """Return the trials of a stage: random ones at first, then the best of the stage before."""
    stages = _batches(search)
    stage = stages.index(numbers)
    budgets = (search.stages[stage],)
    if stage == 0:
        points = drawn(search, seed, numbers, RandomSampler)
        return [Trial(number, params, budgets) for number, params in zip(numbers, points, strict=True)]
    last = ordered(one for one in before if one.number in stages[stage - 1])
    return [Trial(number, one.params, budgets) for number, one in zip(numbers, last, strict=False)]


METHOD = Method(_propose, batches=_batches)
