"""Folders: the columns that the folders of a file name, such as year=2026."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pyarrow as pa

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.tables.names import check

HIVE = re.compile(r"([^=/]+)=([^=/]*)")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def of_folders(path: Path, config: Data) -> dict[str, str | None]:
    """Return the columns that the folders of a file name, such as year=2026, with their value."""
    folder = Path(config.path)
    parts = path.relative_to(folder).parts[:-1] if folder.is_dir() else ()
    pairs = [pair.groups() for part in parts if (pair := HIVE.fullmatch(part))]
    return {unquote(name): None if (text := unquote(value)) == NO_VALUE else text for name, value in pairs}


def common(columns: Sequence[list[str]], paths: Sequence[Path], config: Data) -> list[str]:
    """Return the columns of the first file, which all files have, in any order; raises UserError as `names.check`."""
    whole = [[*names, *of_folders(path, config)] for names, path in zip(columns, paths, strict=True)]
    for names, path in zip(whole, paths, strict=True):
        check(path, names, paths[0], whole[0])
    return columns[0]


def added(frame: pd.DataFrame, paths: Sequence[Path], lengths: Sequence[int], config: Data) -> pd.DataFrame:
    """Return the rows of all files with the columns of their folders; raises as `check_folder`."""
    folders, ends = [of_folders(path, config) for path in paths], np.cumsum(lengths)
    for name in folders[0]:
        if name in frame:
            for path, folder, end, length in zip(paths, folders, ends, lengths, strict=True):
                check_folder(path, name, folder[name], frame[name].iloc[end - length : end])
        else:
            values = np.array([number(folder[name]) for folder in folders], dtype=object)
            frame[name] = pd.Series(np.repeat(values, lengths)).infer_objects()
    return frame


def more(path: Path, part: pa.Table, config: Data) -> dict[str, str | None]:
    """Return the columns of the folders of a file that some of its rows do not have; raises as `check_folder`."""
    folders = of_folders(path, config)
    for name in folders.keys() & set(part.column_names):
        check_folder(path, name, folders[name], part.column(name).to_pylist())
    return {name: text for name, text in folders.items() if name not in part.column_names}


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
