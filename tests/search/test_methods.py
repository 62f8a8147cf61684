"""Each method of search is listed, and says what it needs."""

from typing import get_args

import pytest

from modelmake.config.search import Budget, Method, Search
from modelmake.config.space import Parameter
from modelmake.core.errors import UserError
from modelmake.search.methods import METHODS

POINTS = {"depth": Parameter(low=1, high=3)}


def test_the_configuration_and_the_methods_agree() -> None:
    """What `search.method` allows is what there is."""
    assert set(METHODS) == set(get_args(Method))


@pytest.mark.parametrize(
    ("search", "says"),
    [
        (
            Search(method="grid", space={"C": Parameter(low=0.1, high=1.0)}),
            "search.space.C: a grid needs single values",
        ),
        (Search(method="grid", space=POINTS, trials=9), "search: a grid has as many trials as it has points"),
        (
            Search(method="grid", space=POINTS, budget=Budget(parameter="rows", low=0.1, high=1.0)),
            "search: a grid tries each point in full",
        ),
    ],
)
def test_a_grid_needs_points_and_nothing_else(search: Search, says: str) -> None:
    """A range without points, a number of trials and a budget are refused, with the key."""
    with pytest.raises(UserError, match=says):
        METHODS["grid"].check(search)
