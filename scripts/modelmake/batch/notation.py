"""Notation: how each file of a table writes its numbers and dates, as all of its rows say."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from modelmake.model.contract import Contract, Feature
from modelmake.serving.casts import form
from modelmake.tables.damage import readable
from modelmake.tables.file import File
from modelmake.tables.forms import Form
from modelmake.tables.names import clean
from modelmake.tables.numbers import NUMBER
from modelmake.tables.table import BLOCK, Table

Forms = dict[tuple[Path, str], Form]

PLAIN, MARKED = 10_000, 1_000_000  # different texts of a column that are kept: numbers of a program, and others
SOME = 1_000  # rows of a part in which all texts are numbers of a program


def forms(table: Table, contract: Contract, decimal: str) -> Forms:
    """Return how each file writes the model's columns of numbers and dates, where it has them as texts.

    Raises
    ------
    UserError
        A column has dates whose day and month could be exchanged.

    """
    gaps = contract.reading.gaps if table.kind.read else table.config.gaps
    features = {feature.name: feature for feature in contract.features if feature.type.name != "text"}
    found: Forms = {}
    with readable(table.config):
        for file in table.files:
            for name, texts in _texts(file, table, features).items():
                present = texts.filter(pc.invert(pc.is_in(texts, pa.array([*gaps], texts.type)))).to_pandas()
                given = pd.Series(present, dtype="str")
                if len(given):
                    found[file.path, name] = form(given, features[name], contract.reading, decimal, str(file.path))
    return found


def _texts(file: File, table: Table, features: dict[str, Feature]) -> dict[str, pa.Array]:
    """Return the different texts of a file's columns; a file whose first rows have other types has none."""
    plain: dict[str, pa.Array] = {}
    marked: dict[str, pa.Array] = {}
    for place, part in enumerate(table.kind.stream(file, table.config, BLOCK)):
        columns = {clean(name): part.column(name) for name in part.column_names}
        texts = {name: column for name, column in columns.items() if name in features and _is_text(column)}
        if not texts and not place:
            break
        for name, column in texts.items():
            array = _different(column, features[name])
            numbers = pc.match_substring_regex(array, NUMBER)
            plain[name] = _added(plain.get(name), array.filter(numbers), PLAIN)
            marked[name] = _added(marked.get(name), array.filter(pc.invert(numbers)), MARKED)
    return {name: pa.concat_arrays([marked[name], plain[name]]) for name in plain}


def _different(column: pa.ChunkedArray, feature: Feature) -> pa.Array:
    """Return the different texts of a column without gaps; of numbers of a program a few are enough."""
    if feature.type.name != "date":
        try:
            pc.cast(column, pa.float64())
            column = column.slice(0, SOME)
        except pa.ArrowInvalid:  # one is written in another way
            pass
    return pc.unique(column).drop_null()


def _added(before: pa.Array | None, texts: pa.Array, most: int) -> pa.Array:
    return texts[:most] if before is None else pc.unique(pa.concat_arrays([before, texts]))[:most]


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def twice(columns: Collection[str], names: Collection[str]) -> str:
    """Return what is said of names of the model that two columns of a table have; "" for none.

    Examples
    --------
    >>> twice(["a", "b", "a.1"], ["a", "b"])
    "2 columns have the name 'a': the first counts"

    """
    second = [name for name in names if f"{name}.1" in columns and f"{name}.1" not in names]
    return "; ".join(f"2 columns have the name '{name}': the first counts" for name in second)
