"""Past: the windows that were watched before, as runs in MLflow."""

import time

from pydantic import BaseModel

from modelmake.config.receipt import Receipt
from modelmake.core.errors import UserError
from modelmake.tracking.runs import Run, Tracking
from modelmake.watch.report import Report

FOLDER, FILE = "watch", "watch.json"
NAME, SOURCE, ALERT = (f"modelmake.watch.{name}" for name in ("model", "source", "alert"))
OLD = 48  # hours, after which the last window says nothing about today


class Facts(BaseModel):
    """A window; `alert` says that it is the second one running that raises an alert."""

    alert: bool
    name: str
    version: str
    run_id: str
    url: str
    n_rows: int
    since: str
    until: str
    findings: list[str]


class Watch(Receipt, Facts):
    """A window, as `make alert` and the workflow read it."""

    stage = "watch"

    def rows(self) -> dict[str, str]:
        """Return the window and its first finding."""
        return {"window": f"{self.n_rows} rows until {self.until}", "finding": (self.findings or ["none"])[0]}


def facts(page: Report, run: Run, *, alert: bool) -> Facts:
    """Return the facts of a window."""
    return Facts(
        alert=alert,
        name=page.name,
        version=page.version,
        run_id=run.run_id,
        url=run.url,
        n_rows=page.rows,
        since=page.since,
        until=page.until,
        findings=page.findings,
    )


def tags(page: Report, source: str) -> dict[str, str]:
    """Return the tags of a window's run."""
    title = f"version {page.version}, until {page.until}"
    return {"mlflow.runName": title, NAME: page.name, SOURCE: source, ALERT: str(page.alert).lower()}


def last(tracking: Tracking, experiment: str, name: str, source: str) -> list[Run]:
    """Return the last window of a model; of the log, or of a table."""
    query = f"tags.`{NAME}` = '{name}' and tags.`{SOURCE}` = '{source}' and attributes.status = 'FINISHED'"
    return tracking.search(experiment, query, most=1)


def newest(tracking: Tracking, experiment: str, name: str) -> Facts | None:
    """Return the last window that a serving host logged, None where there is none.

    Raises
    ------
    UserError
        It is too old to say anything about today.

    """
    runs = last(tracking, experiment, name, "log")
    text = tracking.read_file(runs[0], f"{FOLDER}/{FILE}") if runs else None
    if not runs or text is None:
        return None
    hours = (time.time() - runs[0].started) / 3600
    if hours > OLD:
        what = f"the last window is {hours:.0f} hours old and does not describe today"
        raise UserError(f"experiment {experiment}", what, "run make watch daily on the machine that serves")
    return Facts.model_validate_json(text)
