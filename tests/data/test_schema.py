"""The schema: what [data.schema] states is checked, all of it at once, before anything is logged."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from modelmake.config import config
from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.schema import check, violations
from tests.conftest import EXAMPLE, Outcome, Project

Check = Callable[[Outcome, int], str]


def stated(**columns: dict[str, object]) -> Data:
    """Return a config that states something about columns."""
    return Data.model_validate({"path": "table.csv", "target": "y", "schema": columns})


def broken(column: object, /, **keys: object) -> list[tuple[str, int, str]]:
    """Return the constraints that a column violates, with counts and examples."""
    found = violations(pd.DataFrame({"x": column}), stated(x=keys))
    return [(one.constraint, one.rows, one.examples) for one in found]


@pytest.mark.parametrize(
    ("kind", "fitting", "other"),
    [
        ("number", [1, 2.5, None], ["a", None, "b"]),
        ("number", pd.array([1, None], dtype="Int64"), [True, False]),
        ("number", [Decimal("1.5"), None], ["1", "2"]),
        ("integer", [1.0, 2.0, None], [1.0, 2.5, None]),
        ("integer", [1, 2], [True, False]),
        ("boolean", [True, None, False], ["yes", "no"]),
        ("boolean", [1.0, None, 0.0], [1.0, 2.0]),
        ("category", ["a", None, "b"], [0.5, 1.5]),
        ("category", [1, 2], pd.to_datetime(["2026-01-01"])),
        ("category", [True, False], [datetime.date(2026, 1, 1)]),
        ("text", ["a", None], [1, 2]),
        ("text", pd.Categorical(["a", None]), [1.5]),
        ("date", ["2026-01-01", "2026-01-01T10:00:00+02:00", None], ["2026-01-01", "monday"]),
        ("date", pd.to_datetime(["2026-01-01", None]), [2026, 2027]),
        ("date", [datetime.date(2026, 1, 1)], [True, False]),
    ],
)
def test_a_type_accepts_what_it_means(kind: str, fitting: object, other: object) -> None:
    """Gaps in whole numbers and dates as text are accepted; a number as text is a text; 0.5 is not the category 1."""
    assert broken(fitting, type=kind) == []
    assert [name for name, _, _ in broken(other, type=kind)] == [f"type {kind}"]


def test_the_values_that_do_not_fit_are_shown_with_their_rows() -> None:
    """Rows are counted as a person counts them, from 1 after the header."""
    assert broken(["1", "?", "3", None, "n/a"], type="number") == [("type number", 2, "'?' (row 2), 'n/a' (row 5)")]
    assert broken([1, 2, 3, 4, 5], max=1) == [("max 1", 4, "2 (row 2), 3 (row 3), 4 (row 4), …")]
    assert broken([1.5, None, None], missing=0.5) == [("missing 0.5", 2, "empty (row 2), empty (row 3)")]


def test_numbers_have_bounds() -> None:
    """The bounds themselves are inside, and a gap is neither too small nor too large."""
    assert broken([0, 5, 10, None], min=0, max=10) == []
    assert broken([-1, 5, 11], min=0, max=10) == [("min 0", 1, "-1 (row 1)"), ("max 10", 1, "11 (row 3)")]
    assert broken(["a"], min=0) == [("type number", 1, "'a' (row 1)")]


@pytest.mark.parametrize(
    "dates",
    [
        pd.to_datetime(["2026-01-01", "2026-12-31T23:00", "2027-01-01"], format="ISO8601"),
        pd.to_datetime(["2026-01-01", "2026-12-31T23:00", "2027-01-01"], format="ISO8601", utc=True),
        ["2026-01-01", "2026-12-31T23:00", "2027-01-01"],
    ],
)
def test_dates_have_bounds(dates: object) -> None:
    """A date as the upper bound means the whole day, with and without a time zone."""
    assert [(name, rows) for name, rows, _ in broken(dates, min="2026-01-01", max="2026-12-31")] == [
        ("max 2026-12-31", 1)
    ]
    assert [name for name, _, _ in broken(dates, min="2026-01-01T00:00:01")] == ["min 2026-01-01T00:00:01"]


def test_values_are_a_list() -> None:
    """Of texts, numbers, booleans or dates."""
    assert broken(["a", "b", None], values=["a", "b"]) == []
    assert broken(["a", "c"], values=["a", "b"]) == [("values", 1, "'c' (row 2)")]
    assert broken([1.0, 2.0], values=[1]) == [("values", 1, "2.0 (row 2)")]
    assert broken([True, False], values=[True]) == [("values", 1, "False (row 2)")]
    assert broken(["2026-01-01"], values=["2026-01-01"]) == []
    assert broken(pd.to_datetime(["2026-01-01", "2026-01-02"]), values=[datetime.date(2026, 1, 1)])[0][1] == 1


def test_unique_values_occur_once() -> None:
    """Every row of a repeated value is shown; gaps do not count."""
    assert broken([1, 2, None, None], unique=True) == []
    assert broken(["a", "b", "a"], unique=True) == [("unique", 2, "'a' (row 1), 'a' (row 3)")]


def test_a_share_of_gaps_is_allowed() -> None:
    """0 allows none; a column without the key may have any number."""
    assert broken([1, None], missing=0.5) == []
    assert broken([1, None]) == []
    assert broken([1, None], missing=0) == [("missing 0", 1, "empty (row 2)")]


def test_every_violation_comes_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A table of all columns, and one line of error that counts them."""
    frame = pd.DataFrame({"y": [1, 2], "x": [-1, None], "name": ["a", "a"]})
    config = stated(x={"min": 0, "missing": 0}, name={"unique": True}, y={"max": 2})
    with pytest.raises(UserError, match=r"3 constraints are violated, in: x, name"):
        check(frame, config)
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["column", "constraint", "rows"],
        ["x", "min", "0"],
        ["x", "missing", "0"],
        ["name", "unique", "2"],
    ]


def test_a_column_that_does_not_exist_is_named() -> None:
    """With the closest name; one that data.drop names may be left out already."""
    with pytest.raises(
        UserError, match=r"data\.schema\.widht: the table has no such column \(did you mean 'width'\?\)"
    ):
        check(pd.DataFrame({"width": [1]}), stated(widht={"min": 0}))
    dropped = stated(row={"min": 0}).model_copy(update={"drop": ["row"]})
    check(pd.DataFrame({"width": [1]}), dropped)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("min = 3\nmax = 2", "min 3.0 is above max 2.0 (exchange them)"),
        ("min = 2026-02-01\nmax = 2026-01-01", "min 2026-02-01 is above max 2026-01-01"),
        ('min = "monday"', "'monday' is not a date (a number, or a date such as 2026-01-31)"),
        ("min = 1\nmax = 2026-01-01", "min and max are a number and a date"),
        ('type = "text"\nmin = 1', "type text has no order, so it cannot be compared"),
        ('type = "date"\nmin = 1', "type date is compared with dates, not with 1.0"),
        ('type = "number"\nmax = 2026-01-01', "type number is compared with numbers, not with '2026-01-01'"),
        ('type = "integer"\nvalues = [1, 1.5]', "values contains 1.5, and the type is integer"),
        ('type = "boolean"\nvalues = ["yes"]', "values contains 'yes', and the type is boolean"),
        ("missing = 2", "2 is more than 1.0 (use 1.0 or less)"),
        ('typ = "text"', "unknown key (did you mean 'type'?)"),
    ],
)
def test_a_schema_that_no_table_meets_is_named(tmp_path: Path, text: str, expected: str) -> None:
    """Before any table is read, with the column."""
    path = tmp_path / "pipeline.toml"
    path.write_text((EXAMPLE / "pipeline.toml").read_text() + f"\n[data.schema.width]\n{text}\n")
    with pytest.raises(UserError, match=r"data\.schema\.width") as caught:
        config.load(path)
    assert expected in str(caught.value)


def test_dates_of_toml_are_dates(tmp_path: Path) -> None:
    """Without quotes as with them."""
    path = tmp_path / "pipeline.toml"
    text = (EXAMPLE / "pipeline.toml").read_text()
    path.write_text(f"{text}\n[data.schema.a]\nmin = 2026-01-01\n[data.schema.b]\nmin = '2026-01-01'\n")
    columns = config.load(path).data.columns
    assert columns["a"] == columns["b"]


def test_train_logs_nothing_about_a_table_that_violates_its_schema(project: Project, error_line: Check) -> None:
    """Exit code 2, and no run."""
    project.edit(
        "[model]\n", "[data.schema.petal_width]\nmax = 2\n[data.schema.species]\nvalues = ['setosa']\n[model]\n"
    )
    done = project.stage("train")
    assert "2 constraints are violated, in: petal_width, species" in error_line(done, 2)
    assert "petal_width  max 2" in done.out
    assert project.client.get_experiment_by_name("flowers") is None


def test_train_accepts_a_table_that_meets_its_schema(project: Project) -> None:
    """Nothing is printed about it."""
    keys = "type = 'number'\nmin = 0\nmax = 3\nmissing = 0"
    project.edit("[model]\n", f"[data.schema.petal_width]\n{keys}\n[data.schema.species]\ntype = 'category'\n[model]\n")
    assert project.stage("train").code == 0
