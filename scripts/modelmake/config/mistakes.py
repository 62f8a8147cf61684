"""Mistakes: all that is wrong in a pipeline's file, in the order of its lines, each with the fix."""

import difflib
import re
from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from modelmake.config.position import Key, Table, line, present, shown
from modelmake.config.section import Section
from modelmake.core.errors import InvalidValue, UserError, suggestion

MOST = 20  # of the mistakes that are shown
TYPES = {  # what each error of pydantic about a type wants
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "invalid-json-value": "a text, a number, a list or a table",
}
EXAMPLES = {"a text": '"x"', "true or false": "true", "a number": "0.5", "a list": '["x"]', "a table": "{ x = 1 }"}
LIMITS = {  # how a number is outside of a limit, and the fix
    "greater_than": ("is not above {gt}", "use a number above {gt}"),
    "greater_than_equal": ("is less than {ge}", "use {ge} or more"),
    "less_than": ("is not below {lt}", "use a number below {lt}"),
    "less_than_equal": ("is more than {le}", "use {le} or less"),
}


def together(mistakes: Sequence[UserError]) -> UserError:
    """Return the first mistake, with the others."""
    first, *others = mistakes[:MOST]
    first.others = tuple(others)
    return first


def of_values(path: Path, text: str, table: Table, error: ValidationError, root: type[BaseModel]) -> UserError:
    """Return what pydantic found in the keys and values of the file, as mistakes with their lines."""
    found: list[tuple[int, UserError]] = []
    details = [(_place(table, each["loc"], each["type"]), each) for each in error.errors(include_url=False)]
    unknown = [key for key, each in details if each["type"] == "extra_forbidden"]
    for key, group in groupby(sorted(details, key=lambda pair: list(map(str, pair[0]))), key=lambda pair: pair[0]):
        what, fix = _explained(key, [each for _, each in group], root)
        if what == "missing" and any(_misspelt(other, key) for other in unknown):
            continue
        number = line(text, table, key)
        where = ":".join([str(path), *([str(number)] if number else [])])
        found.append((number, UserError(f"{where}: {'.'.join(map(str, key))}" if key else where, what, fix)))
    return together([mistake for _, mistake in sorted(found, key=lambda pair: pair[0])])


def _place(table: Table, location: Key, kind: str) -> Key:
    """Return the key that an error is about: pydantic adds the members of a union, which the file does not have."""
    return location[: len(present(table, location)) + (kind == "missing")]


def _misspelt(unknown: Key, missing: Key) -> bool:
    """Return whether an unknown key is likely the missing one."""
    return unknown[:-1] == missing[:-1] and bool(difflib.get_close_matches(str(unknown[-1]), [str(missing[-1])]))


def _explained(key: Key, details: list[ErrorDetails], root: type[BaseModel]) -> tuple[str, str]:
    """Return what is wrong with the value of a key, and the fix."""
    kind, given, context = details[0]["type"], details[0]["input"], details[0].get("ctx", {})
    field, text = _field(key, root), shown(given)
    if isinstance(problem := context.get("error"), InvalidValue):
        return problem.what, problem.fix
    if kind == "extra_forbidden":
        return "unknown key", _home(key, root)
    if kind == "missing":
        return "missing", f"add [{key[-1]}]" if field and isinstance(field.annotation, type(Section)) else "add it"
    if kind in LIMITS:
        what, fix = (each.format(**context) for each in LIMITS[kind])
    elif kind == "too_short":
        text, what, fix = "the list", "is empty", "write at least one entry"
    elif choices := _choices(field):
        what, fix = "is unknown", suggestion(str(given), choices)
    else:
        wanted = list(dict.fromkeys(TYPES[each["type"]] for each in details if each["type"] in TYPES)) or ["valid"]
        what, fix = f"is not {' or '.join(wanted)}", _rewritten(given, wanted)
    return f"{text} {what}", fix


def _rewritten(given: object, wanted: Collection[str]) -> str:
    """Return how the value is written as one of the wanted types."""
    if isinstance(given, str) and re.fullmatch(r"true|false|[-+]?\d+(\.\d+)?", given) and "a text" not in wanted:
        return f"write {given} without quotes"
    if "a list" in wanted and not isinstance(given, dict):
        return f"write a list: [{shown(given)}]"
    if "a text" in wanted and not isinstance(given, dict | list):
        return f'write a text: "{shown(given)}"'
    return f"write a value such as {next((EXAMPLES[each] for each in wanted if each in EXAMPLES), 5)}"


def _home(key: Key, root: type[BaseModel]) -> str:
    """Return a similar key of the same table, or the table that an unknown key belongs to."""
    name, allowed = str(key[-1]), _keys(_section(key[:-1], root))
    if not difflib.get_close_matches(name, allowed):
        homes = [_keys(root)] if len(key) > 1 else []
        if any(name in names for names in homes):
            return "it belongs to the top of the file"
        tables = [table for table in _keys(root) if name in _keys(_section((table,), root))]
        if len(tables) == 1:
            return f"it belongs under [{tables[0]}]"
    return suggestion(name, allowed)


def _keys(section: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in section.model_fields.items()] if section else []


def _field(key: Key, root: type[BaseModel]) -> FieldInfo | None:
    """Return the field that has a key; None for an entry of a table whose keys the user chooses."""
    section = _section(key[:-1], root)
    fields = {field.alias or name: field for name, field in section.model_fields.items()} if section else {}
    return fields.get(str(key[-1])) if key else None


def _section(key: Key, root: type[BaseModel]) -> type[BaseModel] | None:
    """Return the section that is the table at `key`; None if there is none."""
    section: type[BaseModel] | None = root
    for part in key:
        fields = {field.alias or name: field for name, field in section.model_fields.items()} if section else {}
        if part in fields:  # else the name of an entry, or its place in a list
            section = _inner(fields[str(part)].annotation)
    return section


def _inner(annotation: object) -> type[BaseModel] | None:
    """Return the section that a type contains, such as `list[Step] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _inner(part))), None)


def _choices(field: FieldInfo | None) -> list[str]:
    """Return the texts that a field may have, [] if it is not a choice."""

    def texts(annotation: object) -> Iterator[str]:
        for part in get_args(annotation):
            if isinstance(part, str) and get_origin(annotation) is not None:
                yield part
            else:
                yield from texts(part)

    return list(texts(field.annotation)) if field else []
