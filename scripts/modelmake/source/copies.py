"""Kept: the table of a run on the tracking server, where data.snapshot asks for it, and how a run gets it back."""

from pathlib import Path

from modelmake.config.config import Config
from modelmake.config.data import Data
from modelmake.core import files
from modelmake.core.errors import UserError
from modelmake.tables.location import fingerprint
from modelmake.tracking import tables
from modelmake.tracking.runs import Run, Tracking
from modelmake.tracking.tables import Kept

KEPT = "mlflow"  # the value of data.snapshot


def keep(tracking: Tracking, run: Run, data: Data, data_sha256: str) -> None:
    """Log the table with the run, once for each content, if data.snapshot asks for it."""
    if data.snapshot == KEPT:
        kept = tables.keep(tracking, run, Path(data.path), data_sha256)
        print(f"table   {kept}{'' if kept.run_id == run.run_id else ' (logged by an earlier run)'}", flush=True)


def newest(config: Config) -> Data:
    """Return the keys of the table, which is the last kept snapshot where this checkout has none.

    A push on GitHub has only what git has; the scheduled workflow fetches, and keeps the snapshot on the server.
    """
    data = config.data
    if data.source is None or data.snapshot != KEPT or Path(data.path).exists():
        return data
    tracking = Tracking()
    kept = tables.latest(tracking, config.experiment, Path(data.path).name)
    return taken(tracking, kept, data) if kept else data


def of_run(tracking: Tracking, run: Run, data: Data) -> Data:
    """Return the keys of the table, which is that of the run where this checkout has none."""
    kept = None if Path(data.path).exists() else tables.of_tags(run.tags)
    return taken(tracking, kept, data) if kept else data


def taken(tracking: Tracking, kept: Kept, data: Data) -> Data:
    """Return the keys of the table, read from a copy of what the server keeps.

    Raises
    ------
    UserError
        The copy does not have the content that the run was trained on.

    """
    copy = data.model_copy(update={"path": str(files.BUILD / "tables" / kept.sha256[:12] / Path(kept.path).name)})
    if not Path(copy.path).exists() or fingerprint(copy) != kept.sha256:
        print(f"table   {kept}, from the tracking server", flush=True)
        tables.take(tracking, kept, Path(copy.path))
    if (content := fingerprint(copy)) != kept.sha256:
        what = f"the table {kept.path} is not what it was trained on (SHA-256 {content[:12]})"
        raise UserError(f"run {kept.run_id}", what, "put the data back")
    return copy
