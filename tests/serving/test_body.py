"""Bodies: the forms of MLflow's scoring server, and what is refused."""

import json
import math

import pytest

from modelmake.serving.body import JSON, LONG, Table
from modelmake.serving.protocols.mlflow import CSV, FORMS, read
from modelmake.serving.refusal import Refusal

NAMES = ["a", "b"]
ROWS = {"a": [1, 2], "b": ["x", None]}
RECORDS = [{"a": 1, "b": "x"}, {"a": 2, "b": None}]


def columns(table: Table) -> dict[str, list[object]]:
    return {name: list(values) for name, values in table.columns.items()}


@pytest.mark.parametrize(
    "request_body",
    [
        {"dataframe_split": {"columns": ["a", "b"], "data": [[1, "x"], [2, None]]}},
        {"dataframe_split": {"index": [7, 8], "columns": ["b", "a"], "data": [["x", 1], [None, 2]]}},
        {"dataframe_records": RECORDS},
        {"inputs": ROWS},
        {"inputs": RECORDS},
        {"instances": RECORDS},
        {"instances": RECORDS, "params": {"a": 1}, "client_request_id": "r-1"},
    ],
)
def test_every_form_has_the_same_rows(request_body: object) -> None:
    """Of MLflow's own client, and of TensorFlow's."""
    table = read(json.dumps(request_body).encode(), JSON, NAMES)
    assert (columns(table), table.rows) == (ROWS, 2)


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,x\n2,\n",
        "\ufeffa,b\r\n1,x\r\n2,\r\n",
        '"a","b"\n1,"x"\n2,""\n',
        "a;b\n1;x\n2;\n",
        "a\tb\n1\tx\n2\t\n",
        "a|b\n1|x\n2|\n",
        "a, b\n1, x\n2, \n",
        "\na,b\n\n1,x\n2,\n",
    ],
)
def test_a_csv_has_texts(text: str) -> None:
    """With a byte order mark, quotes, another delimiter, or another end of line."""
    table = read(text.encode(), "text/csv; charset=utf-8", NAMES)
    assert columns(table) == {"a": ["1", "2"], "b": ["x", ""]}
    assert table.text


def test_the_names_of_a_csv_are_those_of_a_table() -> None:
    """Without spaces around them, with composed letters, and with pandas' name for a column without one."""
    assert columns(read(" a,,gro\u0308ße \n1,0,x\n".encode(), CSV, ["a", "größe"])) == {
        "a": ["1"],
        "Unnamed: 1": ["0"],
        "größe": ["x"],
    }
    assert columns(read(b" a ,b\n1,x\n", CSV, [" a ", "b"])) == {" a ": ["1"], "b": ["x"]}


def test_the_names_decide_about_the_delimiter() -> None:
    """Whatever the values are, and whatever else a name has; a model of one column needs none."""
    assert columns(read(b"a;b\n1,5;x,y\n", CSV, NAMES)) == {"a": ["1,5"], "b": ["x,y"]}
    assert columns(read(b"a;b,c\n1;2,3\n", CSV, ["a;b", "c"])) == {"a;b": ["1;2"], "c": ["3"]}
    assert columns(read(b"a\n1;2\n", CSV, ["a"])) == {"a": ["1;2"]}
    assert columns(read(b"a,b\n1, x\n2,y\n", CSV, NAMES)) == {"a": ["1", "2"], "b": [" x", "y"]}


WRONG = [
    (b"", JSON, 400),
    (b"\xff\xfe", JSON, 400),
    (b"[1]", JSON, 400),
    (b"{}", JSON, 400),
    (b'{"instances": [[-NaN]]}', JSON, 400),
    (b'{"instances": [[nan]]}', JSON, 400),
    (b"[" * 100_000, JSON, 400),
    (b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 400),
    (b'{"instances": [[' + b"9" * 10_000 + b"]]}", JSON, 400),
    (b'{"instances": [], "inputs": []}', JSON, 400),
    (b'{"instances": [], "more": 1}', JSON, 400),
    (b'{"instances": [[1, 2]]}', JSON, 400),
    (b'{"inputs": [[1, 2]]}', JSON, 400),
    (b'{"instances": [{"a": 1, "b": 2}], "instances": [{"a": 1, "b": 2}]}', JSON, 400),
    (b'{"instances": [{"a": 1, "b": 2, "a": 1}]}', JSON, 400),
    (b'{"inputs": {"a": [1], "b": [2], "a" : [1]}}', JSON, 400),
    (b'{"dataframe_split": {"columns": ["a", "b"], "data": [["\\":", {"x": 1, "x" :2}]]}}', JSON, 400),
    (b'{"params": {"x": 1, "x": 1}, "instances": [{"a": 1, "b": 2}]}', JSON, 400),
    (b'{"instances": 1}', JSON, 400),
    (b'{"instances": [[1, 2], 3]}', JSON, 400),
    (b'{"instances": [[1]]}', JSON, 400),
    (b'{"instances": [{"a": 1}, {"b": 1}]}', JSON, 422),
    (b'{"inputs": {"a": [1], "b": [1, 2]}}', JSON, 400),
    (b'{"dataframe_split": {"data": [[1, 2]]}}', JSON, 400),
    (b'{"dataframe_split": {"columns": ["a", "b"]}}', JSON, 400),
    (b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}', JSON, 400),
    (b'{"dataframe_split": {"columns": ["a", 1], "data": [[1, 2]]}}', JSON, 400),
    (b'{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', JSON, 400),
    (b'{"dataframe_split": {"columns": ["a"], "data": {"a": 1}}}', JSON, 400),
    (b'{"dataframe_split": [1]}', JSON, 400),
    (b'{"dataframe_records": {"a": 1}}', JSON, 400),
    (b"", CSV, 400),
    (b"\xff", CSV, 400),
    (b"a,b\n1\n", CSV, 400),
    (b'a,b\n"1,2\n', CSV, 400),
    (b"{}", "", 415),
    (b"{}", "application/x-www-form-urlencoded", 415),
    (b"{}", "application/json; charset=latin-1", 415),
    (b"{}", 'application/json; Charset="UTF-16"', 415),
    (b'{"dataframe_split": null}', JSON, 400),
    (b'{"inputs": null}', JSON, 400),
    (b'{"instances": [[1, 2], {"a": 1}]}', JSON, 400),
    (b'{"instances": [[1, 2], [1, 2, 3]]}', JSON, 400),
    (b"a,a\n1,2\n", CSV, 400),
]


@pytest.mark.parametrize(("body", "content_type", "status"), WRONG)
def test_what_is_no_request_is_refused(body: bytes, content_type: str, status: int) -> None:
    """With a status and a sentence, for any bytes."""
    with pytest.raises(Refusal) as refused:
        read(body, content_type, NAMES)
    assert refused.value.status == status
    assert len(refused.value.error) < 200


@pytest.mark.parametrize(
    "parameters", ["", "; charset=utf-8", ';CHARSET="UTF-8"', "; charset=utf-8; format=pandas-split"]
)
def test_other_parameters_of_the_content_type_have_no_effect(parameters: str) -> None:
    """Older clients of MLflow send them; a charset that is UTF-8 may be written in any way."""
    assert read(b'{"instances": [{"a": 1, "b": 2}]}', f"Application/JSON{parameters}", NAMES).rows == 1


@pytest.mark.parametrize("form", FORMS)
def test_no_rows_are_no_rows(form: str) -> None:
    """In each form; the rows are refused later, with 422."""
    empty: object = {"columns": NAMES, "data": []} if form == "dataframe_split" else []
    assert read(json.dumps({form: empty}).encode(), JSON, NAMES).rows == 0


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"instances": [{"a": 1, "a": 2, "b": 3}]}', JSON),
        (b'{"dataframe_split": {"columns": ["a", "b", "a"], "data": [[1, 2, 3]]}}', JSON),
        (b"a,b,a\n1,2,3\n", CSV),
    ],
)
def test_a_column_that_is_there_twice_is_named(body: bytes, content_type: str) -> None:
    """In JSON as in a CSV: which of the two counts would be a guess."""
    with pytest.raises(Refusal, match="twice") as refused:
        read(body, content_type, NAMES)
    assert (refused.value.status, refused.value.column) == (400, "a")


@pytest.mark.parametrize("text", ['":', '"a":', '\\":', "{'a': 1}", "x" * 9, '{"a" : 1, "a": 2}'])
def test_a_text_that_looks_like_a_key_is_a_text(text: str) -> None:
    """Whatever it is, and in each form."""
    for body in ({"instances": [{"a": text, "b": {text: [text]}}]}, {"inputs": {"a": [text], "b": [{text: [text]}]}}):
        table = read(json.dumps(body).encode(), JSON, NAMES)
        assert columns(table) == {"a": [text], "b": [{text: [text]}]}


def test_100000_columns_that_are_there_twice_are_refused_at_once() -> None:
    """Their names are not compared with each other."""
    names = [f"c{number}" for number in range(100_000)]
    for body in ({"dataframe_split": {"columns": [*names, *names], "data": []}},):
        with pytest.raises(Refusal, match="twice"):
            read(json.dumps(body).encode(), JSON, NAMES)


@pytest.mark.parametrize("form", FORMS)
def test_nan_is_a_missing_value(form: str) -> None:
    """As MLflow's own client writes one, in each form; infinity is a number that no column takes."""
    rows = {"dataframe_split": {"columns": NAMES, "data": [[math.nan, "NaN"], [math.inf, math.nan]]}}
    records = [{"a": math.nan, "b": "NaN"}, {"a": math.inf, "b": math.nan}]
    columned = {"a": [math.nan, math.inf], "b": ["NaN", math.nan]}
    body = {**rows, "dataframe_records": records, "instances": records, "inputs": columned}[form]
    table = read(json.dumps({form: body}).encode(), JSON, NAMES)
    assert columns(table) == {"a": [None, math.inf], "b": ["NaN", None]}


def test_a_matrix_has_one_column() -> None:
    """The order of several would be a guess, and no page of a client shows the model's."""
    for form in ("instances", "inputs"):
        assert columns(read(json.dumps({form: [[1], [2]]}).encode(), JSON, ["a"])) == {"a": [1, 2]}
        with pytest.raises(Refusal, match="send dataframe_split") as refused:
            read(json.dumps({form: [[1, 2]]}).encode(), JSON, NAMES)
        assert refused.value.status == 400


def test_json_that_is_nested_deeply_is_not_called_no_json() -> None:
    """It is refused, with what is wrong."""
    for depth in (300, 100_000):
        with pytest.raises(Refusal, match="nested too deeply"):
            read(b'{"instances": ' + b"[" * depth + b"]" * depth + b"}", JSON, NAMES)


def test_records_of_100000_different_columns_are_refused_with_the_first() -> None:
    """Its name is cut: a client may send one of megabytes."""
    body = json.dumps({"instances": [{"a": 1}, *({f"{number}-{'x' * 200}": 1} for number in range(100_000 // 8))]})
    with pytest.raises(Refusal) as refused:
        read(body.encode(), JSON, NAMES)
    assert (refused.value.status, refused.value.column, refused.value.row) == (422, "a", 1)
    with pytest.raises(Refusal) as refused:
        read(json.dumps({"instances": [{}, {"x" * 1_000_000: 1}]}).encode(), JSON, NAMES)
    assert refused.value.column == "x" * LONG


@pytest.mark.parametrize(
    "body",
    [
        '{"dataframe_split": {"columns": ["Gro\\u0308\\u00dfe"], "data": [[1]]}}',
        '{"dataframe_records": [{"Gro\u0308\u00dfe": 1}]}',
        '{"inputs": {" Gr\u00f6\u00dfe ": [1]}}',
    ],
)
def test_names_in_json_are_composed_and_without_spaces_as_those_of_a_table(body: str) -> None:
    """Whatever a client's keyboard writes; two names that become one are refused."""
    sent = read(body.encode(), JSON, ["Gr\u00f6\u00dfe"])
    assert {name: [*values] for name, values in sent.columns.items()} == {"Gr\u00f6\u00dfe": [1]}
    twice = '{"inputs": {"Gro\u0308\u00dfe": [1], "Gr\u00f6\u00dfe": [2]}}'
    with pytest.raises(Refusal, match="two columns have this name"):
        read(twice.encode(), JSON, ["Gr\u00f6\u00dfe"])
