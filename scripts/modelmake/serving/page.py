"""Page: the OpenAPI description of the server with the model's own columns, and a page for people."""

from html import escape
from typing import Any

from modelmake.model.contract import Contract
from modelmake.serving.body import JSON
from modelmake.serving.protocols import PROTOCOLS
from modelmake.tracking.readers import Named

ANSWERS = {
    400: "Not JSON, or not of a known form",
    401: "Missing or wrong token",
    408: "The body did not arrive in time",
    413: "The body is too large",
    415: "Unsupported content type",
    422: "A column or a value does not fit the model",
    500: "The model failed on these rows",
    503: "No model, or too many requests",
}


def openapi(contract: Contract, named: Named, *, token: bool) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the server that serves this version."""
    error = {"description": "", "content": {JSON: {"schema": {"$ref": "#/components/schemas/error"}}}}
    answers: dict[str, Any] = {str(status): error | {"description": text} for status, text in ANSWERS.items()}
    headers = {name: {"schema": {"type": "string"}} for name in ("x-model-version", "x-request-id")}
    answer = {"description": "A prediction for each row", "headers": headers}
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"error": ERROR}
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


def html(contract: Contract, named: Named) -> str:
    """Return a page with the columns, and a request to copy."""
    words = {one.name: f"{one.type.words}{', or null' if one.optional else ''}" for one in contract.features}
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{text}</td></tr>" for name, text in words.items())
    protocol = PROTOCOLS[0]
    example = next(protocol.examples(contract.names, contract.rows[:1]))
    body = example.body.decode().replace("'", "'\\''")
    command = f"curl http://localhost:5001{protocol.PATHS[0]} -H 'Content-Type: {example.content_type}' -d '{body}'"
    title = escape(f"{named.name}, version {named.version}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>body{{font:16px system-ui;'
        "max-width:50rem;margin:2rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}pre{white-space:pre-wrap;"
        f"background:#eee;padding:1rem}}</style><h1>{title}</h1><p>Run {escape(named.run_id)}. "
        '<a href="openapi.json">OpenAPI</a> · <a href="health">health</a> · <a href="metrics">metrics</a></p>'
        f"<table>{rows}</table><pre>{escape(command)}</pre></html>\n"
    )
