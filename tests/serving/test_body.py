"""Bodies: the forms of MLflow's scoring server, and what is refused."""

import json

import pytest

from scripts.serving.body import CSV, JSON, Table, parsed
from scripts.serving.refusal import Refusal

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
        {"instances": [[1, "x"], [2, None]]},
        {"instances": RECORDS, "params": {}},
    ],
)
def test_every_form_has_the_same_rows(request_body: object) -> None:
    """Of MLflow's own client, and of TensorFlow's."""
    table = parsed(json.dumps(request_body).encode(), JSON, NAMES)
    assert (columns(table), table.rows) == (ROWS, 2)


@pytest.mark.parametrize("text", ["a,b\n1,x\n2,\n", "\ufeffa,b\r\n1,x\r\n2,\r\n", '"a","b"\n1,"x"\n2,""\n'])
def test_a_csv_has_texts(text: str) -> None:
    """With a byte order mark, quotes, or another end of line."""
    table = parsed(text.encode(), "text/csv; charset=utf-8", NAMES)
    assert columns(table) == {"a": ["1", "2"], "b": ["x", ""]}
    assert table.text


WRONG = [
    (b"", JSON, 400),
    (b"\xff\xfe", JSON, 400),
    (b"[1]", JSON, 400),
    (b"{}", JSON, 400),
    (b'{"instances": [[NaN]]}', JSON, 400),
    (b'{"instances": [[Infinity]]}', JSON, 400),
    (b'{"instances": [[-Infinity]]}', JSON, 400),
    (b"[" * 100_000, JSON, 400),
    (b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", JSON, 400),
    (b'{"instances": [[' + b"9" * 10_000 + b"]]}", JSON, 400),
    (b'{"instances": [], "inputs": []}', JSON, 400),
    (b'{"instances": [], "more": 1}', JSON, 400),
    (b'{"instances": [], "params": {"a": 1}}', JSON, 400),
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
]


@pytest.mark.parametrize(("body", "content_type", "status"), WRONG)
def test_what_is_no_request_is_refused(body: bytes, content_type: str, status: int) -> None:
    """With a status and a sentence, whatever the bytes are."""
    with pytest.raises(Refusal) as refused:
        parsed(body, content_type, NAMES)
    assert refused.value.status == status
    assert len(refused.value.error) < 200
