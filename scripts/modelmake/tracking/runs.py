"""Runs on the tracking server, and what is logged to them."""

import logging
import re
import sqlite3
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import DatasetInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from modelmake.config.position import entry
from modelmake.core import provenance, settings
from modelmake.core.errors import Interruption, TrackingError, UserError, first_line
from modelmake.tracking.address import STORE, VARIABLE, page, tracking_uri, uri
from modelmake.tracking.responses import gone, missing, pages, translated


def _prepare(database: Path) -> None:
    """Create the folder of an SQLite file, and open the file: MLflow retries for an hour before it reports a failure.

    Raises
    ------
    UserError
        The folder cannot be created, or the file cannot be opened as a database.

    """
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA schema_version")
    except (OSError, sqlite3.Error) as error:
        if "locked" not in str(error):  # another process writes to it, and MLflow waits
            what = f"cannot open '{database}': {getattr(error, 'strerror', None) or first_line(error)}"
            raise UserError(
                VARIABLE, what, "name a file that you can write, sqlite:///<file>, or an MLflow server"
            ) from None


@dataclass(frozen=True)
class Run:
    """One run on the tracking server."""

    run_id: str
    experiment_id: str
    status: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    started: float = 0.0  # in seconds since 1970

    @property
    def url(self) -> str:
        """The address of the run's page."""
        return page(f"experiments/{self.experiment_id}/runs/{self.run_id}")


class Tracking:
    """A tracking server that has answered a first request."""

    def __init__(self) -> None:
        """Connect, without the minutes of retries that MLflow makes where no server answers.

        Raises
        ------
        UserError
            MLFLOW_TRACKING_URI is not a valid address.
        TrackingError
            The server does not answer, or refuses.

        """
        address = tracking_uri()
        if address.startswith("sqlite:///"):
            _prepare(Path(address.removeprefix("sqlite:///").partition("?")[0]))
        logging.getLogger("mlflow").setLevel(logging.ERROR)
        settings.export({"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"})  # it prints the address in the container
        mlflow.set_tracking_uri(address)
        self.client = mlflow.MlflowClient(address)
        impatient = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
        with settings.exported(impatient), translated("list experiments"):
            self.client.search_experiments(max_results=1)

    def create_run(self, experiment: str, tags: Mapping[str, str]) -> Run:
        """Create a RUNNING run with `tags` in `experiment`, and the experiment where it does not exist."""
        with translated(f"create a run in experiment '{experiment}'"):
            existing = self.client.get_experiment_by_name(experiment)
            if existing is not None and existing.lifecycle_stage == "deleted":
                what = f"experiment '{experiment}' is deleted on {uri()}"
                raise UserError(entry("experiment"), what, "choose another name, or restore it in MLflow")
            created = self.client.create_run(
                existing.experiment_id if existing else self._create_experiment(experiment),
                tags={**tags, **provenance.process()},
            )
        return self.run(created.info.run_id)

    def run(self, run_id: str) -> Run:
        """Return the run with this id.

        Raises
        ------
        UserError
            The run does not exist on the server, or is deleted.

        """
        try:
            entity = self.client.get_run(run_id) if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run_id) else None
        except MlflowException as error:
            if not missing(error):
                with translated(f"show run {run_id}"):
                    raise
            entity = None
        if entity is None or entity.info.lifecycle_stage == "deleted":
            raise UserError(
                f"run {run_id:.64}", f"does not exist on {uri()}", "check RUN_ID, or start again: make clean all"
            )
        return _run(entity)

    def search(self, experiment: str, query: str = "", *, most: int | None = None) -> list[Run]:
        """Return the runs of an experiment that match a query, the newest first; none where it does not exist."""
        with translated(f"search experiment '{experiment}'"):
            existing = self.client.get_experiment_by_name(experiment)
            if existing is None:
                return []
            search = partial(self.client.search_runs, [existing.experiment_id], query)
            found = search(max_results=most) if most else pages(lambda token: search(page_token=token))
        return [_run(entity) for entity in found]

    def fail_orphans(self, experiment: str) -> list[str]:
        """Mark as FAILED, with the reason, the RUNNING runs whose process has certainly ended; return their ids."""
        failed = []
        query = f"attributes.status = 'RUNNING' and tags.`modelmake.host` = '{provenance.host()}'"
        for run in self.search(experiment, query):
            if provenance.gone(run.tags):
                where = f"process {run.tags['modelmake.pid']} in container {run.tags['modelmake.container']}"
                reason = f"{where} on {provenance.host()} ended without ending the run"
                with translated(f"end run {run.run_id}"):
                    self.client.set_tag(run.run_id, "modelmake.failed", reason)
                    self.client.set_terminated(run.run_id, "FAILED")
                failed.append(run.run_id)
        return failed

    @contextmanager
    def open(self, run: Run) -> Iterator[None]:
        """Keep the run RUNNING in the block; then it is FINISHED, FAILED by an exception, KILLED by a signal."""
        try:
            if run.status != "RUNNING":
                with translated(f"reopen run {run.run_id}"):
                    # The process comes first: a RUNNING run never names a process that has ended.
                    process = [RunTag(name, value) for name, value in provenance.process().items()]
                    self.client.log_batch(run.run_id, tags=process)
                    self.client.update_run(run.run_id, status="RUNNING")
            yield
        except BaseException as error:
            with suppress(MlflowException):
                self.client.set_terminated(run.run_id, "KILLED" if isinstance(error, Interruption) else "FAILED")
            raise
        with translated(f"end run {run.run_id}"):
            self.client.set_terminated(run.run_id, "FINISHED")

    def log(
        self,
        run: Run,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        model_id: str | None = None,
    ) -> None:
        """Log parameters, metrics and tags in one request; `metrics` also belong to the logged model `model_id`."""
        now = int(time.time() * 1000)
        all_params = [Param(name, value) for name, value in (params or {}).items()]
        with translated(f"log to run {run.run_id}"):
            self.client.log_batch(
                run.run_id,
                metrics=[Metric(name, value, now, 0, model_id=model_id) for name, value in (metrics or {}).items()],
                params=all_params[:100],
                tags=[RunTag(name, value) for name, value in (tags or {}).items()],
            )
            for start in range(100, len(all_params), 100):  # the most that a request accepts
                self.client.log_batch(run.run_id, params=all_params[start : start + 100])

    def log_data(self, run: Run, frame: pd.DataFrame, *, path: str, target: str, sha256: str) -> None:
        """Log the data set with the first 36 digits of our SHA-256: MLflow's digest leaves out rows after 10,000."""
        with warnings.catch_warnings(), translated(f"log the data set of run {run.run_id}"):
            warnings.simplefilter("ignore")  # about gaps in integer columns, which read_table handles
            dataset = from_pandas(frame, source=path, targets=target, name=Path(path).stem, digest=sha256[:36])
            self.client.log_inputs(run.run_id, [DatasetInput(dataset._to_mlflow_entity())])

    def log_files(self, run: Run, folder: str, files: Mapping[str, bytes]) -> None:
        """Log files, content by name, as artifacts of the run in `folder`."""
        with translated(f"log the artifacts of run {run.run_id}"), tempfile.TemporaryDirectory() as scratch:
            for name, content in files.items():
                path = Path(scratch, name)
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            self.client.log_artifacts(run.run_id, scratch, folder)

    def read_file(self, run: Run, path: str) -> bytes | None:
        """Return the content of an artifact of the run, None where the run has no such artifact."""
        with translated(f"read {path} of run {run.run_id}"), tempfile.TemporaryDirectory() as scratch:
            copy = self.download(run.run_id, path, scratch)
            return copy.read_bytes() if copy else None

    def download(self, run_id: str, path: str, folder: str) -> Path | None:
        """Return the copy in `folder` of an artifact of a run, None where the run has no such artifact.

        Raises
        ------
        TrackingError
            The download failed. MLflow says of each failure that there is no such artifact, so the list decides.

        """
        try:
            return Path(self.client.download_artifacts(run_id, path, folder))
        except (MlflowException, OSError) as error:
            if not gone(error):
                raise
        listed = self.client.list_artifacts(run_id, path.rpartition("/")[0] or None)
        if path in {artifact.path for artifact in listed}:
            raise TrackingError(uri(), f"the download of {path} of run {run_id} failed", "try again; see make logs")
        return None

    def _create_experiment(self, name: str) -> str:
        """Create an experiment; the embedded store keeps artifacts in the folder of its database."""
        local = tracking_uri().startswith("sqlite:///")
        location = (STORE / "artifacts").resolve().as_uri() if local else None
        try:
            return str(self.client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            existing = self.client.get_experiment_by_name(name)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or existing is None:  # another run may have created it
                raise
            return str(existing.experiment_id)


def _run(entity: mlflow.entities.Run) -> Run:
    info, data = entity.info, entity.data
    started = (info.start_time or 0) / 1000
    return Run(info.run_id, info.experiment_id, info.status, data.params, data.metrics, data.tags, started)
