"""Page: the OpenAPI description of the server with the model's own columns, and a page for people."""

import shlex
from collections.abc import Collection
from html import escape
from typing import Any

from modelmake.model.contract import Contract, Feature
from modelmake.serving.body import JSON
from modelmake.serving.protocols import PROTOCOLS
from modelmake.tracking.readers import Named

ANSWERS = {
    400: "Not JSON, or not of a known form",
    401: "Missing or wrong token",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "Unsupported content type or content encoding",
    422: "A column or a value does not fit the model",
    431: "The headers are too large",
    500: "The model failed on these rows",
    503: "No model, or too many requests",
}
PAGES = {  # what clients get besides predictions, and its content type
    "/ping": ("200 if a model is served", "text/plain"),
    "/health": ("What is served, and why the version of the alias is not", JSON),
    "/version": ("Version, run and model", JSON),
    "/metrics": ("Counts and times for Prometheus", "text/plain"),
}
OPEN = ("/ping", "/health")  # they need no token


def openapi(contract: Contract, named: Named, *, token: bool) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the server that serves this version."""
    error = {"description": "", "content": {JSON: {"schema": {"$ref": "#/components/schemas/error"}}}}
    answers: dict[str, Any] = {str(status): error | {"description": text} for status, text in ANSWERS.items()}
    headers = {name: {"schema": {"type": "string"}} for name in ("x-model-version", "x-request-id")}
    answer = {"description": "A prediction for each row", "headers": headers}
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"error": ERROR}
    for path, (summary, kind) in PAGES.items():
        got = {"description": summary, "content": {kind: {"schema": {"type": "object" if kind == JSON else "string"}}}}
        paths[path] = {"get": {"summary": summary, "responses": {"200": got}}}
        if path in OPEN:
            paths[path]["get"]["security"] = []
    for protocol in PROTOCOLS:
        description = protocol.describe(contract)
        done = answer | {"content": {JSON: {"schema": description.answer}}}
        request = {"required": True, "content": description.request}
        post = {"summary": "Predict rows", "requestBody": request, "responses": answers | {"200": done}}
        paths |= {path: {"post": post} for path in protocol.PATHS}
        schemas |= description.schemas
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": named.name, "version": named.version, "description": f"Run {named.run_id}"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
    if token:
        described["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"token": []}]
    return described


ERROR = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "column": {"type": ["string", "null"]},
        "row": {"type": ["integer", "null"]},
        "request_id": {"type": "string"},
    },
    "required": ["error", "column", "row", "request_id"],
}


def without(contract: Contract, private: Collection[str]) -> Contract:
    """Return a contract whose first golden row, which the pages show, has no value of a private column."""
    row = [
        _any(one) if one.name in private else value
        for one, value in zip(contract.features, contract.rows[0], strict=True)
    ]
    return contract.model_copy(update={"rows": (tuple(row),)})


def _any(feature: Feature) -> object:
    """Return a value that a column takes, and that no row of the training table needs to have."""
    stated = feature.stated
    if stated is not None and stated.values:
        return stated.values[0]
    least, most = (stated.min, stated.max) if stated is not None else (None, None)
    bound = most if least is None else least
    return None if feature.optional else ANY[feature.type.name] if bound is None else bound


ANY = {"number": 0.5, "integer": 1, "boolean": True, "text": "text", "date": "2026-01-31"}


def html(contract: Contract, named: Named, address: str, folder: str, *, token: bool) -> str:
    """Return a page with the columns, and a request to copy.

    Parameters
    ----------
    contract : Contract
        What the model accepts.
    named : Named
        The version.
    address : str
        Of the server, as the client names it.
    folder : str
        Of the server, with its token and its certificate.
    token : bool
        Whether clients need a token.

    """
    words = {one.name: f"{one.type.words}{', or null' if one.optional else ''}" for one in contract.features}
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{text}</td></tr>" for name, text in words.items())
    protocol = PROTOCOLS[0]
    example = next(protocol.examples(contract.names, contract.rows[:1]))
    parts = [f"curl {shlex.quote(address + protocol.PATHS[0])} -H 'Content-Type: {example.content_type}'"]
    parts += [f'-H "Authorization: Bearer $(cat {folder}/token)"'] * token
    parts += [f"--cacert {folder}/tls.crt"] * address.startswith("https:")
    command = " ".join([*parts, "-d", shlex.quote(example.body.decode())])
    title = escape(f"{named.name}, version {named.version}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>body{{font:16px system-ui;'
        "max-width:50rem;margin:2rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}pre{white-space:pre-wrap;"
        f"background:#eee;padding:1rem}}</style><h1>{title}</h1><p>Run {escape(named.run_id)}. "
        '<a href="openapi.json">OpenAPI</a> · <a href="health">health</a> · <a href="metrics">metrics</a></p>'
        f"<table>{rows}</table><pre>{escape(command)}</pre></html>\n"
    )
