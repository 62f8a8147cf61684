"""Truth: targets that come later are joined by request id and row, or refused; never guessed."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.model.contract import Contract, Feature
from modelmake.tables.forms import Form
from modelmake.tables.reading import Reading
from modelmake.watch import truth
from modelmake.watch.window import PREDICTION, REQUEST, ROW, TIME, Window

DATA = Data(path="table.csv", target="y")
CLASSES: dict[str, Any] = {"text": ("no", "yes"), "integer": (0, 1), "boolean": (False, True), "number": None}


def contract(kind: str = "text") -> Contract:
    """Return the contract of a model of one column, which is named as a column of the truth is."""
    return Contract(
        features=(Feature(name="row", dtype="int64", optional=False),), classes=CLASSES[kind], rows=(), predictions=()
    )


def window(path: Path, *requests: tuple[str, int], value: int = 7, name: str = "window") -> Window:
    """Write rows: of each request its id and how many rows it has."""
    rows = [(request, row) for request, count in requests for row in range(count)]
    columns = {
        REQUEST: [one for one, _ in rows],
        ROW: [row for _, row in rows],
        TIME: 1.0,
        PREDICTION: "yes",
        "row": value,
    }
    table = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
    return Window.write(path / f"{name}.parquet", [table], table.schema)


def joined(path: Path, text: str, *windows: Window, kind: str = "text") -> pd.DataFrame:
    """Join a truth, given as text, to windows."""
    (path / "truth.csv").write_text(text)
    return truth.joined(windows, truth.read(path / "truth.csv", DATA, contract(kind)))


@pytest.mark.parametrize(
    "name", ["001", "1e5", "true", "2026-01-31T12:00:00", "1", "NaN-7", "0x1F", "1_000", "+7", "ü"]
)
@pytest.mark.parametrize("suffix", ["csv", "jsonl", "xlsx", "parquet"])
def test_an_id_is_the_text_that_it_is(tmp_path: Path, name: str, suffix: str) -> None:
    """However much it looks like a number, a date or a truth value, in a column of ids of its kind."""
    table, path = pd.DataFrame({"request_id": [name], "y": ["no"]}), tmp_path / f"truth.{suffix}"
    if suffix == "jsonl":
        path.write_text(json.dumps({"request_id": name, "y": "no"}) + "\n")
    else:
        {"csv": table.to_csv, "xlsx": table.to_excel, "parquet": table.to_parquet}[suffix](path, index=False)
    known = truth.read(path, DATA, contract())
    found = truth.joined([window(tmp_path, (name, 1), ("other", 1))], known)
    assert found[truth.TRUTH].tolist() == ["no"]
    assert found["row"].tolist() == [7]  # the model's own column


def test_whole_numbers_of_a_typed_file_are_ids(tmp_path: Path) -> None:
    """Also beside a row without a target; times and truth values are refused, for nobody knows their text."""
    pd.DataFrame({"request_id": [1, 2], "y": ["no", None]}).to_parquet(tmp_path / "truth.parquet")
    known = truth.read(tmp_path / "truth.parquet", DATA, contract())
    assert (known.keys[REQUEST].tolist(), known.unknown) == (["1"], 1)
    for wrong in (pd.Timestamp("2026-01-31"), True, 1.5):
        pd.DataFrame({"request_id": [wrong], "y": ["no"]}).to_parquet(tmp_path / "truth.parquet")
        with pytest.raises(UserError, match=r"no texts but values such as .*write request_id as text"):
            truth.read(tmp_path / "truth.parquet", DATA, contract())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,y\nr1,no\n", "has no column 'request_id'"),
        ("request_id\nr1\n", "has no column 'y'"),
        ("request_id,y,y\nr1,no,yes\n", "2 columns have the name 'y', which is the target"),
        ("request_id,y,request_id\nr1,no,r2\n", "2 columns have the name 'request_id', which is the id of the request"),
        ("request_id,y\nnobody,no\n", "none of its 1 request ids is in the windows"),
        ("request_id,y\nr1,no\n,no\n", "row 2: 'request_id' is blank"),
        ("request_id,row,y\nr3,0,no\nr3,,yes\n", "row 2: 'row' is blank"),
        ("request_id,row,y\nr3,0.5,no\n", "row 1: 'row' is '0.5'"),
        ("request_id,row,y\nr3,-1,no\n", "row 1: 'row' is '-1'"),
        ("request_id,row,y\nr3,first,no\n", "row 1: 'row' is 'first'"),
        ("request_id,row,y\nr3,1,no\nr3,2,no\nr3,3,no\n", "request 'r3' has the rows 0 to 2, and not row 3 .*from 0"),
        ("request_id,row,y\nr1,1,no\n", "request 'r1' has the rows 0 to 0, and not row 1"),
        ("request_id,y\nr1,no\nr3,no\n", "request 'r3' has several rows.*add the column row"),
        ("request_id,y\nr1,no\nr2,no\nr1,yes\n", "request 'r1' has two targets: 'no' in row 1 and 'yes' in row 3"),
        ("request_id,y\nr1,no\nr2,YES\n", "row 2: 'YES' is not a class of the model .did you mean 'yes'"),
        ("request_id,y\nr1,maybe\n", "row 1: 'maybe' is not a class of the model .one of: no, yes"),
        ("request_id,y\n", "none of its 0 rows has a 'y'"),
        ("request_id,y\nr1,\nr2,\n", "none of its 2 rows has a 'y'"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """In one line, with the row."""
    with pytest.raises(UserError, match=message):
        joined(tmp_path, text, window(tmp_path, ("r1", 1), ("r2", 1), ("r3", 3)))


@pytest.mark.parametrize(
    ("kind", "fields", "expected", "wrong"),
    [
        ("integer", "1\n0\n1", [1, 0, 1], "2"),
        ("integer", "1.0\n0.0\n1.0", [1, 0, 1], "yes"),
        ("boolean", "true\nFALSE\nTrue", [True, False, True], "2"),
        ("number", "1.5\n-2\n1e3", [1.5, -2.0, 1000.0], "n.d."),
        ("number", '"1,5"\n"-2,25"\n"3,0"', [1.5, -2.25, 3.0], "high"),
    ],
)
def test_a_target_is_read_as_the_model_answers(
    tmp_path: Path, kind: str, fields: str, expected: list[Any], wrong: str
) -> None:
    """As a class of its type or as a number; one that is neither is named with its row."""
    rows = "".join(f"r{k},{field}\n" for k, field in enumerate(fields.splitlines()))
    windows = window(tmp_path, ("r0", 1), ("r1", 1), ("r2", 1))
    assert joined(tmp_path, f"request_id,y\n{rows}", windows, kind=kind)[truth.TRUTH].tolist() == expected
    with pytest.raises(UserError, match=f"row 4: {wrong!r} is not a"):
        joined(tmp_path, f"request_id,y\n{rows}r3,{wrong}\n", windows, kind=kind)


def test_a_truth_without_a_row_0_says_how_rows_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be right, so it is not refused; but somebody may count from 1."""
    rows = window(tmp_path, ("r1", 3), ("r2", 3))
    assert len(joined(tmp_path, "request_id,row,y\nr1,1,no\nr2,1,no\n", rows)) == 2
    assert "no row 0 is among them, and row counts from 0" in capsys.readouterr().out
    joined(tmp_path, "request_id,row,y\nr1,0,no\nr2,1,no\n", rows)
    assert "row 0" not in capsys.readouterr().out


def test_spellings_and_sentinels_of_the_pipeline_count(tmp_path: Path) -> None:
    """Labels that data.ignore_case joins are one class, and a value that the schema calls empty is not known yet."""
    spelled = Form(spellings={"yes": "yes", "no": "no"})
    model = contract().model_copy(update={"reading": Reading(forms={"y": spelled})})
    (tmp_path / "truth.csv").write_text("request_id,y\nr1,YES\nr2, no\n")
    assert truth.read(tmp_path / "truth.csv", DATA, model).keys[truth.TRUTH].tolist() == ["yes", "no"]
    data = Data.model_validate({"path": "table.csv", "target": "y", "schema": {"y": {"empty": [-999], "max": 5}}})
    (tmp_path / "truth.csv").write_text("request_id,y\nr1,-999\nr2,7\n")
    known = truth.read(tmp_path / "truth.csv", data, contract("number"))
    assert (known.keys[truth.TRUTH].tolist(), known.unknown) == ([7.0], 1)


def test_what_was_matched_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Targets of other versions, targets to come, and ids that several requests share do not count, and are named."""
    first = window(tmp_path, ("r1", 1), ("r2", 1), ("same", 1))
    second = window(tmp_path, ("r1", 1), name="again")  # a client that asked again
    third = window(tmp_path, ("same", 1), value=8, name="other")
    text = "request_id,y\nr1,no\nr1,no\nr2,\nsame,no\nelsewhere,yes\n"
    assert joined(tmp_path, text, first, second, third)[REQUEST].tolist() == ["r1"]
    assert capsys.readouterr().out == (
        "truth   1 of 3 targets match a row of the log; 1 have no target yet; "
        "1 do not count, since several requests have their id\n"
    )


def test_a_row_that_is_shorter_than_the_header_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its target is a gap, and counts as not known yet."""
    joined(tmp_path, "request_id,y\nr1,no\nr2\n", window(tmp_path, ("r1", 1), ("r2", 1)))
    assert "warning: 1 row has fewer fields than the header" in (said := capsys.readouterr().out)
    assert "(the first: truth.csv, line 3)" in said
