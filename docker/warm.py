"""Import all that a run imports, so that its bytecode is in the image and a start takes 2 s, not 10."""

import importlib
from multiprocessing import Pool

# Two lists of about equal weight, for two processes.
LISTS = (
    """
    mlflow.cli mlflow.data mlflow.models mlflow.pyfunc mlflow.server.fastapi_app
    mlflow.server.handlers mlflow.store.artifact.mlflow_artifacts_repo mlflow.store.db.utils mlflow.tracking
    uvicorn.workers
    """,
    """
    sklearn.calibration sklearn.compose sklearn.ensemble sklearn.inspection sklearn.linear_model sklearn.metrics
    sklearn.model_selection sklearn.neighbors sklearn.neural_network sklearn.pipeline sklearn.preprocessing
    sklearn.svm sklearn.tree skops.io pandas pyarrow.dataset pyarrow.parquet matplotlib.pyplot rich.progress
    coverage docker hypothesis.strategies pytest yamllint.cli check_jsonschema.cli mlflow.sklearn
    """,
)


def warm(names: str) -> None:
    """Import each of `names`."""
    for name in names.split():
        importlib.import_module(name)


if __name__ == "__main__":
    with Pool(len(LISTS)) as pool:
        pool.map(warm, LISTS)
