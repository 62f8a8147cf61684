"""Smoke: send the golden rows and invalid requests to the running server, and check each answer."""

import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from modelmake.config import receipt
from modelmake.core import settings
from modelmake.core.errors import AnswerError, UserError
from modelmake.model.contract import Contract
from modelmake.serving import serve
from modelmake.serving.body import JSON
from modelmake.serving.cache import MODEL, Cache
from modelmake.serving.protocols import PROTOCOLS, mlflow
from modelmake.serving.wire import LIMIT, SMOKE

START = "make serve"
PATIENCE = 30  # seconds for an answer
WIDE = 40  # columns, of which single ones are tried


@dataclass(frozen=True)
class Answer:
    """The answer to one request."""

    status: int
    body: dict[str, Any]
    version: str


@dataclass(frozen=True)
class Question:
    """A request and the status of a correct answer; `column` is the column that a refusal must name."""

    what: str
    body: bytes
    content_type: str = JSON
    status: int = 200
    column: str | None = None
    path: str = mlflow.PATHS[0]


class Client:
    """Requests to the server of this pipeline."""

    def __init__(self) -> None:
        """Take address, token and certificate from where `make serve` left them."""
        folder = serve.folder()
        port, token, certificate = folder / "port", folder / "token", folder / "tls.crt"
        if not port.exists():
            raise UserError(str(folder), "no scoring server was started for this pipeline", START)
        scheme = "https" if certificate.exists() else "http"
        address = settings.container().scorer or f"{scheme}://localhost:{port.read_text().strip()}"
        self.url = address
        self.headers = {SMOKE: "1"}
        if token.exists():
            self.headers["Authorization"] = f"Bearer {token.read_text(encoding='utf-8').strip()}"
        self.context = ssl.create_default_context(cafile=str(certificate)) if certificate.exists() else None

    def ask(self, method: str, path: str, body: bytes = b"", content_type: str = JSON) -> Answer:
        """Send one request.

        Raises
        ------
        UserError
            No server answers.

        """
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=self.context)
            if self.context
            else http.client.HTTPConnection(host, port, timeout=PATIENCE)
        )
        try:
            connection.request(method, path, body, self.headers | {"Content-Type": content_type})
            response = connection.getresponse()
            text = response.read()
        except OSError as error:
            raise UserError(self.url, f"no answer: {error.strerror or type(error).__name__}", START) from None
        finally:
            connection.close()
        try:
            read = json.loads(text)
        except ValueError:
            read = None
        version = response.headers.get("x-model-version", "")
        return Answer(response.status, read if isinstance(read, dict) else {}, version)


def golden(contract: Contract) -> Iterator[Question]:
    """Yield the golden rows in each form that the server accepts."""
    for protocol in PROTOCOLS:
        for one in protocol.examples(contract.names, contract.rows):
            yield Question(f"golden rows as {one.form}", one.body, one.content_type, path=protocol.PATHS[0])


def faulty(contract: Contract) -> Iterator[Question]:
    """Yield requests that the server must refuse."""
    names, row = contract.names, list(contract.rows[0])

    def split(columns: list[str], values: list[Any]) -> bytes:
        return json.dumps({"dataframe_split": {"columns": columns, "data": [values]}}).encode()

    for place, feature in enumerate(contract.features[:WIDE]):
        name, others, rest = feature.name, [*row[:place]], row[place + 1 :]
        if place == 0 and len(names) > 1:
            yield Question("a missing column", split(names[1:], rest), status=422, column=name)
        wrong: object = ["a", "list"] if feature.dtype == "str" else {"a": "table"}
        yield Question(f"wrong type in {name}", split(names, [*others, wrong, *rest]), status=422, column=name)
        if not feature.optional:
            yield Question(f"null in {name}", split(names, [*others, None, *rest]), status=422, column=name)
    unknown = "no_such_column"
    yield Question("an unknown column", split([*names, unknown], [*row, 1]), status=422, column=unknown)
    yield Question("no rows", json.dumps({"dataframe_split": {"columns": names, "data": []}}).encode(), status=422)
    yield Question("no JSON", b'{"dataframe_split": ', status=400)
    yield Question("unknown form", b"[[1, 2]]", status=400)
    yield Question("unsupported content type", b"1,2", "text/plain", 415)
    yield Question("body too large", b" " * (LIMIT + 1), status=413)


def problem(question: Question, answer: Answer, contract: Contract) -> tuple[str, str]:
    """Return what is wrong with an answer, "" for nothing, and how much its predictions differ from the logged ones."""
    if answer.status != question.status:
        return f"answers {answer.status}, not {question.status}", ""
    if question.status != 200:
        if set(answer.body) != {"error", "column", "row", "request_id"}:
            return "the error does not have the documented form", ""
        return "" if answer.body["column"] == question.column else f"names the column {answer.body['column']!r}", ""
    predictions = answer.body.get("predictions")
    if not isinstance(predictions, list) or len(predictions) != len(contract.predictions):
        return "does not have a prediction for each row", ""
    agreement = contract.agreement(predictions)
    note = "" if agreement.equal else agreement.words
    if agreement.same:
        return "", note
    return f"golden row {agreement.apart[0]} has a prediction that differs from the logged one: {note}", ""


def main() -> None:
    """Print a line for each request; raises AnswerError if an answer is wrong."""
    client = Client()
    served = client.ask("GET", "/version")
    if served.status != 200:
        raise UserError(client.url, str(served.body.get("error", f"answers {served.status}")), "make promote")
    model_id, version = str(served.body["model_id"]), str(served.body["version"])
    place = Cache(serve.folder() / "cache").folder / model_id / MODEL
    contract = Contract.read(place)
    print(f"▸ smoke · version {version} of {served.body['name']} on {client.url}", flush=True)
    results = []
    for question in (*golden(contract), *faulty(contract)):
        answer = client.ask("POST", question.path, question.body, question.content_type)
        wrong, note = problem(question, answer, contract)
        if not wrong and answer.version not in ("", version):
            wrong = f"answered by version {answer.version}: the alias moved during the test; run it again"
        results.append(("fail" if wrong else "ok", question.what, wrong or note))
    print(receipt.aligned(results))
    if failed := [what for result, what, _ in results if result == "fail"]:
        raise AnswerError(client.url, f"{len(failed)} of {len(results)} answers are wrong: {failed[0]}", "make logs")
    print(f"smoke: all {len(results)} answers are correct")
