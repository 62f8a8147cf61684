"""App: the scoring server of one worker. It speaks MLflow's contract and answers every mistake in one form."""

import asyncio
import hmac
import json
import re
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from modelmake.serving import counts, page
from modelmake.serving.body import Table
from modelmake.serving.champion import Follower, Model
from modelmake.serving.log import Log, Record
from modelmake.serving.protocols import PROTOCOLS, Protocol
from modelmake.serving.refusal import Refusal
from modelmake.serving.serve import Options
from modelmake.serving.wire import SMALL, SMOKE, identity, read, refused

WAITING = 64  # large requests at once
HELD = 1 << 27  # bytes of all bodies that arrive or wait
HOSTS = ("localhost", "127.0.0.1", "[::1]", "scorer")
HIDDEN = "send the token to see it; the log of the server has it too"
PORT = re.compile(r":\d*$")

Handler = Callable[[Request], Awaitable[Response]]


def busy() -> Refusal:
    """Return the refusal of a request if too many are in progress."""
    return Refusal(503, "too many requests at once: send it again in a second")


class Server:
    """The routes, with what they share: the model of the follower, the log, and the options of `make serve`."""

    def __init__(self, follower: Follower, log: Log, options: Options) -> None:
        """Keep them; one thread computes large requests, so that the loop can answer others."""
        self.follower, self.log, self.options, self.token = follower, log, options, options.token
        self.watched = Path(options.folder, "watch.json")  # `make watch` writes it for /metrics
        self.hosts = {*HOSTS, *map(str.lower, options.hosts)}
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="scorer")
        self.waiting = self.held = 0

    def routes(self) -> list[Route]:
        """Return the routes."""
        closed = {"/version": self.version, "/metrics": self.metrics, "/openapi.json": self.openapi, "/": self.page}
        return [
            *(
                Route(path, self.answered(partial(self.scoring, protocol)), methods=["POST"])
                for protocol in PROTOCOLS
                for path in protocol.PATHS
            ),
            Route("/ping", self.answered(self.ping, host=False, token=False)),  # probes ask by the address
            Route("/health", self.answered(self.health, token=False)),
            *(Route(path, self.answered(handler)) for path, handler in closed.items()),
        ]

    def answered(self, handler: Handler, *, host: bool = True, token: bool = True) -> Handler:
        """Return a handler that checks host and token, and answers a refusal in the one form."""

        async def answer(request: Request) -> Response:
            request.state.id = identity(request)
            try:
                if host:
                    self.check_host(request)
                if token and not self.has_token(request):
                    raise Refusal(401, "missing or wrong token: send Authorization: Bearer …")
                response = await handler(request)
            except Refusal as refusal:
                response = refused(refusal, request.state.id)
                if refusal.status == 500:
                    print(f"request {request.state.id}: {refusal.error}", flush=True)
            except ClientDisconnect:
                response = Response(status_code=499)
            except Exception as error:  # a bug: no answer and no log quotes a value of a row
                print(f"request {request.state.id}: {type(error).__name__} in {request.url.path}", flush=True)
                response = refused(Refusal(500, "the server failed on this request"), request.state.id)
            response.headers["x-request-id"] = request.state.id
            return response

        return answer

    def check_host(self, request: Request) -> None:
        """Raise Refusal for another host: a page in a browser could name the server by it."""
        hosts = {PORT.sub("", host).lower() for host in request.headers.getlist("host") or [""]}
        if "*" not in self.hosts and not hosts <= self.hosts:
            raise Refusal(400, "the host of the request is not allowed: add it to hosts under [serve]")

    def has_token(self, request: Request) -> bool:
        """Return whether a request has the token, or none is needed."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        bearer = scheme.lower() == "bearer"
        return not self.token or (hmac.compare_digest(self.token.encode(), given.strip().encode()) and bearer)

    @property
    def model(self) -> Model:
        """The served model; raises Refusal where there is none yet."""
        if (model := self.follower.model) is None:
            raise Refusal(503, "no model is served yet: /health says why")
        return model

    async def scoring(self, protocol: Protocol, request: Request) -> Response:
        """Predict the rows of the body, and put them into the log."""
        started, status, held = time.monotonic(), 500, 0

        def hold(size: int) -> None:
            nonlocal held
            held += size
            self.held += size
            if self.held > HELD:
                raise busy()

        counts.IN_PROGRESS.inc()
        try:
            body, model = await read(request, hold), self.model
            table, predictions = await self.scored(model, body, request.headers.get("content-type", ""), protocol)
            answer = protocol.write(predictions)
            status = 200
            columns = {name: table.columns[name] for name in model.scorer.contract.names}
            origin = (request.state.id, model.named.version, model.named.model_id)
            self.log.put(Record(time.time(), *origin, columns, predictions, SMOKE in request.headers), len(body))
            counts.ROWS.inc(table.rows)
            headers = {"x-model-version": model.named.version}
            return Response(answer, media_type="application/json", headers=headers)
        except Refusal as refusal:
            status = refusal.status
            raise
        except ClientDisconnect:  # not a failure of the server
            status = 499
            raise
        finally:
            self.held -= held
            counts.IN_PROGRESS.dec()
            counts.REQUESTS.labels(str(status)).inc()
            counts.SECONDS.observe(time.monotonic() - started)

    async def scored(self, model: Model, body: bytes, content_type: str, protocol: Protocol) -> tuple[Table, list[Any]]:
        """Return the rows and the predictions of a body; a thread computes a large one, and the others wait."""
        if len(body) <= SMALL:
            return model.scorer.answer(body, content_type, protocol)
        if self.waiting >= WAITING:
            raise busy()
        self.waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.pool, model.scorer.answer, body, content_type, protocol)
        finally:
            self.waiting -= 1

    async def ping(self, _request: Request) -> Response:
        """Answer 200 if there is a model."""
        return Response("\n", 200 if self.follower.model else 503, media_type="text/plain")

    async def health(self, request: Request) -> Response:
        """Say what is served, and what keeps the server from the version that the alias names.

        The problem may name an address or a path, so whoever needs a token and has none gets to know only that it is.
        """
        state, model = self.follower.state, self.follower.model
        status = "no model" if model is None else "ok" if not state.problem else "stale"
        facts = {
            "status": status,
            "version": model.named.version if model else None,
            "registry": "up" if state.up else "down",
            "checked": state.checked or None,
            "refused": state.refused or None,
            "problem": (state.problem if self.has_token(request) else state.problem and HIDDEN) or None,
        }
        return JSONResponse(facts, 200 if model else 503)

    async def version(self, _request: Request) -> Response:
        """Say which version of the model answers."""
        model = self.model
        return JSONResponse(asdict(model.named) | {"loaded": model.loaded})

    async def metrics(self, _request: Request) -> Response:
        """Return the counts of all workers."""
        return Response(counts.page(counts.Facts(self.facts)), media_type="text/plain; version=0.0.4")

    async def openapi(self, _request: Request) -> Response:
        """Return the OpenAPI description."""
        model = self.model
        shown = page.without(model.scorer.contract, self.options.private)
        return JSONResponse(page.openapi(shown, model.named, token=bool(self.token)))

    async def page(self, request: Request) -> Response:
        """Return the page for people."""
        model, folder = self.model, self.options.folder
        shown, address = page.without(model.scorer.contract, self.options.private), str(request.base_url).rstrip("/")
        return HTMLResponse(page.html(shown, model.named, address, folder, token=bool(self.token)))

    def facts(self) -> tuple[counts.Info, dict[str, float], dict[str, float]]:
        """Return the gauges: the served version, the registry, and what `make watch` saw last."""
        state, model, info = self.follower.state, self.follower.model, {}
        values = {"modelmake_registry_up": float(state.up), "modelmake_promotion_refused": float(bool(state.refused))}
        values["modelmake_registry_checked_timestamp_seconds"] = state.checked
        if model is not None:
            info = {"name": model.named.name, "version": model.named.version, "run_id": model.named.run_id}
            values["modelmake_model_loaded_timestamp_seconds"] = model.loaded
        try:
            watched: dict[str, Any] = json.loads(self.watched.read_text(encoding="utf-8"))
            seen = {name: value for name, value in watched.get("values", {}).items() if name in counts.FACTS}
            return info, values | seen, watched.get("effects", {})
        except (OSError, ValueError, AttributeError):  # none, or one of another version
            return info, values, {}
