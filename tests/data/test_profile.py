"""Profiles of data."""

import numpy as np
import pandas as pd

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


def test_dates_are_binned_as_numbers_are() -> None:
    """From the first to the last one."""
    then = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=300).astype("datetime64[us]")})
    then.loc[:4, "when"] = pd.NaT
    [column] = profile.describe(then).columns
    assert (column.missing, column.summary) == (5, "2020-01-06 to 2020-10-26, median 2020-06-01")
    assert len(column.counts) == profile.BINS + 1


def test_a_whole_number_has_one_name_whatever_its_type() -> None:
    """A count with a gap is a floating-point number, and its values are the same."""
    whole, gaps = pd.DataFrame({"n": [1, 2, 2]}), pd.DataFrame({"n": [1.0, 2.0, None]})
    assert set(profile.describe(whole).columns[0].counts) == set(profile.describe(gaps).columns[0].counts)


def test_a_profile_of_an_older_version_can_be_read() -> None:
    """It has no range."""
    old = '{"rows": 2, "columns": [{"name": "a", "rows": 2, "missing": 0, "edges": null, "counts": {"1.0": 2},'
    read = profile.Profile.model_validate_json(old + ' "summary": "1.0 100%"}]}')
    assert read.columns[0].low is None
