"""A run's model on the server: saved as skops, and loaded only after its types are checked."""

import json
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
import skops.io
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel, scoring_server
from mlflow.types import Schema
from sklearn.pipeline import Pipeline

from scripts.core.errors import UserError, first_line
from scripts.core.provenance import LOCK, pins
from scripts.model.trust import AGAIN, SAVED, check_loader, checked_types
from scripts.tracking.runs import Run, Tracking, missing, translated

NAME = "model"  # in its run
REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")


def log(
    tracking: Tracking,
    run: Run,
    fitted: Pipeline,
    X: pd.DataFrame,
    *,
    params: Mapping[str, str],
    trusted: Sequence[str],
) -> str:
    """Log the fitted pipeline as skops, with signature, input example, the lock and its pins.

    Returns
    -------
    str
        The logged model's id; its status is READY only once every file is on the server.

    Raises
    ------
    UserError
        The pipeline contains a type that is not in `trusted`.

    """
    client = tracking.client
    with translated(f"log the model of run {run.run_id}"), tempfile.TemporaryDirectory() as scratch:
        logged = client.create_logged_model(run.experiment_id, NAME, run.run_id, params=dict(params))
        try:
            skops.io.dump(fitted, Path(scratch, "probe.skops"))
            checked_types(Path(scratch, "probe.skops"), trusted)
            model = Model(artifact_path=logged.artifact_location, run_id=run.run_id, model_id=logged.model_id)
            _save(fitted, X, Path(scratch, NAME), model, trusted)
            client.log_model_artifacts(logged.model_id, str(Path(scratch, NAME)))
        except BaseException:
            client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
            raise
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        client.log_outputs(run.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return str(logged.model_id)


def find(tracking: Tracking, run: Run) -> str:
    """Return the id of the run's READY model.

    Raises
    ------
    UserError
        The run has no such model: it failed, was stopped, or logged something else.

    """
    with translated(f"find the model of run {run.run_id}"):
        models = tracking.client.search_logged_models([run.experiment_id], f"source_run_id = '{run.run_id}'")
    ready = [str(model.model_id) for model in models if model.name == NAME and model.status == LoggedModelStatus.READY]
    if not ready:
        raise UserError(f"run {run.run_id}", f"has no model that is READY (run status {run.status})", "make train")
    return ready[0]


def load(model_id: str, trusted: Sequence[str]) -> tuple[Pipeline, pd.DataFrame]:
    """Download a logged model and load it, once its types are checked against `trusted`, not against its own list.

    Returns
    -------
    pipeline : Pipeline
        The fitted pipeline.
    example : pandas.DataFrame
        The input example that was logged with it.

    Raises
    ------
    UserError
        Its files are gone, it is not saved as skops, or it contains a type that is not in `trusted`.

    """
    with _downloaded(model_id, trusted) as (folder, types):
        example = Model.load(folder).load_input_example(str(folder))
        return skops.io.load(folder / SAVED, trusted=types), example


def served(model_id: str, trusted: Sequence[str], X: pd.DataFrame, expected: np.ndarray) -> str:
    """Send rows as JSON to a logged model, as MLflow's scoring server does; return what is wrong with its answers.

    Parameters
    ----------
    model_id : str
        The logged model, downloaded again and loaded as pyfunc.
    trusted : sequence of str
        The types that it may contain.
    X : pandas.DataFrame of shape (n_rows, n_features)
        Raw rows.
    expected : ndarray of shape (n_rows,)
        The predictions of these rows.

    Returns
    -------
    str
        Empty if the answers are as expected and rows with wrong columns or types are refused.

    """
    with _downloaded(model_id, trusted) as (folder, _):
        loaded = mlflow.pyfunc.load_model(str(folder))
    schema = loaded.metadata.get_input_schema()
    if schema is None:
        return "the served model accepts any rows: it has no signature"
    try:
        answer = json.loads(_ask(loaded, X))["predictions"]
    except MlflowException as error:
        return f"the served model refuses the test rows: {first_line(error)}"
    if not np.array_equal(np.asarray(answer), np.asarray(expected.tolist())):
        return "the served model gives other predictions than those that were scored"
    for rows, fault in _faulty(X.head(3), schema):
        try:
            _ask(loaded, rows)
        except MlflowException as error:
            if re.search("schema|signature", str(error)):
                continue
        return f"the served model does not refuse rows with {fault} by its schema"
    return ""


def _faulty(X: pd.DataFrame, schema: Schema) -> Iterator[tuple[pd.DataFrame, str]]:
    """Yield rows that a schema has to refuse; MLflow accepts any value as text."""
    for column in [column.name for column in schema.inputs if column.required][:1]:
        yield X.drop(columns=column), f"no column '{column}'"
    for name in [str(name) for name, dtype in X.dtypes.items() if dtype.kind in "iuf"][:1]:
        yield X.assign(**{name: "text"}), f"text as '{name}'"


def _ask(loaded: PyFuncModel, X: pd.DataFrame) -> str:
    """Send rows through the scoring server's own code and return the text of its answer."""
    rows = {"columns": list(X.columns), "data": X.astype(object).where(X.notna(), None).to_numpy().tolist()}
    schema = loaded.metadata.get_input_schema()
    request = json.dumps({"dataframe_split": rows})
    answer = scoring_server.invocations(request, "application/json", loaded, schema)
    return str(answer.response)


@contextmanager
def _downloaded(model_id: str, trusted: Sequence[str]) -> Iterator[tuple[Path, list[str]]]:
    """Yield the folder of a logged model, once its types and its loader are checked, and the types."""
    with tempfile.TemporaryDirectory() as scratch:
        with translated(f"download model {model_id}"):
            try:
                folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=scratch))
            except (MlflowException, OSError) as error:
                if isinstance(error, MlflowException) and not missing(error):
                    raise
                raise UserError(f"model {model_id}", "its files are gone", AGAIN) from None
        types = checked_types(folder / SAVED, trusted)
        check_loader(folder, model_id, trusted)
        yield folder, types


def _save(fitted: Pipeline, X: pd.DataFrame, folder: Path, model: Model, trusted: Sequence[str]) -> None:
    """Write MLflow's model format to `folder`; with given requirements MLflow starts no process to infer them."""
    example = X.head().reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            fitted,
            folder,
            mlflow_model=model,
            signature=mlflow.models.infer_signature(X, fitted.predict(example)),
            input_example=example,
            pip_requirements=pins(*REQUIREMENTS),
            skops_trusted_types=list(trusted),
            extra_files=[str(LOCK)],
        )
