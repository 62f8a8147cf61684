"""Order: rows and groups by a hash of their content, and rows by their time."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.config.data import Data
from modelmake.core.errors import UserError, few
from modelmake.tables.dates import parse

Integers = NDArray[np.intp]
MOST = 5  # rows in an error message


def shuffled(frame: pd.DataFrame, config: Data, seed: int) -> Integers:
    """Return the rows' positions, ordered by a hash of `seed` and the row; equal rows have different hashes.

    The rows' hashes leave out the columns of `drop` and `id`: copies are numbered in the order of what these contain.
    """
    rows = frame.index.to_numpy()
    copy: pd.Series | int = 0
    ordered = np.sort(rows)
    if (ordered[1:] == ordered[:-1]).any():
        copy = pd.Series(rows).groupby(rows).cumcount()
        if hidden := sorted({*(config.drop or []), *([config.id] if config.id else [])}):
            order = np.lexsort([*(frame[name].astype(str).to_numpy(dtype=str) for name in hidden), rows])
            copy = pd.Series(rows[order]).groupby(rows[order]).cumcount().set_axis(order).sort_index()
    drawn = pd.util.hash_pandas_object(pd.DataFrame({"row": rows, "copy": copy, "seed": seed}), index=False)
    return np.argsort(drawn.to_numpy(), kind="stable")


def groups(frame: pd.DataFrame, config: Data, seed: int) -> Integers:
    """Return each row's group as a number from 0, in the order of a hash of `seed` and the group's value.

    The hash is that of the value's text, where 7 and 7.0 are the same, so a group keeps its place among the others
    for all rows and groups that come later.

    Raises
    ------
    UserError
        A row has no value in the column.

    Examples
    --------
    >>> frame = pd.DataFrame({"person": ["ann", "bob", "ann", "eve"], "y": range(4)})
    >>> [ann, bob, same, eve] = groups(frame, Data(path="data.csv", target="y", group="person"), seed=1)
    >>> bool(ann == same), sorted({int(ann), int(bob), int(eve)})
    (True, [0, 1, 2])

    """
    codes, values = pd.factorize(_complete(frame, "group", config.group, config))
    names = pd.Series([_name(value) for value in values], dtype=object)
    drawn = pd.util.hash_pandas_object(pd.DataFrame({"name": names, "seed": seed}), index=False)
    place = np.empty(len(names), dtype=np.intp)
    place[np.lexsort([names.to_numpy(dtype=str), drawn.to_numpy()])] = np.arange(len(names))
    return np.asarray(place[codes])


def moments(frame: pd.DataFrame, config: Data) -> Integers:
    """Return each row's time as a number from 0, the earliest: rows of the same time have the same number.

    The column contains dates, numbers, or text that is either: `2026-01-31`, `1949-01`, `31.01.2026`, `2026 Q1`.

    Raises
    ------
    UserError
        A row has no value in the column, or its text is not a date.

    Examples
    --------
    >>> frame = pd.DataFrame({"month": ["1949-12", "1949-02", "1949-12"], "y": range(3)})
    >>> moments(frame, Data(path="data.csv", target="y", time="month")).tolist()
    [1, 0, 1]

    """
    column = _complete(frame, "time", config.time, config)
    codes, values = pd.factorize(column, sort=column.dtype.kind in "biufmM")
    if column.dtype.kind in "biufmM":
        return np.asarray(codes)
    texts = pd.Series([str(value).strip() for value in values], dtype="str")
    ranks, _ = pd.factorize(_dates(texts, codes, config), sort=True)
    return np.asarray(ranks[codes])


def _complete(frame: pd.DataFrame, key: str, name: str | None, config: Data) -> pd.Series:
    """Return the column `name`, which the key `[data] group` or `time` names, once it has no gaps."""
    column = frame[str(name)]
    if (gaps := column.isna().to_numpy()).any():
        what = f"column '{name}' has no value in {_rows(gaps)}"
        raise UserError(config.path, what, f"fill them in, delete those rows, or choose another column as data.{key}")
    return column


def listed(mask: NDArray[np.bool_]) -> str:
    """Return the first rows in `mask`, counted from 1: "row 3", or "rows 3, 7"."""
    places = np.flatnonzero(mask) + 1
    return f"row{'s' * (len(places) > 1)} {', '.join(map(str, places[:MOST]))}{', …' * (len(places) > MOST)}"


def _rows(mask: NDArray[np.bool_]) -> str:
    """Return the number of the rows in `mask` and the first ones, counted from 1."""
    return f"{mask.sum()} rows ({listed(mask).removeprefix('rows ')})" if mask.sum() > 1 else listed(mask)


def _name(value: object) -> str:
    """Return the text of a group's value, the same for 7 and 7.0."""
    if isinstance(value, (int, float, np.number)) and not isinstance(value, bool):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    return str(value)


def _dates(texts: pd.Series, codes: Integers, config: Data) -> pd.Series:
    """Return the different texts of the time column as numbers or dates."""
    numbers = pd.to_numeric(texts, errors="coerce")
    if numbers.notna().all():
        return numbers
    dates, exchanged = parse(texts, pd.Series(np.bincount(codes)))
    wrong = dates.isna() & numbers.isna() if numbers.notna().any() else dates.isna()
    if dates.isna().any():
        what = f"column '{config.time}' has no date or number in {_rows(wrong.to_numpy()[codes])}: {few(texts[wrong])}"
        raise UserError(config.path, what, "write dates as 2026-01-31: data.time needs one in each row")
    if exchanged:
        what = f"column '{config.time}' has dates such as {few(texts, 1)} with the day or the month first"
        raise UserError(config.path, what, "write dates as 2026-01-31")
    return dates
