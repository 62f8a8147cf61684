"""Reading: how the texts of a table are read, decided once over all of its rows and files, and kept with the model."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.tables.codes import kept, with_versions
from modelmake.tables.dialect import COMMA, DOT, GROUPS
from modelmake.tables.forms import Form

VERSIONS = "numbers such as 1.1 and 1.10, which are one"


class Reading(BaseModel):
    """What was decided about the texts of a table; of a table that has types, nothing.

    Parameters
    ----------
    delimiter : str
        Between two fields of the first file; "" of a table that has types.
    encoding : str
        Of the files that are not UTF-8, "utf-8" where all are.
    decimal : str
        The decimal mark.
    gaps : tuple of str
        The texts that stand for a missing value; those of a workbook too.
    codes : tuple of str
        The columns whose digits are text.
    versions : tuple of str
        The columns of numbers in which two texts are one number, such as 1.1 and 1.10.
    forms : dict of str to Form
        Of each column whose texts are dates, numbers with marks, or several spellings of one text.

    """

    model_config = ConfigDict(frozen=True)

    delimiter: str = ""
    encoding: str = ""
    decimal: str = "."
    gaps: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    forms: dict[str, Form] = {}

    def __str__(self) -> str:
        """Return `words` where no type is stated."""
        return self.words()

    def words(self, stated: Collection[str] = ()) -> str:
        """Return how texts are read as numbers and dates, as one line, "" where each is as a program writes it.

        There is no doubt about a column whose type is `stated`.
        """
        forms = {name: form for name, form in self.forms.items() if str(form)}
        parts = [f"'{name}' has {form}{'' if name in stated else _doubt(name, form)}" for name, form in forms.items()]
        versions = [name for name in self.versions if name not in stated]
        shown = VERSIONS.replace(".", self.decimal)
        return "; ".join([*parts, *(f"'{name}' has {shown}{_settled(name)}" for name in versions)])


def _doubt(name: str, form: Form) -> str:
    """Return what to do where times of day may be durations."""
    return _settled(name, "if they are durations, write them as seconds; ") if form.of_day else ""


def _settled(name: str, other: str = "") -> str:
    """Return the key that keeps the texts of a column."""
    return f' ({other}type = "text" under [data.schema.{toml.key(name)}] keeps them as text)'


TYPED = Reading()  # of a table that has types


def decided(texts: pa.Table, reading: Reading, config: Data) -> Reading:
    """Return how all rows of a table say that their texts are read, beyond what its first rows say."""
    decimal, codes = config.decimal or decimal_of(lambda: texts.columns), kept(texts, config)
    versions = with_versions(texts, codes, decimal)
    return reading.model_copy(update={"decimal": decimal, "codes": codes, "versions": versions})


def decimal_of(columns: Callable[[], Iterable[pa.ChunkedArray]]) -> str:
    """Return the mark of more fields; the comma is none where all of them have groups of three digits behind it.

    Parameters
    ----------
    columns : callable
        Returns the fields of a table, column by column; called up to three times where fields have commas.

    """
    if not any(_count(part, COMMA) > _count(part, GROUPS[","]) for part in _parts(columns, ",")):
        return "."
    dots = sum(_count(part, DOT) - _count(part, GROUPS["."]) for part in _parts(columns, "."))
    return "," if dots == 0 or sum(_count(part, COMMA) for part in _parts(columns, ",")) > dots else "."


def _parts(columns: Callable[[], Iterable[pa.ChunkedArray]], mark: str) -> Iterator[pa.Array]:
    """Yield the fields that have a mark, some at a time."""
    for part in (part for column in columns() for part in column.chunks):
        if len(fields := part.filter(pc.match_substring(part, mark))):
            yield fields


def _count(fields: pa.Array, pattern: re.Pattern[str]) -> int:
    """Return how many fields a pattern matches."""
    return int(pc.sum(pc.match_substring_regex(fields, rf"^\s*({pattern.pattern})\s*$")).as_py() or 0)
