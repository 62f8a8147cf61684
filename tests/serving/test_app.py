"""The scoring server, asked as clients do."""

import gzip
import json
import re
import socket
import time
from contextlib import suppress
from typing import Any

import pytest
from jsonschema import Draft202012Validator, validate
from prometheus_client.parser import text_string_to_metric_families

from modelmake.serving import counts
from modelmake.serving.connection import LIMIT as HEADERS
from modelmake.serving.wire import LIMIT
from tests.serving.conftest import Answer, Process, split

NAMES = ["petal_length", "petal_width", "sepal_length", "sepal_width"]
ROW = [1.4, 0.2, 5.1, 3.5]
SPLIT = {"dataframe_split": {"columns": NAMES, "data": [ROW]}}
GOOD = json.dumps(SPLIT).encode()
ROWS = [ROW, [4.7, 1.4, 7.0, 3.2], [6.0, 2.5, 6.3, 3.3]]
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
MIXED = [[row[place] for place in (3, 0, 2, 1)] for row in ROWS]
FORMED = [
    {"dataframe_split": {"columns": NAMES, "data": ROWS}},
    {"dataframe_split": {"index": [5, 6, 7], "columns": [NAMES[i] for i in (3, 0, 2, 1)], "data": MIXED}},
    {"dataframe_records": RECORDS},
    {"dataframe_records": [record | {"species": "ignored"} for record in RECORDS]},
    {"inputs": {name: [record[name] for record in RECORDS] for name in NAMES}},
    {"inputs": RECORDS},
    {"instances": RECORDS},
    {"instances": RECORDS, "params": None},
]
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
        ({"dataframe_split": {"columns": NAMES, "data": [["1,4", 0.2, 5.1, 3.5]]}}, "application/json", 422),
        ({"dataframe_split": {"columns": NAMES, "data": [[None, 0.2, 5.1, 3.5]]}}, "application/json", 422),
        ({"dataframe_split": {"columns": NAMES[1:], "data": [ROW[1:]]}}, "application/json", 422),
        (GOOD.replace(b"1.4", b"1e400"), "application/json", 422),
        (GOOD.replace(b"1.4", b"Infinity"), "application/json", 422),
        (GOOD.replace(b"1.4", b"NaN"), "application/json", 422),
        (GOOD.replace(b"1.4", b"true"), "application/json", 422),
        (GOOD.replace(b"1.4", b'"\\udfff"'), "application/json", 400),
        (GOOD.replace(b"1.4", b'"\xff"'), "application/json", 400),
        (GOOD.replace(b"1.4", b"[" * 300 + b"]" * 300), "application/json", 400),
        (b'{"instances": [[1.4, 0.2, 5.1, 3.5]]}', "application/json", 400),
        (json.dumps(SPLIT).encode("utf-16"), "application/json", 400),
        (json.dumps(SPLIT).encode(), "application/json; charset=UTF-16", 415),
        (json.dumps(SPLIT).encode(), "application/x-www-form-urlencoded", 415),
        (b'{"instances": []}', "application/json", 422),
        (b'{"dataframe_records": [{"\\ud800": 1}]}', "application/json", 400),
        (b'{"dataframe_records": [{}, {"\\ud800\\n": 1}]}', "application/json", 400),
        (json.dumps({"instances": [{f"k{n}": n for n in range(100_000)}]}).encode(), "application/json", 422),
        (b"petal_length\n\xff\n", "text/csv", 400),
        (b"a,b,c\n1,2\n", "text/csv", 400),
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
    [
        ("GET", "/invocations", 405),
        ("OPTIONS", "/invocations", 405),
        ("PUT", "/ping", 405),
        ("POST", "/", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/version/", 404),
        ("POST", "/invocations/", 404),
        ("GET", "/%2e%2e/%ff", 404),
    ],
)
def test_another_path_or_method_has_the_same_form(server: Process, method: str, path: str, status: int) -> None:
    """An unknown path is not a page of the framework."""
    answer = server.ask(method, path, x_request_id="mine-1")
    assert refused(answer, status)["request_id"] == "mine-1"
    assert ("allow" in answer.headers) == (status == 405)


def test_a_page_in_a_browser_cannot_name_the_server_otherwise(server: Process) -> None:
    """A host that is not on the list is refused, with any port."""
    assert "hosts" in refused(server.ask("GET", "/version", Host="evil.example"), 400)["error"]
    assert server.ask("GET", "/version", Host="LOCALHOST:1").status == 200


@pytest.mark.parametrize("host", ["10.0.0.7:5001", "evil.example", "", "[::1]:80"])
def test_ping_answers_any_host(server: Process, host: str) -> None:
    """A probe asks by the address of the container, and learns nothing but that a model is served."""
    answer = server.ask("GET", "/ping", Host=host)
    assert (answer.status, answer.body) == (200, b"\n")


def raw(server: Process, head: str, *chunks: bytes) -> bytes:
    """Send bytes and return what comes back, until the first answer."""
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


def test_the_openapi_page_has_the_models_columns(server: Process) -> None:
    """Its example is answered, and the answers are as it describes them."""
    page = server.ask("GET", "/openapi.json").read
    schemas = page["components"]["schemas"]
    assert list(schemas["row"]["properties"]) == [*NAMES, "species"]
    assert schemas["row"]["required"] == NAMES
    content = page["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"]
    example = content["example"]
    schema = content["schema"] | {"components": page["components"]}
    row = dict(zip(NAMES, ROW, strict=True))
    texts = {"dataframe_records": [row | {NAMES[0]: str(ROW[0]), "species": {}}]}  # ignored, so it may be anything
    for body in (example, *FORMED, texts, {"inputs": row}):
        validate(body, schema)
        assert server.post(body).status == 200, body
    for body in ({"instances": [ROW]}, {"instances": [], "more": 1}, {"inputs": {"petal_length": [1.4]}}, [], {}):
        assert not Draft202012Validator(schema).is_valid(body)
        assert server.post(body).status in (400, 422)
    for path, described in page["paths"].items():
        for method in described:
            assert server.ask(method.upper(), path).status != 405
    assert server.ask("GET", "/ping").headers["content-type"].startswith("text/plain")
    answer = server.post(example)
    assert answer.status == 200
    validate(answer.read, schemas["predictions"])
    validate(server.post(b"").read, schemas["error"])
    people = server.ask("GET", "/")
    assert b"sepal_width" in people.body
    assert (
        f"curl http://localhost:{server.port}/invocations ".encode()
        in server.ask("GET", "/", Host=f"localhost:{server.port}").body
    )


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
    assert server.post(split(NAMES, [ROW] * count, params={"top_k": 3}, client_request_id="r-1")).read == {
        "predictions": ["setosa"] * count
    }


def whole(server: Process, *parts: bytes) -> list[tuple[int, dict[str, str], Any]]:
    """Send bytes and return each answer until the server ends the connection, by a reset if bytes are left unread."""
    answer = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        with suppress(ConnectionError):
            while part := connection.recv(1 << 16):
                answer += part
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        size = int(headers.get("content-length", 0))
        found.append((int(first.split()[1]), headers, json.loads(rest[:size]) if size else None))
        answer = rest[size:]
    return found


HEAD = POST.replace("\n", "\r\n").encode()
LENGTH = b"Content-Length: %d\r\n" % len(GOOD)
HIDDEN = b"GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
END = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
UNCERTAIN = {
    "both lengths": HEAD + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n",
    "two equal lengths": HEAD + LENGTH + LENGTH + b"\r\n" + GOOD,
    "two other lengths": HEAD + b"Content-Length: 3\r\n" + LENGTH + b"\r\n" + GOOD,
    "a list of lengths": HEAD + b"Content-Length: 3, 3\r\n\r\n{}.",
    "a signed length": HEAD + b"Content-Length: +3\r\n\r\n{}.",
    "a space before the colon": HEAD + b"Content-Length : 3\r\n\r\n{}.",
    "another encoding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked is not the last": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a signed chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nabcde\r\n0\r\n\r\n",
    "a folded header": HEAD + b"X: a\r\n b\r\n" + LENGTH + b"\r\n" + GOOD,
    "bare line feeds": (HEAD + LENGTH + b"\r\n").replace(b"\r\n", b"\n") + GOOD,
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an upgrade with both lengths": HEAD + UPGRADE + b"Transfer-Encoding: chunked\r\n" + LENGTH + b"\r\n0\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("uncertain", UNCERTAIN.values(), ids=UNCERTAIN)
def test_no_body_is_read_as_a_request(server: Process, uncertain: bytes) -> None:
    """One answer, in the one form, and the end of the connection: what follows has none."""
    [(status, headers, answer)] = whole(server, uncertain, HIDDEN)
    assert (status, headers["connection"], set(answer)) == (400, "close", FORM)
    assert headers["x-request-id"] == answer["request_id"]


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD)
WISHES = {
    "java": HEAD + LENGTH + H2C + b"User-Agent: Java-http-client/21\r\n\r\n" + GOOD,
    "curl": HEAD + b"User-Agent: curl/8.14\r\n" + H2C + LENGTH + b"\r\n" + GOOD,
    "chunks": HEAD + H2C + CHUNKED,
    "websocket": HEAD + b"Connection: keep-alive, Upgrade\r\nupgrade: websocket\r\n" + LENGTH + b"\r\n" + GOOD,
    "two wishes": HEAD + UPGRADE + UPGRADE + LENGTH + b"\r\n" + GOOD,
}


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
@pytest.mark.parametrize("size", [1, 7, 1 << 20], ids=["bytes", "pieces", "whole"])
def test_a_wish_for_another_protocol_is_ignored(server: Process, wish: bytes, size: int) -> None:
    """As Java's client and `curl --http2` have it by default: the answer is HTTP/1.1, and so is what follows."""
    sent = wish + wish + END
    answers = whole(server, *(sent[place : place + size] for place in range(0, len(sent), size)))
    assert [(status, answer) for status, _, answer in answers[:2]] == [(200, {"predictions": ["setosa"]})] * 2
    assert [status for status, _, _ in answers[2:]] == [200]


def test_the_body_of_a_request_with_a_wish_is_no_request(server: Process) -> None:
    """Its bytes are counted as those of any other."""
    for head in (
        b"Content-Length: %d\r\n\r\n" % len(HIDDEN),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(HIDDEN),
    ):
        end = b"\r\n0\r\n\r\n" if b"chunked" in head else b""
        answers = whole(server, HEAD + UPGRADE + head + HIDDEN + end + END)
        assert [status for status, _, _ in answers] == [400, 200]


def test_a_request_without_a_body_may_have_a_wish(server: Process) -> None:
    """And the connection stays open."""
    request = b"GET /version HTTP/1.1\r\nHost: localhost\r\n" + UPGRADE + b"\r\n"
    assert [status for status, _, _ in whole(server, request + request + END)] == [200] * 3


def test_requests_in_a_row_are_answered_in_their_order(server: Process) -> None:
    """Also if they are sent before the first answer; bytes after them that are not a request change no answer."""
    requests = [HEAD + LENGTH + b"x-request-id: r%d\r\n\r\n" % number + GOOD for number in range(3)]
    answers = whole(server, b"".join(requests) + END)
    assert [headers["x-request-id"] for _, headers, _ in answers[:3]] == ["r0", "r1", "r2"]
    assert [answer for _, _, answer in answers[:3]] == [{"predictions": ["setosa"]}] * 3
    [(status, headers, answer)] = whole(server, requests[0] + b"no request\r\n\r\n")
    assert (status, headers["x-request-id"], answer) == (200, "r0", {"predictions": ["setosa"]})


def test_a_length_that_is_too_small_ends_the_body(server: Process) -> None:
    """The body is what the length says, and the rest of it is not a request."""
    [(status, _, answer)] = whole(server, HEAD + b"Content-Length: 10\r\n\r\n" + GOOD)
    assert (status, set(answer)) == (400, FORM)


def test_a_body_may_be_packed(server: Process) -> None:
    """By gzip, in one part or several, small or large; what is unpacked has the limit of any body."""
    for packed in (gzip.compress(GOOD), gzip.compress(GOOD[:9]) + gzip.compress(GOOD[9:])):
        assert server.post(packed, content_encoding="gzip").read == {"predictions": ["setosa"]}
    many = gzip.compress(split(NAMES, [ROW] * 5_000))
    assert server.post(many, content_encoding="GZIP").read == {"predictions": ["setosa"] * 5_000}
    refused(server.post(gzip.compress(b" " * (LIMIT + 1)), content_encoding="gzip"), 413)
    refused(server.post(gzip.compress(GOOD)[:-9], content_encoding="gzip"), 400)
    refused(server.post(GOOD, content_encoding="gzip"), 400)
    assert "Content-Encoding: gzip" in refused(server.post(gzip.compress(GOOD)), 415)["error"]
    refused(server.post(GOOD, content_encoding="br"), 415)


def test_a_body_in_chunks_is_a_body(server: Process) -> None:
    """Without a length, and after a word that the server waits for it."""
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(GOOD[i : i + 7]), GOOD[i : i + 7]) for i in range(0, len(GOOD), 7))
    head = HEAD + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    first, (status, _, answer), _ = whole(server, head, chunks + b"0\r\n\r\n", END)
    assert (first[0], status, answer) == (100, 200, {"predictions": ["setosa"]})


@pytest.mark.parametrize("given", ["a b", "a%0d%0ab", "\xe9", "x" * 65, "a;b", "", "a\tb", "<script>"])
def test_an_id_that_is_none_is_not_repeated(server: Process, given: str) -> None:
    """So nothing else gets into a header or into the log."""
    made = server.post(SPLIT, x_request_id=given).headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{32}", made)


def test_one_host_is_named(server: Process) -> None:
    """None, or a second one that is not on the list, is refused."""
    for head in (b"GET /version HTTP/1.0\r\n", b"GET /version HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n"):
        [(status, _, answer)] = whole(server, head + b"Connection: close\r\n\r\n")
        assert status == 400
        assert "hosts" in answer["error"]


def test_headers_have_a_limit(server: Process) -> None:
    """A client that never ends them fills no memory and delays no other client."""
    [(status, headers, answer)] = whole(server, (HEAD + b"X: ").ljust(HEADERS + 1, b"a"))
    assert (status, headers["connection"], set(answer)) == (431, "close", FORM)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(HEAD + b"X: ")
        sent = 0
        with suppress(OSError):
            while sent < 64:
                connection.sendall(b"a" * (1 << 20))
                sent += 1
    assert sent < 64
    padded = b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1000) for number in range(200))
    [(status, _, answer)] = whole(server, HEAD + padded + LENGTH + b"Connection: close\r\n\r\n" + GOOD)
    assert (status, answer) == (200, {"predictions": ["setosa"]})


def requests(server: Process) -> dict[str, float]:
    """Return the requests by status; none before the first request, which may be another test's."""
    families = text_string_to_metric_families(server.ask("GET", "/metrics").body.decode())
    samples = [sample for family in families for sample in family.samples]
    return {sample.labels["status"]: sample.value for sample in samples if sample.name == "modelmake_requests_total"}


def test_a_client_that_goes_is_no_failure_of_the_server(server: Process) -> None:
    """It has its own counter, since an alert may be set on 5xx."""
    before = requests(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(HEAD + LENGTH + b"\r\n" + GOOD[:10])
    deadline = time.monotonic() + 20
    while requests(server).get("499", 0) == before.get("499", 0):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert requests(server).get("500", 0) == before.get("500", 0)


@pytest.mark.parametrize("text", ['{"values": {"of_a_newer_version": 1, "modelmake_watch_rows": 7}}', "[]", "{", "1"])
def test_metrics_survive_what_make_watch_left(server: Process, text: str) -> None:
    """Whatever the file is: of another version, torn, or none."""
    watched = server.path / ".serve/pipeline/watch.json"
    watched.write_text(text)
    try:
        answer = server.ask("GET", "/metrics")
    finally:
        watched.unlink()
    assert answer.status == 200
    assert (b"modelmake_watch_rows 7.0" in answer.body) == ("watch_rows" in text)
    assert b"of_a_newer_version" not in answer.body


def test_every_form_gets_the_same_predictions(server: Process) -> None:
    """The rows of the OpenAPI page's example and of other flowers, in all of MLflow's forms and as a CSV."""
    csv = "\n".join([",".join(NAMES), *(",".join(map(str, row)) for row in ROWS)]).encode()
    expected = {"predictions": ["setosa", "versicolor", "virginica"]}
    assert [server.post(body).read for body in FORMED] == [expected] * len(FORMED)
    assert server.post(csv, "text/csv").read == expected
    assert server.post(b"\xef\xbb\xbf" + json.dumps(FORMED[0]).encode()).read == expected
