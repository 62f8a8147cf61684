"""Table: bring the table of a run into the checkout in which the run is repeated."""

import shutil
import tomllib
from pathlib import Path

from modelmake.config.data import Data, snapshot
from modelmake.core import files
from modelmake.core.errors import UserError
from modelmake.repeat.origin import Origin
from modelmake.source import copies
from modelmake.tables.location import fingerprint
from modelmake.tracking import tables
from modelmake.tracking.runs import Tracking


def main(folder: str) -> None:
    """Leave the table of the run of build/origin.json in `folder`, a checkout of the run's commit.

    It is there, or on the tracking server, or in this checkout. A table with an absolute path stays where it is.

    Raises
    ------
    UserError
        It is in none of these places; or it has another content here, and the server no longer has the run's.

    """
    origin = Origin.model_validate_json(files.place("origin.json").read_bytes())
    name = named(Path(folder, files.pipeline()))
    here, target = Path(name), Path(folder, name)
    if here.is_absolute() or target.exists():
        return
    place, data = tables.of_tags(origin.tags), Data(path=name, target="any")  # the columns are not read
    target.parent.mkdir(parents=True, exist_ok=True)
    if place is not None and not (here.exists() and _same(data, place.sha256)):
        shutil.move(copies.taken(Tracking(), place, data).path, target)
    elif here.is_dir():
        shutil.copytree(here, target)
    elif here.exists():
        shutil.copy(here, target)
    else:
        raise UserError(name, "is neither in the commit of the run nor in this checkout", "restore the file")


def named(pipeline: Path) -> str:
    """Return the path of the table that a pipeline of another commit names; its other keys may be unknown today.

    Raises
    ------
    UserError
        The file is not in that commit, is not TOML, or names no table.

    """
    try:
        data = tomllib.loads(pipeline.read_text(encoding="utf-8-sig"))["data"]
        return snapshot(data) if "source" in data else str(data["path"])
    except OSError:
        raise UserError(
            str(pipeline), "is not in the commit of the run", "commit it, then make train FORCE=1: a new run"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UserError(str(pipeline), "names no table", 'path = "data/table.csv" under [data]') from None


def _same(data: Data, sha256: str) -> bool:
    try:
        return fingerprint(data) == sha256
    except UserError:  # an empty file or folder
        return False
