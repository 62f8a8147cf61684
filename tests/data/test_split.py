"""Splits and folds of rows that belong together or follow in time."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.folds import folds
from modelmake.data.order import moments
from modelmake.data.read import identified
from modelmake.data.split import Split, duplicates, hold_out, unseen


def config(**keys: object) -> Data:
    return Data.model_validate({"path": "data.csv", "target": "y", **keys})


def split(frame: pd.DataFrame, seed: int = 1, **keys: object) -> Split:
    hidden = [*keys.get("drop", []), *([keys["id"]] if "id" in keys else [])]
    return hold_out(identified(frame, hidden), config(**keys), seed=seed, classifier=True)


def panel(n_groups: int, seed: int, years: int = 8) -> pd.DataFrame:
    """Return a row for most persons and years, in a random order, with more persons at the end than at the start."""
    rng = np.random.default_rng(seed)
    rows = [
        {"person": f"p{person}", "year": 1980 + year, "x": rng.normal(), "y": ["no", "yes"][rng.integers(2)]}
        for person in range(n_groups)
        for year in range(person * years // (2 * n_groups), years)
        if rng.random() < 0.9
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=seed).reset_index(drop=True)


def parts(split: Split, column: str) -> tuple[pd.Series, pd.Series]:
    """Return a column of the training rows and of the held-out rows."""
    return split.frame[column].iloc[split.train_places], split.test[column]


@given(st.integers(8, 60), st.integers(0, 1000), st.floats(0.1, 0.5), st.booleans())
def test_no_row_of_a_group_trains_and_is_held_out(n: int, seed: int, test_size: float, stratify: bool) -> None:
    """Every row is in one part, the share is near, and a group is on one side; the group is not a feature."""
    frame = panel(n, seed)
    done = split(frame, seed, group="person", test_size=test_size, stratify=stratify)
    train, test = parts(done, "person")
    assert not set(train) & set(test)
    assert len(train) + len(test) == len(frame)
    assert abs(len(test) / len(frame) - test_size) < 0.15
    assert list(done.X_train) == list(done.X_test) == ["x", "year"]


@given(st.integers(8, 60), st.integers(0, 1000), st.floats(0.1, 0.5), st.booleans())
def test_no_later_row_trains(n: int, seed: int, test_size: float, with_groups: bool) -> None:
    """The held-out rows are later than all training rows; with groups, of other groups too."""
    frame = panel(n, seed).assign(person=lambda frame: frame["person"] + (frame["year"] >= 1984).map(str))
    done = split(frame, seed, time="year", test_size=test_size, **({"group": "person"} if with_groups else {}))
    train, test = parts(done, "year")
    assert train.max() < test.min()
    people, others = parts(done, "person")
    assert not with_groups or not set(people) & set(others)
    left = len(frame) - len(train) - len(test)
    assert left == 0 if not with_groups else f"{left} earlier rows" in done.note


KEYS = ({"group": "person"}, {"time": "year"}, {"group": "person", "stratify": True}, {}, {"drop": ["x"]})


@given(st.integers(12, 40), st.integers(0, 1000), st.sampled_from(KEYS))
def test_neither_row_order_nor_column_order_changes_the_parts(n: int, seed: int, keys: dict[str, object]) -> None:
    """The same rows, in the same order, are in the same part of the split and of each fold."""
    frame = panel(n, seed)
    other = frame.sample(frac=1, random_state=seed + 1).reset_index(drop=True)[["y", "year", "x", "person"]]
    one, two = (split(table, seed, **keys) for table in (frame, other))
    assert one.X_train.index.tolist() == two.X_train.index.tolist()
    assert one.X_test.index.tolist() == two.X_test.index.tolist()
    for a, b in zip(*(folds(each, config(**keys), 3, seed=seed, classifier=True) for each in (one, two)), strict=True):
        assert one.X_train.index[a.fit].tolist() == two.X_train.index[b.fit].tolist()
        assert one.X_train.index[a.test].tolist() == two.X_train.index[b.test].tolist()


@given(st.integers(12, 60), st.integers(0, 1000), st.integers(2, 5), st.booleans())
def test_folds_of_groups_are_whole(n: int, seed: int, n_folds: int, classifier: bool) -> None:
    """Every training row is scored in one fold, by a model that has no row of its group; no fold is much larger."""
    done = split(panel(n, seed), seed, group="person")
    people = parts(done, "person")[0].to_numpy()
    made = folds(done, config(group="person"), n_folds, seed=seed, classifier=classifier)
    assert sorted(itertools.chain.from_iterable(fold.test.tolist() for fold in made)) == list(range(len(people)))
    for fold in made:
        assert len(fold.fit) + len(fold.test) == len(people)
        assert not set(people[fold.fit]) & set(people[fold.test])
        assert abs(len(fold.test) - len(people) / n_folds) <= max(8, len(people) / n_folds / 2)


@given(st.integers(12, 60), st.integers(0, 1000), st.integers(2, 4))
def test_folds_of_time_look_ahead_only(n: int, seed: int, n_folds: int) -> None:
    """A growing window: every fold is scored on rows later than all that it is fitted on."""
    done = split(panel(n, seed), seed, time="year")
    years = parts(done, "year")[0].to_numpy()
    sizes = []
    for fold in folds(done, config(time="year"), n_folds, seed=seed, classifier=True):
        assert years[fold.fit].max() < years[fold.test].min()
        sizes.append(len(fold.fit))
    assert sizes == sorted(set(sizes))


@given(st.integers(20, 120), st.integers(0, 1000), st.integers(2, 6))
@settings(max_examples=10)
def test_folds_of_rows_keep_the_shares_of_classes(n: int, seed: int, n_folds: int) -> None:
    """Each class is spread evenly over the folds, as scikit-learn's StratifiedKFold does."""
    frame = pd.DataFrame({"x": np.random.default_rng(seed).normal(size=n), "y": ["a"] * (n - 12) + ["b"] * 12})
    done = split(frame, seed)
    labels = done.y_train.to_numpy()
    counts = [(labels[fold.test] == "b").sum() for fold in folds(done, config(), n_folds, seed=seed, classifier=True)]
    assert max(counts) - min(counts) <= 1


def test_groups_stay_where_they_are_as_the_data_grows() -> None:
    """New rows of old groups and new groups; the few groups that move are at the bound of the share."""
    frame = panel(300, 3)
    old = set(frame["person"].iloc[: len(frame) // 2])
    before = set(split(frame[frame["person"].isin(old)].reset_index(drop=True), group="person").test["person"])
    after = set(split(frame, group="person").test["person"])
    assert len(before) > 20
    assert len((before - after) | ((after & old) - before)) <= 0.15 * len(before)


def test_a_group_is_the_same_whatever_type_its_column_has() -> None:
    """Numbers as whole numbers, as floating-point numbers, and as text."""
    frame = panel(40, 5).assign(person=lambda frame: frame["person"].str[1:].astype(int))
    chosen = [
        {int(value) for value in split(frame.astype({"person": kind}), group="person").test["person"]}
        for kind in (int, float, str)
    ]
    assert chosen[0] == chosen[1] == chosen[2]


def test_large_groups_are_held_out_where_they_fit() -> None:
    """A group of nine tenths of the rows is trained on, and the small ones are held out."""
    frame = pd.DataFrame({"g": [0] * 80 + [1, 2] * 10, "x": range(100), "y": ["a", "b"] * 50})
    for seed in range(20):
        assert set(split(frame, seed, group="g").test["g"]) == {1, 2}


def test_stratified_groups_keep_the_shares_of_classes() -> None:
    """Groups of one class: their share among the held-out rows is nearer than without."""
    frame = pd.DataFrame(
        {"g": np.arange(400) // 4, "x": range(400), "y": ["rare" if i < 40 else "common" for i in range(400)]}
    )
    for seed in range(10):
        assert (split(frame, seed, group="g", stratify=True).y_test == "rare").sum() == 8


@pytest.mark.parametrize(
    ("texts", "ranks"),
    [
        (["1949-12", "1949-02", "1950-01"], [1, 0, 2]),
        (["10", "9", "9.5"], [2, 0, 1]),
        (["31.12.2019", "01.02.2020", "31.12.2019"], [0, 1, 0]),
        (["2/13/2020", "1/14/2021", "12/15/2019"], [1, 2, 0]),
        (["Jan 1950", "Dec 1949", "May 1951"], [1, 0, 2]),
        (["1950-Q1", "1949-Q4", "1950-Q2"], [1, 0, 2]),
        (["2020-01-01T10:00:00+02:00", "2020-01-01T09:00:00+00:00", "2020-01-02"], [0, 1, 2]),
        ([2.5, 1.0, 2.5], [1, 0, 1]),
        (pd.to_datetime(["2020-01-02", "2019-01-02", "2021-01-02"]), [1, 0, 2]),
    ],
)
def test_times_are_numbers_dates_or_texts_of_them(texts: object, ranks: list[int]) -> None:
    """The order is that of time, not that of the letters."""
    assert moments(pd.DataFrame({"when": texts, "y": 0}), config(time="when")).tolist() == ranks


@pytest.mark.parametrize(
    ("columns", "keys", "expected"),
    [
        ({"g": ["a", None] * 20}, {"group": "g"}, r"column 'g' has no value in 20 rows \(2, 4, 6, 8, 10, …\)"),
        ({"g": [1.0] * 39 + [np.nan]}, {"time": "g"}, "column 'g' has no value in row 40"),
        ({"g": ["a"] * 40}, {"group": "g"}, "all rows are of one group"),
        ({"g": [1] * 40}, {"time": "g"}, "all rows have the same time"),
        ({"g": ["a"] * 39 + ["b"]}, {"group": "g"}, r"the nearest share that can be held out is 2\.5%"),
        ({"g": ["2020"] * 39 + ["soon"]}, {"time": "g"}, "no date or number in row 40: 'soon'"),
        ({"g": ["01/02/2020", "02/01/2020"] * 20}, {"time": "g"}, "with the day or the month first"),
        ({"g": ["a", "b"] * 20, "t": range(40)}, {"group": "g", "time": "t"}, "no row is left to train on"),
    ],
)
def test_columns_that_cannot_split_are_named(columns: dict, keys: dict[str, object], expected: str) -> None:
    """One line with the column, and the rows where it has no value."""
    with pytest.raises(UserError, match=expected):
        split(pd.DataFrame({"x": range(40), "y": ["a", "a", "b", "b"] * 10, **columns}), **keys)


@pytest.mark.parametrize(
    ("keys", "n_folds", "expected"),
    [
        ({"group": "g"}, 5, r"5 folds need 5 groups of 'g', and the training rows have 4 \(set folds = 4\)"),
        ({"time": "g"}, 5, r"5 folds need 6 times in 'g', and the training rows have 4 \(set folds = 3\)"),
        ({}, 50, "50 folds need 50 rows, and the training rows have 40"),
        ({"time": "x"}, 5, r"fold 1 of 5 would be fitted on rows of one class \('a'\)"),
    ],
)
def test_folds_that_cannot_be_made_are_named(keys: dict[str, object], n_folds: int, expected: str) -> None:
    """One line with the number that would do."""
    frame = pd.DataFrame({"g": np.repeat(range(5), 10), "x": range(50), "y": ["a"] * 20 + ["a", "b"] * 15})
    with pytest.raises(UserError, match=expected):
        folds(split(frame, **keys), config(**keys), n_folds, seed=1, classifier=True)


def test_copies_with_other_numbers_are_told_apart_by_these() -> None:
    """Which of the copies is held out depends on what the dropped column contains, not on the order of the rows."""
    frame = pd.DataFrame({"no": range(40), "x": [1, 2] * 20, "y": ["a", "b"] * 20})
    other = frame.sample(frac=1, random_state=2).reset_index(drop=True)
    one, two = (split(table, drop=["no"]).test["no"].tolist() for table in (frame, other))
    assert one == two


def test_many_rows_are_taken_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """By threads, with the same values, types and hashes."""
    rng = np.random.default_rng(1)
    columns = {"a": rng.normal(size=90), "b": rng.integers(9, size=90), "c": rng.choice(["x", "y"], 90)}
    frame = pd.DataFrame(columns | {"d": rng.random(90) > 0.5, "e": pd.date_range("2026", periods=90), "y": range(90)})
    few = split(frame).X_train
    monkeypatch.setattr("modelmake.data.split.MANY", 10)
    pd.testing.assert_frame_equal(split(frame).X_train, few)


def test_large_whole_numbers_are_told_apart() -> None:
    """As they are, not as floating-point numbers: no row is a copy of another."""
    frame = pd.DataFrame({"k": 2**60 + np.arange(40), "y": ["a", "b"] * 20})
    done = split(frame)
    assert len(duplicates(done)) == 0
    assert done.frame.index.is_unique


def test_a_dropped_column_hides_no_duplicate() -> None:
    """Rows that differ in their number alone are copies, and the number is not a feature."""
    frame = pd.DataFrame({"no": range(40), "x": [1, 2] * 20, "y": ["a", "b"] * 20})
    assert len(duplicates(split(frame))) == 0
    for key in ({"drop": ["no"]}, {"id": "no"}):
        done = split(frame, **key)
        assert len(duplicates(done)) == 8
        assert list(done.X_test) == ["x"]
        assert list(done.test) == ["no", "x", "y"]


@pytest.mark.parametrize(
    ("rare", "keys", "said"),
    [
        (3, {"stratify": True}, []),
        (2, {"stratify": True}, ["no held-out row is of the class 'c' of 'y'; add such rows"]),
        (1, {}, ["no held-out row is of the class 'c' of 'y'; set data.stratify = true, or add such rows"]),
    ],
)
def test_a_class_that_one_part_lacks_is_named(rare: int, keys: dict[str, bool], said: list[str]) -> None:
    """A fifth of three rows is one of them, a fifth of two is none; the advice is one that helps."""
    y = ["a"] * 50 + ["b"] * (50 - rare) + ["c"] * rare
    assert unseen(split(pd.DataFrame({"x": range(100), "y": y}), **keys), config(**keys)) == said
