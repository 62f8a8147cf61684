"""Study: parameters and results as Optuna has them, and what its samplers draw."""

import warnings
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial
from pydantic import JsonValue

from modelmake.config.search import Params, Search
from modelmake.config.space import Parameter
from modelmake.search.trial import Result

Sampler = Callable[[int], BaseSampler]  # of a seed


def drawn(
    search: Search, seed: int, numbers: range, sampler: Sampler, before: Sequence[Result] = ()
) -> Iterator[Params]:
    """Yield the parameters of the trials with these numbers, each from a sampler of its own, which knows `before`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's, about its experimental features and ranges that no step divides
        past = study(search, before)
        for number in numbers:
            past.sampler = sampler(int(np.random.SeedSequence([seed, number]).generate_state(1)[0]))
            trial, params = past.ask(), Params()
            for name, parameter in search.space.items():
                if search.active(name, params):
                    params[name] = _outside(parameter, trial._suggest(name, _distribution(parameter)))
            yield params


def study(search: Search, before: Sequence[Result]) -> Study:
    """Return Optuna's study of these results; a failed trial counts as worse than all others."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0))
    made.add_trials([_frozen(search, result) for result in before])
    return made


def _frozen(search: Search, result: Result) -> FrozenTrial:
    names = [name for name in search.space if name in result.params]  # the journal has them in another order
    values = {name: _inside(search.space[name], result.params[name]) for name in names}
    distributions = {name: _distribution(search.space[name]) for name in names}
    if result.state == "complete":
        return create_trial(params=values, distributions=distributions, value=result.score)
    steps = dict(enumerate(result.means, start=1))
    return create_trial(params=values, distributions=distributions, state=TrialState.PRUNED, intermediate_values=steps)


def _distribution(parameter: Parameter) -> BaseDistribution:
    """Return Optuna's distribution of a parameter; of choices it knows the positions."""
    if parameter.choices is not None:
        return CategoricalDistribution(range(len(parameter.choices)))
    low, high, log = parameter.low, parameter.high, parameter.log
    if parameter.whole:
        return IntDistribution(int(low or 0), int(high or 0), log=log, step=int(parameter.step or 1))
    return FloatDistribution(float(low or 0), float(high or 0), log=log, step=parameter.step)


def _inside(parameter: Parameter, value: JsonValue) -> JsonValue:
    """Return a value as Optuna has it."""
    return value if parameter.choices is None else parameter.position(value)


def _outside(parameter: Parameter, value: float) -> JsonValue:
    """Return a value of Optuna's as a trial has it: a choice, a number, or the point of a range with a step."""
    if parameter.choices is not None:
        return parameter.point(round(value))
    if not isinstance(parameter.step, float):
        return value
    return parameter.point(round((value - float(parameter.low or 0)) / parameter.step))
