"""Leaks: what gives the target away, alone or together, and what only follows it."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

from modelmake.data.leaks import leaks

N = 300
RNG = np.random.default_rng(0)
SKEWED = np.exp(RNG.normal(0, 2, N))
NOISE = {f"noise {number}": RNG.normal(size=N) for number in range(5)}
BEFORE = RNG.normal(100, 20, N).round(1)
AFTER = (BEFORE * 0.9 + RNG.normal(0, 8, N)).round(1)
PIECES, PRICE = RNG.integers(0, 50, N), RNG.lognormal(2, 1, N).round(2)
DISCOUNT = RNG.choice([0, 0.25, 0.5], N)
HOME, AWAY = RNG.integers(0, 6, N), RNG.integers(0, 6, N)
STEPS, OTHER_STEPS = (np.cumsum(RNG.normal(size=N)) + 200 for _ in range(2))


def named(columns: dict[str, Any], target: Any, *, ordered: bool = False, rows: int = N) -> list[tuple[str, ...]]:
    """Return the columns that are named, among others that say nothing."""
    frame, y = pd.DataFrame(columns | NOISE).head(rows), pd.Series(target).head(rows)
    return [tuple(sorted(names)) for names, _ in leaks(frame, y, classifier=y.dtype == "str", ordered=ordered)]


@pytest.mark.parametrize("rows", [30, N])
@pytest.mark.parametrize("copy", [np.log(SKEWED).round(3), (SKEWED * 1.1).round(2), -np.sqrt(SKEWED)])
def test_a_copy_in_another_unit_is_named(copy: np.ndarray, rows: int) -> None:
    """Whatever its scale, though the target is skewed and the rows are few."""
    assert named({"copy": copy}, SKEWED, rows=rows) == [("copy",)]


@pytest.mark.parametrize(
    ("columns", "target"),
    [
        ({"before": BEFORE, "after": AFTER}, AFTER - BEFORE),
        ({"before": BEFORE, "after": AFTER}, BEFORE + 2 * AFTER),
        ({"a": BEFORE, "b": AFTER, "c": PRICE}, BEFORE + AFTER - PRICE),
        ({"pieces": PIECES, "price": PRICE}, PIECES * PRICE),
        ({"pieces": PIECES, "total": (PIECES * PRICE).round(2)}, PRICE),
        ({"pieces": PIECES, "price": PRICE, "discount": DISCOUNT}, PIECES * PRICE * (1 - DISCOUNT)),
        ({"home": HOME, "away": AWAY}, np.where(HOME > AWAY, "won", "lost").astype(object)),
    ],
    ids=["difference", "weighted sum", "three", "product with zeros", "ratio", "discount", "who has more"],
)
def test_columns_that_give_the_target_together_are_named(columns: dict[str, Any], target: Any) -> None:
    """Sums, differences, products and ratios; also where a few values are missing."""
    y = pd.Series(target, dtype="str" if target.dtype == object else float)
    assert named(columns, y) == [tuple(sorted(columns))]
    assert named({name: pd.Series(values).mask(np.arange(N) % 20 == 3) for name, values in columns.items()}, y) in (
        [tuple(sorted(columns))],
        [] if target.dtype == object else [tuple(sorted(columns))],
    )


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("wrong", [0, 9999])
def test_a_formula_with_a_few_wrong_rows_is_named(wrong: float, ordered: bool) -> None:
    """One percent of wrong values hides it from r2, not from the other rows."""
    target = np.where(np.arange(N) % 100 == 7, wrong, STEPS - OTHER_STEPS)
    [(names, text)] = leaks(
        pd.DataFrame({"a": STEPS, "b": OTHER_STEPS} | NOISE), pd.Series(target), classifier=False, ordered=ordered
    )
    assert {*names} == {"a", "b"}
    assert "of the rows)" in text or "(r2 0.99" in text


def test_what_is_equal_in_most_rows_is_not_a_formula() -> None:
    """A number that rarely changes, columns that are 0 together, and a target of which a few values are wrong."""
    changes = np.where(RNG.random(N) < 0.1, RNG.normal(100, 20, N), BEFORE)
    assert named({"last": BEFORE, "a": AFTER}, changes) == []
    amount = np.where(RNG.random(N) < 0.2, BEFORE, 0)
    assert named({"a": np.where(amount > 0, PRICE, 0), "b": np.where(amount > 0, PIECES, 0)}, amount) == []
    follows = np.where(np.arange(N) < 3, 9999, BEFORE + 2 * AFTER + RNG.normal(0, 15, N))
    assert named({"a": BEFORE, "b": AFTER}, follows) == []


def test_what_holds_in_time_is_told_from_two_trends() -> None:
    """A copy and a sum take the same steps; two trends only go the same way."""
    moments = np.arange(N)
    assert named({"log": np.log(STEPS), "day": moments}, STEPS, ordered=True) == [("log",)]
    assert named({"a": STEPS, "b": OTHER_STEPS, "day": moments}, STEPS + OTHER_STEPS, ordered=True) == [("a", "b")]
    trends = {"people": moments**2, "cars": moments * 3 + RNG.normal(size=N)}
    assert named(trends, moments + RNG.normal(size=N), ordered=True) == []


@pytest.mark.parametrize("noise", [1, 20])
def test_a_target_that_columns_only_follow_is_not_given_away(noise: float) -> None:
    """Five measurements and noise, or a formula of five of them."""
    X, y = datasets.make_regression(N, 10, n_informative=5, noise=noise, random_state=0)
    assert list(leaks(pd.DataFrame(X).add_prefix("x"), pd.Series(y), classifier=False, ordered=False)) == []
    X, y = datasets.make_friedman1(N, noise=noise, random_state=0)
    assert list(leaks(pd.DataFrame(X).add_prefix("x"), pd.Series(y), classifier=False, ordered=False)) == []
