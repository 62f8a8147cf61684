"""Types: a value of each type is the same value by every door of train, predict, serve and watch."""

import datetime as dt
import json
import math
import tempfile
from collections.abc import Callable, Iterator
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
from modelmake.data.read import read, read_table
from modelmake.model.contract import Contract, contract
from modelmake.model.trust import TRUSTED_TYPES
from modelmake.serving.body import JSON
from modelmake.serving.protocols import mlflow
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


def records(columns: Columns, gap: str | None = None) -> list[dict[str, Any]]:
    """Return the rows as JSON has them, a gap as null or as a text."""

    def written(value: object) -> object:
        return gap if value is None else value.isoformat() if isinstance(value, dt.datetime) else value

    return [dict(zip(columns, map(written, row), strict=True)) for row in zip(*columns.values(), strict=True)]


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
    whole, reading = read(opened(config))
    whole = whole.reset_index(drop=True)
    X = whole.drop(columns="y")
    return contract(DummyRegressor().fit(X, whole["y"]), X, whole, config, reading), X


def predicted(model: Contract, path: Path) -> pd.DataFrame:
    """Return the rows of a file as `make predict` gives them to the model; none of them is set aside."""
    table = opened(Data(path=str(path), target="y"), model.reading, model.names)
    parts = list(batch.scored(Scorer(model, lambda X: np.zeros(len(X))), table))
    assert [reason for part in parts for reason in part.rejected["reason"]] == []
    return pd.concat([part.X for part in parts], ignore_index=True)


@pytest.mark.parametrize("first", DOORS)
@settings(max_examples=2)
@given(columns=tables(), gap=st.sampled_from(MISSING))
def test_a_value_is_read_alike_by_every_door(first: str, columns: Columns, gap: str) -> None:
    """A number, a boolean, a gap, a code and a date: a model of any format, a file of any, a request of any form."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {suffix: Path(folder, f"table{suffix}") for suffix in DOORS}
        for suffix, path in paths.items():
            DOORS[suffix](columns, path, gap)
        model, X = trained(paths[first])
        gaps = {name: None in values for name, values in columns.items() if name != "y"}
        assert {one.name: one.optional for one in model.features} == gaps
        for path in paths.values():
            own, of_door = trained(path)
            pd.testing.assert_frame_equal(of_door, X, check_exact=True)
            assert own.features == model.features
            pd.testing.assert_frame_equal(predicted(model, path), X, check_exact=True)
            asked = watched.requests(path, Data(path="table.csv", target="y"), model)
            pd.testing.assert_frame_equal(asked[model.names], X, check_exact=True)
        for body, form in requests(columns, model, gap):
            received = frame(mlflow.read(body, form, model.names), model)
            pd.testing.assert_frame_equal(received, X, check_exact=True)
        if model.reading.gaps:
            as_lines = paths[".jsonl"]
            as_lines.write_text("".join(json.dumps(record) + "\n" for record in records(columns, gap)))
            pd.testing.assert_frame_equal(predicted(model, as_lines), X, check_exact=True)


def requests(columns: Columns, model: Contract, gap: str) -> Iterator[tuple[bytes, str]]:
    """Yield the rows in every form; a gap is null, NaN, or, of a model whose table has them, a text."""
    for gaps in (None, math.nan, *([gap] if model.reading.gaps else [])):
        written = [[record[name] for name in model.names] for record in records(columns, gaps)]
        for example in mlflow.examples(model.names, written):
            yield example.body, example.content_type
    yield (
        "\n".join(
            ",".join(text(v, gap) for v in row) for row in [list(columns), *zip(*columns.values(), strict=True)]
        ).encode(),
        mlflow.CSV,
    )


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
        table = read_table(Data.model_validate(keys | {"schema": {"flag": {"type": "boolean"}}}))
        assert table["flag"].dtype == dtype


def test_a_boolean_of_any_spelling_is_one_boolean(tmp_path: Path) -> None:
    """Also where files spell it in several ways; true beside other texts is a text."""
    for words, values in (
        (["True", "0", " false ", "1", "TRUE", "1.0"], [True, False, False, True, True, True]),
        (["true", "", "0", "1"], [1, None, 0, 1]),
        (["true", "false", "maybe"], ["true", "false", "maybe"]),
    ):
        columns: Columns = {"flag": words * 4, "y": [0, 1] * (2 * len(words))}
        as_csv(columns, tmp_path / "table.csv", "")
        read = read_table(Data(path=str(tmp_path / "table.csv"), target="y"))["flag"]
        assert [None if pd.isna(value) else value for value in read.head(len(words))] == values


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
    assert scorer.answer((project.path / "data/table.csv").read_bytes(), mlflow.CSV)[1] == expected
    for suffix in DOORS:
        table = opened(Data(path=f"data/table{suffix}", target="y"))
        parts = list(batch.scored(scorer, table))
        assert [reason for part in parts for reason in part.rejected["reason"]] == []
        assert [value for part in parts for value in part.y_pred] == expected
