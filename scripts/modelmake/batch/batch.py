"""Batch: predictions of a table of any size, by the same checks and the same model as the server's."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.batch import notation
from modelmake.batch.notation import Forms
from modelmake.config.column import Column
from modelmake.config.data import Data
from modelmake.core.errors import UserError, suggestion
from modelmake.model import padding
from modelmake.model.contract import Contract, Feature
from modelmake.serving.casts import Cast, Mask, cast, form, without_gaps
from modelmake.serving.scorer import Scorer
from modelmake.tables.chunk import Chunk
from modelmake.tables.forms import PLAIN
from modelmake.tables.reading import Reading
from modelmake.tables.table import Table

ROWS = 10_000  # at once; more rows are slower, since they leave the processor's cache
FEW = 100  # rows of a chunk that the model may refuse
REFUSED = "the model does not accept a value of this row"
PREDICTION = "prediction"

Faults = dict[int, tuple[str, str]]  # the column and the reason, by the place of a row in its chunk


@dataclass(frozen=True)
class Scored:
    """The rows of one chunk, of which n_good were predicted."""

    chunk: Chunk
    X: pd.DataFrame  # of shape (n_good, n_features)
    good: Mask  # of shape (n_rows,)
    y_pred: NDArray[Any]  # of shape (n_good,)
    rejected: pd.DataFrame  # file, row from 1, column and reason of each other row


def scored(scorer: Scorer, table: Table) -> Iterator[Scored]:
    """Yield the predictions of a table, chunk by chunk.

    Raises
    ------
    UserError
        The table cannot be read, a column of the model is missing, or the model fails.

    """
    forms: Forms | None = None
    table = replace(table, config=as_trained(table.config, scorer.contract))
    for chunk in table.chunks(ROWS):
        _check_names(chunk, scorer.contract)
        forms = notation.forms(table, scorer.contract, chunk.decimal) if forms is None else forms
        X, good, faults = fitted(chunk, scorer.contract, forms)
        try:
            y_pred, refused = answered(scorer, X)
        except Exception as error:  # any model may fail in any way
            where = f"{chunk.path}: rows {chunk.first + 1} to {chunk.first + len(chunk.frame)}"
            raise UserError(where, f"the model fails on them ({type(error).__name__})", "make smoke") from error
        if refused:
            places = np.flatnonzero(good)[refused]
            good[places] = False
            X = X.drop(index=refused).reset_index(drop=True)
            faults |= dict.fromkeys(places.tolist(), ("", REFUSED))
        yield Scored(chunk, X, good, y_pred, _rejected(chunk, faults))


def as_trained(config: Data, contract: Contract) -> Data:
    """Return the keys by which a table is read for a model: its gaps, and its texts, which are no numbers."""
    texts = {feature.name: Column(type="text") for feature in contract.features if feature.type.name == "text"}
    return config.model_copy(update={"missing": [*contract.missing], "columns": (config.columns or {}) | texts})


def answered(scorer: Scorer, X: pd.DataFrame) -> tuple[NDArray[Any], list[int]]:
    """Return the predictions, and the places of single rows that the model refuses, such as 1e300 for a tree.

    Raises
    ------
    ValueError
        It refuses more than FEW rows.

    """
    parts: list[NDArray[Any]] = []
    refused: list[int] = []
    waiting = [(0, len(X))] if len(X) else []
    while waiting:
        first, end = waiting.pop()
        try:
            parts.append(predictions(scorer, X.iloc[first:end]))
        except ValueError:
            if len(refused) == FEW:
                raise
            middle = (first + end) // 2  # the row is in one of the halves
            if middle == first:
                refused.append(first)
            else:
                waiting += [(middle, end), (first, middle)]
    return np.concatenate(parts) if parts else np.empty(0), refused


def predictions(scorer: Scorer, X: pd.DataFrame) -> NDArray[Any]:
    """Return the predictions of rows, with the bits that the server gives.

    Raises
    ------
    ValueError
        The model does not give one finite value for each row.

    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's may quote a value of a row
        y_pred = np.asarray(padding.predictions(scorer.predict, X))
    if y_pred.dtype.kind == "f" and not np.isfinite(y_pred).all():
        raise ValueError
    return y_pred


def fitted(chunk: Chunk, contract: Contract, forms: Forms) -> tuple[pd.DataFrame, Mask, Faults]:
    """Return the rows that fit the contract with the types of the training, which rows they are, and the others."""
    columns = {feature.name: values(chunk, feature, forms, contract.reading) for feature in contract.features}
    good, faults = np.ones(len(chunk.frame), dtype=bool), Faults()
    for name, column in columns.items():
        for reason, mask in column.wrong:
            faults |= dict.fromkeys(np.flatnonzero(mask & good).tolist(), (name, reason))
            good &= ~mask
    frame = pd.DataFrame({name: column.with_gaps(good) for name, column in columns.items()}, copy=False)
    return frame if good.all() else frame[good].reset_index(drop=True), good, faults


def _rejected(chunk: Chunk, faults: Faults) -> pd.DataFrame:
    found = [(chunk.path.name, chunk.first + 1 + place, *faults[place]) for place in sorted(faults)]
    return pd.DataFrame(found, columns=["file", "row", "column", "reason"])


def _check_names(chunk: Chunk, contract: Contract) -> None:
    names = [str(name) for name in chunk.frame.columns]
    for name in contract.names:
        if name not in names:
            raise UserError(str(chunk.path), f"has no column '{name}', which the model needs", suggestion(name, names))
    if PREDICTION in names:
        raise UserError(str(chunk.path), f"has a column '{PREDICTION}' already", "rename it")


def values(chunk: Chunk, feature: Feature, forms: Forms, reading: Reading) -> Cast:
    """Return one column in its type; its first texts say how the file writes it, where the contract does not."""
    given, place = chunk.frame[feature.name], (chunk.path, feature.name)
    if not isinstance(chunk.table, pd.DataFrame):
        given = without_gaps(given, reading.gaps)
    if given.dtype == "str" and feature.type.name != "text" and place not in forms and given.notna().any():
        forms[place] = form(given, feature, reading, chunk.decimal, str(chunk.path))
    trained = reading.forms.get(feature.name, PLAIN) if feature.type.name in ("text", "date") else PLAIN
    return cast(given, feature, forms.get(place, trained))
