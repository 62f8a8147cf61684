"""Grid: every combination of values, each in full."""

import itertools
from collections.abc import Iterator, Sequence

from modelmake.config.search import Params, Search
from modelmake.core.errors import UserError
from modelmake.core.files import entry
from modelmake.search.methods.method import Method, trials
from modelmake.search.trial import Result, Trial

MOST = 100_000  # points of a grid


def points(search: Search) -> Iterator[Params]:
    """Yield each combination of values, the last parameter first; a parameter that a point has not is left out.

    Examples
    --------
    >>> from modelmake.config.space import Parameter
    >>> kernel, gamma = Parameter(choices=["linear", "rbf"]), Parameter(choices=[1, 2], when={"kernel": "rbf"})
    >>> list(points(Search(method="grid", space={"kernel": kernel, "gamma": gamma})))
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


def _propose(search: Search, _seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    return trials(search, before, numbers, itertools.islice(points(search), numbers.start, numbers.stop))


def _check(search: Search) -> None:
    for name, parameter in search.space.items():
        if parameter.count is None:
            raise UserError(entry(f"search.space.{name}"), "a grid needs single values", "add step, or write choices")
    if search.trials is not None:
        what, fix = "a grid has as many trials as it has points", "leave trials out, or use random"
        raise UserError(entry("search"), what, fix)
    if search.budget is not None:
        raise UserError(entry("search"), "a grid tries each point in full", "leave budget out, or use halving")
    if sum(1 for _ in itertools.islice(points(search), MOST + 1)) > MOST:
        raise UserError(entry("search.space"), f"a grid of more than {MOST:,} points", "use larger steps, or random")


def _total(search: Search) -> int:
    return sum(1 for _ in points(search))


METHOD = Method("grid", _propose, independent=True, total=_total, check=_check)
