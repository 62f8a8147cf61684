"""predict: a table with its predictions, whole or not at all, the same bits as the server's."""

import gzip
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from modelmake.batch import batch
from modelmake.config.data import Data
from modelmake.model.contract import cells, contract
from modelmake.serving.scorer import Scorer
from modelmake.tables.table import opened
from tests.conftest import ROOT, Outcome, Project
from tests.serving.conftest import JSON, Kinds, split
from tests.support.warm import python

Check = Callable[[Outcome, int], str]


@pytest.fixture
def predict(served: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """A way to predict a table."""

    def run(source: str = "data/iris.csv", target: str = "out.parquet", **settings: str) -> Outcome:
        for name, value in {"IN": source, "OUT": target, **settings}.items():
            monkeypatch.setenv(f"MODELMAKE_{name}", value)
        return served.stage("predict")

    return run


@pytest.mark.parametrize("target", ["out.parquet", "out.csv", "out.csv.gz", "out.jsonl", "out.jsonl.gz"])
def test_a_table_gets_its_predictions(predict: Callable[..., Outcome], target: str) -> None:
    """In each format: all columns, in their order, and the prediction; what cannot be predicted is nothing here."""
    done = predict(target=target)
    assert done.code == 0, done
    read = {"parquet": pd.read_parquet, "csv": pd.read_csv}.get(target.split(".")[1], pd.read_json)
    table = read(target, lines=True) if read is pd.read_json else read(target)
    given = pd.read_csv("data/iris.csv")
    assert list(table.columns) == [*given.columns, "prediction"]
    pd.testing.assert_frame_equal(table[given.columns], given, check_dtype=False)
    assert (table["prediction"] == table["species"]).mean() > 0.9
    assert [path.name for path in Path().glob("out*")] == [target]


def test_the_file_names_the_version(predict: Callable[..., Outcome]) -> None:
    """In the metadata of Parquet; VERSION names a version other than the champion."""
    assert predict(VERSION="1").code == 0
    assert pq.read_schema("out.parquet").metadata[b"modelmake.version"] == b"1"


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "parquet", "jsonl", "folder"])
def test_every_kind_of_table_is_predicted(predict: Callable[..., Outcome], kind: str) -> None:
    """With the same predictions."""
    assert predict(target="expected.csv").code == 0
    frame = pd.read_csv("data/iris.csv")
    name = f"in.{kind}"
    if kind == "folder":
        Path(name).mkdir()
        frame.head(70).to_csv("in.folder/a.csv", index=False)
        frame.tail(80).to_csv("in.folder/b.csv", index=False)
    elif kind == "parquet":
        frame.to_parquet(name)
    elif kind == "jsonl":
        frame.to_json(name, orient="records", lines=True)
    else:
        frame.to_csv(name, index=False)
    assert predict(name, "out.csv").code == 0
    assert Path("out.csv").read_text() == Path("expected.csv").read_text()


def test_rows_that_do_not_fit_are_set_aside(predict: Callable[..., Outcome]) -> None:
    """With file, row, column and reason, and without a value."""
    lines = Path("data/iris.csv").read_text().splitlines()
    lines[2] = "wide,3.0,1.4,0.2,setosa"
    lines[4] = "4.6,,1.5,0.2,setosa"
    lines[5] = "5.0,inf,1.4,0.2,setosa"
    Path("in.csv").write_text("\n".join(lines) + "\n")
    done = predict("in.csv", "out.csv")
    assert (done.code, "3 rows set aside" in done.out) == (0, True)
    assert len(pd.read_csv("out.csv")) == 147
    rejected = pd.read_csv("out.rejected.csv")
    assert rejected.to_dict("list") == {
        "file": ["in.csv"] * 3,
        "row": [2, 4, 5],
        "column": ["sepal_length", "sepal_width", "sepal_width"],
        "reason": ["not a number", "missing", "not a number"],
    }


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda frame: frame.drop(columns="petal_width"), "has no column 'petal_width'"),
        (lambda frame: frame.rename(columns={"petal_width": "petal_widht"}), "did you mean 'petal_widht'"),
        (lambda frame: frame.assign(prediction=1), "has a column 'prediction' already"),
        (lambda frame: frame.assign(petal_width="wide"), "none of its 150 rows can be predicted: petal_width"),
    ],
)
def test_a_table_that_does_not_fit_is_one_line(
    predict: Callable[..., Outcome], error_line: Check, change: Callable[[pd.DataFrame], pd.DataFrame], says: str
) -> None:
    """Exit code 2, and nothing is written."""
    change(pd.read_csv("data/iris.csv")).to_csv("in.csv", index=False)
    assert says in error_line(predict("in.csv", "out.csv"), 2)
    assert not list(Path().glob("out*")) + list(Path().glob(".part*"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"source": ""}, "IN: is not given"),
        ({"target": ""}, "OUT: is not given"),
        ({"source": "nowhere.csv"}, "there is no such file"),
        ({"target": "out.xlsx"}, "has no known suffix"),
        ({"target": "nowhere/out.csv"}, "its folder does not exist"),
        ({"target": "data/iris.csv", "source": "pipeline.toml"}, "iris.csv exists"),
        ({"source": "data", "target": "data/out.csv"}, "is in the folder IN"),
        ({"source": "new.rejected.csv", "target": "new.csv", "FORCE": "1"}, "which is the table IN"),
        ({"target": "data/iris.csv", "FORCE": "1"}, "is the table IN itself"),
        ({"VERSION": "9"}, "has no version 9"),
    ],
)
def test_a_mistake_is_one_line(
    predict: Callable[..., Outcome], error_line: Check, settings: dict[str, str], says: str
) -> None:
    """Before anything is read, and no file is touched."""
    shutil.copy("data/iris.csv", "new.rejected.csv")
    assert says in error_line(predict(**settings), 2)
    assert Path("new.rejected.csv").read_text() == Path("data/iris.csv").read_text()


def test_out_is_replaced_where_force_says_so(predict: Callable[..., Outcome], error_line: Check) -> None:
    """And else not."""
    assert predict(target="out.csv").code == 0
    before = os.stat("out.csv").st_ino  # noqa: PTH116
    assert "FORCE=1" in error_line(predict(target="out.csv"), 2)
    assert predict(target="out.csv", FORCE="1").code == 0
    assert os.stat("out.csv").st_ino != before  # noqa: PTH116


def test_rows_set_aside_before_are_not_replaced_without_force(
    predict: Callable[..., Outcome], error_line: Check
) -> None:
    """With it they go, as the file OUT that they were left out of."""
    Path("out.rejected.csv").write_text("mine")
    assert "out.rejected.csv exists" in error_line(predict(target="out.csv"), 2)
    assert Path("out.rejected.csv").read_text() == "mine"
    assert predict(target="out.csv", FORCE="1").code == 0
    assert not Path("out.rejected.csv").exists()


@pytest.mark.parametrize("target", ["out.parquet", "out.csv", "out.csv.gz", "out.jsonl"])
def test_a_disk_that_is_full_leaves_what_was_there(
    predict: Callable[..., Outcome], error_line: Check, target: str
) -> None:
    """One line, the former OUT, and nothing beside it: no file may grow beyond 2 MB here."""
    Path(target).write_text("before")
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    pd.DataFrame(np.random.default_rng(1).random((80_000, 4)), columns=names).to_csv("many.csv", index=False)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, limits[1]))
    try:
        done = predict("many.csv", target, FORCE="1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    line = error_line(done, 2)
    assert line.startswith(f"error: OUT={target}: cannot be written: ")
    assert "File too large" in line
    assert Path(target).read_text() == "before"
    assert [path.name for path in Path().iterdir() if "out" in path.name or path.name.startswith(".part")] == [target]


def test_a_signal_leaves_nothing(served: Project) -> None:
    """In the midst of writing."""
    header, *rows = Path("data/iris.csv").read_text().splitlines()
    Path("many.csv").write_text("\n".join([header, *rows * 20_000]))
    environment = os.environ | {
        "MODELMAKE_IN": "many.csv",
        "MODELMAKE_OUT": "out.csv",
        "PYTHONPATH": f"{ROOT}/scripts",
    }
    process = subprocess.Popen([python(), "-m", "modelmake", "predict"], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size for part in Path().glob(".part*/*")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, b"stopped by SIGTERM" in said) == (143, True), said
    assert not list(Path().glob("out*")) + list(Path().glob(".part*"))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("in.csv.gz", gzip.compress(os.urandom(9_000).hex().encode())[:5_000], "its end is missing"),
        ("in.csv", b"sepal_length,b\n1,2\n1,2,3\n1,2,3,4\n", "cannot be parsed"),
        ("in.parquet", b"PAR1" + bytes(100) + b"PAR1", "cannot be parsed"),
        ("in.csv", b"sepal_length,sepal_width,petal_length,petal_width\n", "no rows"),
    ],
)
def test_a_table_that_is_damaged_is_one_line(
    predict: Callable[..., Outcome], error_line: Check, name: str, content: bytes, says: str
) -> None:
    """Which names the table, not OUT."""
    Path(name).write_bytes(content)
    line = error_line(predict(name, "out.csv"), 2)
    assert says in line
    assert line.startswith(f"error: {name}")


def whole(scorer: Scorer, frame: pd.DataFrame, path: Path, monkeypatch: pytest.MonkeyPatch, rows: int) -> list:
    """Return the predictions of a file, some rows at a time."""
    monkeypatch.setattr(batch, "ROWS", rows)
    (frame.to_parquet if path.suffix == ".parquet" else frame.to_csv)(path, index=False)
    parts = batch.scored(scorer, opened(Data(path=str(path), target="target")))
    return [value for part in parts for value in part.y_pred.tolist()]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_the_bits_are_the_servers(kinds: Kinds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    """For columns of every kind, from text and from Parquet, for any number of rows at once."""
    scorer = Scorer(kinds.contract, kinds.pipeline.predict_proba)
    expected = kinds.pipeline.predict_proba(kinds.X).tolist()
    for rows in (7, 60):
        assert whole(scorer, kinds.X, tmp_path / f"in{suffix}", monkeypatch, rows) == expected
    answered = Scorer(kinds.contract, kinds.pipeline.predict)
    _, predictions = answered.answer(split(list(kinds.X), cells(kinds.X)), JSON)
    assert whole(answered, kinds.X, tmp_path / f"in{suffix}", monkeypatch, 7) == predictions


def test_numbers_of_a_text_file_are_read_digit_by_digit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A linear model shows every bit: the same as from the JSON that the server reads."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({"a": rng.normal(size=500), "b": rng.lognormal(size=500, sigma=20)})
    fitted = make_pipeline(LinearRegression()).fit(X, X["a"] * 3)
    scorer = Scorer(contract(fitted, X, X.assign(target=0.0), Data(path="x", target="target")), fitted.predict)
    _, predictions = scorer.answer(split(list(X), cells(X)), JSON)
    assert whole(scorer, X, tmp_path / "in.csv", monkeypatch, 500) == predictions


def test_rows_shorter_than_the_header_are_said(predict: Callable[..., Outcome]) -> None:
    """With the line of the first; they have gaps, as they have for a training."""
    header, *rows = Path("data/iris.csv").read_text().splitlines()
    Path("new.csv").write_text("\n".join([header, *rows[:3], rows[3].rpartition(",")[0], *rows[4:], ""]))
    done = predict("new.csv")
    assert done.code == 0, done
    assert "warning: 1 row has fewer fields than the header" in done.out
    assert "(the first: new.csv, line 5)" in done.out


def test_two_columns_of_one_name_are_said(predict: Callable[..., Outcome]) -> None:
    """The first one counts, as in a training."""
    header, *rows = Path("data/iris.csv").read_text().splitlines()
    name = header.split(",")[0]
    Path("new.csv").write_text("\n".join([f"{header},{name}", *(f"{row},x" for row in rows[:5]), ""]))
    done = predict("new.csv")
    assert done.code == 0, done
    assert f"warning: 2 columns have the name '{name}': the first counts" in done.out
