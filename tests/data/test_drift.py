"""Drift of new rows from a profile, and how often it is a false alarm or is missed."""

import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from modelmake.data import drift, profile

PER_PROFILE = 5  # windows that are compared with one profile


def frame(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return 20 independent columns: numbers, categories, words and truth values, with long tails, zeros and gaps."""
    shares = ([0.5, 0.3, 0.2], [0.7, 0.2, 0.08, 0.02], [0.6, 0.2, 0.1, 0.05, 0.04, 0.007, 0.002, 0.001])
    columns = {f"normal {k}": rng.normal(0, 1, n) for k in range(5)}
    columns |= {f"tail {k}": rng.lognormal(0, 1.5, n) for k in range(2)}
    columns |= {f"count {k}": rng.poisson(1.5 + 3 * k, n) for k in range(3)}
    columns |= {f"kind {k}": rng.choice([f"v{j}" for j in range(len(p))], n, p=p) for k, p in enumerate(shares)}
    columns["zeros"] = np.where(rng.random(n) < 0.9, 0, rng.lognormal(0, 1, n))
    columns["words"] = "w" + pd.Series(rng.zipf(1.3, n).clip(max=5000)).astype(str)
    for share in (0.02, 0.1, 0.4):
        columns[f"gaps {share}"] = np.where(rng.random(n) < share, np.nan, rng.normal(0, 1, n))
    columns["truth"] = rng.random(n) < 0.3
    columns["truth with gaps"] = np.where(rng.random(n) < 0.05, np.nan, rng.integers(0, 2, n))
    return pd.DataFrame(columns)


def alarms(n: int, m: int, windows: int) -> float:
    """Return the share of windows of n rows that raise an alarm although nothing has changed."""
    raised = 0
    for seed in range(windows):
        rng = np.random.default_rng([seed, n, m])
        if seed % PER_PROFILE == 0:
            then = profile.describe(frame(rng, m))
        raised += any(column.moved for column in drift.compare(then, frame(rng, n)))
    return raised / windows


def seen(change: Callable[[pd.Series, np.random.Generator], pd.Series], n: int, m: int, windows: int) -> float:
    """Return the share of windows of n rows in which a change of one of 20 columns is seen in that column."""
    hits = 0
    for seed in range(windows):
        rng = np.random.default_rng([seed, n, m])
        if seed % PER_PROFILE == 0:
            then = profile.describe(frame(rng, m))
        now = frame(rng, n)
        now["normal 0"] = change(now["normal 0"], rng)
        hits += next(column for column in drift.compare(then, now) if column.name == "normal 0").moved
    return hits / windows


def shifted(values: pd.Series, _rng: np.random.Generator) -> pd.Series:
    return values + 0.5


def wider(values: pd.Series, _rng: np.random.Generator) -> pd.Series:
    return values * 1.3


def with_outliers(values: pd.Series, rng: np.random.Generator) -> pd.Series:
    return values.where(rng.random(len(values)) >= 0.1, 10.0)


CHANGES = [(shifted, 300), (wider, 1000), (with_outliers, 1000)]


@pytest.mark.parametrize("n", [30, 100, 1000])
def test_nothing_has_changed_and_no_alarm_is_raised(n: int) -> None:
    """In at most one window in twenty, for any rows."""
    assert alarms(n, 500, windows=40) <= 0.05


@pytest.mark.parametrize(("change", "n"), CHANGES)
def test_a_change_is_seen(change: Callable[..., pd.Series], n: int) -> None:
    """Half a standard deviation, a wider spread and an outlier decile, in nine windows of ten or more."""
    assert seen(change, n, m=1000, windows=30) >= 0.9


@pytest.mark.long
@pytest.mark.parametrize("m", [500, 10_000])
@pytest.mark.parametrize("n", [30, 100, 1000, 10_000])
def test_the_rate_of_false_alarms(n: int, m: int) -> None:
    """At most 5 % over 20 columns from 30 rows on."""
    assert alarms(n, m, windows=80 if n < 10_000 else 20) <= 0.05


@pytest.mark.long
@pytest.mark.parametrize(("change", "n"), CHANGES)
@pytest.mark.parametrize("m", [1000, 10_000])
def test_the_power(change: Callable[..., pd.Series], n: int, m: int) -> None:
    """At least 90 %."""
    assert seen(change, n, m, windows=80) >= 0.9


def compared(then: pd.DataFrame, now: pd.DataFrame) -> dict[str, drift.Drift]:
    return {column.name: column for column in drift.compare(profile.describe(then), now)}


def kinds(column: drift.Drift) -> set[str]:
    return {finding.kind for finding in column.findings if finding.counts}


def test_too_few_rows_have_no_drift() -> None:
    """With fewer than MIN_ROWS rows there is no verdict."""
    then = pd.DataFrame({"a": np.arange(100.0)})
    assert not compared(then, then.head(drift.MIN_ROWS - 1) + 1000)["a"].findings
    assert compared(then, then.head(drift.MIN_ROWS) + 1000)["a"].moved


def test_missing_values_are_a_finding_of_their_own() -> None:
    """A column that has emptied in part; the values that are left are as before."""
    rng = np.random.default_rng(1)
    then, now = frame(rng, 500), frame(rng, 300)
    now.loc[::3, "normal 0"] = np.nan
    moved = compared(then, now)["normal 0"]
    assert kinds(moved) == {"missing"}
    assert re.search("33.3% of 'normal 0' is missing, and was 0.0%", moved.findings[0].text)


def test_a_new_value_is_a_finding_of_its_own() -> None:
    """A category that no earlier row had, in one row of ten."""
    rng = np.random.default_rng(1)
    then, now = frame(rng, 500), frame(rng, 300)
    now.loc[::10, "kind 0"] = "never seen"
    assert "new values" in kinds(compared(then, now)["kind 0"])


def test_numbers_out_of_range_are_a_finding_of_their_own() -> None:
    """In one row of twenty."""
    rng = np.random.default_rng(1)
    then, now = frame(rng, 500), frame(rng, 300)
    now.loc[::20, "normal 0"] = 99.0
    assert "range" in kinds(compared(then, now)["normal 0"])


def test_a_lost_column_and_numbers_that_became_text_are_findings() -> None:
    """Neither needs a test."""
    then = pd.DataFrame({"gone": np.arange(100.0), "number": np.arange(100.0), "few": [0, 1] * 50})
    now = pd.DataFrame({"number": ["a"] * 100, "few": ["yes", "no"] * 50, "new": 1})
    moved = compared(then, now)
    assert {name: kinds(column) for name, column in moved.items()} == {
        "gone": {"lost"},
        "number": {"type"},
        "few": {"type"},
    }


def test_the_effect_does_not_depend_on_the_rows() -> None:
    """Cohen's w of one shift is the same from a hundred rows and from a hundred thousand."""
    rng = np.random.default_rng(1)
    then = pd.DataFrame({"a": rng.normal(0, 1, 50_000)})
    effects = [compared(then, pd.DataFrame({"a": rng.normal(0.5, 1, n)}))["a"].effect for n in (300, 3000, 100_000)]
    assert max(effects) - min(effects) < 0.15


def test_odd_columns_are_no_obstacle() -> None:
    """Empty or constant ones, and values of a type whose numbers are equal."""
    then = pd.DataFrame({"empty": [np.nan] * 40, "same": [1.0] * 40, "n": [1, 2] * 20})
    now = pd.DataFrame({"empty": [np.nan] * 40, "same": [1] * 40, "n": [1.0, 2.0] * 20})
    assert not any(column.moved for column in compared(then, now).values())
    assert not any(column.moved for column in drift.compare(profile.describe(then), then.head(0)))


def test_later_dates_are_drift() -> None:
    """And the same ones are not."""
    then = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=300).astype("datetime64[us]")})
    assert not compared(then, then)["when"].moved
    assert compared(then, then + pd.Timedelta(days=200))["when"].moved


@pytest.mark.parametrize("values", [["other", "missing", "a"], ["1.0", "2.0", "3.0"], ["1", "1.0", "2"]])
def test_a_value_of_any_name_is_no_drift(values: list[str]) -> None:
    """Nor one that looks like a number."""
    rng = np.random.default_rng(1)
    then, now = (pd.DataFrame({"a": rng.choice(values, n)}) for n in (500, 300))
    assert not compared(then, now)["a"].moved
    now["a"] = values[0]
    assert compared(then, now)["a"].moved


@pytest.mark.parametrize("many", [60, 200, 1_000_000])
def test_text_with_many_values_is_no_drift(many: int) -> None:
    """The values that chance made most common in the earlier rows are less common in the new ones."""
    rng = np.random.default_rng(1)
    then, now = (pd.DataFrame({"a": rng.integers(0, many, n)}).astype(str) for n in (500, 300))
    assert not compared("id" + then, "id" + now)["a"].moved


def towns(rng: np.random.Generator, n: int) -> pd.Series:
    """Return one of 200 names a row."""
    return pd.Series([f"town {k:03d}" for k in rng.integers(0, 200, n)])


def notes(rng: np.random.Generator, n: int) -> pd.Series:
    """Return a text of its own a row."""
    return pd.Series([f"{rng.integers(0, 10**9):09d}" + "x" * int(size) for size in rng.poisson(9, n)])


@pytest.mark.parametrize(
    ("texts", "change", "kinds_seen"),
    [
        (notes, lambda column: column + " and more words", {"length"}),
        (notes, lambda column: column.where(column.index % 5 > 0, " "), {"blank", "length", "values", "largest"}),
        (notes, lambda column: column.where(column.index % 3 > 0, column[0]), {"values", "largest"}),
        (notes, lambda column: column.iloc[column.index // 3].reset_index(drop=True), {"values"}),
        (towns, lambda column: column.str.replace("town", "city"), {"new values"}),
        (towns, lambda column: column + column.index.astype(str).str.zfill(3).str[-2:], {"new values", "length"}),
        (towns, lambda column: pd.Series("town 007", column.index), {"values", "largest"}),
    ],
)
def test_texts_with_many_values_are_compared(
    texts: Callable[..., pd.Series], change: Callable[[pd.Series], pd.Series], kinds_seen: set[str]
) -> None:
    """By their lengths, blank ones, the number and the most common of their values, and the share of known ones."""
    rng = np.random.default_rng(1)
    then, now = (pd.DataFrame({"a": texts(rng, n)}) for n in (2000, 600))
    assert compared(then, now)["a"].findings
    assert not compared(then, now)["a"].moved
    assert kinds(compared(then, pd.DataFrame({"a": change(now["a"])}))["a"]) >= kinds_seen


def test_what_is_not_compared_says_so() -> None:
    """Columns without values on one side, too few rows, and values that are too many to be kept."""
    numbers, gaps = np.arange(60.0), [np.nan] * 60
    then = pd.DataFrame({"empty": gaps, "was": numbers, "same": numbers})
    moved = compared(then, pd.DataFrame({"empty": numbers, "was": gaps, "same": numbers}))
    assert {name: column.note for name, column in moved.items()} == {
        "empty": "the training rows have no value",
        "was": "no row has a value",
        "same": "",
    }
    few = compared(then, then.head(5))["same"]
    assert (few.note, few.compared, few.moved) == ("fewer than 30 rows", False, False)
    assert all(column.compared for column in moved.values())  # their missing values are
    many = pd.DataFrame({"a": [f"id{k}" for k in range(10_001)]})
    assert compared(many, many)["a"].note == "known values not compared: more than 10,000"


def test_a_profile_has_no_text_beside_those_that_it_lists() -> None:
    """Of all others it has hashes; it lists the 50 most common ones."""
    then = profile.describe(pd.DataFrame({"a": [f"id{k}" for k in range(500)] + ["Jane Doe, 7 Elm Street"]}))
    assert "Jane" not in then.model_dump_json()
    assert profile.Profile.model_validate_json(then.model_dump_json()) == then


def test_text_that_became_numbers_is_a_finding() -> None:
    """Where not all of its values are listed."""
    then = pd.DataFrame({"a": [f"id{k}" for k in range(500)]})
    assert kinds(compared(then, pd.DataFrame({"a": np.arange(300)}))["a"]) == {"type"}


def test_numbers_beside_none_are_numbers() -> None:
    """Whatever pandas calls the column."""
    rng = np.random.default_rng(1)
    then = pd.DataFrame({"a": rng.normal(0, 1, 500)})
    now = pd.DataFrame({"a": [*rng.normal(0, 1, 299), None]})
    assert compared(then, now.astype(object).where(now.notna(), None)) == compared(then, now)


def test_fewer_zeros_are_drift() -> None:
    """Even if nearly all of the earlier numbers are zero."""
    rng = np.random.default_rng(1)
    then, fewer = (
        pd.DataFrame({"a": np.where(rng.random(1000) < zeros, 0, rng.random(1000))}) for zeros in (0.99, 0.9)
    )
    assert kinds(compared(then, fewer)["a"]) == {"distribution"}
    assert not compared(then, then)["a"].moved
