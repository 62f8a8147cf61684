"""casts: each column of a table as the training reads it, and each value taken or refused as the server does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from modelmake.batch import batch, output
from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.read import read
from modelmake.model.contract import Contract, Feature, contract
from modelmake.serving.body import JSON
from modelmake.serving.casts import cast
from modelmake.serving.protocols import mlflow
from modelmake.serving.protocols.mlflow import CSV
from modelmake.serving.refusal import Refusal
from modelmake.serving.rows import frame, values
from modelmake.serving.scorer import Scorer, verified
from modelmake.tables.forms import Form
from modelmake.tables.table import opened
from tests.serving.conftest import split


def trained(path: Path, **keys: Any) -> tuple[Scorer, pd.DataFrame]:
    """Return a scorer with the contract of a training table, and the rows that it is trained on."""
    config = Data(path=str(path), target="y", **keys)
    frame, reading = read(opened(config))
    frame = frame.reset_index(drop=True)
    X = frame.drop(columns=["y", *([config.id] if config.id else [])])
    fitted = make_pipeline(DummyRegressor(strategy="constant", constant=0)).fit(X, frame["y"])
    return Scorer(contract(fitted, X, frame, config, reading), fitted.predict), X


def rows(scorer: Scorer, path: Path, out: Path | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a file that are predicted, as the model gets them, and the reasons of the others."""
    promised = scorer.contract
    table = opened(Data(path=str(path), target="y"), promised.reading, promised.names)
    parts = list(batch.scored(scorer, table))
    if out is not None:
        writer = output.Writer(out, version="1")
        for part in parts:
            writer.write(part)
        writer.close()
    reasons = [reason for part in parts for reason in part.rejected["reason"]]
    return pd.concat([part.X for part in parts], ignore_index=True), reasons


TABLES = {
    "decimal-comma.csv": "day;price;y\n" + "".join(f"{n:02}.01.2026;{n},5;{n}\n" for n in range(10, 30)),
    "thousands.csv": "a;y\n" + "".join(f"{n}.234,50;{n}\n" for n in range(9)),
    "american.csv": "day,y\n" + "".join(f"01/{n}/2026,{n}\n" for n in range(13, 30)),
    "months.csv": "day,y\n" + "".join(f"Jan {n} 2026,{n}\n" for n in range(10, 30)),
    "zones.csv": "day,y\n" + "".join(f"2026-01-{n}T00:00:00+01:00,{n}\n" for n in range(10, 30)),
    "truth.csv": "a,b,y\n" + "True,,1\nFalse,TRUE,2\nTrue,FALSE,3\n",
    "large.csv": "a,y\n" + "".join(f"{2**53 + n},{n}\n" for n in range(9)),
    "codes.csv": "zip,y\n" + "".join(f"{n:05},{n}\n" for n in range(9)),
    "trailing.csv": "a,b,y,\n" + "1,2,3,\n" * 3,
    "lines.jsonl": "".join(json.dumps({"a": n, "b": n > 3, "c": "x", "y": n}) + "\n" for n in range(9)),
    "gaps.jsonl": "".join(json.dumps({"a": n or None, "b": n > 3 if n else None, "y": n}) + "\n" for n in range(9)),
    "list.json": json.dumps([{"a": n, "c": "x", "y": n} for n in range(9)]),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_as_the_training_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """However its numbers, dates and truth values are written; a few rows at a time give the same."""
    path = tmp_path / name
    path.write_text(TABLES[name])
    scorer, X = trained(path)
    for size in (3, 1_000):
        monkeypatch.setattr(batch, "ROWS", size)
        read, reasons = rows(scorer, path)
        assert reasons == []
        pd.testing.assert_frame_equal(read, X, check_exact=True)


def test_partitions_and_columns_in_another_order(tmp_path: Path) -> None:
    """Of a folder: the columns of OUT are those of the first file, each value under its name."""
    for year, text in ((2025, "a,b,y\n1,2,3\n"), (2026, "b,a,y\n20,10,30\n")):
        (tmp_path / f"in/year={year}").mkdir(parents=True)
        (tmp_path / f"in/year={year}/part.csv").write_text(text)
    scorer, X = trained(tmp_path / "in")
    read, _ = rows(scorer, tmp_path / "in", tmp_path / "out.csv")
    pd.testing.assert_frame_equal(read, X)
    assert (tmp_path / "out.csv").read_text() == "a,b,y,year,prediction\n1,2,3,2025,0\n10,20,30,2026,0\n"


def test_files_with_other_columns_are_one_line(tmp_path: Path) -> None:
    """Which names the column."""
    (tmp_path / "a.csv").write_text("a,y\n1,1\n2,2\n")
    scorer, _ = trained(tmp_path)
    (tmp_path / "b.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=r"b\.csv: its columns are not those of 'a\.csv': lacks 'y'"):
        rows(scorer, tmp_path)


def test_dates_of_an_unclear_order_are_one_line(tmp_path: Path) -> None:
    """No day is taken for a month, unless the training table writes its dates so, and leaves no doubt."""
    (tmp_path / "in.csv").write_text("day\n03/04/2026\n")
    (tmp_path / "iso.csv").write_text("day,y\n" + "".join(f"2026-01-{n},{n}\n" for n in range(13, 30)))
    with pytest.raises(UserError, match="day and month could be exchanged"):
        rows(trained(tmp_path / "iso.csv")[0], tmp_path / "in.csv")
    (tmp_path / "american.csv").write_text(TABLES["american.csv"])
    X, _ = rows(trained(tmp_path / "american.csv")[0], tmp_path / "in.csv")
    assert X["day"].tolist() == [pd.Timestamp("2026-03-04")]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_out_has_every_value_of_a_parquet_file(tmp_path: Path, suffix: str) -> None:
    """Whole numbers with gaps stay whole, and no bit of a number is lost; a named index of pandas is a column."""
    frame = pd.DataFrame({"a": [0.1234567890123456, 2 / 3, 1e-300], "row": pd.array([2**53 + 1, None, 3], "Int64")})
    frame["day"], frame["y"] = pd.to_datetime(["2026-01-01", None, "2026-01-03"]), 1
    frame.index.name = "number"
    frame.to_parquet(tmp_path / "in.parquet")
    scorer, _ = trained(tmp_path / "in.parquet", id="number")
    rows(scorer, tmp_path / "in.parquet", tmp_path / f"out.{suffix}")
    written = {
        "csv": lambda path: pd.read_csv(path, dtype={"row": "Int64"}, parse_dates=["day"]),
        "jsonl": lambda path: pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()], dtype=object),
        "parquet": lambda path: pq.read_table(path).to_pandas(integer_object_nulls=True),
    }[suffix](tmp_path / f"out.{suffix}")
    assert list(written) == ["number", "a", "row", "day", "y", "prediction"]
    assert written["a"].tolist() == frame["a"].tolist()
    assert written["row"].dropna().tolist() == [2**53 + 1, 3]
    assert pd.to_datetime(written["day"]).isna().tolist() == [False, True, False]


def test_out_keeps_the_fields_of_a_text_file(tmp_path: Path) -> None:
    """Gaps, spaces and spellings are as IN has them, though the model reads NA as a gap."""
    lines = ["name,size,note,y", *(f"red,{n}.50,x,{n}" for n in range(6)), "NA, 7 ,None,3", ",null,,1", "n/a,1e1,NA,2"]
    (tmp_path / "in.csv").write_text("\n".join(lines) + "\n")
    scorer, _ = trained(tmp_path / "in.csv", id="note")
    read, reasons = rows(scorer, tmp_path / "in.csv", tmp_path / "out.csv")
    assert reasons == []
    assert read["name"].isna().tolist() == [False] * 6 + [True] * 3
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        lines[0] + ",prediction",
        *(f"{one},0" for one in lines[1:]),
    ]
    rows(scorer, tmp_path / "in.csv", tmp_path / "out.jsonl")
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["name"] for row in written[6:]] == [None] * 3
    assert [row["size"] for row in written[6:]] == [7.0, None, 10.0]
    assert [row["note"] for row in written[6:]] == ["None", None, "NA"]


GAPS = ["", "NA", "None", "null", "nan", "N/A", "<NA>"]


@pytest.mark.parametrize("optional", [True, False])
def test_a_text_that_is_a_gap_in_the_training_table_is_one_by_every_door(tmp_path: Path, optional: bool) -> None:
    """A CSV, lines of JSON and Parquet in `make predict`, a CSV and JSON in the server; refused where it may not be."""
    gap = "NA" if optional else "z"
    table = "".join(f"{'ab'[n % 2]},{n}.5,2026-01-{n:02},{n}\n" for n in range(10, 30)) + f"{gap},1.5,2026-01-05,1\n"
    (tmp_path / "train.csv").write_text(f"name,size,day,y\n{table}")
    scorer, _ = trained(tmp_path / "train.csv")
    for text in GAPS:
        record = {"name": text, "size": 1.5, "day": "2026-01-05"}
        (tmp_path / "in.csv").write_text(f"name,size,day,y\n{text},1.5,2026-01-05,1\n")
        (tmp_path / "in.jsonl").write_text(json.dumps(record | {"y": 1}) + "\n")
        pd.DataFrame([record | {"y": 1}]).to_parquet(tmp_path / "in.parquet")
        for suffix in ("csv", "jsonl", "parquet"):
            read, reasons = rows(scorer, tmp_path / f"in.{suffix}")
            assert (reasons, read["name"].isna().tolist()) == (([], [True]) if optional else (["missing"], []))
        bodies = [
            (split(list(record), [list(record.values())]), JSON),
            (f"name,size,day\n{text},1.5,2026-01-05".encode(), CSV),
        ]
        for body, kind in bodies:
            try:
                received = frame(mlflow.read(body, kind, scorer.contract.names), scorer.contract)
            except Refusal as refusal:
                assert (optional, refusal.column, "missing" in refusal.error) == (False, "name", True)
            else:
                assert received["name"].isna().tolist() == [optional]


@pytest.mark.parametrize(
    ("texts", "delimiter", "expected"),
    [
        (["979.460", "12.5", "-84.195"], ",", [979.46, 12.5, -84.195]),
        (["1.612e+03", "2.0e+00", "-1.5e+01"], ",", [1612, 2, -15]),
        (["1.234,50", "12,5", "2.000"], ";", [1234.5, 12.5, 2000]),
        (["979,460", "12,5", "1,5"], ";", [979.46, 12.5, 1.5]),
        (["1,234.50", "12.5", "2,000"], ";", [1234.5, 12.5, 2000]),
        (["$1.50", "$979.460", "$3"], ",", [1.5, 979.46, 3]),
    ],
)
def test_a_number_alone_is_the_number_that_it_is_among_others(
    tmp_path: Path, texts: list[str], delimiter: str, expected: list[float]
) -> None:
    """A request or a file of one row has too little to decide what a mark is: the training table has decided it."""
    lines = [delimiter.join(("size", "z", "y")), *(delimiter.join((text, "x", "1")) for text in texts * 20)]
    (tmp_path / "train.csv").write_text("\n".join(lines).replace("x\n", "x\n") + "\n")
    scorer, X = trained(tmp_path / "train.csv")
    assert X["size"].tolist() == expected * 20
    for text, number in zip(texts, expected, strict=True):
        (tmp_path / "in.csv").write_text(f"{lines[0]}\n{delimiter.join((text, 'x', '1'))}\n")
        read, reasons = rows(scorer, tmp_path / "in.csv")
        sent = frame(mlflow.read((tmp_path / "in.csv").read_bytes(), CSV, scorer.contract.names), scorer.contract)
        assert (reasons, read["size"].tolist(), sent["size"].tolist()) == ([], [number], [number])


def test_a_text_that_is_a_value_of_a_table_with_types_is_one_by_every_door(tmp_path: Path) -> None:
    """NA is a country there, and none is missing; what no value has is a gap in a CSV, where all is text."""
    names = ["NA", "None", "DE", None] * 5
    pd.DataFrame({"name": names, "size": 1.5, "y": range(20)}).to_parquet(tmp_path / "train.parquet")
    scorer, _ = trained(tmp_path / "train.parquet")
    for text, expected in (("NA", "NA"), ("None", "None"), ("DE", "DE"), ("null", None), ("", None)):
        (tmp_path / "in.csv").write_text(f"name,size,y\n{text},1.5,1\n")
        read, _ = rows(scorer, tmp_path / "in.csv")
        sent = frame(mlflow.read(f"name,size\n{text},1.5\n".encode(), CSV, ["name", "size"]), scorer.contract)
        assert [None if pd.isna(one["name"][0]) else one["name"][0] for one in (read, sent)] == [expected] * 2


def test_a_code_alone_in_a_workbook_is_a_text(tmp_path: Path) -> None:
    """Its cell is a text, and the model's column has texts, though all of them in this file are numbers."""
    (tmp_path / "train.csv").write_text("code,y\n" + "".join(f"{n:05},{n}\n" for n in range(20)))
    scorer, _ = trained(tmp_path / "train.csv")
    for code in ("00012", "10115", "7"):
        pd.DataFrame({"code": [code], "y": [1]}).to_excel(tmp_path / "in.xlsx", index=False)
        read, reasons = rows(scorer, tmp_path / "in.xlsx")
        assert (reasons, read["code"].tolist()) == ([], [code])


def test_a_date_of_json_is_read_as_those_of_the_training_table(tmp_path: Path) -> None:
    """ISO 8601, or the format of the table; spaces around it do not count, as in a file."""
    (tmp_path / "train.csv").write_text("day,y\n" + "".join(f"{n}.01.2026,{n}\n" for n in range(10, 30)))
    scorer, _ = trained(tmp_path / "train.csv")
    for text in ("04.03.2025", " 04.03.2025 ", "2025-03-04", " 2025-03-04", "20250304", "2025-03-04T00:00:00Z"):
        received = frame(mlflow.read(split(["day"], [[text]]), JSON, ["day"]), scorer.contract)
        assert received["day"].tolist() == [pd.Timestamp("2025-03-04")]
    for text in ("03/04/2025", "31.02.2025", "", "4 March"):
        with pytest.raises(Refusal):
            frame(mlflow.read(split(["day"], [[text]]), JSON, ["day"]), scorer.contract)


def test_files_of_a_folder_may_have_wider_types(tmp_path: Path) -> None:
    """A column without a value in the first Parquet file, and whole numbers in one of them."""
    for name, a, note in (("a", pa.array([1]), pa.nulls(1)), ("b", pa.array([1.5]), pa.array(["x"]))):
        table = pa.table({"a": a.cast(pa.float64()) if name == "b" else a, "note": note, "y": pa.array([1.0])})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    scorer, _ = trained(tmp_path / "b.parquet", id="note")
    rows(scorer, tmp_path, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").to_pydict()["note"] == [None, "x"]


def test_a_row_that_only_the_model_refuses_is_set_aside() -> None:
    """A tree has numbers of 32 bits; the other rows keep their predictions."""
    X = pd.DataFrame({"a": np.arange(1_000, dtype=float)})
    fitted = RandomForestRegressor(3, random_state=1).fit(X.to_numpy(), X["a"])
    scorer = Scorer(Contract(features=(), rows=(), predictions=()), lambda rows: fitted.predict(rows.to_numpy()))
    expected = fitted.predict(X.drop(index=[7, 999]).to_numpy()).tolist()
    X.loc[[7, 999], "a"] = 1e300
    y_pred, refused = batch.answered(scorer, X)
    assert (y_pred.tolist(), refused) == (expected, [7, 999])


def test_the_last_bit_does_not_depend_on_the_rows_beside(tmp_path: Path) -> None:
    """BLAS computes the last rows of a linear model in another way: without the filling, a third of these differ."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({name: rng.normal(size=160) for name in "abcdefgh"})
    fitted = make_pipeline(StandardScaler(), LinearRegression()).fit(X, rng.normal(size=160))
    with threadpool_limits(1):  # as `make predict` and the server set it
        scorer = verified(fitted, contract(fitted, X, X, Data(path="x", target="y")), "m-1")
        together = batch.predictions(scorer, X).tolist()
        alone = [value for row in range(160) for value in batch.predictions(scorer, X.iloc[[row]]).tolist()]
        assert alone == together
        bodies = [split(list(X), X.iloc[row : row + 3].values.tolist()) for row in range(0, 160, 3)]
        assert [value for body in bodies for value in scorer.answer(body, "application/json")[1]] == together


@pytest.mark.parametrize("wrong", [lambda X: np.full(len(X), np.nan), lambda X: X["a"].head(1), lambda X: X["b"]])
def test_a_model_that_fails_is_one_line(tmp_path: Path, wrong: Callable[[pd.DataFrame], Any]) -> None:
    """With the rows: also one without a finite prediction for each of many rows."""
    (tmp_path / "in.csv").write_text("a,y\n" + "1,2\n" * 500)
    scorer, _ = trained(tmp_path / "in.csv")
    with pytest.raises(UserError, match=r"rows 1 to 500: the model fails on them"):
        rows(Scorer(scorer.contract, wrong), tmp_path / "in.csv")


DTYPES = ["float64", "float32", "int64", "int8", "uint8", "bool", "datetime64[us]", "str"]
TYPED = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-300, 300),
    st.booleans(),
    st.sampled_from(["", "a", "2026-01-31", "2026-01-31T12:00:00+01:00", "2026-13-01", "31.01.2026"]),
)


@given(value=TYPED, dtype=st.sampled_from(DTYPES), truth=st.booleans())
def test_a_value_is_taken_as_the_server_takes_it(value: object, dtype: str, truth: bool) -> None:
    """The same values are refused, and the others are the same bits."""
    feature = Feature(name="a", dtype=dtype, optional=False, truth=truth and dtype != "str")
    made = cast(pd.Series([value], dtype="str" if isinstance(value, str) else None), feature, Form())
    lost = dict(made.wrong)[f"not {feature.type.words}"]
    try:
        expected = values(feature, [value], Contract(features=(feature,), rows=(), predictions=()))
    except Refusal:
        assert lost.all()
    else:
        assert not lost.any()
        assert made.values.dtype == expected.dtype
        assert made.values.tolist() == expected.tolist()
