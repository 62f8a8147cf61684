"""Names: the columns of a table, which all of its files have."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from modelmake.core.errors import UserError, few

UNNAMED = re.compile(r"Unnamed: \d+")


def clean(text: object) -> str:
    """Return the name of a column without spaces around it, and with letters and their accents as one character.

    Examples
    --------
    >>> clean(" Gro\u0308\u00dfe ")
    'Größe'

    """
    return unicodedata.normalize("NFC", str(text)).strip()


def columns(rows: Sequence[Sequence[str]], *, quoted: bool) -> tuple[str, ...]:
    """Return the names of the columns; where rows have one field more, it is a row name, or it is empty and last.

    A row name is another one in each row, and a text or the row's number: the first part of 0,5 is none.
    """
    names: list[str] = []
    given = [clean(title) for title in rows[0]] if rows else []
    for place, title in enumerate(given):
        count = given[:place].count(title)
        names.append(f"{title}.{count}" if title and count else title or f"Unnamed: {place}")
    widths = Counter(map(len, rows[1:])).most_common(1)
    if not widths or widths[0][0] != len(names) + 1:
        return tuple(names)
    wide = [row for row in rows[1:] if len(row) == len(names) + 1]
    if all(not row[-1] for row in wide):
        return (*names, "")
    first = [row[0] for row in wide]
    numbers = [int(text) for text in first if text.isdecimal()]
    counted = numbers == list(range(1, 1 + len(numbers)))
    return ("", *names) if len(set(first)) == len(first) and (quoted or counted) else tuple(names)


def named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with texts as names, and without what has neither a name nor a value: a trailing delimiter."""
    frame.columns = [clean(name) for name in frame.columns]
    empty = [name for name in frame.columns if UNNAMED.fullmatch(name) and frame[name].isna().to_numpy().all()]
    return frame.drop(columns=empty) if empty else frame


def check(path: Path, columns: list[str], first_path: Path, first: list[str]) -> None:
    """Raise UserError for a file whose columns do not have the names of the first file's, in any order."""
    more, fewer = [sorted(set(a) - set(b), key=str) for a, b in ((columns, first), (first, columns))]
    if more or fewer:
        what = "; ".join(f"{word} {few(names)}" for word, names in (("adds", more), ("lacks", fewer)) if names)
        fix = "give all files of the folder the same columns"
        raise UserError(str(path), f"its columns are not those of '{first_path.name}': {what}", fix)


def check_once(columns: Sequence[str], name: str, where: str, role: str = "the target") -> None:
    """Raise UserError if two columns have a name, of which one is the target or has another role."""
    if {name, f"{name}.1"} <= set(columns):
        raise UserError(where, f"2 columns have the name '{name}', which is {role}", "rename the one that is not")
