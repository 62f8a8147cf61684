"""Reading: how the texts of a table are read, decided once over all of its rows and files, and kept with the model."""

import re
from collections.abc import Iterable

import pandas as pd
from pydantic import BaseModel, ConfigDict

from modelmake.tables.dialect import COMMA, DOT, GROUPS
from modelmake.tables.forms import Form


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
    forms : dict of str to Form
        Of each column whose texts are dates, or numbers with a mark of thousands.

    """

    model_config = ConfigDict(frozen=True)

    delimiter: str = ""
    encoding: str = ""
    decimal: str = "."
    gaps: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    forms: dict[str, Form] = {}


TYPED = Reading()  # of a table that has types


def decimal_of(frame: pd.DataFrame, guess: str, fields: Iterable[pd.Series]) -> str:
    """Return the mark of more fields; the comma is none where all of them have groups of three digits behind it.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        The table, read with the mark `guess`: its texts have all numbers with the other mark.
    guess : str
        The mark of the first rows.
    fields : iterable of pandas.Series
        The fields of the columns of floating-point numbers; asked for where the values leave a doubt.

    """
    texts = [_marks(frame[name].dropna()) for name in frame.columns if frame[name].dtype == "str"]
    floats = [frame[name].dropna() for name in frame.columns if frame[name].dtype.kind == "f"]
    certain = sum(int((column % 1 != 0).sum()) for column in floats)
    commas, dots, ungrouped = (sum(counts) for counts in zip(*texts, strict=True)) if texts else (0, 0, 0)
    other, another = (dots, commas) if guess == "," else (commas, dots)
    if other == 0 or certain + another > other:
        return guess
    if guess == "." and ungrouped == 0:
        return "."
    counted = [(commas, dots, ungrouped), *map(_marks, fields)]
    commas, dots, ungrouped = (sum(counts) for counts in zip(*counted, strict=True))
    return "," if ungrouped and commas > dots else "."


def _marks(texts: pd.Series) -> tuple[int, int, int]:
    """Return how many texts are numbers with a comma, with a dot, and with a comma that is not one of thousands."""
    counts = texts.value_counts()
    stripped = pd.Series(counts.index, index=counts.index, dtype="str").str.strip()
    commas, dots = _matches(stripped, COMMA), _matches(stripped, DOT) & ~_matches(stripped, GROUPS["."])
    ungrouped = commas & ~_matches(stripped, GROUPS[","])
    return int(counts[commas].sum()), int(counts[dots].sum()), int(counts[ungrouped].sum())


def _matches(texts: pd.Series, pattern: re.Pattern[str]) -> pd.Series:
    return texts.str.fullmatch(pattern, na=False).astype(bool)
