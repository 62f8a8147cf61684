"""Profiles of data, and how far it has drifted."""

import numpy as np
import pandas as pd
import pytest

from scripts.data import profile


def frame(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    colours = rng.choice(["red", "green", "blue"], n, p=[0.5, 0.3, 0.2])
    return pd.DataFrame({"size": rng.normal(shift, 1, n), "colour": colours, "doors": rng.integers(2, 6, n)})


def test_a_profile_describes_every_column() -> None:
    """Rows, missing values, range of numbers, shares of values."""
    data = frame(200, 1)
    data.loc[:9, "size"] = np.nan
    described = profile.describe(data)
    assert described.rows == 200
    size, colour, doors = described.columns
    assert (size.name, size.missing) == ("size", 10)
    assert "median" in size.summary
    assert colour.summary.startswith("red ")
    assert sum(doors.counts.values()) == sum(size.counts.values()) == 200
    assert profile.Profile.model_validate_json(described.model_dump_json()) == described


@pytest.mark.parametrize("n", [30, 300, 3000])
def test_the_same_source_has_not_drifted(n: int) -> None:
    """On few rows the index is large by chance, and p says so."""
    assert not any(drift.moved for drift in profile.drift(profile.describe(frame(n, 1)), frame(n, 2)))


def test_a_shift_is_seen_in_its_column_alone() -> None:
    """One standard deviation, a value that was rare, a value that is new."""
    now = frame(300, 2, shift=1.0)
    moved = {drift.name: drift.moved for drift in profile.drift(profile.describe(frame(300, 1)), now)}
    assert moved == {"size": True, "colour": False, "doors": False}
    now["colour"] = "violet"
    assert {drift.name: drift.moved for drift in profile.drift(profile.describe(frame(300, 1)), now)}["colour"]


def test_missing_values_are_a_drift() -> None:
    """A column that has emptied has moved."""
    now = frame(300, 2)
    now.loc[:200, "size"] = np.nan
    assert {drift.name: drift.moved for drift in profile.drift(profile.describe(frame(300, 1)), now)}["size"]


def test_the_index_is_the_textbooks() -> None:
    """Half and half, then one in four: (0.25 - 0.5) ln(0.25 / 0.5) + (0.75 - 0.5) ln(0.75 / 0.5)."""
    then = pd.DataFrame({"a": ["x"] * 50_000 + ["y"] * 50_000})
    now = pd.DataFrame({"a": ["x"] * 25_000 + ["y"] * 75_000})
    [drift] = profile.drift(profile.describe(then), now)
    assert drift.psi == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5), rel=1e-3)


def test_odd_columns_are_no_obstacle() -> None:
    """Empty, constant, of a type that has changed, or gone."""
    then = pd.DataFrame({"empty": [np.nan] * 40, "same": [1.0] * 40, "number": np.arange(40.0), "gone": range(40)})
    now = pd.DataFrame({"empty": [np.nan] * 40, "same": [1.0] * 40, "number": ["a"] * 40})
    drifts = {drift.name: drift for drift in profile.drift(profile.describe(then), now)}
    assert set(drifts) == {"empty", "same", "number"}
    assert not drifts["empty"].moved
    assert not drifts["same"].moved


def test_dates_are_binned_as_numbers_are() -> None:
    """From the first to the last one; later dates are drift, the same ones are not."""
    then = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=300).astype("datetime64[us]")})
    then.loc[:4, "when"] = pd.NaT
    described = profile.describe(then)
    [column] = described.columns
    assert (column.missing, column.summary) == (5, "2020-01-06 to 2020-10-26, median 2020-06-01")
    assert len(column.counts) == profile.BINS + 1
    assert not profile.drift(described, then)[0].moved
    assert profile.drift(described, then + pd.Timedelta(days=200))[0].moved
