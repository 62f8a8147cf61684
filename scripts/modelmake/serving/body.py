"""Body: the rows of a request as columns, from any protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Columns = dict[str, Sequence[Any]]  # the values of each column, as JSON has them
LONG = 100  # characters of a client's own name for a column that an answer repeats
JSON = "application/json"


@dataclass(frozen=True)
class Table:
    """The rows of a request; `text` says that every value is text, as in a CSV."""

    columns: Columns
    rows: int
    text: bool = False
