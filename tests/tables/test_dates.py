"""Dates: texts of many forms as moments; times of day are moments of one day."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from modelmake.batch import batch
from modelmake.config.data import Data
from modelmake.data.findings import findings
from modelmake.data.read import read as read_whole
from modelmake.data.read import read_table
from modelmake.model.contract import Contract, contract
from modelmake.serving.body import JSON
from modelmake.serving.protocols import mlflow
from modelmake.serving.rows import frame as rows_of
from modelmake.serving.scorer import Scorer
from modelmake.tables.dates import DATE, form_of, read
from modelmake.tables.reading import Reading
from modelmake.tables.table import opened

FORMS = {
    "20240105T030709": "2024-01-05 03:07:09",
    "20240105T030709Z": "2024-01-05 03:07:09",
    "20240105 03:07": "2024-01-05 03:07:00",
    "Fri, 05 Jan 2024 03:07:09 GMT": "2024-01-05 03:07:09",
    "Fri, 05 Jan 2024 03:07:09 +0100": "2024-01-05 02:07:09",
    "Friday, January 5, 2024": "2024-01-05 00:00:00",
    "Fri Jan 05 03:07:09 +0000 2024": "2024-01-05 03:07:09",
    "Fri Jan 05 03:07:09 2024": "2024-01-05 03:07:09",
    "05.01.2024, 03:07": "2024-01-05 03:07:00",
    "25/01/2024 03:07:09.5": "2024-01-25 03:07:09.500000",
    "1/25/2024 3:07 PM": "2024-01-25 15:07:00",
    "2024-01-05 03:07:09 am": "2024-01-05 03:07:09",
    "2024-01-05, 03:07": "2024-01-05 03:07:00",
    "05.01.2024 03:07 Uhr": "2024-01-05 03:07:00",
    "5 January 2024 at 03:07": "2024-01-05 03:07:00",
    "05JAN2024": "2024-01-05 00:00:00",
    "05JAN2024:03:07:09": "2024-01-05 03:07:09",
    "2024年1月5日": "2024-01-05 00:00:00",
    "2024Q1": "2024-01-01 00:00:00",
    "2024-q3": "2024-07-01 00:00:00",
    "Q4 2024": "2024-10-01 00:00:00",
    "2018-W05": "2018-01-29 00:00:00",
    "2018W05": "2018-01-29 00:00:00",
    "2018-W05-6": "2018-02-03 00:00:00",
    "08:15": "1970-01-01 08:15:00",
    "8:15:30": "1970-01-01 08:15:30",
    "3:07 PM": "1970-01-01 15:07:00",
    "\u0662\u0660\u0662\u0664-\u0660\u0661-\u0660\u0665": "2024-01-05 00:00:00",
    "\uff12\uff10\uff12\uff14年\uff11月\uff15日": "2024-01-05 00:00:00",
}


@pytest.mark.parametrize("text", FORMS)
def test_a_moment_is_read_as_it_is_written(text: str) -> None:
    """Its column is known as one of dates, and the form that is kept reads the same later."""
    assert DATE.fullmatch(text)
    texts = pd.Series([text], dtype="str")
    form, exchanged = form_of(texts, pd.Series([1]))
    assert (exchanged, str(read(texts, form)[0])[:19]) == (False, FORMS[text][:19])


@pytest.mark.parametrize(
    "text", ["A1", "12 Main Street", "May be", "1:2", "room 08:15", "2024", "12-34", "1.2.3.4", "v2024Q1"]
)
def test_other_texts_are_no_moments(text: str) -> None:
    """Codes, addresses, scores and versions."""
    assert not DATE.fullmatch(text)


@pytest.mark.parametrize("form", ["%Y%m%d", "%Y%m%dT%H%M%S", "%a, %d %b %Y %H:%M:%S GMT", "%d.%m.%Y, %H:%M", "%H:%M"])
def test_moments_are_features_and_their_order_counts(tmp_path: Path, form: str) -> None:
    """Each is in one row, and none is left out as an id; the rows are in the order of those that have a day."""
    moments = pd.date_range("2024-01-05 03:07", periods=60, freq="23h11min" if "Y" in form else "7min")
    table = pd.DataFrame({"when": moments.strftime(form), "y": [number % 7 for number in range(60)]})
    table.to_csv(tmp_path / "t.csv", index=False)
    config = Data(path=str(tmp_path / "t.csv"), target="y")
    frame = read_table(config)
    assert frame["when"].dtype == "datetime64[us]"
    assert [(one.key, one.value) for one in findings(frame, config, classifier=False)] == [("time", "when")]


def predicted_from(path: Path, model: Contract, config: Data, reading: Reading) -> pd.DataFrame:
    """Return the columns of the file at `path` as the model gets them in batch prediction."""
    given = opened(config.model_copy(update={"path": str(path)}), reading, model.names)
    parts = list(batch.scored(Scorer(model, lambda X: np.zeros(len(X))), given))
    return pd.concat([part.X for part in parts], ignore_index=True)


def test_days_that_are_whole_numbers_are_dates_by_every_door(tmp_path: Path) -> None:
    """As 20240105 is, in a CSV, in a file with types and in a request; a declared number stays one."""
    days = pd.date_range("2023-12-20", periods=40)
    table = pd.DataFrame({"day": days.strftime("%Y%m%d").astype(int), "y": [number % 2 for number in range(40)]})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    config = Data(path=str(tmp_path / "t.csv"), target="y")
    whole, reading = read_whole(opened(config))
    X = whole[["day"]].reset_index(drop=True)
    assert X["day"].tolist() == days.tolist()
    model = contract(DummyClassifier().fit(X, whole["y"]), X, whole.reset_index(drop=True), config, reading)
    for suffix in ("csv", "parquet"):
        pd.testing.assert_frame_equal(predicted_from(tmp_path / f"t.{suffix}", model, config, reading), X)
    body = b'{"dataframe_records": [{"day": 20240105}, {"day": "20240105"}, {"day": "2024-01-05"}]}'
    assert set(rows_of(mlflow.read(body, JSON, ["day"]), model)["day"]) == {pd.Timestamp("2024-01-05")}
    declared = Data.model_validate({"path": config.path, "target": "y", "schema": {"day": {"type": "number"}}})
    assert read_table(declared)["day"].dtype == "int64"


@pytest.mark.parametrize(
    ("epoch", "each"), [("Unix seconds", 10**6), ("Unix milliseconds", 10**3), ("days of Excel", 0)]
)
def test_numbers_that_are_stated_to_be_dates_are_dates_by_every_door(tmp_path: Path, epoch: str, each: int) -> None:
    """As 1704448800 is; 1704010112000 milliseconds are read as such, not as a moment of 1704."""
    days = pd.date_range("2023-12-20", periods=40).astype("datetime64[us]")
    numbers = days.astype("int64") // each if each else np.arange(45_280, 45_320)
    table = pd.DataFrame({"at": numbers, "y": [number % 2 for number in range(40)]})
    table.to_csv(tmp_path / "t.csv", index=False)
    table.to_parquet(tmp_path / "t.parquet")
    config = Data.model_validate({"path": str(tmp_path / "t.csv"), "target": "y", "schema": {"at": {"type": "date"}}})
    whole, reading = read_whole(opened(config))
    X = whole[["at"]].reset_index(drop=True)
    assert (X["at"].tolist(), reading.words()) == (days.tolist(), f"'at' has dates as {epoch}")
    model = contract(DummyClassifier().fit(X, whole["y"]), X, whole.reset_index(drop=True), config, reading)
    for suffix in ("csv", "parquet"):
        pd.testing.assert_frame_equal(predicted_from(tmp_path / f"t.{suffix}", model, config, reading), X)
    body = f'{{"dataframe_records": [{{"at": {numbers[0]}}}, {{"at": "{numbers[0]}"}}, {{"at": "2023-12-20"}}]}}'
    assert set(rows_of(mlflow.read(body.encode(), JSON, ["at"]), model)["at"]) == {days[0]}
    assert read(pd.Series(["1704010112000"]), "Unix milliseconds")[0] == pd.Timestamp("2023-12-31 08:08:32")


def test_a_stated_type_leaves_no_doubt_about_times_of_day(tmp_path: Path) -> None:
    """The same texts without it may be durations, and the line says so."""
    (tmp_path / "t.csv").write_text("start,y\n" + "".join(f"0{n % 9}:{n:02},{n}\n" for n in range(40)))
    stated = {"path": str(tmp_path / "t.csv"), "target": "y", "schema": {"start": {"type": "date"}}}
    reading = read_whole(opened(Data.model_validate(stated)))[1]
    assert "durations" in reading.words()
    assert reading.words(Data.model_validate(stated).stated) == "'start' has times of day as %H:%M"
