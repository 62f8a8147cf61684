"""Batch: predictions of a table of any size, by the same checks and the same model as the server's."""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scripts.core.config import Data
from scripts.core.errors import UserError, suggestion
from scripts.data.constraints import constraints
from scripts.model.contract import Contract, Feature
from scripts.serving.rows import OF_A_TABLE, TRUTH, base, kind
from scripts.serving.scorer import Scorer
from scripts.tables.chunks import Chunk, chunks
from scripts.tables.columns import plain

ROWS = 10_000  # at once; more rows are slower, since they leave the processor's cache
PREDICTION = "prediction"
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """The rows of one chunk.

    Parameters
    ----------
    chunk : Chunk
        The rows as the file has them.
    X : pandas.DataFrame of shape (n_good, n_features)
        The rows that were predicted.
    good : ndarray of shape (n_rows,)
        Which rows were predicted.
    y_pred : ndarray of shape (n_good,)
        Their predictions.
    rejected : pandas.DataFrame of shape (n_bad, 4)
        File, row from 1, column and reason of each other row.

    """

    chunk: Chunk
    X: pd.DataFrame
    good: Mask
    y_pred: NDArray[Any]
    rejected: pd.DataFrame


def scored(scorer: Scorer, config: Data) -> Iterator[Scored]:
    """Yield the predictions of the table at config.path, chunk by chunk.

    Raises
    ------
    UserError
        A column of the model is missing, or the model fails.

    """
    for chunk in chunks(config, ROWS):
        _check_names(chunk, scorer.contract)
        X, good, rejected = fitted(chunk, scorer.contract, config)
        try:
            y_pred = np.asarray(scorer.predict(X)) if len(X) else np.empty(0)
        except Exception as error:  # a model of anybody's may fail in any way
            where = f"{chunk.path}: rows {chunk.first + 1} to {chunk.first + len(chunk.frame)}"
            raise UserError(where, f"the model fails on them ({type(error).__name__})", "make smoke") from error
        yield Scored(chunk, X, good, y_pred, rejected)


def fitted(chunk: Chunk, contract: Contract, config: Data) -> tuple[pd.DataFrame, Mask, pd.DataFrame]:
    """Return the rows that fit the contract with the types of the training, which rows they are, and the others."""
    columns, reasons = {}, pd.Series("", index=chunk.frame.index, dtype=object)
    for feature in contract.features:
        values, wrong = _column(chunk, feature, config)
        for reason, mask in wrong:
            new = mask & (reasons == "").to_numpy()
            reasons[new] = f"{feature.name}\0{reason}"
        columns[feature.name] = values
    good: Mask = (reasons == "").to_numpy()
    X = pd.DataFrame(columns, copy=False)[good].reset_index(drop=True)
    bad = reasons[~good]
    rows = chunk.first + 1 + np.flatnonzero(~good)
    parts = [text.split("\0") for text in bad]
    rejected = pd.DataFrame(
        {"file": chunk.path.name, "row": rows, "column": [a for a, _ in parts], "reason": [b for _, b in parts]}
    )
    for feature in contract.features:
        if base(feature) in ("int", "uint", "bool") and not X[feature.name].isna().any():
            X[feature.name] = X[feature.name].astype(feature.dtype)
    return X, good, rejected


def _check_names(chunk: Chunk, contract: Contract) -> None:
    names = [str(name) for name in chunk.frame.columns]
    for name in contract.names:
        if name not in names:
            raise UserError(str(chunk.path), f"has no column '{name}', which the model needs", suggestion(name, names))
    if PREDICTION in names:
        raise UserError(str(chunk.path), f"has a column '{PREDICTION}' already", "rename it")


def _column(chunk: Chunk, feature: Feature, config: Data) -> tuple[pd.Series, list[tuple[str, Mask]]]:
    """Return one column in its type, and masks of the rows that do not fit, with the reason of each."""
    given = chunk.frame[feature.name]
    text = chunk.table is None and given.dtype in ("str", "object")
    if not text:
        given = _plain(given, config)
    missing: Mask = given.isna().to_numpy()
    values = CASTS[base(feature)](given, feature, config)
    lost: Mask = values.isna().to_numpy() & ~missing
    wrong = [(f"not {kind(feature)}", lost)]
    if not feature.optional:
        wrong.append(("missing", missing))
        values = values.where(~(missing | lost), _filling(feature)) if (missing | lost).any() else values
    for title, test in constraints(feature.stated) if feature.stated else ():
        if not title.startswith(OF_A_TABLE):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                wrong.append((f"violates the schema: {title}", ~test(values).to_numpy(dtype=bool) & ~missing & ~lost))
    return values, wrong


def _plain(given: pd.Series, config: Data) -> pd.Series:
    """Return a column of a typed file as the training table would have it."""
    if given.dtype == "str":
        return given
    try:
        return plain(given.to_frame(), config.model_copy(update={"columns": None}))[given.name]
    except UserError:  # such as infinite numbers
        return given


def _filling(feature: Feature) -> object:
    """Return a value that keeps the type where a row is left out."""
    return {"str": "", "datetime": pd.NaT}.get(base(feature), 0)


def _numbers(given: pd.Series, _feature: Feature, config: Data) -> pd.Series:
    """Return numbers, NaN for what is none; text is read digit by digit as JSON is, so the bits are the server's."""
    if given.dtype.kind in "iufb":
        values = given.astype(float)
    elif given.dtype == "str" or given.dtype.kind == "O":
        texts = given.str.replace(",", ".", regex=False) if config.decimal == "," else given
        texts = texts.map(TRUTH_AS_NUMBERS).where(texts.isin(list(TRUTH)), texts) if _feature.truth else texts
        known = pd.to_numeric(texts, errors="coerce").notna()
        values = pd.Series(np.nan, index=given.index)
        values[known] = texts[known].to_numpy(dtype=object).astype(float)
    else:
        values = pd.Series(np.nan, index=given.index)
    return values.where(np.isfinite(values)).astype("float32" if _feature.dtype == "float32" else float)


TRUTH_AS_NUMBERS = {name: str(int(value)) for name, value in TRUTH.items()}


def _integers(given: pd.Series, feature: Feature, config: Data) -> pd.Series:
    if given.dtype.kind in "iu":
        return given
    numbers = _numbers(given, feature, config)
    limits = np.iinfo(feature.dtype)
    return numbers.where((numbers % 1 == 0) & numbers.between(limits.min, limits.max))


def _booleans(given: pd.Series, _feature: Feature, _config: Data) -> pd.Series:
    if given.dtype == bool:
        return given
    if given.dtype.kind in "iuf":
        return given.where(given.isin([0, 1])).astype(float)
    return given.map(TRUTH).astype(float)


def _texts(given: pd.Series, _feature: Feature, _config: Data) -> pd.Series:
    return given if given.dtype == "str" else given.where(given.map(lambda value: isinstance(value, str))).astype("str")


def _dates(given: pd.Series, _feature: Feature, _config: Data) -> pd.Series:
    if given.dtype.kind == "M":
        return given.astype("datetime64[us]")
    if given.dtype != "str":
        return pd.Series(pd.NaT, index=given.index, dtype="datetime64[us]")
    return (
        pd.to_datetime(given, format="ISO8601", errors="coerce", utc=True).dt.tz_localize(None).astype("datetime64[us]")
    )


CASTS: dict[str, Callable[[pd.Series, Feature, Data], pd.Series]] = {
    "float": _numbers,
    "int": _integers,
    "uint": _integers,
    "bool": _booleans,
    "str": _texts,
    "datetime": _dates,
}
