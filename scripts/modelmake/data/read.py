"""Read: the user's table, checked, with a hash of each row as its index."""

import re
from collections.abc import Collection

import pandas as pd

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core import toml
from modelmake.core.errors import UserError, suggestion
from modelmake.core.types import EXACT
from modelmake.data.hashes import row_hashes
from modelmake.data.order import listed
from modelmake.tables.columns import emptied, typed
from modelmake.tables.file import ROW_HASHES
from modelmake.tables.reading import Reading
from modelmake.tables.table import Table, opened

MOST = 3  # texts in an error message
NUMBER = re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?(\.\d+)?")


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
    return read(opened(config))[0]


def read(table: Table) -> tuple[pd.DataFrame, Reading]:
    """Read an opened table as `read_table` does; return it, and what was decided about its texts."""
    (frame, reading), config = table.read(), table.config
    _check(frame, table)
    frame = _with_target(frame.assign(**{config.target: emptied(frame[config.target], config)}), table)
    frame, forms = typed(frame, config.model_copy(update={"decimal": reading.decimal}))
    frame = identified(frame, [*(config.drop or []), *([config.id] if config.id else [])])
    return frame, reading.model_copy(update={"forms": forms})


def identified(frame: pd.DataFrame, without: Collection[str] = ()) -> pd.DataFrame:
    """Return the frame with the rows' hashes as its index, which identifies them in every later step.

    The columns of `without` do not count: a row number would make a row of each copy.
    """
    return frame.set_index(pd.Index(row_hashes(frame[[n for n in frame.columns if n not in without]]), name=ROW_HASHES))


def _check(frame: pd.DataFrame, table: Table) -> None:
    columns, config = list(frame.columns), table.config
    if config.target not in columns:
        raise _absent_target(columns, config)
    if len(set(columns)) != len(columns):
        raise UserError(config.path, "column names must be text, each used once", "rename them")
    check_keys(columns, config)
    if frame.empty:
        raise UserError(config.path, "the file has a header and no rows", "add rows")


def _absent_target(columns: list[str], config: Data) -> UserError:
    what = f"no column '{config.target}' in {config.path}"
    if config.delimiter and len(columns) == 1:
        key = entry("data.delimiter")
        return UserError(key, f"{config.delimiter!r} is not in the header '{columns[0]:.80}'", "remove or correct it")
    if columns and sum(bool(NUMBER.fullmatch(name)) for name in columns) > len(columns) / 2:
        what += f": its first line is a row ({', '.join(columns[:4])}{', …' if len(columns) > 4 else ''})"
        return UserError(entry("data.target"), what, "add a header line with the names of the columns")
    return UserError(entry("data.target"), what, suggestion(config.target, columns))


def check_keys(columns: list[str], config: Data) -> None:
    """Raise UserError for a key that names no column, or the target."""
    listed = {"drop": config.drop, "ignore_case": config.ignore_case}
    named = [(key, name) for key, names in listed.items() for name in names or []] + [
        (key, name) for key in ("id", "group", "time") if (name := getattr(config, key))
    ]
    for key, name in named:
        if name not in columns:
            what = f"no column '{name}' in {config.path}"
            raise UserError(entry(f"data.{key}"), what, suggestion(name, columns))
        if name == config.target and key != "ignore_case":
            what = f"'{name}' is the target, and cannot be in data.{key} too"
            raise UserError(entry(f"data.{key}"), what, "name another column, or another target")
    if config.group and config.group in (config.drop or []):
        what = f"'{config.group}' is data.group, and cannot be in data.drop too"
        raise UserError(entry("data.drop"), what, "leave it out of data.drop: no model is trained on a group")
    if not set(columns) - {config.target, *config.not_features}:
        raise UserError(config.path, "the only column is the target", "add features, or shorten data.drop")


def _with_target(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return the rows with a target, and name the others; raises UserError unless data.drop_missing_target is set."""
    config, gaps = table.config, frame[table.config.target].isna()
    if not gaps.any():
        return frame
    what, fix = without_target(frame[config.target], table)
    if gaps.all() or not config.drop_missing_target:
        raise UserError(
            config.path, what, f"to leave these rows out, set {toml.data('drop_missing_target', True)}{fix}"
        )
    print(f"data    {what}: left out", flush=True)
    frame = frame[~gaps].reset_index(drop=True)
    target = frame[config.target].infer_objects()
    if target.dtype.kind == "f" and (target % 1 == 0).all() and (target.abs() < EXACT).all():
        target = target.astype("int64")  # as it is in a table without gaps
    return frame.assign(**{config.target: target})


def without_target(target: pd.Series, table: Table) -> tuple[str, str]:
    """Return which rows of a table lack a target, and what to do where the text of one is a class, "" for numbers."""
    config, gaps, present = table.config, target.isna(), target.dropna()
    what = f"{'1 row has' if gaps.sum() == 1 else f'{gaps.sum()} rows have'} no '{config.target}'"
    what += f"{_shown(gaps, table)}, in {listed(gaps.to_numpy())}"
    if present.dtype.kind in "iuf" and len(present):
        return what, ""
    if config.missing is None:
        return what, "; NA, None, null and similar texts are read as empty: if one is a class, set data.missing = []"
    return what, "; data.missing lists texts that are read as empty: if one is a class, remove it from that list"


def _shown(gaps: pd.Series, table: Table) -> str:
    """Return the texts that are read as a missing target; "" for a table that has types."""
    fields = table.fields(table.config.target)
    if fields is None:
        return ""
    counts = fields[gaps.to_numpy()].value_counts()
    if set(counts.index) == {""}:
        return ": the field is empty"
    most = counts.head(MOST).items()
    shown = [f"{count} × {repr(text) if text else 'empty'}" for text, count in most]  # noqa: RUF001
    return f": {', '.join(shown)}{', …' if len(counts) > MOST else ''}"
