"""Rows: the values of a request as the model's own types, and what does not fit."""

import json
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from modelmake.config.column import Column
from modelmake.model.contract import Contract, Feature, cells
from modelmake.serving import wire
from modelmake.serving.body import JSON, LONG, Table
from modelmake.serving.protocols.mlflow import CSV, read
from modelmake.serving.refusal import Refusal
from modelmake.serving.rows import frame
from modelmake.serving.scorer import Scorer, rows, verified
from tests.serving.conftest import Kinds, split

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
    sent = read(split(kinds.contract.names, cells(kinds.X)), JSON, kinds.contract.names)
    received = frame(sent, kinds.contract)
    pd.testing.assert_frame_equal(received, kinds.X)
    assert kinds.pipeline.predict(received).tolist() == kinds.pipeline.predict(kinds.X).tolist()


def test_a_csv_is_the_same_frame(kinds: Kinds) -> None:
    """Whether truth values are written as pandas writes them, or as JSON does."""
    text = kinds.X.to_csv(index=False)
    table = read(text.encode(), CSV, kinds.contract.names)
    pd.testing.assert_frame_equal(frame(table, kinds.contract), kinds.X)


@pytest.mark.parametrize(
    "values",
    [
        {"number": 1},
        {"whole": 3.0},
        {"flag_or_none": True},
        {"flag_or_none": 0},
        {"flag": 1},
        {"flag": 0.0},
        {"day": "2026-01"},
        {"day": "2026-01-31T12:00:00Z"},
        {"day": "2026-01-31T14:00:00+02:00"},
        {"day": "2026-01-31 12:00"},
        {"day": "20260131"},
        {"day": "2026-W05-6"},
        {"number": -0.0},
        {"number": "3.5"},
        {"number": " 1e3 "},
        {"whole": "3"},
        {"flag": "true"},
        {"flag_or_none": "False"},
        {"whole": -3.0},
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
        ({"number": True}, "number"),
        ({"number": "1,5"}, "number"),
        ({"number": "true"}, "number"),
        ({"whole": "3.5"}, "whole"),
        ({"flag": "yes"}, "flag"),
        ({"flag": "2"}, "flag"),
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
        ({"flag": 2}, "flag"),
        ({"flag": 0.5}, "flag"),
        ({"flag": None}, "flag"),
        ({"kind": 1}, "kind"),
        ({"kind": None}, "kind"),
        ({"day": 20260131}, "day"),
        ({"day": "yesterday"}, "day"),
        ({"day": ""}, "day"),
        ({"day": "31.01.2026"}, "day"),
        ({"day": "2026-02-30"}, "day"),
        ({"day": "1769817600"}, "day"),
        ({"day": True}, "day"),
        ({"flag_or_none": 2.5, "number": "x"}, "number"),
        ({"whole": True}, "whole"),
        ({"whole": -(2**63) - 1}, "whole"),
        ({"whole": float(2**63)}, "whole"),
        ({"day": "9999-12-31T23:59:59-14:00"}, "day"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kinds: Kinds, values: dict[str, Any], column: str) -> None:
    """422, with the column and the row."""
    with pytest.raises(Refusal) as refused:
        of(kinds.contract, **values)
    assert (refused.value.status, refused.value.column) == (422, column)
    assert refused.value.row == (None if column == "unknown" else 0)


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
LARGE = st.integers() | st.sampled_from([2**53 + 1, 2**63, -(2**63), 2**64, 10**400])
TEXTS = st.text() | st.just(MARKED) | st.dates().map(str) | st.sampled_from(["\ud800", "\x00", "1_000", "NaN", "٣"])
values = st.recursive(
    st.none() | st.booleans() | LARGE | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.filterwarnings("ignore:overflow")  # as the server ignores every warning
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
    text = kinds.contract.text()
    assert Contract.model_validate_json(text) == kinds.contract
    json.loads(text, parse_constant=pytest.fail)  # NaN and Infinity are not JSON


@pytest.mark.parametrize("dtype", ["int8", "float32", "int64"])
def test_small_types_have_their_limits(dtype: str) -> None:
    """A number that the column's type cannot have is refused, not wrapped around."""
    contract = Contract(features=(Feature(name="n", dtype=dtype, optional=False),), rows=(), predictions=())
    assert frame(Table({"n": [1]}, 1), contract)["n"].dtype == np.dtype(dtype)
    with pytest.raises(Refusal):
        frame(Table({"n": [1e300]}, 1), contract)


FORMED: dict[str, Any] = {
    "dataframe_split": {"columns": list(ROW), "index": [0, 1], "data": [list(ROW.values()), list(ROW.values())]},
    "dataframe_records": [ROW, ROW],
    "instances": [ROW, ROW],
    "inputs": {name: [value, value] for name, value in ROW.items()},
}


def places(whole: object, before: tuple = ()) -> list[tuple]:
    """Return the way to each part of a body, the whole of it first."""
    steps = whole.items() if isinstance(whole, dict) else enumerate(whole) if isinstance(whole, list) else ()
    return [before, *(place for step, part in steps for place in places(part, (*before, step)))]


def replaced(whole: Any, place: tuple, value: object) -> Any:
    """Return a body in which one part is another."""
    if not place:
        return value
    step, *rest = place
    copied = dict(whole) if isinstance(whole, dict) else list(whole)
    copied[step] = replaced(whole[step], tuple(rest), value)
    return copied


@pytest.mark.filterwarnings("ignore:overflow")  # as the server ignores every warning
@given(data=st.data(), form=st.sampled_from(sorted(FORMED)), value=values, key=TEXTS)
def test_any_value_in_any_place_is_predicted_or_refused(
    kinds: Kinds, data: st.DataObject, form: str, value: object, key: str
) -> None:
    """Nothing else is raised, the answer can be sent, and it does not quote the value."""
    body = {form: FORMED[form]}
    place = data.draw(st.sampled_from(places(body)))
    body = replaced(body, place, value)
    if isinstance(body, dict) and data.draw(st.booleans()):
        inner = body.get(form)
        more = [{**each, key: value} if isinstance(each, dict) else each for each in inner] if place[1:2] == (1,) else 0
        body = body | ({form: more} if isinstance(inner, list) and more else {key: value})
    scorer = Scorer(kinds.contract, kinds.pipeline.predict)
    try:
        table, predictions = scorer.answer(json.dumps(body).encode(), JSON)
    except Refusal as refusal:
        assert refusal.status in (400, 422)
        assert MARKED not in refusal.error
        assert json.loads(wire.refused(refusal, "r-1").body)["request_id"] == "r-1"
    else:
        assert set(predictions) <= {"yes", "no"}
        assert len(predictions) == table.rows


def test_no_refusal_quotes_a_row() -> None:
    """Where each value of the request is a secret, of each type, in each column, and for each mistake."""
    kinds_of_secrets: dict[str, list[Any]] = {
        "float64": [MARKED, [MARKED], {"a": MARKED}, None, 7391e300 * 1e9],
        "int8": [MARKED, 7391, 73.91, None],
        "bool": [MARKED, 7391],
        "str": [7391, [MARKED], MARKED + "x" * 200],
        "datetime64[us]": [MARKED, 7391, "7391-13-01"],
    }
    stated = {"float64": Column(max=1), "int8": Column(values=[1]), "str": Column(values=["a"])}
    for dtype, secrets in kinds_of_secrets.items():
        feature = Feature(name="n", dtype=dtype, optional=False, stated=stated.get(dtype))
        contract = Contract(features=(feature,), rows=(), predictions=())
        for secret in [*secrets, *([MARKED] if dtype == "str" else [73.91] if dtype == "float64" else [])]:
            with pytest.raises(Refusal) as refused:
                frame(Table({"n": [secret]}, 1), contract)
            assert not re.search("7391|73.91|marked", json.dumps(refused.value.answer("r")))


FEATURES = st.sampled_from(["float64", "float32", "int64", "uint8", "bool", "str", "datetime64[us]"])
STATED = (
    st.builds(Column, min=st.sampled_from([None, 0, -1.5]), max=st.sampled_from([None, 5, 1e9]))
    | st.builds(Column, min=st.sampled_from(["2026-01-01", "2026-01-01T12:00:00+02:00"]))
    | st.builds(Column, values=st.sampled_from([[1, 2], ["a"], [True], ["2026-01-31"], [1.5, "a"]]))
    | st.builds(Column, type=st.sampled_from(["number", "integer", "boolean", "category", "text", "date"]))
)


@given(dtype=FEATURES, stated=STATED, optional=st.booleans(), given_values=st.lists(values, min_size=1, max_size=4))
def test_any_schema_takes_or_refuses_any_value(
    dtype: str, stated: Column, optional: bool, given_values: list[object]
) -> None:
    """Whether the constraint fits the type or not, and where all values are missing."""
    assume(not dtype.startswith("datetime") or stated.values in (None, ["2026-01-31"]))  # `make train` fails on them
    feature = Feature(name="n", dtype=dtype, optional=optional, stated=stated)
    contract = Contract(features=(feature,), rows=(), predictions=())
    for rows_given in (given_values, [None]):
        try:
            received = frame(Table({"n": rows_given}, len(rows_given)), contract)
        except Refusal as refusal:
            assert refusal.status == 422
            assert MARKED not in refusal.error
        else:
            assert len(received) == len(rows_given)


@pytest.mark.parametrize("text", ["1_000", "nan", "inf", "-Infinity", "0x10", "1e", "--3", "+-3", "1,5,5", "1e999"])
def test_a_text_that_only_python_reads_as_a_number_is_none(text: str) -> None:
    """In a CSV, as in the tables of `make predict`."""
    feature = Feature(name="n", dtype="float64", optional=True)
    contract = Contract(features=(feature,), rows=(), predictions=(), missing=("",))
    with pytest.raises(Refusal) as refused:
        frame(Table({"n": ["1", text]}, 2, text=True), contract)
    assert (refused.value.status, refused.value.column, refused.value.row) == (422, "n", 1)


@pytest.mark.parametrize(
    ("text", "number"), [(" 3 ", 3), ("+3", 3), (".5", 0.5), ("3.", 3), ("1E3", 1000), ("-0", 0), ("0.1", 0.1)]
)
def test_a_number_of_a_csv_is_what_json_would_have(text: str, number: float) -> None:
    """Digit by digit."""
    contract = Contract(features=(Feature(name="n", dtype="float64", optional=True),), rows=(), predictions=())
    assert frame(Table({"n": [text]}, 1, text=True), contract)["n"].tolist() == [number]


def test_large_whole_numbers_keep_their_digits_where_the_type_has_them(kinds: Kinds) -> None:
    """A column of whole numbers has all of them; one of numbers has the nearest, as JSON's readers do."""
    assert of(kinds.contract, whole=2**53 + 1)["whole"].tolist() == [2**53 + 1]
    assert of(kinds.contract, number=2**53 + 1)["number"].tolist() == [float(2**53)]
    assert of(kinds.contract, number=2**64)["number"].tolist() == [float(2**64)]


def test_a_long_name_is_cut(kinds: Kinds) -> None:
    """Before it is compared with the model's own."""
    with pytest.raises(Refusal) as refused:
        of(kinds.contract, **{"x" * 1_000_000: 1})
    assert refused.value.column == "x" * LONG
    assert len(refused.value.error) < 300
