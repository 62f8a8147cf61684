"""Import what runs import, so that the image contains its bytecode and a start takes 2 s, not 10. Create the tables."""

import importlib
import sqlite3
from multiprocessing import Pool
from pathlib import Path

import pytest

DATABASE = Path("/mlflow/mlflow.db")

# Two lists of about equal weight, for two processes.
LISTS = (
    """
    mlflow.cli mlflow.data mlflow.models mlflow.pyfunc mlflow.server.fastapi_app
    mlflow.server.handlers mlflow.store.artifact.mlflow_artifacts_repo mlflow.store.db.utils mlflow.tracking
    mlflow.store.tracking.sqlalchemy_workspace_store mlflow.tracing.processor.base_mlflow mlflow.tracing.export.utils
    mlflow.tracking.request_header.registry mlflow.tracking.request_header.databricks_request_header_provider
    mlflow.utils.search_logged_model_utils alembic.command sqlalchemy.dialects.sqlite uvicorn.workers
    """,
    """
    sklearn.calibration sklearn.compose sklearn.ensemble sklearn.inspection sklearn.linear_model sklearn.metrics
    sklearn.model_selection sklearn.neighbors sklearn.neural_network sklearn.pipeline sklearn.preprocessing
    sklearn.svm sklearn.tree sklearn.dummy skops.io scipy.stats pandas pyarrow.dataset pyarrow.parquet rich.progress
    matplotlib.pyplot matplotlib.backends.backend_svg jinja2 mlflow.pyfunc.scoring_server
    coverage docker narwhals yamllint.cli check_jsonschema.cli mlflow.sklearn
    """,
)


def warm(names: str) -> None:
    """Import each of `names`."""
    for name in names.split():
        importlib.import_module(name)


def tables() -> None:
    """Create the store that a server starts with."""
    DATABASE.parent.mkdir()
    importlib.import_module("mlflow.cli").cli(["db", "upgrade", f"sqlite:///{DATABASE}"], standalone_mode=False)
    sqlite3.connect(DATABASE).execute("PRAGMA journal_mode=WAL")


if __name__ == "__main__":
    with Pool(2) as pool:
        tasks = [pool.apply_async(warm, (names,)) for names in LISTS] + [pool.apply_async(tables)]
        pytest.main(["--help", "-p", "hypothesis.strategies"])  # every plugin, rewritten as pytest does
        for task in tasks:
            task.get()
