"""History: the windows that were watched before, as runs in MLflow."""

import io
import time

import pandas as pd
from pydantic import BaseModel

from modelmake.config.receipt import Receipt
from modelmake.core.errors import UserError
from modelmake.tracking.runs import Run, Tracking
from modelmake.watch.truth import FEWEST, KEYS, TRUTH

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
    return max(tracking.search(experiment, query, most=RECENT), key=number, default=None)


def fresh(tracking: Tracking, before: Run, known: pd.DataFrame) -> bool:
    """Return whether enough of the targets that are known now were not known to a window before."""
    content = tracking.read_file(before, f"{FOLDER}/{TRUTHS}")
    if content is None:
        return True
    earlier = pd.read_parquet(io.BytesIO(content))
    rows = known[[*KEYS, TRUTH]].astype({TRUTH: str}).merge(earlier, how="left", indicator=True)
    return int((rows["_merge"] == "left_only").sum()) >= FEWEST


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
        raise UserError(f"experiment {experiment}", what, "run make watch daily on the machine that serves")
    facts = Facts.model_validate_json(text)
    # A window of the version before says nothing about the champion.
    return facts if facts.version == version else facts.model_copy(update={"alert": False})
