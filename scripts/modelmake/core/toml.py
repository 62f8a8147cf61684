"""TOML: values and keys as pipeline.toml has them, for a line that a person copies and for a file that we write."""

import json
import re


def value(given: object) -> str:
    """Return a value as TOML.

    Examples
    --------
    >>> print(value(["?", "it's"]), value(True), value({"max_iter": 1000}))
    ["?", "it's"] true { max_iter = 1000 }

    """
    if isinstance(given, dict):
        return f"{{ {', '.join(f'{key(name)} = {value(of)}' for name, of in given.items())} }}"
    return json.dumps(given, ensure_ascii=False)


def key(name: str) -> str:
    """Return a name as a part of a key, in quotes where it needs them."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else value(name)


def data(name: str, given: object) -> str:
    """Return a line of [data], with the whole name of its key.

    Examples
    --------
    >>> print(data("drop", ["id"]))
    data.drop = ["id"]

    """
    return f"data.{name} = {value(given)}"
