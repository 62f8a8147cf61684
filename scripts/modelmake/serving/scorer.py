"""Scorer: a checked model that answers requests, as the server, `make smoke`, `make predict` and the gate use it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from modelmake.core.errors import UserError, first_line
from modelmake.model.contract import Contract, cells
from modelmake.model.inspection import check
from modelmake.model.trust import AGAIN
from modelmake.scores.agreement import EQUAL, Agreement
from modelmake.serving.body import Table
from modelmake.serving.forest import Predict, predictor
from modelmake.serving.protocols import Protocol, mlflow
from modelmake.serving.refusal import Refusal
from modelmake.serving.rows import frame, padded

SCALARS = {bool, int, float, str}  # what a prediction may be


@dataclass(frozen=True)
class Scorer:
    """A model that gives the logged predictions for its golden rows."""

    contract: Contract
    predict: Predict  # of a frame of shape (n_rows, n_features), in the types of the contract
    golden: Agreement = EQUAL  # how much its predictions of the golden rows differ from the logged ones

    def answer(self, body: bytes, content_type: str, protocol: Protocol = mlflow) -> tuple[Table, list[Any]]:
        """Return the rows of a request, and its predictions as JSON has them.

        Raises
        ------
        Refusal
            The request does not fit the model, or the model fails on it.

        """
        table = protocol.read(body, content_type, self.contract.names)
        X = frame(padded(table), self.contract)
        if table.text:  # the log of requests has what JSON would have
            columns = zip(*cells(X.head(table.rows)), strict=True)
            table = Table(table.columns | dict(zip(self.contract.names, columns, strict=True)), table.rows)
        return table, self.predictions(X)[: table.rows]

    def predictions(self, X: pd.DataFrame) -> list[Any]:
        """Return the predictions of rows of the contract's types as JSON has them."""
        try:
            y_pred = np.asarray(self.predict(X))
        except ValueError as error:  # scikit-learn's for values that fit the types, as 1e300 where a tree has float32
            what = "the model does not accept a value of these rows, such as a very large number"
            raise Refusal(422, what) from error
        except Exception as error:  # any model may fail in any way; its message may quote a value
            raise Refusal(500, f"the model fails on these rows ({type(error).__name__})") from error
        values: list[Any] = y_pred.tolist()
        whole = y_pred.shape == (len(X),) and set(map(type, values)) <= SCALARS
        if not whole or not _are_finite(y_pred, values):
            raise Refusal(500, "the model gives no finite prediction for each of these rows")
        return values


def load(folder: Path, model_id: str, trusted: Sequence[str]) -> Scorer:
    """Return the model in a folder, once its code, types and loader are checked and its golden rows are as logged.

    Raises
    ------
    UserError
        A check fails, or a golden row gets another prediction than the one that was logged.

    """
    checked = check(folder, model_id, trusted)
    contract = Contract.read(folder)
    try:
        pipeline = checked.pipeline()
    except Exception as error:  # any class may fail in any way
        raise UserError(f"model {model_id}", f"cannot be loaded: {first_line(error)}", AGAIN) from None
    return verified(pipeline, contract, model_id)


def verified(pipeline: Pipeline, contract: Contract, model_id: str) -> Scorer:
    """Return the scorer of a loaded model; raises UserError for a golden row that is not predicted as logged."""
    where = f"model {model_id}"
    try:
        golden = frame(padded(rows(contract)), contract)
        expected = np.asarray(pipeline.predict(golden))
    except Refusal as refusal:
        raise UserError(where, f"refuses a golden row: {refusal.error} (column {refusal.column})", AGAIN) from None
    except Exception as error:  # as above
        raise UserError(where, f"fails on its golden rows: {first_line(error)}", AGAIN) from None
    scorer = Scorer(contract, predictor(pipeline, golden, expected))
    try:
        agreement = contract.agreement(scorer.predictions(golden)[: len(contract.rows)])
    except Refusal as refusal:
        raise UserError(where, f"fails on its golden rows: {refusal.error}", AGAIN) from None
    if agreement.given is not None:
        raise UserError(where, "does not have a logged prediction for each golden row", AGAIN)
    if not agreement.same:
        what = f"golden row {agreement.apart[0]} has a prediction that differs from the one logged with the model"
        raise UserError(where, f"{what}: {agreement.words}", f"{AGAIN}, on the same kind of machine")
    return replace(scorer, golden=agreement)


def rows(contract: Contract) -> Table:
    """Return the golden rows as a request has them."""
    columns: Sequence[Sequence[Any]] = list(zip(*contract.rows, strict=True))
    return Table(dict(zip(contract.names, columns, strict=True)), len(contract.rows))


def _are_finite(y_pred: NDArray[Any], values: list[Any]) -> bool:
    if y_pred.dtype.kind == "f":
        return bool(np.isfinite(y_pred).all())
    return all(math.isfinite(value) for value in values if type(value) is float)
