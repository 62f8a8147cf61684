"""Claims: list the receipts that name a run, a model, a version or an alias that no longer exists in MLflow.

    cat build/*.json | python -I claims.py FILE_OR_ADDRESS STAGE …

FILE_OR_ADDRESS is MLflow's SQLite database, or the http(s) address of its server; - is that of MLFLOW_TRACKING_URI.
Each line of output is one of the stages, whose receipt is stale. If MLflow does not answer, the output is empty, and a
note on standard error gives the reason.
Make runs this before every run, also with the Python of the server's container: so it is one file, it uses only the
standard library, and it imports slow modules late.
"""

import json
import os
import re
import sqlite3
import sys
import threading
import time
from base64 import b64encode
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

TYPE_CHECKING = False  # typing's own costs 5 ms
if TYPE_CHECKING:
    import ssl
    from http.client import HTTPResponse

PATIENCE = 3  # seconds, for all answers of a server
API = "api/2.0/mlflow"
BUSY = 1  # seconds, for another process that writes to the database

Claim = tuple[str, ...]  # its kind, and its names in MLflow

FIELDS = {"run": ("run_id",), "model": ("model_id",), "version": ("name", "version"), "alias": ("name", "alias")}
# An alias on another version still counts: a person moved it on purpose.
ROWS = {
    "run": "SELECT 1 FROM runs WHERE run_uuid = ? AND lifecycle_stage IS NOT 'deleted'",
    "model": "SELECT 1 FROM logged_models WHERE model_id = ? AND lifecycle_stage IS NOT 'deleted'",
    "version": "SELECT 1 FROM model_versions WHERE name = ? AND version = ? "
    "AND current_stage IS NOT 'Deleted_Internal'",  # its row stays
    "alias": "SELECT 1 FROM registered_model_aliases WHERE name = ? AND alias = ?",
}
PAGES = {
    "run": "runs/get?run_id={}",
    "model": "logged-models/{}",
    "version": "model-versions/get?name={}&version={}",
    "alias": "registered-models/get?name={}",
}


class Unanswered(Exception):
    """MLflow does not answer; the text gives the reason, without credentials."""


def read(text: str) -> dict[str, set[Claim]]:
    """Return the claims of each stage from concatenated receipts, up to the first text that is not JSON."""
    stages: dict[str, set[Claim]] = {}
    decoder, text = json.JSONDecoder(), text.lstrip()
    while text:
        try:
            receipt, end = decoder.raw_decode(text)
        except (ValueError, RecursionError):
            break
        text = text[end:].lstrip()
        if isinstance(receipt, dict):
            stages[str(receipt.get("command")).removeprefix("make ")] = claims(receipt)
    return stages


def claims(receipt: dict[str, object]) -> set[Claim]:
    """Return what a receipt names; one with an empty version, of a refused registration, names nothing."""
    if receipt.get("version", True) is None:
        return set()
    named = {kind: [receipt.get(field) for field in fields] for kind, fields in FIELDS.items()}
    return {(kind, *map(str, values)) for kind, values in named.items() if all(values)}


def ask_database(path: str, asked: set[Claim]) -> set[Claim]:
    """Return the claims that do not hold in the SQLite database at `path`; all where the file does not exist."""
    file = Path(path).absolute()
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return asked
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=BUSY)) as database:
        database.execute("BEGIN")  # one snapshot of the database, and one wait for it
        return {claim for claim in asked if not database.execute(ROWS[claim[0]], claim[1:]).fetchone()}


def ask_server(address: str, asked: set[Claim]) -> set[Claim]:
    """Return the claims that do not hold on the server at `address`, with one request a claim, all at the same time.

    A clear no counts, also where another request has no answer: a server with a login answers 403 for a version whose
    registered model is deleted. The threads end with the process, since a DNS lookup cannot be interrupted.
    """
    server = Server(address)
    answers: dict[Claim, bool | Exception] = {}

    def answer(claim: Claim) -> None:
        try:
            answers[claim] = server.holds(claim)
        except Exception as error:  # the main thread turns any exception into the note
            answers[claim] = error

    deadline = time.monotonic() + PATIENCE
    threads = [threading.Thread(target=answer, args=[claim], daemon=True) for claim in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    settled = dict(answers)  # the threads that still wait may still write
    gone = {claim for claim in asked if settled.get(claim) is False}
    failed = [result for result in settled.values() if isinstance(result, Exception)]
    if not gone and len(settled) < len(asked):
        raise Unanswered(f"no answer in {PATIENCE} s")
    if not gone and failed:
        raise failed[0]
    return gone


class Server:
    """An MLflow server, with the credentials of MLflow's own client."""

    def __init__(self, address: str) -> None:
        """Prepare requests to `address`, without sending one."""
        import urllib.request  # noqa: PLC0415  # takes 40 ms, and a database does not need it

        parts = urlsplit(address)
        local = parts.hostname in ("localhost", "::1") or str(parts.hostname).startswith("127.")
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({} if local else None)]
        if parts.scheme == "https":
            handlers.append(urllib.request.HTTPSHandler(context=tls()))
        self.request, self.opener = urllib.request.Request, urllib.request.build_opener(*handlers)
        self.base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        self.headers = {"User-Agent": "modelmake", "Authorization": authorization(address)}
        self.headers["X-MLFLOW-WORKSPACE"] = os.environ.get("MLFLOW_WORKSPACE", "").strip()

    def open(self, path: str, patience: float) -> "HTTPResponse":
        """Return the answer to a request for `path`, which waits for `patience` seconds."""
        request = self.request(f"{self.base}/{path}")
        for name, value in self.headers.items():
            if value:
                request.add_unredirected_header(name, value)  # a redirect to another host carries no password
        answer: HTTPResponse = self.opener.open(request, timeout=patience)
        return answer

    def holds(self, claim: Claim) -> bool:
        """Return whether `claim` holds on the server.

        Raises
        ------
        Unanswered
            The answer is neither yes nor no: the server refuses the login, fails, or is not an MLflow server.

        """
        import urllib.error  # noqa: PLC0415  # as above

        kind, *names = claim
        path = PAGES[kind].format(*(quote(name, safe="") for name in names))
        try:
            with self.open(f"{API}/{path}", PATIENCE) as response:
                return confirmed(claim, response.read())
        except urllib.error.HTTPError as error:
            if missing(error.read()):
                return False
            raise Unanswered(f"HTTP {error.code}") from None


def tls() -> "ssl.SSLContext":
    """Return the TLS settings, with the certificates of the server and of the client that MLflow's variables name."""
    import ssl  # noqa: PLC0415  # slow to import, and only https needs it

    name = "MLFLOW_TRACKING_SERVER_CERT_PATH"
    try:
        context = ssl.create_default_context(cafile=os.environ.get(name) or None)
        name = "MLFLOW_TRACKING_CLIENT_CERT_PATH"
        if client := os.environ.get(name):
            context.load_cert_chain(client)
    except OSError as error:
        raise Unanswered(f"{name}: {error.strerror or error}") from None
    if os.environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("true", "1"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def authorization(address: str) -> str:
    """Return the Authorization header: from the address, else by user and password, else by token; "" for none."""
    parts, variable = urlsplit(address), os.environ.get
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user + password:
        user, password = variable("MLFLOW_TRACKING_USERNAME", ""), variable("MLFLOW_TRACKING_PASSWORD", "")
        if not (user and password):
            token = variable("MLFLOW_TRACKING_TOKEN", "")
            return f"Bearer {token}" if token else ""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def confirmed(claim: Claim, body: bytes) -> bool:
    """Return whether MLflow's answer confirms `claim`."""
    answer = json.loads(body)
    match claim[0]:
        case "run":
            holds = answer["run"]["info"]["lifecycle_stage"] != "deleted"
        case "model":
            holds = answer["model"]["info"]["model_id"] == claim[1]
        case "version":
            holds = answer["model_version"].get("current_stage") != "Deleted_Internal"
        case _:
            holds = any(entry["alias"] == claim[2] for entry in answer["registered_model"].get("aliases", []))
    return bool(holds)


def missing(body: bytes) -> bool:
    """Return whether an error is MLflow's for an object that does not exist: a proxy answers 404 too."""
    try:
        return bool(json.loads(body)["error_code"] == "RESOURCE_DOES_NOT_EXIST")
    except (ValueError, LookupError, TypeError):
        return False


def reason(error: Exception) -> str:
    """Return as one line why MLflow does not answer; a text that may quote a password is left out."""
    cause = getattr(error, "reason", error)  # a URLError has it
    if isinstance(error, OSError):
        text = getattr(cause, "strerror", None) or str(cause)
    else:
        text = str(error) if isinstance(error, sqlite3.Error | Unanswered) else "the answer is not MLflow's"
    return " ".join(text.split())


def main(address: str, receipts: bytes, *names: str) -> None:
    """Print those of the stages `names` that have a claim that does not hold."""
    stages = {name: claimed for name, claimed in read(receipts.decode(errors="replace")).items() if name in names}
    asked: set[Claim] = set().union(*stages.values())
    gone: set[Claim] = set()
    try:
        if not asked:
            pass
        elif address.startswith(("http://", "https://")):
            gone = ask_server(address, asked)
        elif "://" in address:
            raise Unanswered("neither a database file nor an http address")
        else:
            gone = ask_database(address, asked)
    except Exception as error:  # a check that fails must not stop the user
        where = re.sub("://.*@", "://", address)
        note = f"note: cannot check the receipts against {where}; they count as valid: {reason(error)}"
        print(note, file=sys.stderr)
    for name in names:
        if stages.get(name, set()) & gone:
            print(name)


if __name__ == "__main__":
    place = sys.argv[1]
    if place == "-":  # no list of processes shows it
        place = os.environ["MLFLOW_TRACKING_URI"].strip()
    main(place, sys.stdin.buffer.read(), *sys.argv[2:])
