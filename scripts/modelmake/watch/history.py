"""History: the windows that were watched before, as runs in MLflow."""

import io
import math
import re
import time

import pandas as pd
from pydantic import BaseModel

from modelmake.config.receipt import Receipt
from modelmake.core import provenance, settings
from modelmake.core.errors import UserError
from modelmake.tracking.runs import Run, Tracking
from modelmake.watch.quality import FEWEST
from modelmake.watch.report import Report
from modelmake.watch.truth import KEYS, TRUTH
from modelmake.watch.window import Window

FOLDER, FILE, TRUTHS = "watch", "watch.json", "truth.parquet"
NAMES = ("model", "source", "version", "number", "alert", "rows")
NAME, SOURCE, VERSION, NUMBER, ALERT, ROWS = (f"modelmake.watch.{name}" for name in NAMES)
OLD = 48  # hours, after which the last window says nothing about today
RECENT = 100  # windows among which the last one is; the clock may have been set back


class Facts(BaseModel):
    """A window; `alert` says that it is the second one running that raises an alert."""

    alert: bool
    name: str
    version: str
    headline: str
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


def number(run: Run | None) -> int:
    """Return the place of a window's run among those of its model and source."""
    return int(run.tags.get(NUMBER, "0")) if run else 0


def last(tracking: Tracking, experiment: str, name: str, source: str) -> Run | None:
    """Return the run of the last window of a model, of the log or of a table, by its number and not by the clock."""
    query = f"tags.`{NAME}` = '{name}' and tags.`{SOURCE}` = '{source}' and attributes.status = 'FINISHED'"
    return max(tracking.search(f"{experiment}.watch", query, most=RECENT), key=number, default=None)


def fresh(tracking: Tracking, before: Run, known: pd.DataFrame) -> bool:
    """Return whether enough of the targets that are known now were not known to a window before."""
    content = tracking.read_file(before, f"{FOLDER}/{TRUTHS}")
    if content is None:
        return True
    earlier = pd.read_parquet(io.BytesIO(content))
    rows = known[[*KEYS, TRUTH]].astype({TRUTH: str}).merge(earlier, how="left", indicator=True)
    return int((rows["_merge"] == "left_only").sum()) >= FEWEST


def running(tracking: Tracking, before: Run | None, page: Report, window: Window, known: pd.DataFrame | None) -> bool:
    """Return whether a window is the second one running that raises an alert: by other rows, or by other truths."""
    if before is None or before.tags.get(ALERT) != "true" or before.tags.get(VERSION) != page.version:
        return False
    others = before.tags.get(ROWS) != window.sha256
    if page.moved and others:
        return True
    if not page.broken or known is None:
        return False
    return fresh(tracking, before, known) if settings.make().truth else others


def log(tracking: Tracking, experiment: str, page: Report, window: Window, known: pd.DataFrame | None) -> Facts:
    """Log the window to MLflow, and return its facts."""
    source = "table" if settings.make().in_ else "log"
    before = last(tracking, experiment, page.name, source)
    alert = page.alert and running(tracking, before, page, window, known)
    tags = {
        "mlflow.runName": f"version {page.version}, until {page.until}",
        "mlflow.user": provenance.user(),
        NAME: page.name,
        SOURCE: source,
        VERSION: page.version,
        NUMBER: str(number(before) + 1),
        ALERT: str(page.alert).lower(),
        ROWS: window.sha256,
    }
    run = tracking.create_run(f"{experiment}.watch", tags)
    facts = Facts(
        alert=alert,
        name=page.name,
        version=page.version,
        headline=page.headline,
        run_id=run.run_id,
        url=run.url,
        n_rows=page.rows,
        since=page.since,
        until=page.until,
        findings=page.findings,
    )
    values = {
        "rows": float(page.rows),
        **{f"effect {clean(one.name)}": one.effect for one in page.drifts if one.compared},
    }
    values |= {f"live {name}": value for name, value in (page.quality.values if page.quality else {}).items()}
    values |= {} if page.expected is None else {"expected accuracy": page.expected}
    kept = {"report.html": page.html.encode(), FILE: facts.model_dump_json(indent=2).encode()}
    kept |= {
        "profile.json": page.profile.model_dump_json(indent=2).encode(),
        "window.parquet": window.path.read_bytes(),
    }
    if settings.make().truth and known is not None:
        known[[*KEYS, TRUTH]].astype({TRUTH: str}).to_parquet(table := io.BytesIO(), index=False)
        kept[TRUTHS] = table.getvalue()
    with tracking.open(run):
        tracking.log(run, metrics={name: value for name, value in values.items() if math.isfinite(value)})
        tracking.log_files(run, FOLDER, kept)
    return facts


def clean(name: str) -> str:
    """Return a column's name as a metric's name may be."""
    return re.sub(r"[^\w\-./ ]", "_", name)[:200]


def newest(tracking: Tracking, experiment: str, name: str, version: str) -> Facts | None:
    """Return the last window that a serving host logged, None where there is none.

    Raises
    ------
    UserError
        It is too old to say anything about today.

    """
    run = last(tracking, experiment, name, "log")
    text = tracking.read_file(run, f"{FOLDER}/{FILE}") if run else None
    if run is None or text is None:
        return None
    hours = (time.time() - run.started) / 3600
    if hours > OLD:
        what = f"the last window is {hours:.0f} hours old and does not describe today"
        raise UserError(f"experiment {experiment}.watch", what, "run make watch daily on the machine that serves")
    facts = Facts.model_validate_json(text)
    # A window of the version before says nothing about the champion.
    return facts if facts.version == version else facts.model_copy(update={"alert": False})
