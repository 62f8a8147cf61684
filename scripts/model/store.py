"""A run's model on the server: saved as skops, and loaded only after a look at what is in it."""

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
from scripts.tracking.runs import Run, Tracking, missing, translated

NAME = "model"  # within its run
SAVED, EXAMPLE = "model.skops", "input_example.json"  # within its folder
PYTHON = {"env", "predict_fn", "python_version"}  # what its flavors may say besides
SKLEARN = {"code", "extra_files", "sklearn_version"}
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
    """Log the fitted pipeline as skops with signature, input example, the lock's pins, and the lock.

    Returns
    -------
    str
        The logged model's id; its status is READY only once every file is on the server.

    Raises
    ------
    UserError
        The pipeline holds a type that is not in `trusted`.

    """
    client = tracking.client
    with translated(f"log the model of run {run.run_id}"), tempfile.TemporaryDirectory() as scratch:
        logged = client.create_logged_model(run.experiment_id, NAME, run.run_id, params=dict(params))
        try:
            skops.io.dump(fitted, Path(scratch, "probe.skops"))
            checked_types(Path(scratch, "probe.skops"), trusted)
            about = Model(artifact_path=logged.artifact_location, run_id=run.run_id, model_id=logged.model_id)
            _save(fitted, X, Path(scratch, NAME), about, trusted)
            client.log_model_artifacts(logged.model_id, str(Path(scratch, NAME)))
        except BaseException:
            client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
            raise
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
        client.log_outputs(run.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return logged.model_id


def find(tracking: Tracking, run: Run) -> str:
    """Return the id of the run's READY model.

    Raises
    ------
    UserError
        The run has none: it failed, was stopped, or logged something else.

    """
    with translated(f"find the model of run {run.run_id}"):
        found = tracking.client.search_logged_models([run.experiment_id], f"source_run_id = '{run.run_id}'")
    ready = [each.model_id for each in found if each.name == NAME and each.status == LoggedModelStatus.READY]
    if not ready:
        raise UserError(f"run {run.run_id}", f"has no model that is READY (run status {run.status})", "make train")
    return ready[0]


def load(model_id: str, trusted: Sequence[str]) -> tuple[Pipeline, pd.DataFrame]:
    """Download a logged model and load it, after checking its types against `trusted`, not its own list.

    Returns
    -------
    pipeline : Pipeline
        The fitted pipeline.
    example : pandas.DataFrame
        The input example that was logged with it.

    Raises
    ------
    UserError
        Its files are gone, it is not saved as skops, or it holds a type that is not in `trusted`.

    """
    with _downloaded(model_id, trusted) as (folder, types):
        example = Model.load(folder).load_input_example(str(folder))
        return skops.io.load(folder / SAVED, trusted=types), example


def served(model_id: str, trusted: Sequence[str], X: pd.DataFrame, expected: np.ndarray) -> str:
    """Ask a logged model as MLflow's scoring server does, by JSON; return what is wrong with its answers.

    Parameters
    ----------
    model_id : str
        The logged model, downloaded again and loaded as pyfunc.
    trusted : sequence of str
        The types that it may hold.
    X : pandas.DataFrame of shape (n_rows, n_features)
        Raw rows.
    expected : ndarray of shape (n_rows,)
        What it should say of them.

    Returns
    -------
    str
        Empty where the answers are as expected, and wrong columns and types are turned away.

    """
    with _downloaded(model_id, trusted) as (folder, _):
        loaded = mlflow.pyfunc.load_model(str(folder))
    schema = loaded.metadata.get_input_schema()
    if schema is None:
        return "served, it would take any rows: it has no signature"
    try:
        answer = json.loads(_ask(loaded, X))["predictions"]
    except MlflowException as error:
        return f"served, it turns the test rows away: {first_line(error)}"
    if not np.array_equal(np.asarray(answer), np.asarray(expected.tolist())):
        return "served, it does not say what was scored"
    for wrong, what in _wrong(X.head(3), schema):
        try:
            _ask(loaded, wrong)
        except MlflowException as error:
            if re.search("schema|signature", str(error)):
                continue
        return f"served, it does not turn rows with {what} away by its schema"
    return ""


def _wrong(X: pd.DataFrame, schema: Schema) -> Iterator[tuple[pd.DataFrame, str]]:
    """Yield rows that a schema has to turn away; MLflow takes any value for text."""
    for each in [each.name for each in schema.inputs if each.required][:1]:
        yield X.drop(columns=each), f"no column '{each}'"
    for each in [name for name, dtype in X.dtypes.items() if dtype.kind in "iuf"][:1]:
        yield X.assign(**{each: "text"}), f"text as '{each}'"


def _ask(loaded: PyFuncModel, X: pd.DataFrame) -> str:
    """Send rows down the scoring server's own road and return the text of its answer."""
    rows = {"columns": list(X.columns), "data": X.astype(object).where(X.notna(), None).to_numpy().tolist()}
    schema = loaded.metadata.get_input_schema()
    return scoring_server.invocations(
        json.dumps({"dataframe_split": rows}), "application/json", loaded, schema
    ).response


@contextmanager
def _downloaded(model_id: str, trusted: Sequence[str]) -> Iterator[tuple[Path, list[str]]]:
    """Give the folder of a logged model whose types, and whose way to be loaded, have been checked; and the types."""
    with tempfile.TemporaryDirectory() as scratch:
        with translated(f"download model {model_id}"):
            try:
                folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=scratch))
            except (MlflowException, OSError) as error:
                if isinstance(error, MlflowException) and not missing(error):
                    raise
                fix = "train it again: make train FORCE=1"
                raise UserError(f"model {model_id}", "its files are gone", fix) from None
        types = checked_types(folder / SAVED, trusted)
        _checked_loader(folder, model_id, trusted)
        yield folder, types


def _checked_loader(folder: Path, model_id: str, trusted: Sequence[str]) -> None:
    """Raise UserError unless MLflow, asked for this model by others, reads the file that was looked at, and as skops.

    What a flavor may say is listed: a file can be a skops archive and a pickle at once, and MLflow does as it is told.
    """
    again = "train it again: make train FORCE=1"
    try:
        about = Model.load(folder)
        python, sklearn = dict(about.flavors["python_function"]), dict(about.flavors["sklearn"])
        vouched = set(sklearn.pop("skops_trusted_types", None) or ())
        example = about.saved_input_example_info["artifact_path"]
    except Exception as error:  # a tampered file fails in any way
        raise UserError(f"model {model_id}", f"its MLmodel cannot be read: {first_line(error)}", again) from None
    told = [python.pop("loader_module", None), python.pop("model_path", None)]
    told += [sklearn.pop("pickled_model", None), sklearn.pop("serialization_format", None), example]
    known = set(python) <= PYTHON and set(sklearn) <= SKLEARN and set(about.flavors) == {"python_function", "sklearn"}
    if told != ["mlflow.sklearn", SAVED, SAVED, "skops", EXAMPLE] or not known or sklearn.get("code"):
        raise UserError(f"model {model_id}", f"its MLmodel would have MLflow load something else than {SAVED}", again)
    if strange := sorted(vouched - set(trusted)):
        raise UserError(f"model {model_id}", f"its MLmodel vouches for '{strange[0]}', as nobody here does", again)


def _save(fitted: Pipeline, X: pd.DataFrame, folder: Path, about: Model, trusted: Sequence[str]) -> None:
    """Write MLflow's model format into `folder`; given the requirements, it need not spawn a process to infer them."""
    example = X.head().reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            fitted,
            folder,
            mlflow_model=about,
            signature=mlflow.models.infer_signature(X, fitted.predict(example)),
            input_example=example,
            pip_requirements=pins(*REQUIREMENTS),
            skops_trusted_types=list(trusted),
            extra_files=[str(LOCK)],
        )


def checked_types(path: Path, trusted: Sequence[str]) -> list[str]:
    """Return the types in a skops file that need trust, all of them in `trusted`.

    Raises
    ------
    UserError
        One is not, or the file can't be read.

    """
    try:
        found = skops.io.get_untrusted_types(file=path)
    except Exception as error:  # a tampered archive fails in any way
        fix = "train it again: make train FORCE=1"
        raise UserError("model.skops", f"cannot be read: {first_line(error)}", fix) from None
    if strange := sorted(set(found) - set(trusted)):
        fix = "if you trust it, name it in [model] trusted_types"
        raise UserError("model.skops", f"holds the type '{strange[0]}', which nobody vouches for", fix)
    return found
