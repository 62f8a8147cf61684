"""Served: whether the scoring server answers with the predictions that are scored."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from modelmake.core.errors import UserError
from modelmake.model.contract import Contract, cells
from modelmake.serving import scorer
from modelmake.serving.body import JSON
from modelmake.serving.refusal import Refusal


def served_otherwise(pipeline: Pipeline, folder: Path, model_id: str, X: pd.DataFrame, y_pred: np.ndarray) -> str:
    """Return how the scoring server would answer other than `y_pred`, "" where it gives the same."""
    try:
        contract = Contract.read(folder)
        server = scorer.verified(pipeline, contract, model_id)
        body = json.dumps({"dataframe_split": {"columns": contract.names, "data": cells(X[contract.names])}})
        _, answers = server.answer(body.encode(), JSON)
    except UserError as error:
        return str(error)
    except Refusal as refusal:
        return f"the scoring server refuses a held-out row: column {refusal.column}: {refusal.error}"
    return (
        "" if answers == y_pred.tolist() else "the scoring server gives other predictions than those that were scored"
    )


def raw(X: pd.DataFrame) -> dict[str, list[Any]]:
    """Return raw rows as `Outside.ask` takes them: in their cells a gap is null, and a date is its text."""
    numbers = [str(name) for name, dtype in X.dtypes.items() if dtype.kind in "iuf"]
    return {"columns": list(X.columns), "data": cells(X), "numbers": numbers}
