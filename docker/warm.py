"""Import all that a run imports, so that its bytecode is in the image and a start takes 2 s, not 10."""

import importlib
from multiprocessing import Pool

import pytest

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
    coverage docker hypothesis.strategies narwhals yamllint.cli check_jsonschema.cli mlflow.sklearn
    """,
)


def warm(names: str) -> None:
    """Import each of `names`."""
    for name in names.split():
        importlib.import_module(name)


if __name__ == "__main__":
    with Pool(len(LISTS)) as pool:
        pool.map(warm, LISTS)
    pytest.main(["--help"])  # which loads every plugin, rewritten as pytest does
