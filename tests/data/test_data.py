"""Reading, checking and splitting data."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.read import identified, read_table
from modelmake.data.slices import slices
from modelmake.data.split import Split, duplicates, hold_out
from tests.conftest import EXAMPLE

GOOD = "a,b,label\n" + "".join(f"{i},{i % 3},{'x' if i % 2 else 'y'}\n" for i in range(20))


def config(path: Path | str, **changes: object) -> Data:
    return Data(**{"path": str(path), "target": "label", **changes})


def split(frame: pd.DataFrame, settings: Data, *, seed: int) -> Split:
    """Split a frame as if it had been read from a file."""
    return hold_out(identified(frame), settings, seed=seed, classifier=True)


def written(tmp_path: Path, text: str, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_iris_is_scikit_learns_own() -> None:
    """The example data has 150 rows of three species, 50 each."""
    frame = read_table(config(EXAMPLE / "data/iris.csv", target="species"))
    assert frame.shape == (150, 5)
    assert frame["species"].value_counts().to_dict() == {"setosa": 50, "versicolor": 50, "virginica": 50}


def test_csv_and_parquet_read_alike(tmp_path: Path) -> None:
    """The format is a matter of the file's ending."""
    frame = read_table(config(written(tmp_path, GOOD)))
    frame.to_parquet(tmp_path / "data.parquet")
    pd.testing.assert_frame_equal(frame, read_table(config(tmp_path / "data.parquet")))


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("", "data.csv", "the file is empty"),
        ("a,label\n", "data.csv", "the file has a header and no rows"),
        ("a,lable\n1,x\n", "data.csv", "no column 'label'.*did you mean 'lable'"),
        ("label\nx\n", "data.csv", "the only column is the target"),
        ("a,label\n1,\n2,x\n", "data.csv", "1 row has no 'label'"),
        ('a,label\n"1,x\n', "data.csv", "cannot be parsed"),
        ("not parquet", "data.parquet", "cannot be parsed"),
        (GOOD, "data.xlsx", "cannot be parsed: the content is not an Excel workbook"),
        (GOOD, "data.xls", "cannot read '.xls' files"),
    ],
)
def test_bad_data_is_named(tmp_path: Path, text: str, name: str, expected: str) -> None:
    """A mistake in a file is one line."""
    with pytest.raises(UserError, match=expected):
        read_table(config(written(tmp_path, text, name)))


def test_a_byte_order_mark_is_no_part_of_a_column(tmp_path: Path) -> None:
    """Editors and Excel put one at the start of a CSV."""
    path = tmp_path / "data.csv"
    path.write_text(GOOD, encoding="utf-8-sig")
    assert list(read_table(config(path)).columns) == ["a", "b", "label"]


@pytest.mark.parametrize("missing", [[], ["?"], ["", "?"]])
def test_a_class_may_be_called_na(tmp_path: Path, missing: list[str]) -> None:
    """With a list of its own, only the texts in it and an empty field are gaps; numbers with gaps stay numbers."""
    gap = missing[-1] if missing else ""
    path = written(tmp_path, f"a,b,c,label\n1,{gap},None,NA\n,2.5,text,null\n3,3,{gap},NA\n")
    frame = read_table(config(path, missing=missing))
    assert frame["label"].tolist() == ["NA", "null", "NA"]
    assert frame["a"].fillna(-1).tolist() == [1, -1, 3]
    assert frame["b"].fillna(-1).tolist() == [-1, 2.5, 3]
    assert frame["c"].fillna("gap").tolist() == ["None", "text", "gap"]


def test_features_have_the_gaps_that_they_always_had(tmp_path: Path) -> None:
    """Without a list of its own, pandas' own counts."""
    frame = read_table(config(written(tmp_path, "a,b,label\nNA,null,x\n,?,y\n")))
    assert frame["a"].isna().tolist() == [True, True]
    assert frame["b"].isna().tolist() == [True, False]


OUT = "to leave these rows out, set data.drop_missing_target = true"


@pytest.mark.parametrize(
    ("rows", "changes", "what", "fix"),
    [
        ("1,\n2,x\n3,\n", {}, "2 rows have no 'label': the field is empty, in rows 1, 3", "set data.missing = []"),
        ("1,7\n2\n", {}, "1 row has no 'label': the field is empty, in row 2", OUT),
        (
            "1,\n2,x\n",
            {"missing": []},
            "1 row has no 'label': the field is empty, in row 1",
            "remove it from that list",
        ),
        (
            "1,NA\n2,x\n3,\n4,NA\n",
            {},
            "3 rows have no 'label': 2 \N{MULTIPLICATION SIGN} 'NA', 1 \N{MULTIPLICATION SIGN} empty",
            f"{OUT}; NA, None, null and similar texts are read as empty: if one is a class, set data.missing = []",
        ),
        (
            "1,?\n2,NA\n",
            {"missing": ["?"]},
            "1 row has no 'label': 1 \N{MULTIPLICATION SIGN} '?'",
            f"{OUT}; data.missing lists texts that are read as empty: if one is a class, remove it from that list",
        ),
        (
            "1,NA\n2,null\n3,None\n4,nan\n5,NA\n",
            {},
            "5 rows have no 'label': 2 \N{MULTIPLICATION SIGN} 'NA', ",
            "set data.missing = []",
        ),
    ],
)
def test_rows_without_a_target_are_named_with_what_they_hold(
    tmp_path: Path, rows: str, changes: dict[str, object], what: str, fix: str
) -> None:
    """A text that was read as a gap is shown, and how to read it as a class; an empty field needs no such advice."""
    path = written(tmp_path, f"a,label\n{rows}")
    with pytest.raises(UserError) as raised:
        read_table(config(path, **changes))
    assert f"{path}: {what}" in str(raised.value)
    assert str(raised.value).endswith(f"{fix})")


def test_rows_without_a_target_are_left_out_where_the_key_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their number in the file; the target has the type of the other rows, and a table without any is an error."""
    path = written(tmp_path, "a,label\n1,4\n2,\n3,5\n4,NA\n")
    frame = read_table(config(path, drop_missing_target=True))
    assert (frame["a"].tolist(), frame["label"].tolist(), frame["label"].dtype) == ([1, 3], [4, 5], "int64")
    said = capsys.readouterr().out
    assert (
        "2 rows have no 'label': 1 \N{MULTIPLICATION SIGN} empty, 1 \N{MULTIPLICATION SIGN} 'NA', in rows 2, 4" in said
    )
    with pytest.raises(UserError, match="2 rows have no 'label'"):
        read_table(config(written(tmp_path, "a,label\n1,\n2,\n"), drop_missing_target=True))


def test_parquet_has_gaps_of_its_own(tmp_path: Path) -> None:
    """The list is of texts in a CSV, so it has no effect there."""
    pd.DataFrame({"a": [1, 2], "label": ["NA", "?"]}).to_parquet(tmp_path / "data.parquet")
    assert read_table(config(tmp_path / "data.parquet", missing=["?"]))["label"].tolist() == ["NA", "?"]
    pd.DataFrame({"a": [1, 2], "label": ["NA", None]}).to_parquet(tmp_path / "gap.parquet")
    with pytest.raises(UserError, match=r"1 row has no 'label', in row 2 \(to leave these rows out, set"):
        read_table(config(tmp_path / "gap.parquet"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The line names the key and the path."""
    with pytest.raises(UserError, match=r"data\.path: no file .*absent\.csv"):
        read_table(config(tmp_path / "absent.csv"))


def test_dates_are_features_but_no_target(tmp_path: Path) -> None:
    """Parts of a date can be learned from; a date cannot be predicted as it is."""
    frame = pd.DataFrame({"when": pd.to_datetime(["2026-01-01", "2026-01-02"]), "label": ["x", "y"]})
    frame.to_parquet(tmp_path / "dates.parquet")
    assert read_table(config(tmp_path / "dates.parquet"))["when"].dtype == "datetime64[us]"
    with pytest.raises(UserError, match="column 'when' contains dates, and is the target"):
        read_table(config(tmp_path / "dates.parquet", target="when"))


@pytest.mark.parametrize(
    ("labels", "changes", "expected"),
    [
        (["x"] * 20, {}, "only one class"),
        (["x"] * 19 + ["y"], {"stratify": True}, "class 'y' has 1 row, too few to stratify"),
        (["x", "y"], {"stratify": True, "test_size": 0.5}, "1 row, too few to stratify"),
        (["x"] * 2 + ["y"] * 2, {"stratify": True}, "data.test_size = 0.2"),
        ([i / 7 for i in range(40)], {}, "40 different numbers, not classes"),
    ],
)
def test_classes_that_cannot_be_split_are_named(
    labels: list[object], changes: dict[str, object], expected: str
) -> None:
    """A target that no classifier can learn from is refused before training."""
    frame = pd.DataFrame({"a": range(len(labels)), "label": labels})
    with pytest.raises(UserError, match=expected):
        split(frame, config("data.csv", **changes), seed=1)


@given(st.integers(20, 200), st.floats(0.1, 0.5), st.integers(0, 2**32 - 1), st.booleans())
def test_a_split_loses_and_doubles_no_row(n: int, test_size: float, seed: int, stratify: bool) -> None:
    """Every row is in one part, each part holds its share, and the same seed gives the same split."""
    frame = pd.DataFrame({"a": range(n), "label": ["x" if i % 2 else "y" for i in range(n)]})
    settings = config("data.csv", test_size=test_size, stratify=stratify)
    first, second = (split(frame, settings, seed=seed) for _ in range(2))
    assert sorted([*first.X_train["a"], *first.X_test["a"]]) == list(range(n))
    assert abs(len(first.X_test) - n * test_size) <= 1
    assert "label" not in first.X_train.columns
    pd.testing.assert_frame_equal(first.X_test, second.X_test)


def held_out(frame: pd.DataFrame, **changes: object) -> set[int]:
    """Return what column `a` holds in the held-out rows."""
    return set(split(frame, config("data.csv", **changes), seed=7).X_test["a"])


@pytest.mark.parametrize("stratify", [False, True])
def test_what_was_held_out_stays_so_as_the_data_grows(stratify: bool) -> None:
    """At any place of the new rows; a few rows move, because a fifth of more rows ends elsewhere."""
    frame = pd.DataFrame({"a": range(1100), "b": "text", "label": ["x", "y", "x"] * 366 + ["x", "y"]})
    before = held_out(frame[:1000], stratify=stratify)
    grown = held_out(frame.sample(frac=1, random_state=1).reset_index(drop=True), stratify=stratify)
    assert len(before - grown) + len({row for row in grown - before if row < 1000}) < 20


def test_neither_order_nor_a_gap_elsewhere_chooses_other_rows() -> None:
    """Rows and columns may have any order, and a gap turns whole numbers into floating-point numbers."""
    frame = pd.DataFrame({"a": range(200), "b": [0, 1] * 100, "c": [True, False] * 100, "label": ["x", "y"] * 100})
    expected = held_out(frame)
    shuffled = frame.sample(frac=1, random_state=3).reset_index(drop=True)[["label", "c", "b", "a"]]
    assert held_out(shuffled) == expected
    gap = frame.astype({"b": float})
    row = min(set(range(200)) - expected)
    gap.loc[row, "b"] = None
    assert len(held_out(gap) ^ expected) <= 2


def test_copies_of_a_row_are_rows_of_their_own() -> None:
    """A data set of few different rows is split like any other."""
    frame = pd.DataFrame({"a": [1, 2] * 100, "label": ["x", "y"] * 100})
    parts = split(frame, config("data.csv"), seed=1)
    assert len(parts.X_test) == 40
    assert 10 < (parts.X_test["a"] == 1).sum() < 30


def test_values_that_are_neither_numbers_nor_text_are_named(tmp_path: Path) -> None:
    """Parquet can hold lists."""
    pd.DataFrame({"a": [[1], [2]] * 5, "label": ["x", "y"] * 5}).to_parquet(tmp_path / "lists.parquet")
    with pytest.raises(UserError, match="values that are neither numbers nor text"):
        read_table(config(tmp_path / "lists.parquet"))


def test_stratify_keeps_the_shares_of_classes() -> None:
    """A tenth of the rows stays a tenth in the held-out part."""
    frame = pd.DataFrame({"a": range(100), "label": ["rare"] * 10 + ["common"] * 90})
    parts = split(frame, config("data.csv", stratify=True), seed=1)
    assert parts.y_test.value_counts().to_dict() == {"common": 18, "rare": 2}


def test_slices_are_values_quarters_and_gaps() -> None:
    """Each row is in one slice; numbers in their order, text by the alphabet, rows without a value by themselves."""
    column = pd.Series([10, 2, 2, None, 10], dtype="Int64")
    assert {name: rows.tolist() for name, rows in slices(column).items()} == {
        "2": [False, True, True, False, False],
        "10": [True, False, False, False, True],
        "missing": [False, False, False, True, False],
    }
    quarters = slices(pd.Series(range(100), dtype=float))
    assert [int(rows.sum()) for rows in quarters.values()] == [25] * 4
    assert list(slices(pd.Series(["b", "a", None]))) == ["a", "b", "missing"]
    assert list(slices(pd.Series([True, False]))) == ["False", "True"]


def test_duplicates_are_rows_with_their_target() -> None:
    """The same features with another label are not a copy; a column may have any name."""
    frame = pd.DataFrame({"a": range(40), "target": 0, "label": ["x", "y"] * 20})
    frame.loc[20:29] = frame.loc[0:9].to_numpy()
    parts = split(frame, config("none"), seed=1)
    both = [row for row in range(10) if (row in parts.test_places) != (row + 20 in parts.test_places)]
    assert sorted(row % 20 for row in duplicates(parts)) == both != []
