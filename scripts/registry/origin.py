"""Origin: what a run was made from and what came of it, as far as another try can be compared with it."""

import json

from scripts.core import config as configuration
from scripts.core import files, receipt, settings
from scripts.core.errors import UserError
from scripts.registry.moves import known
from scripts.tracking import versions
from scripts.tracking.runs import Run, Tracking, uri


def chosen(tracking: Tracking) -> Run:
    """Return the run that RUN_ID names, or the one behind VERSION, or the last one that was trained here."""
    if not (number := settings.text("VERSION")):
        return tracking.run(settings.run_id() or receipt.Train.read().run_id)
    name = configuration.load().registry.name
    found = (each for each in versions.versions(tracking, name) if each.number == number)
    return tracking.run(known(next(found, None), name, f"version {number:.40}").run_id)


def main() -> None:
    """Leave build/origin.json."""
    run = chosen(Tracking())
    if not run.tags.get("modelmake.git.commit"):
        raise UserError(
            f"run {run.run_id}", "was made from no commit, so nobody can say from what", "commit, then train"
        )
    facts = {"run_id": run.run_id, "tracking_uri": uri(), "params": dict(run.params), "metrics": dict(run.metrics)}
    facts["tags"] = {name: value for name, value in run.tags.items() if name.startswith("modelmake.")}
    files.replace("origin.json", json.dumps(facts, indent=1))
