"""What is decided about the texts of a table: over all rows and files, once, and for every table that follows."""

import random
import re
from pathlib import Path

import pytest
from sklearn.dummy import DummyRegressor
from sklearn.pipeline import make_pipeline

from modelmake.batch import batch
from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.core.types import MISSING
from modelmake.data.read import read
from modelmake.model.contract import Contract, contract
from modelmake.serving.scorer import Scorer
from modelmake.tables.forms import Form
from modelmake.tables.reading import Reading
from modelmake.tables.table import opened

HEADER = "zip;price;day;name;y"
LATE = "00712;1,5;31/12/2026;Größe;1"  # the one row by which anything can be decided
EARLY = [f"{10_000 + number};{number};0{1 + number % 9}/05/2026;x;{number}" for number in range(12_000)]
DECIDED = Reading(
    delimiter=";",
    encoding="latin-1",
    decimal=",",
    gaps=MISSING,
    codes=("zip",),
    forms={"day": Form(date="%d/%m/%Y")},
)


def data(path: Path) -> Data:
    return Data(path=str(path), target="y", encoding="latin-1")


def write(path: Path, rows: list[str], header: str = HEADER) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *rows, ""]), encoding="latin-1")
    return path


def shuffled() -> list[str]:
    rows = [*EARLY, LATE]
    random.Random(0).shuffle(rows)
    return rows


@pytest.mark.parametrize("rows", [[*EARLY, LATE], [LATE, *EARLY], shuffled()], ids=["last row", "first row", "any row"])
@pytest.mark.parametrize("at", [0, 1, 6_000, 12_000], ids=["one file", "1 row", "halves", "last row alone"])
def test_neither_order_nor_files_decide_how_a_table_is_read(tmp_path: Path, rows: list[str], at: int) -> None:
    """One row in 12,000 has a zero before a code, a decimal comma, a day above 12 and a letter that is not UTF-8."""
    if at:
        write(tmp_path / "t" / "1.csv", rows[:at])
    write(tmp_path / "t" / "2.csv", rows[at:])
    frame, reading = read(opened(data(tmp_path / "t")))
    assert reading == DECIDED
    [late] = frame[frame["zip"] == "00712"].to_dict("records")
    assert (late["price"], str(late["day"].date()), late["name"]) == (1.5, "2026-12-31", "Größe")


@pytest.mark.parametrize(
    ("fields", "mark"),
    [
        (["1,5"] * 3 + ["1.5"] * 2, ","),
        (["1,5"] * 2 + ["1.5"] * 3, "."),
        (["1,500"] * 9 + ["7"], "."),
        (["1,500"] * 9 + ["1,5"], ","),
        (["1.500"] * 9 + ["1,5"], ","),
    ],
)
def test_the_decimal_mark_is_that_of_more_fields(tmp_path: Path, fields: list[str], mark: str) -> None:
    """Of all rows, whichever come first; groups of three digits are not decimals."""
    filler = ["7"] * 30_000  # more than is looked at first
    for rows in (fields + filler, filler + fields[::-1]):
        path = write(tmp_path / "t.csv", [f"{row};{place};x" for place, row in enumerate(rows)], "a;b;y")
        assert opened(data(path)).read()[1].decimal == mark


def scorer(path: Path) -> Scorer:
    """Return a scorer with the contract of the table at `path`."""
    frame, reading = read(opened(data(path)))
    X = frame.drop(columns="y").reset_index(drop=True)
    fitted = make_pipeline(DummyRegressor(strategy="constant", constant=0)).fit(X, frame["y"])
    return Scorer(contract(fitted, X, frame.reset_index(drop=True), data(path), reading), fitted.predict)


def taken(model: Scorer, path: Path) -> list[dict[str, object]]:
    """Return the rows of a table as the model gets them."""
    table = opened(data(path), model.contract.reading, model.contract.names)
    return [row for part in batch.scored(model, table) for row in part.X.to_dict("records")]


def test_the_contract_of_a_model_has_what_was_decided(tmp_path: Path) -> None:
    """And is the same after it is written and read."""
    promised = scorer(write(tmp_path / "t.csv", shuffled())).contract
    assert promised.reading == DECIDED
    assert Contract.model_validate_json(promised.model_dump_json()) == promised


def test_chunks_are_read_as_the_model_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows at a time have the values of the training rows, though hardly one of them decides anything."""
    path = write(tmp_path / "t.csv", [*EARLY[:500], LATE])
    model = scorer(path)
    monkeypatch.setattr(batch, "ROWS", 7)
    expected = read(opened(data(path)))[0].drop(columns="y").to_dict("records")
    assert taken(model, path) == expected


@pytest.mark.parametrize(
    ("content", "values"),
    [
        ("zip;price;day;name\n80331;2;01/02/2026;x\n", ("80331", 2.0, "2026-02-01")),
        ("zip;price;day;name\n80331;2,5;2026-02-01;x\n", ("80331", 2.5, "2026-02-01")),
        ("a title; with, signs\n\nzip;price;day;name\n80331;2,5;01/02/2026;x\n", ("80331", 2.5, "2026-02-01")),
        ("zip,price,day,name\n80331,2.5,31/01/2026,x\n", ("80331", 2.5, "2026-01-31")),
    ],
    ids=["no decimal and no day above 12", "dates of ISO 8601", "lines before the header", "another dialect"],
)
def test_a_table_is_read_by_the_decisions_of_the_model(
    tmp_path: Path, content: str, values: tuple[str, float, str]
) -> None:
    """Where they fit; what cannot be decided by the table alone is as in the training."""
    model = scorer(write(tmp_path / "t.csv", shuffled()))
    (tmp_path / "in.csv").write_text(content)
    [row] = taken(model, tmp_path / "in.csv")
    assert (row["zip"], row["price"], str(row["day"])[:10]) == values


def test_one_column_has_the_decimal_mark_of_the_model(tmp_path: Path) -> None:
    """By itself 1,5 would be two columns, of which the header names one."""
    model = scorer(write(tmp_path / "t.csv", [f"{number},5;{number}" for number in range(40)], "a;y"))
    (tmp_path / "in.csv").write_text("a\n1,5\n2,25\n")
    assert taken(model, tmp_path / "in.csv") == [{"a": 1.5}, {"a": 2.25}]


def test_a_table_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """By the column that it lacks, in any dialect."""
    model = scorer(write(tmp_path / "t.csv", shuffled()))
    (tmp_path / "in.csv").write_text("zip,price,date,name\n80331,2.5,31/01/2026,x\n")
    with pytest.raises(UserError, match=r"in\.csv: has no column 'day', which the model needs"):
        taken(model, tmp_path / "in.csv")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["1.1", "1.10", "1.9"], "'v' has numbers such as 1.1 and 1.10, which are one "),
        (["1.10", "1.20", "1.25"], ""),
        (["0.05", "0.5", "0.50"], ""),
        (["1.5", "2", "2.50"], ""),
        (["(5.5)", "3.5"], r"'v' has negative numbers such as '\(5.5\)'$"),
        (["5.5-", "3.5"], "'v' has negative numbers such as '5.5-'$"),
        (["\u22125.5", "3.5"], "'v' has negative numbers such as '\u22125.5'$"),
        (["$-5.50", "$3.50"], r"'v' has numbers with '\$'$"),
        (["-5.5", "3.5"], ""),
        (["07:30", "08:15"], "'v' has times of day as %H:%M .if they are durations, write them as seconds; "),
        (["07:30:12", "08:15:00"], "'v' has times of day as %H:%M:%S .if they are durations"),
        (["07:30 AM", "08:15 PM"], "'v' has dates as %I:%M %p$"),
    ],
)
def test_a_reading_that_is_not_certain_is_said_with_the_key_that_settles_it(
    tmp_path: Path, texts: list[str], said: str
) -> None:
    """A column is read as it was, and as text by the key that is named."""
    rows = "".join(f"{text},{y}\n" for text in texts * 9 for y in (1, 2))
    (tmp_path / "t.csv").write_text(f"v,y\n{rows}")
    keys = {"path": str(tmp_path / "t.csv"), "target": "y"}
    how = str(read(opened(Data.model_validate(keys)))[1])
    assert re.match(said, how) if said else how == ""
    if "[data.schema.v]" in how:
        settled = opened(Data.model_validate(keys | {"schema": {"v": {"type": "text"}}}))
        assert set(read(settled)[0]["v"]) == set(texts)


def test_versions_with_a_decimal_comma_are_said(tmp_path: Path) -> None:
    """In the file's own writing."""
    (tmp_path / "t.csv").write_text("v;y\n" + "".join(f"{text};{text}\n" for text in ["1,1", "1,10", "1,9"] * 9))
    assert "'v' has numbers such as 1,1 and 1,10, which are one" in str(read(opened(data(tmp_path / "t.csv")))[1])


@pytest.mark.parametrize("late", [False, True])
def test_all_rows_of_a_table_decide_how_it_writes_what_the_contract_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    """The model was trained on plain numbers and dates of ISO 8601; one row, the first or the last, shows the marks."""
    plain = [f"{number}.5,2026-05-{1 + number % 28:02},{number}" for number in range(60)]
    (tmp_path / "t.csv").write_text("price,day,y\n" + "\n".join(plain) + "\n")
    model = scorer(tmp_path / "t.csv")
    rows = [f"{number}.500;0{1 + number % 9}/05/2026" for number in range(1, 60)]
    rows.insert(len(rows) if late else 0, "1.234,5;31/12/2026")
    (tmp_path / "in.csv").write_text("\n".join(["price;day", *rows, ""]))
    monkeypatch.setattr(batch, "ROWS", 7)
    read_rows = taken(model, tmp_path / "in.csv")
    one = read_rows[1 if not late else 0]
    assert (one["price"], str(one["day"])[:10]) == (1500, "2026-05-02")
    assert len(read_rows) == 60
