"""Body: the rows of a request as columns, from any protocol, and how protocols read JSON and CSV."""

import codecs
import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from modelmake.serving.refusal import Refusal
from modelmake.tables.dialect import spaced
from modelmake.tables.names import clean

Columns = dict[str, Sequence[Any]]  # the values of each column, as JSON has them
LONG = 100  # characters of a client's own name for a column that an answer repeats
JSON, CSV = "application/json", "text/csv"
KEY = re.compile(rb'"\s*:')  # what ends a key
DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Table:
    """The rows of a request; `text` says that every value is text, as in a CSV."""

    columns: Columns
    rows: int
    text: bool = False


def of_json(body: bytes, forms: str) -> dict[str, Any]:
    """Return the object that a body is, in which no object has a key twice; Refusal, with the `forms`, for others."""
    try:
        request = from_json(body.removeprefix(codecs.BOM_UTF8), cache_strings="keys")
    except ValueError as error:
        what = "nested too deeply" if "recursion" in str(error) else "not JSON"
        raise Refusal(400, f"the body is {what}: {forms}") from None
    if not isinstance(request, dict):
        raise Refusal(400, f"the body is not an object: {forms}")
    objects = [one for value in request.values() for one in (value if isinstance(value, list) else [value])]
    keys = len(request) + sum(len(one) for one in objects if isinstance(one, dict))
    if len(KEY.findall(body)) != keys:  # one is there twice, or in a deeper object, or a text looks like one
        json.loads(body.decode("utf-8-sig"), object_pairs_hook=_unique)
    return request


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; raises Refusal if it has a key twice."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Refusal(400, "an object has this key twice: send each column once", _twice(name for name, _ in pairs))
    return made


def _twice(names: Iterable[str]) -> str:
    """Return a name that is there more than once."""
    return Counter(names).most_common(1)[0][0][:LONG]


def of_csv(body: bytes, names: Sequence[str]) -> Table:
    """Return the rows of a CSV with a header, by the delimiter that finds most names; a byte order mark does not count.

    Spaces after the delimiters do not count where nearly all fields have them, as in a file.
    """
    try:
        text, known = body.decode("utf-8-sig"), {*names}
        delimiter = max(DELIMITERS, key=lambda sign: len(known & {*next(_records(text, sign), ())}))
        spaces = spaced([*_records(text, delimiter)])
        first, *data = _records(text, delimiter, spaces=spaces, strict=True)
    except UnicodeDecodeError:
        raise Refusal(400, "the body is not in UTF-8: send UTF-8") from None
    except (csv.Error, ValueError):
        raise Refusal(400, "the body is not a CSV with a header: send a line with the names, then the rows") from None
    header = [name if name in known else _name(name, place) for place, name in enumerate(first)]
    return table(header, data, "the CSV", text=True)


def composed(given: Table, names: Sequence[str]) -> Table:
    """Return the columns of JSON, of which those that are not in `names` are named as tables have them.

    Raises
    ------
    Refusal
        Two columns have one name then.

    """
    known = {*names}
    if given.columns.keys() <= known:
        return given
    header = [name if name in known else _name(name, place) for place, name in enumerate(given.columns)]
    if len(set(header)) < len(header):
        raise Refusal(400, "two columns have this name but for spaces and accents: send each once", _twice(header))
    return Table(dict(zip(header, given.columns.values(), strict=True)), given.rows, given.text)


def _name(name: str, place: int) -> str:
    """Return the name of a column as tables have it."""
    return clean(name) or f"Unnamed: {place}"


def _records(text: str, delimiter: str, *, spaces: bool = False, strict: bool = False) -> Iterator[list[str]]:
    """Yield the lines that are not empty."""
    file = io.StringIO(text, newline="")
    return (line for line in csv.reader(file, delimiter=delimiter, skipinitialspace=spaces, strict=strict) if line)


def table(header: object, data: object, form: str, *, text: bool = False) -> Table:
    """Return rows of cells as columns; raises Refusal for what is none."""
    if not isinstance(header, list) or not all(isinstance(name, str) for name in header):
        raise Refusal(400, f"{form} has no list of column names")
    if len(set(header)) != len(header):
        raise Refusal(400, f"{form} names this column twice: send each column once", _twice(header))
    if not isinstance(data, list) or not set(map(type, data)) <= {list}:
        raise Refusal(400, f"{form} has no list of rows, each a list of values")
    if not set(map(len, data)) <= {len(header)}:
        row = next(row for row, values in enumerate(data) if len(values) != len(header))
        raise Refusal(400, f"a row of {form} does not have {len(header)} values, one for each column", row=row)
    values: Iterable[Sequence[Any]] = zip(*data, strict=True) if data else ((),) * len(header)
    return Table(dict(zip(header, values, strict=True)), len(data), text)
