"""Random: a draw from each range."""

from collections.abc import Sequence

from optuna.samplers import RandomSampler

from modelmake.config.search import Search
from modelmake.search.methods.method import Method, trials
from modelmake.search.study import drawn
from modelmake.search.trial import Result, Trial


def _propose(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    return trials(search, before, numbers, drawn(search, seed, numbers, RandomSampler))


METHOD = Method(_propose, independent=True)
