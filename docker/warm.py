"""Import all that a run imports, so that its bytecode is in the image and a start takes 3 s, not 10."""

import importlib

for name in """
    coverage docker hypothesis.strategies matplotlib.pyplot mlflow.cli mlflow.data mlflow.models
    mlflow.pyfunc mlflow.pyfunc.scoring_server mlflow.server.fastapi_app mlflow.server.handlers
    mlflow.sklearn mlflow.store.artifact.mlflow_artifacts_repo mlflow.store.db.utils mlflow.tracking
    pandas pyarrow.dataset pyarrow.parquet pytest rich.progress sklearn.calibration sklearn.compose
    sklearn.ensemble sklearn.inspection sklearn.linear_model sklearn.metrics sklearn.model_selection
    sklearn.neighbors sklearn.neural_network sklearn.pipeline sklearn.preprocessing sklearn.svm
    sklearn.tree skops.io uvicorn.workers yamllint.cli check_jsonschema.cli
""".split():
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(f"warm.py: {name}: {error}")
