"""Propose: the next trials, as a function of the seed and of the results of the batches before, and of nothing else."""

import itertools
import math
import statistics
import warnings
from collections.abc import Iterator, Sequence

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial
from pydantic import JsonValue

from modelmake.config.search import Params, Search
from modelmake.config.space import Parameter
from modelmake.search.trial import Result, Trial

TRIALS = 64  # where `trials` is not set
ENOUGH = 5  # finished trials that a stage is compared with


def batches(search: Search) -> list[range]:
    """Return the numbers of the trials of each batch; those of a batch do not know of each other's results.

    Examples
    --------
    >>> search = Search(method="random", trials=20, space={"C": Parameter(low=0.1, high=1.0)})
    >>> batches(search)
    [range(0, 8), range(8, 16), range(16, 20)]
    >>> batches(search.model_copy(update={"method": "halving"}))
    [range(0, 20), range(20, 27), range(27, 30)]

    """
    if search.method == "halving":
        counts = [total(search)]
        while len(counts) < len(search.stages):
            counts.append(math.ceil(counts[-1] / _factor(search)))
        ends = list(itertools.accumulate(counts))
        return [range(end - count, end) for end, count in zip(ends, counts, strict=True)]
    last = total(search)
    return [range(first, min(first + search.batch, last)) for first in range(0, last, search.batch)]


def planned(search: Search) -> int:
    """Return the number of trials of all batches; halving makes fewer where too few of a stage have a score."""
    return sum(map(len, batches(search)))


def total(search: Search) -> int:
    """Return the number of trials; for halving, of the first stage."""
    return sum(1 for _ in grid(search)) if search.method == "grid" else search.trials or TRIALS


def independent(search: Search) -> bool:
    """Return whether no trial depends on the results of another one."""
    return search.method in ("random", "grid") and not search.stages


def propose(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    """Return the trials with these numbers, given the results of the batches before, in the order of their numbers.

    Each proposal draws from a random generator of its own, seeded by `seed` and the trial's number. `tpe` is Optuna's
    TPESampler, multivariate and in groups of parameters that occur together (Bergstra et al. 2011, Falkner et al.
    2018). With a budget a stage must reach the median of the finished trials at that stage (Golovin et al. 2017).
    `halving` gives the best of each stage the next budget (Jamieson and Talwalkar 2016).
    """
    if search.method == "halving":
        return _promoted(search, seed, before, numbers)
    if search.method == "grid":
        points = itertools.islice(grid(search), numbers.start, numbers.stop)
        return [Trial(number, point) for number, point in zip(numbers, points, strict=True)]
    budgets, least = tuple(search.stages), _least(search, before)
    return [Trial(number, params, budgets, least) for number, params in _sampled(search, seed, before, numbers)]


def grid(search: Search) -> Iterator[Params]:
    """Yield each combination of values, the last parameter first; a parameter that a point has not is left out.

    Examples
    --------
    >>> kernel, gamma = Parameter(choices=["linear", "rbf"]), Parameter(choices=[1, 2], when={"kernel": "rbf"})
    >>> list(grid(Search(method="grid", space={"kernel": kernel, "gamma": gamma})))
    [{'kernel': 'linear'}, {'kernel': 'rbf', 'gamma': 1}, {'kernel': 'rbf', 'gamma': 2}]

    """

    def below(params: Params, names: Sequence[str]) -> Iterator[Params]:
        if not names:
            yield params
        elif search.active(names[0], params):
            parameter = search.space[names[0]]
            for place in range(parameter.count or 0):
                yield from below({**params, names[0]: parameter.point(place)}, names[1:])
        else:
            yield from below(params, names[1:])

    return below({}, list(search.space))


def best(search: Search, results: Sequence[Result]) -> Result | None:
    """Return the best trial; None if none has a score on the whole budget."""
    return next(iter(ranked(search, results)), None)


def ranked(search: Search, results: Sequence[Result]) -> list[Result]:
    """Return the trials with a score on the whole budget, the best one first; of equals the first one."""
    whole = search.stages[-1:]
    scored = [one for one in results if one.state == "complete" and one.budgets[-1:] == whole]
    return sorted(scored, key=lambda one: (-one.score, one.number))


def study(search: Search, before: Sequence[Result], sampler: BaseSampler | None = None) -> Study:
    """Return Optuna's study of these results; a failed trial counts as worse than all others."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    made = optuna.create_study(direction="maximize", sampler=sampler or RandomSampler(seed=0))
    made.add_trials([_frozen(search, result) for result in before])
    return made


def _frozen(search: Search, result: Result) -> FrozenTrial:
    names = [name for name in search.space if name in result.params]  # the journal has them in another order
    values = {name: _inside(search.space[name], result.params[name]) for name in names}
    distributions = {name: distribution(search.space[name]) for name in names}
    if result.state == "complete":
        return create_trial(params=values, distributions=distributions, value=result.score)
    steps = dict(enumerate(result.means, start=1))
    return create_trial(params=values, distributions=distributions, state=TrialState.PRUNED, intermediate_values=steps)


def distribution(parameter: Parameter) -> BaseDistribution:
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


def _sampled(search: Search, seed: int, before: Sequence[Result], numbers: range) -> Iterator[tuple[int, Params]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's, about its experimental features and ranges that no step divides
        past = study(search, before if search.method == "tpe" else ())
        for number in numbers:
            past.sampler = _sampler(search, seed, number)
            trial, params = past.ask(), Params()
            for name, parameter in search.space.items():
                if search.active(name, params):
                    params[name] = _outside(parameter, trial._suggest(name, distribution(parameter)))
            yield number, params


def _sampler(search: Search, seed: int, number: int) -> BaseSampler:
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    return TPESampler(seed=own, multivariate=True, group=True) if search.method == "tpe" else RandomSampler(seed=own)


def _least(search: Search, before: Sequence[Result]) -> tuple[float | None, ...]:
    """Return the median of the scores at each stage but the last; None where there are too few."""
    reached = [
        [one.means[place] for one in before if len(one.means) > place] for place in range(len(search.stages) - 1)
    ]
    return tuple(statistics.median(scores) if len(scores) >= ENOUGH else None for scores in reached)


def _factor(search: Search) -> int:
    return search.budget.factor if search.budget is not None else 3


def _promoted(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    """Return the trials of a stage of halving: random ones at first, then the best of the stage before."""
    stage = next(place for place, batch in enumerate(batches(search)) if batch == numbers)
    budgets = (search.stages[stage],)
    if stage == 0:
        return [Trial(number, params, budgets) for number, params in _sampled(search, seed, (), numbers)]
    last = [one for one in before if one.number in batches(search)[stage - 1] and one.state == "complete"]
    ranked = sorted(last, key=lambda one: (-one.score, one.number))
    return [Trial(number, one.params, budgets) for number, one in zip(numbers, ranked, strict=False)]
