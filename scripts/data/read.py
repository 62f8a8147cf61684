"""Read: the user's table, checked, with a hash of each row as its index."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scripts.core.config import Data
from scripts.core.errors import UserError, first_line, suggestion
from scripts.core.provenance import sha256

MOST = 3  # texts in an error message


def fingerprint(config: Data) -> str:
    """Return the SHA-256 of the data file."""
    _existing(config)
    return sha256(Path(config.path))


def read_table(config: Data) -> pd.DataFrame:
    """Read the data file and check that a model can be trained on it.

    Returns
    -------
    pandas.DataFrame of shape (n_rows, n_features + 1)
        The columns in the order of the file, with the target; the index is the rows' hashes (`row_hashes`).

    Raises
    ------
    UserError
        The file is missing, empty or unreadable, or the target column is missing or has gaps, or a column
        contains neither numbers nor text.

    """
    path = _existing(config)
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise UserError("pipeline.toml: data.path", f"cannot read '{path.suffix}' files", "use .csv or .parquet")
    try:
        frame = _parsed(path, config)
    except pd.errors.EmptyDataError:
        raise UserError(config.path, "the file is empty", "add a header line and rows") from None
    except Exception as error:  # parsers raise many types, all for a file that is not valid
        raise UserError(
            config.path, f"cannot be parsed: {first_line(error)}", f"use a valid {path.suffix} file"
        ) from None
    _check(frame, config)
    try:
        return identified(frame)
    except (TypeError, ValueError) as error:
        where = f"{config.path}: values that are neither numbers nor text"
        raise UserError(where, first_line(error), "drop that column, or split it into several") from None


def identified(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the rows' hashes as its index, which identifies them in every later step."""
    return frame.set_index(pd.Index(row_hashes(frame), name="row"))


def row_hashes(frame: pd.DataFrame) -> NDArray[np.uint64]:
    """Return a hash of each row: ndarray of uint64 of shape (n_rows,).

    The same row has the same hash in every file: the order of the columns does not matter, and whole numbers hash as
    floating-point numbers, which pandas uses where the column has a gap.

    Examples
    --------
    >>> frame = pd.DataFrame({"width": [1, 2], "kind": ["a", "b"]})
    >>> bool((row_hashes(frame) == row_hashes(frame[["kind", "width"]].astype({"width": float}))).all())
    True

    """
    numbers = {name: float for name, dtype in frame.dtypes.items() if dtype.kind in "biuf"}
    hashes = pd.util.hash_pandas_object(frame[sorted(frame.columns)].astype(numbers), index=False)
    return np.asarray(hashes, dtype=np.uint64)


def _existing(config: Data) -> Path:
    path = Path(config.path)
    if not path.is_file():
        raise UserError(
            "pipeline.toml: data.path",
            f"no file '{config.path}'",
            "name a path relative to the Makefile, or an absolute path",
        )
    if path.stat().st_size == 0:
        raise UserError(config.path, "the file is empty", "add a header line and rows")
    return path


def _parsed(path: Path, config: Data) -> pd.DataFrame:
    """Return the content of the file, without a byte order mark."""
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
        raise UserError(config.path, "the only column is the target", "add features")
    if frame.empty:
        raise UserError(config.path, "the file has a header and no rows", "add rows")
    if (gaps := frame[config.target].isna()).any():
        raise _without_target(gaps, config)
    for column, dtype in frame.dtypes.items():
        if dtype.kind in "mM":
            raise UserError(config.path, f"column '{column}' contains dates", "turn them into numbers, such as days")


def _without_target(gaps: pd.Series, config: Data) -> UserError:
    """Return the error for rows without a target, with the texts that pandas reads as a missing value."""
    rows = "1 row has" if gaps.sum() == 1 else f"{gaps.sum()} rows have"
    what, fix = f"{rows} no '{config.target}'", "fill them or drop those rows"
    path = Path(config.path)
    if path.suffix.lower() == ".parquet":
        return UserError(config.path, what, fix)
    texts = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[])[config.target].fillna("")
    counts = texts[gaps.to_numpy()].value_counts()
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
