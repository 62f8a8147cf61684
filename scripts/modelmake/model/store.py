"""A run's model on the server: saved as skops with all that it needs, and loaded only after it is checked."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.entities import LoggedModelOutput, LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType
from mlflow.utils import requirements_utils
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from modelmake.config import modules
from modelmake.core.errors import TrackingError, UserError
from modelmake.core.lock import lockfile
from modelmake.core.types import of
from modelmake.model import user_code
from modelmake.model.contract import DATE, FILE, Contract
from modelmake.model.inspection import Checked, check
from modelmake.model.probe import save
from modelmake.model.requirements import MODULES, requirements
from modelmake.model.trust import AGAIN, SAVED, checked_types, contents
from modelmake.tracking.address import uri
from modelmake.tracking.responses import gone, translated
from modelmake.tracking.runs import Run, Tracking

NAME = "model"  # in its run


@dataclass(frozen=True)
class Fitted:
    """A fitted pipeline, the rows that it was fitted to, MLflow's schema of the whole table, and its contract."""

    pipeline: Pipeline
    X: pd.DataFrame
    schema: Schema
    contract: Contract


def log(tracking: Tracking, run: Run, fitted: Fitted, *, params: Mapping[str, str], trusted: Sequence[str]) -> str:
    """Log the fitted pipeline as skops, with signature, example, contract, the user's own code, the lock and its pins.

    Returns
    -------
    str
        The logged model's id; its status is READY only once every file is on the server.

    Raises
    ------
    UserError
        The pipeline contains a type that is not trusted, or can't be saved.

    """
    client = tracking.client
    with translated(f"log the model of run {run.run_id}"), tempfile.TemporaryDirectory() as scratch:
        logged = client.create_logged_model(run.experiment_id, NAME, run.run_id, params=dict(params))
        try:
            save(fitted.pipeline, Path(scratch, SAVED))
            types = checked_types(Path(scratch, SAVED), trusted)
            model = Model(artifact_path=logged.artifact_location, run_id=run.run_id, model_id=logged.model_id)
            Path(scratch, FILE.name).write_text(fitted.contract.text(), encoding="utf-8")
            _save(fitted, Path(scratch, NAME), model, types)
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
    """Download a logged model and load it, once its types are checked against the trusted types, not against its own.

    Returns
    -------
    pipeline : Pipeline
        The fitted pipeline.
    example : pandas.DataFrame
        The input example that was logged with it.

    Raises
    ------
    UserError
        Its files are gone, it is not saved as skops, it contains a type that is not trusted, or the code that is
        logged with it is not the code of this checkout.

    """
    with tempfile.TemporaryDirectory() as scratch:
        checked = download(model_id, trusted, scratch)
        return checked.pipeline(), Model.load(checked.folder).load_input_example(str(checked.folder))


def download(model_id: str, trusted: Sequence[str], scratch: str) -> Checked:
    """Download a logged model to the folder `scratch` and check it; raises what `load` raises."""
    with translated(f"download model {model_id}"):
        try:
            folder = Path(mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=scratch))
        except (MlflowException, OSError) as error:
            if not gone(error):
                raise
            raise UserError(f"model {model_id}", "its files no longer exist", AGAIN) from None
        sizes = {file.path: file.file_size for file in mlflow.artifacts.list_artifacts(f"models:/{model_id}")}
        for name, size in sizes.items():
            if size is not None and (there := (folder / name).stat().st_size) != size:
                what = f"the download of {name} was cut after {there} of {size} bytes"
                raise TrackingError(uri(), what, "run this again: the model itself is not damaged")
    return check(folder, model_id, trusted)


def _save(fitted: Fitted, folder: Path, model: Model, types: Sequence[str]) -> None:
    """Write MLflow's model format to `folder`; with given requirements MLflow starts no process to infer them."""
    named = {part.module for part in contents(folder.parent / SAVED)}
    files = modules.files(named)
    packages = {name.partition(".")[0] for name in named if modules.source(name) is None} | user_code.installed(files)
    code = folder.parent / user_code.CODE
    user_code.copied(files, code)
    pipeline, X = fitted.pipeline, fitted.X
    example = X.head().reset_index(drop=True)
    with warnings.catch_warnings(), packages_named():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(
            pipeline,
            folder,
            mlflow_model=model,
            signature=ModelSignature(fitted.schema, infer_signature(model_output=pipeline.predict(example)).outputs),
            input_example=dated(example),
            pip_requirements=requirements(packages),
            code_paths=sorted(map(str, code.iterdir())) if files else None,
            skops_trusted_types=list(types),
            extra_files=[str(lockfile()), str(folder.parent / FILE.name)],
        )
    user_code.copied(files, folder / user_code.CODE)  # again, since MLflow copies no file by the name of Python's cache


@contextmanager
def packages_named() -> Iterator[None]:
    """Name to MLflow the packages of the modules that every model needs; it would list the files of all packages.

    That takes 0.4 s, for a comparison of the requirements with the installed versions, which the lock has settled.
    """
    before = requirements_utils._MODULES_TO_PACKAGES
    requirements_utils._MODULES_TO_PACKAGES = {module: [package] for module, package in MODULES.items()}
    try:
        yield
    finally:
        requirements_utils._MODULES_TO_PACKAGES = before


def dated(X: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with every date as text of the same form: MLflow refuses a mix of forms."""
    dates = {name: column for name, column in X.items() if column.dtype.kind == "M"}
    return X.assign(**{str(name): column.dt.strftime(DATE) for name, column in dates.items()})


def signature(X: pd.DataFrame) -> Schema:
    """Return the schema of the rows that a model accepts; it requires every column of the training rows.

    Whole numbers and truth values have the type `any`, which MLflow passes on unchanged: with `long` it refuses a
    gap, with `double` a frame without gaps, and with `boolean` it makes a gap False. So have dates, which then arrive
    as text, where one is outside of 1677 to 2262: those of MLflow have nanoseconds.
    """
    return Schema([ColSpec(_type(column), str(name)) for name, column in X.items()])


def _type(column: pd.Series) -> DataType | AnyType:
    name = of(column.dtype).mlflow
    if not name or (column.dtype == np.float64 and _whole(column.to_numpy())) or not _has_nanoseconds(column):
        return AnyType()
    return DataType.float if column.dtype == np.float32 else DataType[name]


def _has_nanoseconds(column: pd.Series) -> bool:
    """Whether the column has no date that is too far from 1970 for nanoseconds in 64 bits."""
    if column.dtype.kind != "M" or column.isna().all():
        return True
    return bool(pd.Timestamp.min < column.min() and column.max() < pd.Timestamp.max)


def _whole(values: NDArray[np.float64]) -> bool:
    """Whether no number has a fraction; the first rows mostly answer it."""
    with np.errstate(invalid="ignore"):
        return not any((part % 1 > 0).any() for part in (values[:1000], values))
