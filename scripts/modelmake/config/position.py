"""Position: where a key is in a pipeline's file, for what is said of the key."""

import tomllib
from functools import cache
from typing import Any

from modelmake.config import syntax
from modelmake.core import files, toml

Key = tuple[int | str, ...]
Table = dict[str, Any]


def entry(name: str, value: object = None) -> str:
    """Return the place of a key, such as `pipeline.toml:5: data.path`; the key for a file that make new would write.

    Parameters
    ----------
    name : str
        The key; one that the file does not have is where its table is.
    value : object, optional
        One of the values of the key, a list, which the place names too.

    """
    path, named = files.pipeline(), name if value is None else f"{name}: {value}"
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except (OSError, UnicodeDecodeError):
        return f"{path}: {named}" if path == files.MAIN else named
    number = _line(text, name, value)
    return f"{path}:{number}: {named}" if number else f"{path}: {named}"


@cache
def _line(text: str, name: str, value: object) -> int:
    """Return the number of the line; 0 where the file has neither the key nor its table, or is not valid."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return 0
    key, inner = _split(table, name)
    if isinstance(inner, list) and value is not None:
        same = (place for place, one in enumerate(inner) if str(one).split() == str(value).split())
        key += tuple(same)[:1]
    return line(text, table, key)


def _split(table: Table, name: str) -> tuple[Key, object]:
    """Return the parts of a key, of which one may contain dots, and its value; None where the table has none.

    Examples
    --------
    >>> _split({"data": {"schema": {"a.b": {"min": 0}}}}, "data.schema.a.b")
    (('data', 'schema', 'a.b'), {'min': 0})
    >>> _split({"model": {"steps": [{"estimator": "x.Y"}]}}, "model.steps.0.estimator")
    (('model', 'steps', 0, 'estimator'), 'x.Y')
    >>> _split({"data": {}}, "data.path")
    (('data', 'path'), None)

    """
    key: Key = ()
    inner: object = table
    while name:
        parts = dict(enumerate(inner)) if isinstance(inner, list) else inner if isinstance(inner, dict) else {}
        fitting = (part for part in parts if f"{name}.".startswith(f"{part}."))
        part = max(fitting, key=lambda one: len(str(one)), default=name)
        key, name, inner = (*key, part), name[len(str(part)) + 1 :], parts.get(part)
    return key, inner


def present(table: Table, key: Key) -> Key:
    """Return the longest first part of a key that the file has."""
    inner: Any = table
    for depth, part in enumerate(key):
        try:
            inner = inner[part]
        except (KeyError, IndexError, TypeError):
            return key[:depth]
    return key


def line(text: str, table: Table, key: Key) -> int:
    """Return the number of the line with a key, or with its table if the key is missing; 0 for neither.

    It is the first line after the longest part of the file that is TOML and does not have the key.
    """
    key = present(table, key)
    lines = text.split("\n")
    without, end = 0, len(lines)
    while end - without > 1:
        middle = (without + end) // 2
        number, part = syntax.valid(lines[:middle])
        if present(part, key) == key:
            end = number
        else:
            without = middle
    if not key:
        return 0
    start, _ = syntax.valid(lines[: end - 1])
    inner: Any = table
    for step in key:
        inner = inner[step]
    entries = (number for number in range(start + 1, end + 1) if shown(inner) in lines[number - 1])
    return next(entries, start + 1) if isinstance(key[-1], int) else start + 1


def shown(given: object) -> str:
    """Return a value as the file has it, cut after 80 characters."""
    try:
        text = toml.value(given).replace("Infinity", "inf").replace("NaN", "nan")
    except TypeError:  # a date
        text = str(given)
    return text if len(text) <= 80 else f"{text[:79]}…"
