"""Tables: the tables that runs were trained on, kept on the tracking server once for each content."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modelmake.core import files
from modelmake.core.errors import UserError
from modelmake.tracking.responses import translated
from modelmake.tracking.runs import Run, Tracking

TAG = "modelmake.snapshot"  # <run>/table/<file or folder>
DATA = "modelmake.data"
FOLDER = "table"  # of the artifacts of the first run with a content
PLACE = re.compile(rf"([A-Za-z0-9_-]{{1,64}})/({FOLDER}/(?!\.)[^/\\]+)")


@dataclass(frozen=True)
class Kept:
    """A table on the server: the run that has it, its path among the artifacts, and the SHA-256 of its content."""

    run_id: str
    path: str
    sha256: str

    def __str__(self) -> str:
        """Return the value of the tag that names the table."""
        return f"{self.run_id}/{self.path}"


def of_tags(tags: Mapping[str, str]) -> Kept | None:
    """Return where the table of the run with these tags is kept, None where no tag names a place."""
    match = PLACE.fullmatch(tags.get(TAG, ""))
    return Kept(match[1], match[2], tags.get(DATA, "")) if match else None


def keep(tracking: Tracking, run: Run, table: Path, sha256: str) -> Kept:
    """Log a file or folder with the run, unless a run of its experiment has this content; tag the run with where."""
    kept = _existing(tracking, run, sha256)
    if kept is None:
        kept = Kept(run.run_id, f"{FOLDER}/{table.name}", sha256)
        with translated(f"log the table of run {run.run_id}"):
            if table.is_dir():
                tracking.client.log_artifacts(run.run_id, str(table), kept.path)
            else:
                tracking.client.log_artifact(run.run_id, str(table), FOLDER)
    tracking.log(run, tags={TAG: str(kept)})
    return kept


def latest(tracking: Tracking, experiment: str, name: str) -> Kept | None:
    """Return the table `name` that the experiment's newest run with such a table was trained on, None without one."""
    runs = tracking.search(experiment, f"tags.`{TAG}` LIKE '%/{FOLDER}/{name}'", most=1)
    return of_tags(runs[0].tags) if runs else None


def take(tracking: Tracking, kept: Kept, target: Path) -> None:
    """Download a table to `target`, in place of what is there.

    Raises
    ------
    UserError
        The server does not have it any more.

    """
    with translated(f"download the table of run {kept.run_id}"), files.whole(target) as aside:
        copy = tracking.download(kept.run_id, kept.path, str(aside.parent))
        if copy is None:
            what = f"its artifact {kept.path} no longer exists"
            raise UserError(f"run {kept.run_id}", what, "restore the table")
        os.replace(copy, aside)


def _existing(tracking: Tracking, run: Run, sha256: str) -> Kept | None:
    """Return the first table with this content in the run's experiment; that of a deleted run may go with it."""
    with translated(f"look for a table with SHA-256 {sha256[:12]}"):
        query = f"tags.`{DATA}` = '{sha256}' and tags.`{TAG}` LIKE '%/{FOLDER}/%'"
        runs = tracking.client.search_runs([run.experiment_id], query, order_by=["attributes.start_time ASC"])
        for place in dict.fromkeys(one.data.tags[TAG] for one in runs):
            match = PLACE.fullmatch(place)
            if match and match[1] in {one.info.run_id for one in runs}:
                listed = {artifact.path for artifact in tracking.client.list_artifacts(match[1], FOLDER)}
                if match[2] in listed:
                    return Kept(match[1], match[2], sha256)
    return None
