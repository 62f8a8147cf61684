"""Read: the user's table, checked, with the identity of each row as its index."""

from pathlib import Path

import numpy as np
import pandas as pd

from scripts.core.config import Data
from scripts.core.errors import UserError, first_line, suggestion
from scripts.core.provenance import sha256

MOST = 3  # texts that an error shows


def fingerprint(config: Data) -> str:
    """Return the SHA-256 of the data file: the data set's identity."""
    _existing(config)
    return sha256(Path(config.path))


def read_table(config: Data) -> pd.DataFrame:
    """Read the data file and check that it can be learned from.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_features + 1)
        The columns as they stand in the file, the target among them; the index is the rows' identity (`row_hashes`).

    Raises
    ------
    UserError
        The file is missing, empty or unreadable, or the target column is missing or has gaps, or a column holds
        neither numbers nor text.

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
    try:
        return identified(frame)
    except (TypeError, ValueError) as error:
        where = f"{config.path}: values that are neither numbers nor text"
        raise UserError(where, first_line(error), "drop that column, or turn it into several") from None


def identified(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with its rows' identity as its index, by which they are known from here on."""
    return frame.set_index(pd.Index(row_hashes(frame), name="row"))


def row_hashes(frame: pd.DataFrame) -> np.ndarray:
    """Return a hash of each row: ndarray of uint64 of shape (n_rows,).

    The same row has the same hash in each file, in whatever order its columns stand, and also where a gap elsewhere
    has made whole numbers floating-point ones.

    Examples
    --------
    >>> some = pd.DataFrame({"width": [1, 2], "kind": ["a", "b"]})
    >>> bool((row_hashes(some) == row_hashes(some[["kind", "width"]].astype({"width": float}))).all())
    True

    """
    numbers = {name: float for name, dtype in frame.dtypes.items() if dtype.kind in "biuf"}
    return pd.util.hash_pandas_object(frame[sorted(frame.columns)].astype(numbers), index=False).to_numpy()


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
