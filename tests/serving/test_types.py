"""Types: a value of each type is the same value by every door of train, predict, serve and watch."""

import datetime as dt
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor

from modelmake.batch import batch
from modelmake.config.config import Data
from modelmake.core.types import BOOLEANS, MISSING
from modelmake.data.read import read_table
from modelmake.model.contract import Contract, contract
from modelmake.model.trust import TRUSTED_TYPES
from modelmake.serving.body import JSON
from modelmake.serving.protocols.mlflow import CSV, read
from modelmake.serving.rows import frame
from modelmake.serving.scorer import Scorer, load
from modelmake.tables.table import opened
from modelmake.watch import tables as watched
from tests.conftest import Project

ROWS = 8
Columns = dict[str, list[Any]]
Write = Callable[[Columns, Path, str], None]
CODES = ("01067", "80331", "00007", "10115")

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "number": st.integers(-(2**20), 2**20).map(lambda number: number / 64),
    "whole": st.integers(-(2**52), 2**52),
    "flag": st.booleans(),
    "colour": st.sampled_from(["red", "blue", "grün"]),
    "code": st.sampled_from(CODES),
    "day": st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2090, 1, 1)).map(lambda day: day.replace(microsecond=0)),
}
FIRST = {"number": 0.5, "whole": 7, "flag": True, "colour": "red", "code": CODES[0], "day": dt.datetime(2026, 1, 31)}
TYPES = {"number": "number", "whole": "integer", "flag": "boolean", "colour": "text", "code": "text", "day": "date"}


@st.composite
def tables(draw: st.DrawFn) -> Columns:
    """Draw some rows with a column of each type, and gaps in some of them."""
    columns: Columns = {}
    for name, values in VALUES.items():
        some = values | st.none() if draw(st.booleans()) else values
        columns[name] = [FIRST[name], *draw(st.lists(some, min_size=ROWS - 1, max_size=ROWS - 1))]
    return columns | {"y": [index % 2 for index in range(ROWS)]}


def text(value: object, gap: str) -> str:
    """Return a value as a text file has it: booleans in any of their spellings, the same one for the same gap."""
    if isinstance(value, bool):
        spellings = [word for word, meaning in BOOLEANS.items() if meaning is value]
        return spellings[len(gap) % len(spellings)]
    return gap if value is None else str(value)


def as_csv(columns: Columns, path: Path, gap: str) -> None:
    """Write a text file."""
    lines = [",".join(columns), *(",".join(text(v, gap) for v in row) for row in zip(*columns.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def records(columns: Columns) -> list[dict[str, Any]]:
    """Return the rows as JSON has them."""
    written = {name: [v.isoformat() if isinstance(v, dt.datetime) else v for v in columns[name]] for name in columns}
    return [dict(zip(written, row, strict=True)) for row in zip(*written.values(), strict=True)]


def as_json(columns: Columns, path: Path, _gap: str) -> None:
    """Write a record a line."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records(columns)), encoding="utf-8")


def as_parquet(columns: Columns, path: Path, _gap: str) -> None:
    """Write the types that a column of each kind has."""
    typed = {dt.datetime: "datetime64[us]", bool: "boolean", int: "Int64"}
    frame = {name: pd.Series(values, dtype=typed.get(type(values[0]))) for name, values in columns.items()}
    pd.DataFrame(frame).to_parquet(path)


def as_workbook(columns: Columns, path: Path, gap: str) -> None:
    """Write cells of numbers, booleans, texts and dates; a gap may be a text."""
    from openpyxl import Workbook

    workbook = Workbook()
    workbook.active.append(list(columns))
    for row in zip(*columns.values(), strict=True):
        workbook.active.append([gap or None if value is None else value for value in row])
    workbook.save(path)


DOORS: dict[str, Write] = {".csv": as_csv, ".jsonl": as_json, ".parquet": as_parquet, ".xlsx": as_workbook}


def trained(path: Path) -> tuple[Contract, pd.DataFrame]:
    """Return the contract of a training table, and its rows as the model gets them."""
    config = Data(path=str(path), target="y")
    whole = read_table(config).reset_index(drop=True)
    X = whole.drop(columns="y")
    return contract(DummyRegressor().fit(X, whole["y"]), X, whole, config), X


def predicted(model: Contract, path: Path) -> pd.DataFrame:
    """Return the rows of a file as `make predict` gives them to the model; none of them is set aside."""
    table = opened(Data(path=str(path), target="y"))
    parts = list(batch.scored(Scorer(model, lambda X: np.zeros(len(X))), table))
    assert [reason for part in parts for reason in part.rejected["reason"]] == []
    return pd.concat([part.X for part in parts], ignore_index=True)


@settings(max_examples=6)
@given(columns=tables(), gap=st.sampled_from(MISSING))
def test_a_value_is_read_alike_by_every_door(columns: Columns, gap: str) -> None:
    """A number, a boolean, a gap, a code and a date: from a file of each format and from a request of each form."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"table{suffix}") for suffix in DOORS]
        for path in paths:
            DOORS[path.suffix](columns, path, gap)
        model, X = trained(paths[0])
        gaps = {name: None in values for name, values in columns.items() if name != "y"}
        assert {one.name: one.optional for one in model.features} == gaps
        for path in paths:
            own, of_door = trained(path)
            pd.testing.assert_frame_equal(of_door, X, check_exact=True)
            assert own.features == model.features
            pd.testing.assert_frame_equal(predicted(model, path), X, check_exact=True)
            asked = watched.requests(path, Data(path="table.csv", target="y"), model)
            pd.testing.assert_frame_equal(asked[model.names], X, check_exact=True)
        for body, form in (
            (json.dumps({"dataframe_records": records(columns)}).encode(), JSON),
            (paths[0].read_bytes(), CSV),
        ):
            received = frame(read(body, form, model.names), model)
            pd.testing.assert_frame_equal(received, X, check_exact=True)


def test_each_column_has_the_type_that_its_values_have(tmp_path: Path) -> None:
    """And a boolean stays one where no value is missing."""
    columns: Columns = {name: [first] * ROWS for name, first in FIRST.items()}
    as_csv(columns | {"y": [index % 2 for index in range(ROWS)]}, tmp_path / "table.csv", "")
    model, _ = trained(tmp_path / "table.csv")
    assert {feature.name: feature.type.name for feature in model.features} == TYPES


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet", ".xlsx"])
def test_texts_are_booleans_where_the_schema_says_so(tmp_path: Path, suffix: str) -> None:
    """Also in a file that has types, in which a text is a text otherwise; yes and no are categories."""
    for words, dtype in ((["true", "FALSE", "1"], "bool"), (["yes", "no", "no"], "str")):
        columns: Columns = {"flag": words * 4, "y": [0, 1] * 6}
        DOORS[suffix](columns, tmp_path / f"table{suffix}", "")
        keys: dict[str, Any] = {"path": str(tmp_path / f"table{suffix}"), "target": "y"}
        read = read_table(Data.model_validate(keys | {"schema": {"flag": {"type": "boolean"}}}))
        assert read["flag"].dtype == dtype


def test_a_model_gives_one_answer_by_every_door(project: Project) -> None:
    """Trained on a CSV by `make train`; each format of `make predict` and each form of a request gives the same."""
    rng = np.random.default_rng(1)
    days = [dt.datetime(2026, 1, 1) + dt.timedelta(days=int(day)) for day in rng.integers(0, 300, 60)]
    columns: Columns = {
        "number": [int(number) / 64 if number > 9 else None for number in rng.integers(0, 99, 60)],
        "flag": [bool(flag) if flag < 2 else None for flag in rng.integers(0, 3, 60)],
        "code": [CODES[index % 4] for index in range(60)],
        "day": days,
        "y": [["no", "yes"][day.month > 5] for day in days],
    }
    for suffix, write in DOORS.items():
        write(columns, project.path / f"data/table{suffix}", "NA")
    project.edit('path = "data/iris.csv"', 'path = "data/table.csv"')
    project.edit('target = "species"', 'target = "y"')
    assert project.stage("train").code == 0
    [about] = (project.path / ".mlflow/artifacts").rglob("MLmodel")
    scorer = load(about.parent, "m-1", TRUSTED_TYPES)
    body = json.dumps({"dataframe_records": records(columns)}).encode()
    _, expected = scorer.answer(body, JSON)
    assert set(expected) == {"no", "yes"}
    assert scorer.answer((project.path / "data/table.csv").read_bytes(), CSV)[1] == expected
    for suffix in DOORS:
        table = opened(Data(path=f"data/table{suffix}", target="y"))
        parts = list(batch.scored(scorer, table))
        assert [reason for part in parts for reason in part.rejected["reason"]] == []
        assert [value for part in parts for value in part.y_pred] == expected
