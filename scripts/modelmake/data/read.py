"""Read: the user's table, checked, with a hash of each row as its index."""

import hashlib
import lzma
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from modelmake.core.config import Data
from modelmake.core.errors import UserError, first_line, suggestion
from modelmake.core.provenance import sha256
from modelmake.data.hashes import row_hashes
from modelmake.tables.columns import plain
from modelmake.tables.formats import ROW_HASHES, decimal, load, texts
from modelmake.tables.location import files

MOST = 3  # texts in an error message
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
NUMBER = re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?(\.\d+)?")


def fingerprint(config: Data) -> str:
    """Return the SHA-256 of the data file, or of the names and contents of the files in a folder."""
    paths, folder = files(config), Path(config.path)
    if not folder.is_dir():
        return sha256(folder)
    lines = [f"{sha256(path)} {path.relative_to(folder).as_posix()}\n" for path in paths]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_table(config: Data) -> pd.DataFrame:
    """Read the data file, or the files of a folder, and check that a model can be trained on it.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_columns)
        All columns in the order of the file, also those of `drop`, `id`, `group` and `time`; the index is the rows'
        hashes (`row_hashes`) without the columns of `drop` and `id`.

    Raises
    ------
    UserError
        The file is missing, empty or unreadable, a column that a key names is missing, the target has gaps, or a
        column can't be a feature.

    """
    frame = parsed(config)
    _check(frame, config)
    frame = plain(frame, config.model_copy(update={"decimal": decimal(config)}))
    return identified(frame, [*(config.drop or []), *([config.id] if config.id else [])])


def parsed(config: Data) -> pd.DataFrame:
    """Return the table as its file or folder has it; a file that is not valid raises UserError."""
    with readable(config):
        return load(config)


@contextmanager
def readable(config: Data) -> Iterator[None]:
    """Turn what a parser raises for a file that is not valid into UserError."""
    try:
        yield
    except UserError:
        raise
    except pd.errors.EmptyDataError:
        raise UserError(config.path, "the file is empty", "add a header line and rows") from None
    except DAMAGED as error:
        what = f"the file is damaged, or its end is missing: {first_line(error)}"
        raise UserError(config.path, what, "download or copy it again") from None
    except Exception as error:  # parsers raise many types, all for a file that is not valid
        if "Truncated" in str(error):  # by pyarrow
            raise UserError(config.path, "the file is damaged, or its end is missing", "copy it again") from None
        raise UserError(config.path, f"cannot be parsed: {first_line(error)}", _remedy(error, config)) from None


def identified(frame: pd.DataFrame, without: Collection[str] = ()) -> pd.DataFrame:
    """Return the frame with the rows' hashes as its index, which identifies them in every later step.

    The columns of `without` do not count: a row number would make a row of each copy.
    """
    return frame.set_index(pd.Index(row_hashes(frame[[n for n in frame.columns if n not in without]]), name=ROW_HASHES))


def _remedy(error: Exception, config: Data) -> str:
    """Return what to do about a file that cannot be parsed."""
    if isinstance(error, (UnicodeError, LookupError)) and config.encoding:
        return "correct data.encoding"
    keys = [key for key in ("delimiter", "encoding", "comment", "format") if getattr(config, key)]
    stated = f", or correct {' and '.join(f'data.{key}' for key in keys)}" if keys else ""
    return f"use a valid {Path(config.path).suffix or 'CSV'} file{stated}"


def _check(frame: pd.DataFrame, config: Data) -> None:
    columns = list(frame.columns)
    if config.target not in columns:
        raise _absent_target(columns, config)
    if len(set(columns)) != len(columns):
        raise UserError(config.path, "column names must be text, each used once", "rename them")
    _check_keys(columns, config)
    if frame.empty:
        raise UserError(config.path, "the file has a header and no rows", "add rows")
    if (gaps := frame[config.target].isna()).any():
        raise _without_target(gaps, config)


def _absent_target(columns: list[str], config: Data) -> UserError:
    what = f"no column '{config.target}' in {config.path}"
    if config.delimiter and len(columns) == 1:
        key = "pipeline.toml: data.delimiter"
        return UserError(key, f"{config.delimiter!r} is not in the header '{columns[0]:.80}'", "remove or correct it")
    if columns and sum(bool(NUMBER.fullmatch(name)) for name in columns) > len(columns) / 2:
        what += f": its first line is a row ({', '.join(columns[:4])}{', …' if len(columns) > 4 else ''})"
        return UserError("pipeline.toml: data.target", what, "add a header line with the names of the columns")
    return UserError("pipeline.toml: data.target", what, suggestion(config.target, columns))


def _check_keys(columns: list[str], config: Data) -> None:
    """Raise UserError for a key that names no column, or the target."""
    named = [("drop", name) for name in config.drop or []] + [
        (key, name) for key in ("id", "group", "time") if (name := getattr(config, key))
    ]
    for key, name in named:
        if name not in columns:
            what = f"no column '{name}' in {config.path}"
            raise UserError(f"pipeline.toml: data.{key}", what, suggestion(name, columns))
        if name == config.target:
            what = f"'{name}' is the target, and cannot be in data.{key} too"
            raise UserError(f"pipeline.toml: data.{key}", what, "name another column, or another target")
    if config.group and config.group in (config.drop or []):
        what = f"'{config.group}' is named by another key too"
        raise UserError("pipeline.toml: data.drop", what, "leave it out of data.drop: no model is trained on a group")
    if not set(columns) - {config.target, *config.not_features}:
        raise UserError(config.path, "the only column is the target", "add features, or shorten data.drop")


def _without_target(gaps: pd.Series, config: Data) -> UserError:
    """Return the error for rows without a target, with the texts that pandas reads as a missing value."""
    rows = "1 row has" if gaps.sum() == 1 else f"{gaps.sum()} rows have"
    what, fix = f"{rows} no '{config.target}'", "fill them or drop those rows"
    fields = texts(config, config.target)
    if fields is None:
        return UserError(config.path, what, fix)
    counts = fields[gaps.to_numpy()].value_counts()
    if set(counts.index) == {""}:
        return UserError(config.path, f"{what}: the field is empty", fix)
    shown = [f"{count} × {repr(text) if text else 'empty'}" for text, count in counts.head(MOST).items()]  # noqa: RUF001
    what += f": {', '.join(shown)}{', …' if len(counts) > MOST else ''}"
    if config.missing is None:
        fix += (
            "; pandas reads NA, None, null and similar texts as empty: if such a text is a class, set data.missing = []"
        )
    else:
        fix += "; data.missing lists such a text as empty: if it is a class, remove it from that list"
    return UserError(config.path, what, f"{fix} in pipeline.toml")
