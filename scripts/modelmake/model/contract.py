"""Contract: the columns that a model accepts, and example rows with their predictions; logged with the model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError
from sklearn.pipeline import Pipeline

from modelmake.config.column import Column
from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.core.types import MISSING, Type, of
from modelmake.model.padding import predictions
from modelmake.scores.agreement import Agreement, tolerance
from modelmake.tables.reading import TYPED, Reading

FILE = Path("extra_files", "contract.json")  # in the model's folder
ROWS = 20  # at most, that a column with gaps or the table as a whole gives
DATE = "%Y-%m-%dT%H:%M:%S.%f"


class Feature(BaseModel):
    """One column that the model accepts.

    Parameters
    ----------
    name : str
        The column.
    dtype : str
        NumPy's or pandas' type of the training rows, such as "int64", "float64", "bool", "str" or "datetime64[us]".
    optional : bool
        Whether a value may be missing: as [data.schema] states it, else whether one is missing in the table.
    truth : bool
        Whether the numbers of the training rows are 0 and 1 alone, so that true and false stand for them.
    stated : Column or None
        What [data.schema] states about the column.

    """

    model_config = ConfigDict(frozen=True)

    name: str
    dtype: str
    optional: bool
    truth: bool = False
    stated: Column | None = None

    @property
    def type(self) -> Type:
        """The type of its values."""
        return of(self.dtype)

    @property
    def lenient(self) -> Self:
        """The column as `make watch` reads it: what [data.schema] does not allow is drift, and is no error."""
        stated = Column(type=self.stated.type, empty=self.stated.empty) if self.stated else None
        return self.model_copy(update={"optional": True, "stated": stated})


class Contract(BaseModel):
    """What a model accepts, and what it answers.

    Parameters
    ----------
    features : tuple of Feature
        In the order of the training rows' columns.
    ignored : tuple of str
        Further columns of the table, which a request may have and which the model never sees.
    missing : tuple of str
        The texts that stand for a missing value where every value is a text, as in a CSV.
    classes : tuple or None
        The classes of a classifier, None for a regressor.
    rows : tuple of tuple
        Golden rows: example rows, as JSON has their values.
    predictions : tuple
        The model's predictions of these rows, as JSON has them.
    dtype : str
        NumPy's type of the predictions.
    reading : Reading
        What was decided about the texts of the training table, by which another table is read too.

    """

    model_config = ConfigDict(frozen=True)

    features: tuple[Feature, ...]
    ignored: tuple[str, ...] = ()
    missing: tuple[str, ...] = MISSING
    classes: tuple[str | int | float | bool, ...] | None = None
    rows: tuple[tuple[Any, ...], ...]
    predictions: tuple[str | int | float | bool, ...]
    dtype: str = "float64"
    reading: Reading = TYPED

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [feature.name for feature in self.features]

    def agreement(self, predictions: Sequence[Any]) -> Agreement:
        """Compare predictions of the golden rows with the logged ones."""
        allowed = tolerance(self.dtype, labels=self.classes is not None)
        return Agreement.of(predictions, self.predictions, allowed)

    def text(self) -> str:
        """Return the contract as JSON."""
        return self.model_dump_json(indent=1, exclude_none=True)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the contract in a model's folder.

        Raises
        ------
        UserError
            There is none, or it is damaged.

        """
        try:
            return cls.model_validate_json((folder / FILE).read_bytes())
        except (OSError, ValidationError):
            what = f"has no {FILE.name} with its columns and example rows, or a damaged one"
            raise UserError("the model", what, "train it again: make train FORCE=1, then promote it") from None


def contract(
    fitted: Pipeline, X: pd.DataFrame, frame: pd.DataFrame, config: Data, reading: Reading = TYPED
) -> Contract:
    """Return the contract of a fitted pipeline.

    Parameters
    ----------
    fitted : Pipeline
        The model.
    X : pandas.DataFrame of shape (n_rows, n_features)
        The training rows.
    frame : pandas.DataFrame of shape (n_all_rows, n_columns)
        The whole table: a column with a gap in any row of it is optional, and its other columns are ignored.
    config : Data
        Its schema states which values a column may have.
    reading : Reading
        How the table was read.

    """
    golden = X.iloc[_examples(X)]
    y_pred = np.asarray(predictions(fitted.predict, golden))
    stated = config.columns or {}
    classes = getattr(fitted, "classes_", None)
    return Contract(
        features=tuple(_feature(X[name], frame[name], stated.get(str(name))) for name in X.columns),
        ignored=tuple(sorted(map(str, set(frame.columns) - set(X.columns)))),
        missing=_gaps(X, config),
        classes=None if classes is None else tuple(np.asarray(classes).tolist()),
        rows=tuple(tuple(row) for row in cells(golden)),
        predictions=tuple(y_pred.tolist()),
        dtype=str(y_pred.dtype),
        reading=reading,
    )


def cells(X: pd.DataFrame) -> list[list[Any]]:
    """Return the values of rows as JSON has them, row by row: a gap is None, and a date is its text.

    Examples
    --------
    >>> cells(pd.DataFrame({"n": [1.5, None], "day": pd.to_datetime(["2026-01-31", None])}))
    [[1.5, '2026-01-31T00:00:00.000000'], [None, None]]

    """
    columns = [X[name].dt.strftime(DATE) if X[name].dtype.kind == "M" else X[name] for name in X.columns]
    gaps = [column.isna().tolist() for column in columns]
    values = [
        [None if gap else value for value, gap in zip(column.tolist(), empty, strict=True)]
        for column, empty in zip(columns, gaps, strict=True)
    ]
    return [list(row) for row in zip(*values, strict=True)]


def _feature(column: pd.Series, whole: pd.Series, stated: Column | None) -> Feature:
    optional = bool(whole.isna().any()) if stated is None or stated.missing is None else stated.missing > 0
    numbers = column.dropna() if column.dtype.kind in "iuf" else column.iloc[:0]
    truth = len(numbers) > 0 and bool(numbers.isin([0, 1]).all())
    return Feature(name=str(column.name), dtype=str(column.dtype), optional=optional, truth=truth, stated=stated)


def _gaps(X: pd.DataFrame, config: Data) -> tuple[str, ...]:
    """Return the texts that are gaps in a text file; one that is a value of a table with types is none."""
    texts = [X[name] for name in X.columns if X[name].dtype == "str"]
    present = {text for column in texts for text in column[column.isin(config.gaps)].unique()}
    return tuple(text for text in config.gaps if text not in present)


def _examples(X: pd.DataFrame) -> list[int]:
    """Return the places of the first rows, and of the first row with a gap in each column that has gaps."""
    places = list(range(min(ROWS, len(X))))
    gaps = [np.flatnonzero(X[name].isna().to_numpy())[:1].tolist() for name in X.columns]
    return sorted({*places, *[place for first in gaps[: 10 * ROWS] for place in first]})
