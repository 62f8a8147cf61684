"""Keys: which columns name a row, which of them group rows, and which text or date is neither."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelmake.config.data import Data
from modelmake.data.finding import Finding
from modelmake.data.findings import findings
from modelmake.data.read import identified

N = 400
RNG = np.random.default_rng(3)
WIDTH = RNG.normal(size=N)
FORTY = RNG.integers(0, 80, N)


def found(columns: dict[str, Any], target: Any = None, **keys: Any) -> list[Finding]:
    """Return what stands out in a table with a noisy target."""
    y = np.where(WIDTH + RNG.normal(size=N) > 0, "yes", "no") if target is None else target
    frame = identified(pd.DataFrame({"width": WIDTH, **columns, "y": y}))
    return findings(frame, Data(path="t.csv", target="y", **keys), classifier=True)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("device_type", RNG.choice(["phone", "desktop", "tablet", "tv", "watch", "car"], N)),
        ("device_type", [f"model {number}" for number in FORTY]),
        ("family_size", RNG.integers(1, 12, N)),
        ("customer_age", RNG.integers(18, 90, N)),
        ("account_balance", RNG.integers(0, 90, N)),
        ("num_users", RNG.integers(0, 90, N)),
        ("category_id", FORTY),
        ("zip_code", FORTY + 10_000),
        ("store_id", RNG.integers(0, 6, N)),
    ],
)
def test_a_group_is_not_set_for_a_word_in_the_name(name: str, values: Any) -> None:
    """A kind, a measurement and a place have equal values in rows that do not belong together."""
    assert not any(one.certain for one in found({name: values}) if one.key == "group")


@pytest.mark.parametrize("name", ["customer_id", "patientId", "person", "machine_no", "USER_ID", "nr"])
@pytest.mark.parametrize("values", [FORTY, [f"K{number}" for number in FORTY]], ids=["numbers", "texts"])
def test_a_group_is_set_where_name_and_values_are_those_of_a_key(name: str, values: Any) -> None:
    """Many values, each in a few rows."""
    [one] = found({name: values})
    assert (one.key, one.value, one.certain) == ("group", name, True)


@pytest.mark.parametrize("name", ["business_name", "item_id", "invoice_no", "store_id"])
def test_a_repeated_key_is_proposed(name: str) -> None:
    """Where a few values, or a name alone, leave a doubt."""
    values = [f"B{number % 12}" for number in range(N)] if name != "business_name" else [f"Bar {n}" for n in FORTY]
    [one] = found({name: values})
    assert (one.key, one.value, one.certain) == ("group", name, False)


def test_a_key_that_determines_the_target_is_a_group() -> None:
    """To leave it out leaves the rows of one value on both sides."""
    [one] = found({"place": [f"P{number}" for number in FORTY]}, np.where(FORTY % 2, "a", "b"))
    assert (one.key, one.value) == ("group", "place")


@pytest.mark.parametrize(
    "week", [pd.date_range("2026-01-05", periods=50, freq="W"), range(1, 51)], ids=["date", "week"]
)
def test_the_time_of_a_shuffled_panel_is_found(week: Any) -> None:
    """The rows of eight shops and fifty weeks, in any order."""
    order = RNG.permutation(N)
    panel = {"store": np.repeat(list("abcdefgh"), 50)[order], "week": np.tile(np.asarray(week), 8)[order]}
    [one] = found(panel)
    assert (one.key, one.value, one.certain) == ("time", "week", True)
    assert 'data.group = "store"' in str(one)


WORDS = ["storm", "hits", "coast", "mayor", "wins", "vote", "bank", "cuts", "rates", "team", "loses", "final", "again"]


@pytest.mark.parametrize(
    "texts",
    [
        [" ".join(RNG.choice(WORDS, 4)) + f" {number}" for number in range(N)],
        [f"{RNG.choice(WORDS).title()} Coffee Maker {number}" for number in range(N)],
    ],
    ids=["headlines", "products"],
)
def test_short_texts_are_no_ids(texts: list[str]) -> None:
    """Though each is in one row."""
    assert found({"label": pd.Series(texts, dtype="str")}) == []


@pytest.mark.parametrize(
    "texts",
    [
        [f"Fri, {1 + n % 28:02} Jan 2024 03:{n // 60:02}:{n % 60:02} GMT maybe" for n in range(N)],
        [f"about {n // 60:02}:{n % 60:02}" for n in range(N)],
        [f"{n // 10}h {n % 10}m" for n in range(N)],
    ],
    ids=["dates", "times", "durations"],
)
def test_moments_and_measures_in_texts_are_no_ids(texts: list[str]) -> None:
    """They are named as what they are."""
    [one] = found({"label": pd.Series(texts, dtype="str")})
    assert (one.key, one.identifies) == ("", False)
    assert "it is used as text or as categories, not as a number or a date" in one.advice


@pytest.mark.parametrize("text", ["K-{}", "{:08x}", "user{}@example.com", "Order {}", "+49 171 {}"])
def test_codes_of_the_row_are_ids(text: str) -> None:
    """With a space or without."""
    [one] = found({"label": pd.Series([text.format(1000 + 7 * number) for number in range(N)], dtype="str")})
    assert (one.key, one.identifies, one.certain) == ("drop", True, True)
