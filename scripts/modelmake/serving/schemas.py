"""Schemas: what JSON Schema says about the columns of a model."""

from typing import Any

from modelmake.model.contract import Feature


def column(feature: Feature) -> dict[str, Any]:
    """Return the schema of a column's values; null is a missing value."""
    more = {"boolean": feature.truth, "integer": feature.type.name == "boolean", "null": feature.optional}
    types = [feature.type.json, *(name for name, taken in more.items() if taken)]
    schema: dict[str, Any] = {"type": types if len(types) > 1 else types[0]}
    if feature.type.name == "date":
        schema["description"] = f"{feature.type.words}; in UTC without a zone"
    stated = feature.stated
    if stated is not None and not isinstance(stated.min, str) and not isinstance(stated.max, str):
        bounds = {"minimum": stated.min, "maximum": stated.max}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    if stated is not None and stated.values is not None:
        schema["enum"] = [*stated.values, *([None] if feature.optional else [])]
    return schema
