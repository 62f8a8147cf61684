"""Origin: the facts of a run with which a repetition is compared."""

import re

from pydantic import BaseModel, ConfigDict

from modelmake.config import config as configuration
from modelmake.config import receipt
from modelmake.core import files, settings
from modelmake.core.errors import UserError
from modelmake.data.split import TRAINED
from modelmake.registry.moves import required
from modelmake.tracking import versions
from modelmake.tracking.address import uri
from modelmake.tracking.runs import Run, Tracking


class Origin(BaseModel):
    """The facts of a run: parameters, metrics and the tags of its origin."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    run_id: str
    tracking_uri: str
    params: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def chosen(tracking: Tracking) -> Run:
    """Return the run that RUN_ID names, or the run of VERSION, or the last run of this checkout."""
    if not (number := settings.make().version):
        return tracking.run(settings.run_id() or receipt.Train.read().run_id)
    name = configuration.load().registry.name
    numbered = {version.number: version for version in versions.of_model(tracking, name)}
    return tracking.run(required(numbered.get(number), name, f"version {number:.40}").run_id)


def main() -> None:
    """Print the commit and the image of a run; write origin.json, and origin.toml with its tuned parameters, if any.

    Raises
    ------
    UserError
        The run has no commit, or it is one of another pipeline.

    """
    tracking = Tracking()
    run = chosen(tracking)
    commit = run.tags.get("modelmake.git.commit", "")
    if not commit:
        raise UserError(f"run {run.run_id}", "has no commit, so it can't be repeated", "commit, then train")
    if not re.fullmatch("[0-9a-f]+", commit):  # anybody can write the tags of a run
        raise UserError("run's commit", f"'{commit:.80}' is not a commit", "see the run's tag modelmake.git.commit")
    pipeline = run.tags.get("modelmake.pipeline", str(files.MAIN))
    if pipeline != str(files.pipeline()):
        raise UserError(f"run {run.run_id}", f"is of {pipeline}, not of {files.pipeline()}", f"add PIPELINE={pipeline}")
    tags = {name: value for name, value in run.tags.items() if name.startswith("modelmake.")}
    params, metrics = dict(run.params), dict(run.metrics)
    origin = Origin(run_id=run.run_id, tracking_uri=uri(), params=params, metrics=metrics, tags=tags)
    tuned = tracking.read_file(run, f"{TRAINED}/{files.TUNED}") or b""
    files.replace("origin.toml", tuned.decode(errors="replace"))
    files.replace("origin.json", origin.model_dump_json(indent=1))
    print(commit, run.tags.get("modelmake.image", "host"))
