"""Names: the columns of a table, which all of its files have."""

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from modelmake.config.data import Data
from modelmake.core.errors import UserError, few
from modelmake.tables.dialect import clean

UNNAMED = re.compile(r"Unnamed: \d+")
HIVE = re.compile(r"([^=/]+)=([^=/]*)")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


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


def of_folders(path: Path, config: Data) -> dict[str, str | None]:
    """Return the columns that the folders of a file name, such as year=2026, with their value."""
    folder = Path(config.path)
    parts = path.relative_to(folder).parts[:-1] if folder.is_dir() else ()
    pairs = [pair.groups() for part in parts if (pair := HIVE.fullmatch(part))]
    return {unquote(name): None if (text := unquote(value)) == NO_VALUE else text for name, value in pairs}


def check_folder(path: Path, name: str, text: str | None, column: Iterable[object]) -> None:
    """Raise UserError for a column of a file that has another value than the folder that names it too."""
    for row, value in enumerate(column, 1):
        absent = value is None or value != value  # noqa: PLR0124  # NaN
        if absent if text is None else value != number(text) and str(value).removesuffix(" 00:00:00") != text:
            what = f"column '{name}' is {text!r} in the path, and {value!r} in row {row} of the file"
            raise UserError(str(path), what, "rename the folder or the column, or correct one of them")


def number(text: str | None) -> int | str | None:
    """Return what the name of a folder has as a value: a whole number, or the text."""
    return int(text) if text is not None and re.fullmatch(r"-?(0|[1-9]\d{0,17})", text) else text
