"""A run's model on the server: saved as skops, and loaded only after a look at what is in it."""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import mlflow
import mlflow.sklearn
import pandas as pd
import skops.io
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from sklearn.pipeline import Pipeline

from scripts.pipeline.errors import UserError, first_line
from scripts.pipeline.provenance import LOCK, pins
from scripts.pipeline.tracking import Run, Tracking, missing, translated

NAME = "model"  # within its run
REQUIREMENTS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")


def log(
    tracking: Tracking,
    run: Run,
    fitted: Pipeline,
    X: pd.DataFrame,
    *,
    params: Mapping[str, object],
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
        shown = {name: str(value)[:6000] for name, value in params.items()}
        logged = client.create_logged_model(run.experiment_id, NAME, run.run_id, params=shown)
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
    with translated(f"download model {model_id}"), tempfile.TemporaryDirectory() as scratch:
        try:
            folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=scratch))
        except (MlflowException, OSError) as error:
            if isinstance(error, MlflowException) and not missing(error):
                raise
            raise UserError(f"model {model_id}", "its files are gone", "train it again: make train FORCE=1") from None
        types = checked_types(folder / "model.skops", trusted)
        example = Model.load(folder).load_input_example(str(folder))
        return skops.io.load(folder / "model.skops", trusted=types), example


def _save(fitted: Pipeline, X: pd.DataFrame, folder: Path, about: Model, trusted: Sequence[str]) -> None:
    """Write MLflow's model format into `folder`; given the requirements, it need not spawn a process to infer them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            fitted,
            folder,
            mlflow_model=about,
            signature=mlflow.models.infer_signature(X, fitted.predict(X.head())),
            input_example=X.head(),
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
