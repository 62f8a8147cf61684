"""Read the data, check it, split it."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scripts.pipeline.config import Data
from scripts.pipeline.errors import UserError, first_line, suggestion
from scripts.pipeline.provenance import sha256

MOST = 3  # texts that an error shows
TRAINED, ROWS, HASH = "train", "rows", "<u8"  # the run's artifact with the hash of each row that it was trained on


@dataclass(frozen=True)
class Split:
    """Features and target of the training rows and of the held-out rows."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series


def fingerprint(config: Data) -> str:
    """Return the SHA-256 of the data file: the data set's identity."""
    _existing(config)
    return sha256(Path(config.path))


def read(config: Data) -> pd.DataFrame:
    """Read the data file and check that it can be learned from.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_features + 1)
        The columns as they stand in the file, the target among them.

    Raises
    ------
    UserError
        The file is missing, empty or unreadable, or the target column is missing or has gaps.

    """
    path = _existing(config)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UserError("pipeline.toml: data.path", f"cannot read '{path.suffix}' files", "use .csv or .parquet")
    try:
        frame = _parsed(path, config)
    except pd.errors.EmptyDataError:
        raise UserError(config.path, "the file is empty", "a header line and rows are expected") from None
    except Exception as error:  # parsers fail in a dozen ways, and each of them is the file's fault
        raise UserError(config.path, f"cannot be parsed: {first_line(error)}", f"expected {path.suffix}") from None
    _check(frame, config)
    return frame.reset_index(drop=True)  # rows are known by their place in the file


def split(frame: pd.DataFrame, config: Data, *, seed: int, classifier: bool) -> Split:
    """Hold out `test_size` of the rows, chosen by `seed` and by what stands in each row.

    Where a row stands in the file does not matter, and as the data grows, rows that were held out stay held out
    (but for a few, as the share's bound moves): a model of last week has not been trained on this week's test.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_features + 1)
        As `read` returns it.
    config : Data
        Names the target, the held-out share and whether to stratify by class.
    seed : int
        The same rows and seed give the same split.
    classifier : bool
        Whether the target holds classes.

    Raises
    ------
    UserError
        A target with one class, a class too small to stratify, too few rows, or values that are no numbers or text.

    """
    X, y = frame.drop(columns=config.target), frame[config.target]
    stratify = classifier and config.stratify
    if classifier:
        _check_classes(y, config)
    n_test = math.ceil(config.test_size * len(frame))
    if min(n_test, len(frame) - n_test) < (y.nunique() if stratify else 1):
        where = f"{config.path}: {len(frame)} rows, data.test_size = {config.test_size}"
        raise UserError(where, "one part would have too few", "more rows, or another test_size")
    order = _shuffled(frame, config, seed)
    first = np.arange(len(order))
    if stratify:  # each class's rows are spread over the whole, so that a share of all is a share of each
        of_class = y.iloc[order].groupby(y.iloc[order].to_numpy())
        first = np.argsort(((of_class.cumcount() + 0.5) / of_class.transform("size")).to_numpy(), kind="stable")
    test, train = order[np.sort(first[:n_test])], order[np.sort(first[n_test:])]
    if classifier and y.iloc[train].nunique() < 2:
        raise UserError(config.path, "the training rows hold one class only", "set data.stratify = true, or more rows")
    return Split(X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test])


def hashes(X: pd.DataFrame, y: pd.Series | None = None) -> np.ndarray:
    """Return a hash of each row, with its target where that is given: ndarray of uint64 of shape (n_rows,).

    The same row has the same hash in each file, in whatever order its columns stand, and also where a gap elsewhere
    has made whole numbers floating-point ones.
    """
    frame = X if y is None else pd.concat([X, y], axis=1)
    numbers = {name: float for name, dtype in frame.dtypes.items() if dtype.kind in "biuf"}
    return pd.util.hash_pandas_object(frame[sorted(frame.columns)].astype(numbers), index=False).to_numpy()


def _shuffled(frame: pd.DataFrame, config: Data, seed: int) -> np.ndarray:
    """Return the rows' positions in an order that `seed` and the rows themselves give; copies are rows of their own."""
    try:
        rows = hashes(frame)
    except (TypeError, ValueError) as error:
        where = f"{config.path}: values that are neither numbers nor text"
        raise UserError(where, first_line(error), "drop that column, or turn it into several") from None
    copy = pd.Series(rows).groupby(rows).cumcount()
    drawn = pd.util.hash_pandas_object(pd.DataFrame({"row": rows, "copy": copy, "seed": seed}), index=False)
    return np.argsort(drawn.to_numpy(), kind="stable")


def duplicates(split: Split) -> pd.Index:
    """Return the index of the held-out rows that stand among the training rows too, target and all."""
    known = np.isin(hashes(split.X_test, split.y_test), hashes(split.X_train, split.y_train))
    return split.X_test.index[known]


def slices(column: pd.Series) -> dict[str, np.ndarray]:
    """Return which rows make up each slice of a column: a mask of shape (n_rows,) by the slice's name.

    A slice is one value, or a quarter of the rows where the column holds more than ten different numbers. Rows
    without a value are a slice too.
    """
    present = column.dropna()
    if column.dtype.kind in "iuf" and present.nunique() > 10:
        quarters = pd.qcut(column, 4, duplicates="drop")
        values, column = quarters.cat.categories, quarters
    else:
        values = sorted(present.unique(), key=None if column.dtype.kind in "biuf" else str)
    found = {str(value): (column == value).fillna(False).to_numpy(dtype=bool) for value in values}
    if column.isna().any():
        found["missing"] = column.isna().to_numpy()
    return found


def _existing(config: Data) -> Path:
    path = Path(config.path)
    if not path.is_file():
        raise UserError(
            "pipeline.toml: data.path", f"no file '{config.path}'", "a path beside the Makefile, or absolute"
        )
    if path.stat().st_size == 0:
        raise UserError(config.path, "the file is empty", "a header line and rows are expected")
    return path


def _parsed(path: Path, config: Data) -> pd.DataFrame:
    """Return what is in the file; a byte order mark at its start is no part of it."""
    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    if config.missing is None:
        return pd.read_csv(path)
    return pd.read_csv(path, keep_default_na=False, na_values=["", *config.missing])


def _check(frame: pd.DataFrame, config: Data) -> None:
    columns = [str(column) for column in frame.columns]
    if config.target not in columns:
        what = f"no column '{config.target}' in {config.path}"
        raise UserError("pipeline.toml: data.target", what, suggestion(config.target, columns))
    if len(set(columns)) != len(columns) or not all(isinstance(column, str) for column in frame.columns):
        raise UserError(config.path, "column names must be text, each used once", "rename them")
    if len(columns) < 2:
        raise UserError(config.path, "no column beside the target", "add features")
    if frame.empty:
        raise UserError(config.path, "a header but no rows", "add rows")
    if (gaps := frame[config.target].isna()).any():
        raise _without_target(gaps, config)
    for column, dtype in frame.dtypes.items():
        if dtype.kind in "mM":
            raise UserError(config.path, f"column '{column}' holds dates", "turn it into numbers, such as days since")


def _without_target(gaps: pd.Series, config: Data) -> UserError:
    """Return the error for rows without a target, with the texts that were read as a missing value."""
    what, fix = f"{gaps.sum()} rows have no '{config.target}'", "fill them or drop those rows"
    path = Path(config.path)
    if path.suffix.lower() == ".parquet":
        return UserError(config.path, what, fix)
    written = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[])[config.target].fillna("")
    counts = written[gaps].value_counts()
    if set(counts.index) == {""}:
        return UserError(config.path, f"{what}: the field is empty", fix)
    seen = [f"{count} × {repr(text) if text else 'empty'}" for text, count in counts.head(MOST).items()]  # noqa: RUF001
    what += f": {', '.join(seen)}{', …' if len(counts) > MOST else ''}"
    if config.missing is None:
        fix += "; NA, None, null and the like count as empty: if such a text is a class, data.missing = []"
    else:
        fix += "; data.missing counts such a text as empty: if it is a class, take it out of that list"
    return UserError(config.path, what, f"{fix} in pipeline.toml")


def _check_classes(y: pd.Series, config: Data) -> None:
    counts = y.value_counts()
    where = f"{config.path}: {config.target}"
    if len(counts) < 2:
        raise UserError(where, f"one class only ({counts.index[0]!r})", "a classifier needs two or more")
    if y.dtype.kind == "f" and len(counts) > max(20, len(y) // 10):
        raise UserError(where, f"{len(counts)} different numbers, not classes", "choose a regressor as model.estimator")
    if config.stratify and counts.iloc[-1] < 2:
        what = f"class {counts.index[-1]!r} has 1 row, too few to stratify"
        raise UserError(where, what, "data.stratify = false, or more rows of it")
