"""Grid: every combination of values, each in full."""

import itertools
from collections.abc import Iterator, Sequence

from modelmake.config.position import entry
from modelmake.config.search import Params, Search
from modelmake.core.errors import UserError
from modelmake.search.methods.method import Method, equal, trials
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


def _batches(search: Search) -> list[range]:
    total = sum(1 for _ in itertools.islice(points(search), MOST + 1))
    if total > MOST:
        raise UserError(entry("search.space"), f"a grid of more than {MOST:,} points", "use larger steps, or random")
    return equal(search, total)


METHOD = Method(_propose, independent=True, batches=_batches)
