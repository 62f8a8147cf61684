"""Page: the OpenAPI description of the server with the model's own columns, and a page for people."""

import json
from html import escape
from typing import Any

from modelmake.model.contract import Contract, Feature
from modelmake.serving.body import CSV, FORMS, JSON
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
    record: dict[str, Any] = {
        "type": "object",
        "properties": {feature.name: column(feature) for feature in contract.features},
        "required": contract.names,
        "additionalProperties": False,
    }
    if contract.ignored:
        record["properties"] |= {name: {"description": "ignored"} for name in contract.ignored}
    records = {"type": "array", "items": {"$ref": "#/components/schemas/row"}, "minItems": 1}
    split = {
        "type": "object",
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}, "const": contract.names},
            "data": {"type": "array", "minItems": 1, "items": cells(contract)},
        },
        "required": ["columns", "data"],
        "additionalProperties": False,
    }
    forms = dict.fromkeys(FORMS, records) | {"dataframe_split": split}
    body = {
        "oneOf": [
            {"type": "object", "properties": {form: schema}, "required": [form], "additionalProperties": False}
            for form, schema in forms.items()
        ]
    }
    error = {"description": "", "content": {JSON: {"schema": {"$ref": "#/components/schemas/error"}}}}
    answers: dict[str, Any] = {str(status): error | {"description": text} for status, text in ANSWERS.items()}
    answers["200"] = {
        "description": "A prediction for each row",
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/predictions"}}},
        "headers": {name: {"schema": {"type": "string"}} for name in ("x-model-version", "x-request-id")},
    }
    example = {"dataframe_split": {"columns": contract.names, "data": [list(row) for row in contract.rows[:1]]}}
    content = {JSON: {"schema": body, "example": example}, CSV: {"schema": {"type": "string"}}}
    post = {"summary": "Predict rows", "requestBody": {"required": True, "content": content}, "responses": answers}
    schemas = {"row": record, "predictions": predictions(contract), "error": ERROR}
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": named.name, "version": named.version, "description": f"Run {named.run_id}"},
        "paths": {"/invocations": {"post": post}},
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


def column(feature: Feature) -> dict[str, Any]:
    """Return the schema of a column's values; null is a missing value."""
    types = [feature.type.json, *(["boolean"] if feature.truth else []), *(["null"] if feature.optional else [])]
    schema: dict[str, Any] = {"type": types if len(types) > 1 else types[0]}
    if feature.type.name == "date":
        schema["format"] = "date-time"
    stated = feature.stated
    if stated is not None and not isinstance(stated.min, str) and not isinstance(stated.max, str):
        bounds = {"minimum": stated.min, "maximum": stated.max}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    if stated is not None and stated.values is not None:
        schema["enum"] = [*stated.values, *([None] if feature.optional else [])]
    return schema


def cells(contract: Contract) -> dict[str, Any]:
    """Return the schema of a row of `dataframe_split`."""
    columns = [column(feature) for feature in contract.features]
    return {"type": "array", "prefixItems": columns, "minItems": len(columns), "maxItems": len(columns)}


def predictions(contract: Contract) -> dict[str, Any]:
    """Return the schema of the answer."""
    value = {"type": "number"} if contract.classes is None else {"enum": list(contract.classes)}
    listed = {"type": "array", "items": value}
    return {"type": "object", "properties": {"predictions": listed}, "required": ["predictions"]}


def html(contract: Contract, named: Named) -> str:
    """Return a page with the columns, and a request to copy."""
    words = {one.name: f"{one.type.words}{', or null' if one.optional else ''}" for one in contract.features}
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{text}</td></tr>" for name, text in words.items())
    example = {"dataframe_split": {"columns": contract.names, "data": [list(row) for row in contract.rows[:1]]}}
    body = json.dumps(example, ensure_ascii=False).replace("'", "'\\''")
    command = f"curl http://localhost:5001/invocations -H 'Content-Type: {JSON}' -d '{body}'"
    title = escape(f"{named.name}, version {named.version}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>body{{font:16px system-ui;'
        "max-width:50rem;margin:2rem auto;padding:0 1rem}td{padding:.2rem 1rem .2rem 0}pre{white-space:pre-wrap;"
        f"background:#eee;padding:1rem}}</style><h1>{title}</h1><p>Run {escape(named.run_id)}. "
        '<a href="openapi.json">OpenAPI</a> · <a href="health">health</a> · <a href="metrics">metrics</a></p>'
        f"<table>{rows}</table><pre>{escape(command)}</pre></html>\n"
    )
