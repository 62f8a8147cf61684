"""The scoring server, asked as clients do."""

import json
import re
import socket
import time
from typing import Any

import pytest
from jsonschema import validate
from prometheus_client.parser import text_string_to_metric_families

from scripts.serving import counts
from scripts.serving.wire import LIMIT
from tests.serving.conftest import Answer, Process

NAMES = ["petal_length", "petal_width", "sepal_length", "sepal_width"]
ROW = [1.4, 0.2, 5.1, 3.5]
SPLIT = {"dataframe_split": {"columns": NAMES, "data": [ROW]}}
FORM = {"error", "column", "row", "request_id"}


def refused(answer: Answer, status: int) -> dict[str, Any]:
    """Check that an answer has the one form of a refusal, and shows nothing of the server; return it."""
    assert answer.status == status, answer.body
    assert set(answer.read) == FORM
    assert answer.headers["x-request-id"] == answer.read["request_id"]
    assert not re.search(rb"Traceback|/src|/work|/tmp|\.py", answer.body)
    return answer.read


def test_a_row_is_predicted(server: Process) -> None:
    """With the version that answers, and the request's id, which a client may choose."""
    answer = server.post(SPLIT, x_request_id="mine-1")
    assert (answer.status, answer.read) == (200, {"predictions": ["setosa"]})
    assert (answer.headers["x-model-version"], answer.headers["x-request-id"]) == ("1", "mine-1")
    assert server.post(SPLIT, x_request_id="not ours; really").headers["x-request-id"].isalnum()


def test_mlflows_own_client_gets_predictions(server: Process) -> None:
    """The contract is that of MLflow's scoring server: its client reads the answer."""
    import pandas as pd
    from mlflow.deployments import PredictionsResponse

    frame = pd.DataFrame([ROW, ROW], columns=NAMES)
    body = json.dumps({"dataframe_split": json.loads(frame.to_json(orient="split"))}).encode()
    read = PredictionsResponse.from_json(server.post(body).body.decode())
    assert read.get_predictions()[0].tolist() == ["setosa", "setosa"]
    csv = frame.to_csv(index=False).encode()
    assert server.post(csv, "text/csv").read == {"predictions": ["setosa", "setosa"]}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[" * (LIMIT - 1), "application/json", 400),
        (json.dumps(SPLIT).encode(), "text/plain", 415),
        (b" " * (LIMIT + 1), "application/json", 413),
        ({"dataframe_split": {"columns": NAMES, "data": [["1.4", 0.2, 5.1, 3.5]]}}, "application/json", 422),
        ({"dataframe_split": {"columns": NAMES, "data": [[None, 0.2, 5.1, 3.5]]}}, "application/json", 422),
        ({"dataframe_split": {"columns": NAMES[1:], "data": [ROW[1:]]}}, "application/json", 422),
        (b'{"instances": [[1e400, 0.2, 5.1, 3.5]]}', "application/json", 422),
        (b'{"instances": [[Infinity, 0.2, 5.1, 3.5]]}', "application/json", 400),
    ],
)
def test_a_mistake_has_one_form(server: Process, body: Any, content_type: str, status: int) -> None:
    """Whatever is wrong."""
    refused(server.post(body, content_type), status)


def test_a_row_that_does_not_fit_is_named_and_not_shown(server: Process) -> None:
    """Its column, its row, and not its value."""
    body = {"dataframe_split": {"columns": NAMES, "data": [ROW, [1.4, "marked-7391", 5.1, 3.5]]}}
    answer = server.post(body)
    read = refused(answer, 422)
    assert (read["column"], read["row"]) == ("petal_width", 1)
    assert b"marked-7391" not in answer.body
    assert "marked-7391" not in server.log.read_text()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/invocations", 405), ("GET", "/nowhere", 404), ("PUT", "/ping", 405), ("POST", "/", 405)],
)
def test_another_path_or_method_has_the_same_form(server: Process, method: str, path: str, status: int) -> None:
    """An unknown path is not a page of the framework."""
    assert set(server.ask(method, path).read) == FORM
    assert server.ask(method, path).status == status


def test_a_page_in_a_browser_cannot_name_the_server_otherwise(server: Process) -> None:
    """A host that is not on the list is refused, whatever the port."""
    assert "hosts" in refused(server.ask("GET", "/version", Host="evil.example"), 400)["error"]
    assert server.ask("GET", "/version", Host="LOCALHOST:1").status == 200


def raw(server: Process, head: str, *chunks: bytes) -> bytes:
    """Send bytes and return all that comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        for chunk in chunks:
            connection.sendall(chunk)
        answer = b""
        while part := connection.recv(1 << 16):
            answer += part
            if b"request_id" in answer or b"predictions" in answer:
                break
        return answer


POST = "POST /invocations HTTP/1.1\nHost: localhost\nContent-Type: application/json\n"


def test_bytes_are_counted_where_no_length_is_given(server: Process) -> None:
    """A body in chunks that is too large is refused as one with a length is."""
    chunk = b"10000\r\n" + b" " * (1 << 16) + b"\r\n"
    answer = raw(server, f"{POST}Transfer-Encoding: chunked\n\n", *[chunk] * (LIMIT // (1 << 16) + 1), b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_client_that_asks_first_is_told_at_once(server: Process) -> None:
    """`Expect: 100-continue` with too large a body gets 413 before the body is sent."""
    head = f"{POST}Content-Length: {LIMIT + 1}\nExpect: 100-continue\n\n"
    assert raw(server, head).startswith(b"HTTP/1.1 413")


def test_two_lengths_are_refused(server: Process) -> None:
    """A request whose end is not certain is not read as two."""
    body = json.dumps(SPLIT).encode()
    answer = raw(server, f"{POST}Content-Length: {len(body)}\nTransfer-Encoding: chunked\n\n", body)
    assert answer.startswith(b"HTTP/1.1 400")


def test_the_openapi_page_has_the_models_columns(server: Process) -> None:
    """Its example is answered, and the answers are as it describes them."""
    page = server.ask("GET", "/openapi.json").read
    schemas = page["components"]["schemas"]
    assert list(schemas["row"]["properties"]) == [*NAMES, "species"]
    assert schemas["row"]["required"] == NAMES
    content = page["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    example = content["example"]
    validate(example, content["schema"] | {"components": page["components"]})
    answer = server.post(example)
    assert answer.status == 200
    validate(answer.read, schemas["predictions"])
    validate(server.post(b"").read, schemas["error"])
    people = server.ask("GET", "/")
    assert b"sepal_width" in people.body
    assert b"curl " in people.body


def test_metrics_count_requests_by_status(server: Process) -> None:
    """In Prometheus' format, with every name that the dashboard uses."""

    def count(status: str) -> float:
        families = list(text_string_to_metric_families(server.ask("GET", "/metrics").body.decode()))
        [requests] = [family for family in families if family.name == "modelmake_requests"]
        found = {sample.labels.get("status"): sample.value for sample in requests.samples if "total" in sample.name}
        return found.get(status, 0.0)

    server.post(b"")
    before = count("400")
    server.post(b"")
    assert count("400") == before + 1
    text = server.ask("GET", "/metrics").body.decode()
    missing = [name for name in counts.NAMES if f"# TYPE {name} " not in text]
    assert [name for name in missing if not name.startswith("modelmake_watch")] == []


def test_health_says_what_is_served(server: Process) -> None:
    """The version, and that it is the one that the alias names."""
    deadline = time.monotonic() + 10
    while server.health["status"] != "ok" and time.monotonic() < deadline:
        time.sleep(0.1)
    health = server.health
    assert (health["status"], health["version"], health["registry"], health["problem"]) == ("ok", "1", "up", None)
    assert server.ask("GET", "/version").read["name"] == "flower_classifier"


@pytest.mark.parametrize("count", [1, 1000])
def test_many_rows_are_predicted_as_one_is(server: Process, count: int) -> None:
    """A large request is computed in a thread of its own, with the same result."""
    body = {"instances": [ROW] * count, "params": {}}
    assert server.post(body).read == {"predictions": ["setosa"] * count}
