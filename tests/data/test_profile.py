"""Profiles of data."""

import numpy as np
import pandas as pd

from modelmake.data import profile


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
    assert (sum(doors.counts.values()), sum(size.counts.values())) == (200, 190)
    assert [column.kind for column in described.columns] == ["number", "text", "integer"]
    assert profile.Profile.model_validate_json(described.model_dump_json()) == described


def test_dates_are_binned_as_numbers_are() -> None:
    """From the first to the last one."""
    then = pd.DataFrame({"when": pd.date_range("2020-01-01", periods=300).astype("datetime64[us]")})
    then.loc[:4, "when"] = pd.NaT
    [column] = profile.describe(then).columns
    assert (column.missing, column.summary) == (5, "2020-01-06 to 2020-10-26, median 2020-06-01")
    assert len(column.counts) == profile.BINS


def test_a_whole_number_has_one_name_whatever_its_type() -> None:
    """A count with a gap is a floating-point number, and its values are the same."""
    whole, gaps = pd.DataFrame({"n": [1, 2, 2]}), pd.DataFrame({"n": [1.0, 2.0, None]})
    assert set(profile.describe(whole).columns[0].counts) == set(profile.describe(gaps).columns[0].counts)


def test_a_value_may_be_called_other_or_missing() -> None:
    """Its rows are its own, and the list is complete."""
    [column] = profile.describe(pd.DataFrame({"a": ["other"] * 3 + ["missing"] * 2 + [None]})).columns
    assert (column.counts, column.missing, column.others) == ({"missing": 2, "other": 3}, 1, 0)


def test_of_many_values_the_most_common_are_listed() -> None:
    """The other rows are counted."""
    [column] = profile.describe(pd.DataFrame({"a": [f"id{k}" for k in range(70)] + ["id0"]})).columns
    assert (len(column.counts), column.counts["id0"], column.others) == (profile.LISTED, 2, 20)


def test_a_value_that_is_several_quantiles_has_its_own_bin() -> None:
    """Many zeros are told apart from the numbers above them, and from a column without zeros."""
    [column] = profile.describe(pd.DataFrame({"a": [0.0] * 380 + list(range(1, 21))})).columns
    assert list(column.counts.values()) == [0, 380, 20]


def test_moments_of_one_day_are_shown_by_their_time() -> None:
    """And those of several days by their day."""
    times = pd.Series(pd.date_range("1970-01-01 08:00", periods=61, freq="5min"), name="at")
    [at] = profile.describe(times.to_frame()).columns
    assert at.summary == "08:00 to 13:00, median 10:30"
    [at] = profile.describe((times + pd.to_timedelta(np.arange(61), "D")).to_frame()).columns
    assert at.summary == "1970-01-01 to 1970-03-02, median 1970-01-31"
