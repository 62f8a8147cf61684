"""Moments: numbers that may be dates are named with the key that settles it, and other numbers are not."""

import numpy as np
import pandas as pd
import pytest

from modelmake.config.data import Data
from modelmake.data.findings import findings
from modelmake.data.moments import epoch, epochs
from modelmake.data.read import identified

RNG, N = np.random.default_rng(0), 200
SECONDS = 1_700_000_000 + RNG.integers(0, 10**7, N)
SPELLED = {
    "timestamp": ("Unix seconds", SECONDS),
    "created_at": ("Unix seconds", SECONDS),
    "lastSeenAt": ("Unix milliseconds", SECONDS * 1000),
    "ts": ("Unix microseconds", SECONDS * 1_000_000),
    "x": ("Unix seconds", np.sort(SECONDS)),
    "order_date": ("days of Excel", RNG.integers(44_000, 45_000, N)),
}


@pytest.mark.parametrize("name", SPELLED)
def test_numbers_that_may_be_dates_are_named_until_their_type_is_stated(name: str) -> None:
    """By their range, and by their name or their order."""
    kind, values = SPELLED[name]
    frame = pd.DataFrame({name: values})
    [one] = epochs(frame, Data(path="t.csv", target="y"))
    assert one.text.startswith(f"the numbers of column '{name}' may be {kind}, from 20")
    assert f'if they are dates, set type = "date" under [data.schema.{name}]' in one.advice
    for type_ in ("date", "number"):
        stated = {"path": "t.csv", "target": "y", "schema": {name: {"type": type_}}}
        assert list(epochs(frame, Data.model_validate(stated))) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("phone", SECONDS),
        ("population", RNG.integers(30_000, 60_000, N)),
        ("salary", np.sort(RNG.integers(33_000, 54_000, N))),
        ("year_built", RNG.integers(1990, 2024, N)),
        ("date", [20_240_101, 20_240_102] * 100),
        ("time", RNG.normal(size=N)),
        ("start_weight", RNG.integers(40_000, 50_000, N)),
    ],
)
def test_other_numbers_are_not(name: str, values: object) -> None:
    """Numbers in no order, amounts, years and measurements."""
    assert epoch(pd.Series(values, name=name)) == ""


def test_seconds_in_equal_steps_do_not_count_the_rows() -> None:
    """Each hour of a machine is not an id; the column of data.time is named too."""
    hours = pd.Series(1_700_000_000 + 3600 * np.arange(N))
    frame = identified(pd.DataFrame({"ts": hours, "a": RNG.normal(size=N), "y": RNG.normal(size=N)}))
    for keys in ({}, {"time": "ts"}):
        [one] = findings(frame, Data(path="t.csv", target="y", **keys), classifier=False)
        assert one.text.startswith("the numbers of column 'ts' may be Unix seconds, from 2023-11-14")
