"""Served: whether the scoring server gives the predictions that are scored, and the rows that it and MLflow get."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.pipeline import Pipeline

from modelmake.core.errors import UserError
from modelmake.model.contract import Contract, cells
from modelmake.model.padding import filled
from modelmake.scores.agreement import EQUAL, Agreement, Expected, widest
from modelmake.serving import scorer
from modelmake.serving.body import JSON
from modelmake.serving.refusal import Refusal


def served_otherwise(
    pipeline: Pipeline, folder: Path, model_id: str, X: pd.DataFrame, expected: Expected
) -> tuple[str, Agreement]:
    """Return what is wrong with the answers of the scoring server, "" for nothing, and how much they differ."""
    try:
        contract = Contract.read(folder)
        server = scorer.verified(pipeline, contract, model_id)
        body = json.dumps({"dataframe_split": {"columns": contract.names, "data": cells(X[contract.names])}})
        _, answers = server.answer(body.encode(), JSON)
    except UserError as error:
        return str(error), EQUAL
    except Refusal as refusal:
        problem = f"the scoring server refuses a held-out row: column {refusal.column}: {refusal.error}"
        return problem, EQUAL
    agreement = expected.compared(answers)
    return agreement.problem("the scoring server"), widest(agreement, server.golden)


def raw(X: pd.DataFrame) -> dict[str, Any]:
    """Return raw rows as `Outside.ask` takes them: in their cells a gap is null, and a date is its text.

    They are filled up as wherever rows are predicted (modelmake.model.padding); `rows` counts those that were given.
    """
    numbers = [str(name) for name, dtype in X.dtypes.items() if dtype.kind in "iuf"]
    return {"columns": list(X.columns), "data": list(filled(cells(X))), "rows": len(X), "numbers": numbers}
