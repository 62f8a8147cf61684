"""Halving: the best of each stage get the next budget (Jamieson and Talwalkar 2016)."""

import itertools
import math
from collections.abc import Sequence

from optuna.samplers import RandomSampler

from modelmake.config.search import Search
from modelmake.search.methods.method import Method
from modelmake.search.study import drawn
from modelmake.search.trial import Result, Trial


def _batches(search: Search, total: int) -> list[range]:
    """Return the numbers of each stage's trials, `factor` times fewer than the stage before has."""
    counts, factor = [total], search.budget.factor if search.budget is not None else 3
    while len(counts) < len(search.stages):
        counts.append(math.ceil(counts[-1] / factor))
    ends = list(itertools.accumulate(counts))
    return [range(end - count, end) for end, count in zip(ends, counts, strict=True)]


def _propose(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    """Return the trials of a stage: random ones at first, then the best of the stage before."""
    stages = _batches(search, METHOD.total(search))
    stage = stages.index(numbers)
    budgets = (search.stages[stage],)
    if stage == 0:
        points = drawn(search, seed, numbers, RandomSampler)
        return [Trial(number, params, budgets) for number, params in zip(numbers, points, strict=True)]
    last = [one for one in before if one.number in stages[stage - 1] and one.state == "complete"]
    ranked = sorted(last, key=lambda one: (-one.score, one.number))
    return [Trial(number, one.params, budgets) for number, one in zip(numbers, ranked, strict=False)]


METHOD = Method("halving", _propose, batches=_batches)
