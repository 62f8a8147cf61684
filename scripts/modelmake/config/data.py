"""`[data]` of pipeline.toml: the table, the column to predict, and which rows are held out."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from modelmake.config.column import Column
from modelmake.config.section import Character, Name, Section, Text
from modelmake.core.errors import InvalidValue
from modelmake.core.types import MISSING

Format = Literal["parquet", "feather", "xlsx", "jsonl", "csv"]  # by which a file is recognized first; any text is CSV
SNAPSHOTS = "data/snapshots"
READING = (  # keys of [data]
    *("format", "delimiter", "decimal", "encoding", "comment", "sheet", "missing", "skip_lines", "numbers"),
)


def snapshot(data: Mapping[str, object]) -> str:
    """Return the path of the snapshot that `make fetch` takes of a source: keys that change the reading change it."""
    read_by = {key: data[key] for key in READING if key in data}
    address = json.dumps([data["source"], data.get("query"), *([read_by] if read_by else [])], default=str)
    return f"{SNAPSHOTS}/{hashlib.sha256(address.encode()).hexdigest()[:12]}.parquet"


class Data(Section):
    """`[data]`: the table, the column to predict, and which rows are held out.

    With `source`, `path` is that of the snapshot.
    """

    path: Text
    """The table: a file or a folder, relative to the Makefile or absolute. See [the
    formats](../howto/data-and-estimator.md)."""
    source: Text | None = None
    """In place of `path`: an address from which `make fetch` takes a snapshot. `https://…`, `s3://…` and other
    object stores, or `env:DATABASE_URL` for a database. See [fetch a table](../howto/fetch.md)."""
    query: Text | None = None
    """The SQL query of a database `source`."""
    snapshot: Literal["file", "mlflow"] | None = None
    """`mlflow` keeps the table on the tracking server too, once for each content, so that `make reproduce` finds
    it. `file`: it stays where it is."""
    format: Format | None = None
    """Format of the file, if its suffix does not name it."""
    delimiter: Character | None = None
    """Character between the fields of a text file. If it is not set, it is taken from the content."""
    decimal: Literal[".", ","] | None = None
    """Decimal character of the numbers in a text file. If it is not set, it is taken from the content."""
    numbers: Literal["1,234.5", "1.234,5", "1 234.5", "1 234,5", "1'234.5"] | None = None
    """How numbers with marks of thousands are written in texts, by an example. If it is not set, it is taken from the
    content, and a column that can be read in two ways is named."""
    encoding: Text | None = None
    """Encoding of a text file. If it is not set, it is taken from the content."""
    comment: Character | None = None
    """Character that begins a comment line in a text file. If it is not set, `#` at the top of the file counts."""
    sheet: Text | None = None
    """Sheet of a workbook."""
    missing: list[str] | None = None
    """Texts that stand for a missing value in a text file, in addition to an empty field. If it is not set, pandas'
    own list applies (NA, None, null and more). No effect on Parquet, Feather and JSON lines."""
    ignore_case: list[Name] | None = None
    """Columns in which texts are the same if they differ only in case, or in spaces. The most frequent spelling
    counts."""
    skip_lines: list[int] | dict[str, list[int]] | None = None
    """Lines of a text file, or rows of a sheet, that are not data: units below the header, the header again, a total at
    the end. Lines count from 1. If it is not set, such lines are an error; `[]` says that all lines are data. Of a
    folder, a list counts for each file, and `{ "a.csv" = [2], "b/c.csv" = [2, 40] }` names the lines of each."""
    target: Name
    """The column to predict."""
    drop_missing_target: bool | None = None
    """`true` leaves the rows without a value in the target out; they are named. Else such a row is an error."""
    positive: str | int | float | bool | None = None
    """The class that `f1`, `precision`, `recall` and similar metrics score. If it is not set, it is 1 of 0 and 1,
    or `true`."""
    drop: list[Name] | None = None
    """Columns that are not features. A rule with `by` may still name them."""
    id: Name | None = None
    """Column that names the row. It is not a feature; two rows that differ only in this column are duplicates."""
    group: Name | None = None
    """Column whose equal values belong together, such as a person. A group is held out as a whole, also in the
    folds. The column is not a feature."""
    time: Name | None = None
    """Column that orders the rows. The latest rows are held out, and a fold is scored by a model of earlier rows.
    The column stays a feature; list it under `drop` if it should not be a feature."""
    test_size: float = Field(default=0.2, gt=0, lt=1)
    """Share of the rows that is held out for the evaluation."""
    stratify: bool = False
    """`true` keeps the shares of the classes equal in both parts."""
    columns: dict[Name, Column] | None = Field(default=None, alias="schema")
    """Constraints on the columns: a table for each column. `make fetch` and `make train` report all violations at
    once."""

    @property
    def gaps(self) -> tuple[str, ...]:
        """The texts that stand for a missing value where every value is a text, and in a workbook."""
        return MISSING if self.missing is None else ("", *self.missing)

    @property
    def not_features(self) -> list[str]:
        """The columns that are read but that no model is trained on, beside the target."""
        return [*(self.drop or []), *(name for name in (self.id, self.group) if name)]

    def skipped(self, path: Path) -> list[int] | None:
        """Return the lines of a file that are not data; None where nothing is said of it."""
        return self.skip_lines.get(self.member(path)) if isinstance(self.skip_lines, dict) else self.skip_lines

    def member(self, path: Path) -> str:
        """Return the name of a file in the folder of the table; of a single file its own."""
        folder = Path(self.path)
        return path.relative_to(folder).as_posix() if path != folder and path.is_relative_to(folder) else path.name

    @property
    def stated(self) -> frozenset[str]:
        """The columns whose type [data.schema] states."""
        return frozenset(name for name, column in (self.columns or {}).items() if column.type)

    @model_validator(mode="before")
    @classmethod
    def locate(cls, table: object) -> object:
        """Name the snapshot of `source` as the path, and the decimal mark of `numbers` as that of the table."""
        if isinstance(table, dict) and isinstance(example := table.get("numbers"), str):
            table = {"decimal": example[-2:-1]} | table
        if not isinstance(table, dict) or "source" not in table:
            return table
        if "path" in table:
            raise InvalidValue("both 'path' and 'source'", "keep 'path' for a local table, 'source' for one to fetch")
        return table | {"path": snapshot(table)}

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise InvalidValue for keys that exclude each other."""
        if self.numbers and self.decimal != self.numbers[-2]:
            raise InvalidValue(f"'decimal' is '{self.decimal}', and 'numbers' is '{self.numbers}'", "keep one")
        if self.stratify and self.time is not None:
            raise InvalidValue("'stratify' and 'time': the latest rows are held out, whatever their class", "keep one")
        return self
