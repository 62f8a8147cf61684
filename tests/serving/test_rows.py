"""Rows: the values of a request as the model's own types, and what does not fit."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.column import Column
from scripts.model.contract import Contract, Feature, cells
from scripts.serving.body import CSV, JSON, Table, parsed
from scripts.serving.refusal import Refusal
from scripts.serving.rows import frame, typed
from scripts.serving.scorer import Scorer, rows, verified
from tests.serving.conftest import Kinds

ROW = {
    "day": "2026-01-31",
    "flag": True,
    "flag_or_none": None,
    "kind": "a",
    "number": 0.5,
    "number_or_none": None,
    "whole": 3,
}


def of(contract: Contract, **values: Any) -> pd.DataFrame:
    """Return one row, in which some values are others."""
    return frame(Table({name: [value] for name, value in (ROW | values).items()}, 1), contract)


def test_the_frame_is_that_of_the_training(kinds: Kinds) -> None:
    """The same types, values and gaps, so the same predictions."""
    sent = parsed(json.dumps({"instances": cells(kinds.X)}).encode(), JSON, kinds.contract.names)
    received = frame(sent, kinds.contract)
    pd.testing.assert_frame_equal(received, kinds.X)
    assert kinds.pipeline.predict(received).tolist() == kinds.pipeline.predict(kinds.X).tolist()


def test_a_csv_is_the_same_frame(kinds: Kinds) -> None:
    """Whether truth values are written as pandas writes them, or as JSON does."""
    text = kinds.X.to_csv(index=False)
    table = typed(parsed(text.encode(), CSV, kinds.contract.names), kinds.contract)
    pd.testing.assert_frame_equal(frame(table, kinds.contract), kinds.X)


@pytest.mark.parametrize(
    "values",
    [
        {"number": 1},
        {"whole": 3.0},
        {"flag_or_none": True},
        {"flag_or_none": 0},
        {"day": "2026-01-31T12:00:00Z"},
        {"day": "2026-01-31T14:00:00+02:00"},
        {"number": 2**60},
        {"id": 7},
        {"target": "anything"},
    ],
)
def test_other_spellings_of_a_value_are_taken(kinds: Kinds, values: dict[str, Any]) -> None:
    """A whole number where a number is, 3.0 where a whole number is, true for 1, zones; other columns of the table."""
    assert len(of(kinds.contract, **values)) == 1


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"number": "3.5"}, "number"),
        ({"number": True}, "number"),
        ({"number": None}, "number"),
        ({"number": [1]}, "number"),
        ({"number": {"a": 1}}, "number"),
        ({"number": 10**400}, "number"),
        ({"number": 1e400}, "number"),
        ({"number_or_none": "x"}, "number_or_none"),
        ({"whole": 3.5}, "whole"),
        ({"whole": 2**70}, "whole"),
        ({"whole": 1e400}, "whole"),
        ({"whole": None}, "whole"),
        ({"whole": "3"}, "whole"),
        ({"flag": 1}, "flag"),
        ({"flag": "true"}, "flag"),
        ({"flag": None}, "flag"),
        ({"flag_or_none": "true"}, "flag_or_none"),
        ({"kind": 1}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": "\ud800"}, "kind"),
        ({"day": 20260131}, "day"),
        ({"day": "yesterday"}, "day"),
        ({"day": "9999-12-31T23:59:59-14:00"}, "day"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kinds: Kinds, values: dict[str, Any], column: str) -> None:
    """422, with the column and the row."""
    with pytest.raises(Refusal) as refused:
        of(kinds.contract, **values)
    assert (refused.value.status, refused.value.column) == (422, column)
    assert refused.value.row == (None if column == "unknown" else 0) or column == "kind"


def test_a_missing_column_is_named(kinds: Kinds) -> None:
    """A misspelt one comes with what it may be."""
    with pytest.raises(Refusal) as refused:
        frame(Table({name: [value] for name, value in ROW.items() if name != "day"}, 1), kinds.contract)
    assert refused.value.column == "day"
    with pytest.raises(Refusal, match="did you mean 'number'"):
        of(kinds.contract, numbr=1)


def test_the_first_row_that_does_not_fit_is_named(kinds: Kinds) -> None:
    """Counted from 0."""
    columns = {name: [value] * 3 for name, value in ROW.items()} | {"number": [1.0, 2.0, "x"]}
    with pytest.raises(Refusal) as refused:
        frame(Table(columns, 3), kinds.contract)
    assert (refused.value.column, refused.value.row) == ("number", 2)


@pytest.mark.parametrize(
    ("stated", "good", "bad", "title"),
    [
        (Column(min=0), 0, -1, "min 0"),
        (Column(max=5), 5, 6, "max 5"),
        (Column(values=[1, 2]), 2, 3, "values"),
        (Column(type="integer"), 2.0, 2.5, "type integer"),
    ],
)
def test_the_schema_is_asked_of_each_row(stated: Column, good: float, bad: float, title: str) -> None:
    """As `make train` asks it of the table; what holds for a whole column is not asked of one request."""
    feature = Feature(name="n", dtype="float64", optional=True, stated=stated.model_copy(update={"unique": True}))
    contract = Contract(features=(feature,), rows=(), predictions=())
    assert len(frame(Table({"n": [good, good, None]}, 3), contract)) == 3
    with pytest.raises(Refusal, match=title) as refused:
        frame(Table({"n": [good, bad]}, 2), contract)
    assert refused.value.row == 1


MARKED = "marked-7391"
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(MARKED) | st.dates().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(name=st.sampled_from(sorted(ROW)), value=values)
def test_any_value_is_predicted_or_refused(kinds: Kinds, name: str, value: object) -> None:
    """No other exception, and no refusal quotes the value."""
    scorer = Scorer(kinds.contract, kinds.pipeline.predict)
    body = json.dumps({"dataframe_records": [ROW | {name: value}]}).encode()
    try:
        _, predictions = scorer.answer(body, JSON)
    except Refusal as refused:
        assert refused.status in (400, 422)
        assert MARKED not in refused.error
    else:
        assert predictions[0] in ("yes", "no")


@given(body=st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()), csv=st.booleans())
def test_any_body_is_predicted_or_refused(kinds: Kinds, body: bytes, csv: bool) -> None:
    """Whatever its bytes are."""
    scorer = Scorer(kinds.contract, kinds.pipeline.predict)
    with pytest.raises(Refusal):
        scorer.answer(body, CSV if csv else JSON)


def test_golden_rows_have_every_gap(kinds: Kinds) -> None:
    """The first rows, and one with a gap in each column that has gaps; they are predicted as logged."""
    golden = frame(rows(kinds.contract), kinds.contract)
    gaps = [name for name in golden.columns if golden[name].isna().any()]
    assert gaps == [name for name in kinds.X.columns if kinds.X[name].isna().any()]
    assert verified(kinds.pipeline, kinds.contract, "m-1").predictions(golden) == list(kinds.contract.predictions)


def test_a_contract_goes_to_json_and_back(kinds: Kinds) -> None:
    """Without a change of any value."""
    from scripts.model.contract import dumps

    text = dumps(kinds.contract)
    assert Contract.model_validate_json(text) == kinds.contract
    assert not re.search("NaN|Infinity", text)


@pytest.mark.parametrize("dtype", ["int8", "float32", "int64"])
def test_small_types_have_their_limits(dtype: str) -> None:
    """A number that the column's type cannot have is refused, not wrapped around."""
    contract = Contract(features=(Feature(name="n", dtype=dtype, optional=False),), rows=(), predictions=())
    assert frame(Table({"n": [1]}, 1), contract)["n"].dtype == np.dtype(dtype)
    with pytest.raises(Refusal):
        frame(Table({"n": [1e300]}, 1), contract)
