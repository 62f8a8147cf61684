"""Spellings and sentinels: named, and joined or emptied by a key, by every door."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier

from modelmake.batch import batch
from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.findings import findings
from modelmake.data.labels import sentinels
from modelmake.data.read import read
from modelmake.model.contract import contract
from modelmake.serving.body import JSON
from modelmake.serving.protocols import mlflow
from modelmake.serving.rows import frame as rows_of
from modelmake.serving.scorer import Scorer
from modelmake.tables.table import opened
from modelmake.watch import tables as watched

N = 60
RNG = np.random.default_rng(4)


def table(folder: Path, suffix: str) -> Data:
    """Write ages with sentinels and cities of several spellings; the target has both too."""
    frame = pd.DataFrame(
        {
            "age": [-99 if index % 10 == 3 else 20 + index for index in range(N)],
            "city": [["Rome", "ROME", "rome ", "Rome", "Oslo"][index % 5] for index in range(N)],
            "y": [["yes", "Yes", "no", " no"][RNG.integers(4)] for _ in range(N)],
        }
    )
    path = folder / f"t{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path)
    keys = {"path": str(path), "target": "y", "ignore_case": ["city", "y"], "schema": {"age": {"empty": [-99]}}}
    return Data.model_validate(keys)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_key_joins_spellings_and_empties_sentinels_by_every_door(tmp_path: Path, suffix: str) -> None:
    """In training, in a table that is predicted or watched, and in a request."""
    config = table(tmp_path, suffix)
    frame, reading = read(opened(config))
    frame = frame.reset_index(drop=True)
    X, y = frame[["age", "city"]], frame["y"]
    assert (X["age"].isna().sum(), set(X["city"]), len(set(y))) == (6, {"Rome", "Oslo"}, 2)
    model = contract(DummyClassifier().fit(X, y), X, frame, config, reading)
    parts = list(batch.scored(Scorer(model, lambda X: np.zeros(len(X))), opened(config, reading, model.names)))
    pd.testing.assert_frame_equal(pd.concat([part.X for part in parts], ignore_index=True), X)
    pd.testing.assert_frame_equal(watched.requests(Path(config.path), config, model)[model.names], X)
    body = json.dumps({"dataframe_records": [{"age": -99, "city": "oSLO "}, {"age": 30, "city": "New  York"}]}).encode()
    received = rows_of(mlflow.read(body, JSON, model.names), model)
    assert received["city"].tolist() == ["Oslo", "New York"]
    assert received["age"].isna().tolist() == [True, False]


def test_both_are_named_with_their_key(tmp_path: Path) -> None:
    """And not once the key is there."""
    config = table(tmp_path, ".csv")
    plain = config.model_copy(update={"ignore_case": None, "columns": None})
    said = list(map(str, findings(read(opened(plain))[0], plain, classifier=True)))
    [sentinel] = [line for line in said if "-99" in line]
    assert sentinel.startswith("column 'age' has 6 \N{MULTIPLICATION SIGN} -99, far from all its other values")
    assert sentinel.endswith("set empty = [-99] under [data.schema.age]")
    [spelled] = [line for line in said if "differ only in case or spaces" in line]
    assert spelled.endswith('if they are the same, set data.ignore_case = ["city", "y"]')
    assert findings(read(opened(config))[0], config, classifier=True) == []


def test_a_sentinel_in_the_target_is_a_missing_target(tmp_path: Path) -> None:
    """Which is an error, unless such rows are left out."""
    pd.DataFrame({"x": range(N), "y": [*range(N - 2), -999, -999]}).to_csv(tmp_path / "t.csv", index=False)
    keys: dict[str, Any] = {"path": str(tmp_path / "t.csv"), "target": "y", "schema": {"y": {"empty": [-999]}}}
    with pytest.raises(UserError, match=r"2 rows have no 'y'.*in rows 59, 60"):
        read(opened(Data.model_validate(keys)))
    frame, _ = read(opened(Data.model_validate(keys | {"drop_missing_target": True})))
    assert (len(frame), frame["y"].dtype) == (N - 2, "int64")


def test_a_class_that_stands_for_a_missing_target_is_named() -> None:
    """By its text."""
    frame = pd.DataFrame({"x": RNG.normal(size=N), "y": ["?", "no", "yes"] * (N // 3)})
    [one] = findings(frame, Data(path="t.csv", target="y"), classifier=True)
    assert str(one) == (
        "20 rows have the class '?' of 'y'; if that stands for a missing value, "
        'set empty = ["?"] under [data.schema.y]'
    )


@pytest.mark.parametrize(
    ("values", "codes"),
    [
        ([*range(20, 70), 999, 999], [999]),
        ([*RNG.normal(15, 8, 90).round(1), -99.0], [-99]),
        ([*range(28), 999], [999]),
        ([*range(1000)], []),
        ([*range(90, 110)], []),
        ([*RNG.lognormal(5, 2, 300).round(), 999], []),
        ([1, 2, 3, 99], []),
    ],
)
def test_a_sentinel_is_far_from_all_other_values(values: list[float], codes: list[int]) -> None:
    """A number of nines among others of its size is one of them."""
    assert sentinels(pd.Series(values)) == codes
