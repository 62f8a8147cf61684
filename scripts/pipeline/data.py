"""Read the data, check it, split it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from scripts.pipeline.config import Data
from scripts.pipeline.errors import UserError, first_line, suggestion
from scripts.pipeline.provenance import sha256

READERS = {".csv": pd.read_csv, ".parquet": pd.read_parquet}


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
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError("pipeline.toml: data.path", f"cannot read '{path.suffix}' files", "use .csv or .parquet")
    try:
        frame = reader(path)
    except pd.errors.EmptyDataError:
        raise UserError(config.path, "the file is empty", "a header line and rows are expected") from None
    except Exception as error:  # parsers fail in a dozen ways, and each of them is the file's fault
        raise UserError(config.path, f"cannot be parsed: {first_line(error)}", f"expected {path.suffix}") from None
    _check(frame, config)
    return frame.reset_index(drop=True)  # rows are known by their place in the file


def split(frame: pd.DataFrame, config: Data, *, seed: int, classifier: bool) -> Split:
    """Hold out `test_size` of the rows, chosen by `seed`.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_features + 1)
        As `read` returns it.
    config : Data
        Names the target, the held-out share and whether to stratify by class.
    seed : int
        The split's random state: the same rows and seed give the same split.
    classifier : bool
        Whether the target holds classes.

    Raises
    ------
    UserError
        A target with one class, a class too small to stratify, or too few rows.

    """
    X, y = frame.drop(columns=config.target), frame[config.target]
    if classifier:
        _check_classes(y, config)
    stratify = y if classifier and config.stratify else None
    try:
        parts = train_test_split(X, y, test_size=config.test_size, random_state=seed, stratify=stratify)
    except ValueError as error:
        where = f"{config.path}: {len(frame)} rows, data.test_size = {config.test_size}"
        raise UserError(where, first_line(error), "more rows, or another test_size") from None
    X_train, X_test, y_train, y_test = parts
    if classifier and y_train.nunique() < 2:
        raise UserError(config.path, "the training rows hold one class only", "set data.stratify = true, or more rows")
    return Split(X_train, X_test, y_train, y_test)


def duplicates(split: Split) -> pd.Index:
    """Return the index of the held-out rows that stand among the training rows too, target and all."""
    train, test = (
        pd.util.hash_pandas_object(pd.concat([X, y], axis=1), index=False)
        for X, y in ((split.X_train, split.y_train), (split.X_test, split.y_test))
    )
    return split.X_test.index[test.isin(train.unique())]


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
    if gaps := int(frame[config.target].isna().sum()):
        raise UserError(config.path, f"{gaps} rows have no '{config.target}'", "fill them or drop those rows")
    for column, dtype in frame.dtypes.items():
        if dtype.kind in "mM":
            raise UserError(config.path, f"column '{column}' holds dates", "turn it into numbers, such as days since")


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
