"""Schemas: what JSON Schema says about the columns of a model."""

from typing import Any

from modelmake.model.contract import Feature

WRITTEN = {  # a text is taken where a program writes a value so, as in a file
    "number": 'or a text that is a number, such as "3.5"',
    "integer": 'or a text that is a whole number, such as "3"',
    "boolean": 'or a text that is true or false, such as "true"',
}


def column(feature: Feature) -> dict[str, Any]:
    """Return the schema of a column's values; null is a missing value."""
    more = {"boolean": feature.truth, "integer": feature.type.name == "boolean", "null": feature.optional}
    types = [feature.type.json, *(name for name, taken in more.items() if taken)]
    text = WRITTEN.get(feature.type.json, "")
    stated = feature.stated
    if stated is not None and stated.values is not None:
        values: dict[str, Any] = {"enum": [*stated.values, *([None] if feature.optional else [])]}
        return {"anyOf": [values, {"type": "string", "description": text}]} if text else _described(values, feature)
    types += ["string"] if text else []
    schema: dict[str, Any] = {"type": types if len(types) > 1 else types[0]}
    if text:
        schema["description"] = text
    if stated is not None and not isinstance(stated.min, str) and not isinstance(stated.max, str):
        bounds = {"minimum": stated.min, "maximum": stated.max}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    return _described(schema, feature)


def _described(schema: dict[str, Any], feature: Feature) -> dict[str, Any]:
    """Return the schema, which says of a date how it is written."""
    if feature.type.name == "date":
        return schema | {"description": f"{feature.type.words}; in UTC without a zone"}
    return schema
