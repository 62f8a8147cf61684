"""TPE: Optuna's sampler, multivariate and in groups of parameters that occur together.

Bergstra et al. 2011, Falkner et al. 2018.
"""

from collections.abc import Sequence

from optuna.samplers import TPESampler

from modelmake.config.search import Search
from modelmake.search.methods.method import Method, trials
from modelmake.search.study import drawn
from modelmake.search.trial import Result, Trial


def _propose(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    return trials(search, before, numbers, drawn(search, seed, numbers, _sampler, before))


def _sampler(seed: int) -> TPESampler:
    return TPESampler(seed=seed, multivariate=True, group=True)


METHOD = Method(_propose)
