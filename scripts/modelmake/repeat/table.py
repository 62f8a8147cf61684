"""Table: bring the table of a run back for its repetition, if the run kept it on the tracking server."""

import shutil
from pathlib import Path

from modelmake.config.data import Data
from modelmake.core import files
from modelmake.core.errors import UserError
from modelmake.repeat.origin import Origin
from modelmake.source import copies
from modelmake.tables.location import fingerprint
from modelmake.tracking import tables
from modelmake.tracking.runs import Tracking


def main(name: str, folder: str) -> None:
    """Leave the table `name` of the run of build/origin.json in `folder`, a checkout of the run's commit.

    Raises
    ------
    UserError
        The table of this checkout has another content, and the server does not have the run's any more.

    """
    origin = Origin.model_validate_json(files.place("origin.json").read_bytes())
    place, target = tables.of_tags(origin.tags), Path(folder, name)
    here = Data(path=name, target="any")  # the columns are not read
    if place is None or (Path(name).exists() and _same(here, place.sha256)):
        return
    data = copies.taken(Tracking(), place, here)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(data.path, target)


def _same(data: Data, sha256: str) -> bool:
    try:
        return fingerprint(data) == sha256
    except UserError:  # an empty file or folder
        return False
