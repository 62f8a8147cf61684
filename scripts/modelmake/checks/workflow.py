"""Workflow: check what `make act` is asked to replay, and print the event that it replays; here `.` is that commit."""

import re
from collections.abc import Iterable
from pathlib import Path

import yaml

from modelmake.core import settings
from modelmake.core.errors import UserError

FOLDER = Path(".github/workflows")
CALLED = "workflow_call"  # by another workflow, which is not an event of its own


def main() -> None:
    """Print the event: EVENT, or push, or what starts the workflow by hand."""
    name = settings.make().workflow
    workflow = read(name)
    print(event(name, workflow, settings.make().event))
    if (job := settings.make().job) and job not in workflow["jobs"]:
        raise UserError(f"JOB={job}", "no job of this workflow", words(workflow["jobs"]))


def read(name: str) -> dict[str, dict[str, object]]:
    """Return a workflow's events and jobs, each by its name.

    Raises
    ------
    UserError
        The commit has no such workflow.

    """
    path = FOLDER / f"{name}.yml"
    if not re.fullmatch("[a-z0-9_-]+", name) or not path.is_file():
        names = sorted(file.stem for file in FOLDER.glob("*.yml"))
        raise UserError(f"WORKFLOW={name}", "no workflow of this commit", words(names))
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    events = found[True]  # YAML reads the key `on` as a yes
    events = [events] if isinstance(events, str) else events
    return {"on": dict.fromkeys(events), "jobs": found["jobs"]}


def event(name: str, workflow: dict[str, dict[str, object]], asked: str) -> str:
    """Return the event to replay.

    Raises
    ------
    UserError
        The workflow has no such event.

    """
    events = [each for each in workflow["on"] if each != CALLED]
    if not events:
        fix = "replay the one that does: mlops-pipeline"
        raise UserError(f"WORKFLOW={name}", "other workflows call it", fix)
    if asked and asked not in events:
        raise UserError(f"EVENT={asked}", "no event of this workflow", words(events))
    return asked or ("push" if "push" in events else "workflow_dispatch")


def words(names: Iterable[str]) -> str:
    """Return names as "a, b or c"."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
