"""Watch: compare the requests to the champion since the last window, or the table IN, with the training rows."""

import io
import json
import math
import re
import tempfile
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa

from modelmake.config import config as configuration
from modelmake.core import files, provenance, settings
from modelmake.core.aliases import CHAMPION
from modelmake.core.errors import DriftAlert, UserError
from modelmake.data import drift
from modelmake.model import store
from modelmake.model.contract import Contract
from modelmake.serving import serve
from modelmake.tracking import versions
from modelmake.tracking.runs import Run, Tracking
from modelmake.tracking.versions import Version
from modelmake.watch import comparison, history, tables, windows
from modelmake.watch.comparison import Subject
from modelmake.watch.report import Report
from modelmake.watch.truth import KEYS, TRUTH
from modelmake.watch.window import Window

NOTHING = "watch: nothing to watch: no champion has served a request"


def running(tracking: Tracking, before: Run | None, page: Report, window: Window, known: pd.DataFrame | None) -> bool:
    """Return whether a window is the second one running that raises an alert: by other rows, or by other truths."""
    if before is None or before.tags.get(history.ALERT) != "true" or before.tags.get(history.VERSION) != page.version:
        return False
    others = before.tags.get(history.ROWS) != window.sha256
    if page.moved and others:
        return True
    if not page.broken or known is None:
        return False
    return history.fresh(tracking, before, known) if settings.make().truth else others


def log(
    tracking: Tracking, subject: Subject, page: Report, window: Window, known: pd.DataFrame | None
) -> history.Facts:
    """Log the window to MLflow, and return its facts."""
    experiment, source = f"{subject.config.experiment}.watch", "table" if settings.make().in_ else "log"
    before = history.last(tracking, experiment, page.name, source)
    alert = page.alert and running(tracking, before, page, window, known)
    tags = {
        "mlflow.runName": f"version {page.version}, until {page.until}",
        "mlflow.user": provenance.user(),
        history.NAME: page.name,
        history.SOURCE: source,
        history.VERSION: page.version,
        history.NUMBER: str(history.number(before) + 1),
        history.ALERT: str(page.alert).lower(),
        history.ROWS: window.sha256,
    }
    run = tracking.create_run(experiment, tags)
    facts = history.Facts(
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
    values = {"rows": float(page.rows), **{f"effect {clean(one.name)}": one.effect for one in page.drifts}}
    values |= {f"live {name}": value for name, value in (page.live.values if page.live else {}).items()}
    values |= {} if page.expected is None else {"expected accuracy": page.expected}
    kept = {"report.html": page.html.encode(), history.FILE: facts.model_dump_json(indent=2).encode()}
    kept |= {
        "profile.json": page.profile.model_dump_json(indent=2).encode(),
        "window.parquet": window.path.read_bytes(),
    }
    if settings.make().truth and known is not None:
        known[[*KEYS, TRUTH]].astype({TRUTH: str}).to_parquet(table := io.BytesIO(), index=False)
        kept[history.TRUTHS] = table.getvalue()
    with tracking.open(run):
        tracking.log(run, metrics={name: value for name, value in values.items() if math.isfinite(value)})
        tracking.log_files(run, history.FOLDER, kept)
    return facts


def clean(name: str) -> str:
    """Return a column's name as a metric's name may be."""
    return re.sub(r"[^\w\-./ ]", "_", name)[:200]


def for_metrics(server: Path, page: Report, *, alert: bool) -> None:
    """Leave the gauges that the scoring server shows at /metrics."""
    values = {"alert": float(alert), "rows": float(page.rows), "timestamp_seconds": time.time()}
    effects = {one.name: round(one.effect, 4) for one in page.drifts}
    named = {f"modelmake_watch_{name}": value for name, value in values.items()}
    if server.is_dir():
        files.write(server / "watch.json", json.dumps({"values": named, "effects": effects}))


def end(facts: history.Facts, started: float) -> None:
    """Write build/watch.json, and raise DriftAlert for an alert in two consecutive windows."""
    history.Watch(**facts.model_dump()).write(started)
    if facts.alert:
        first, *more = facts.findings
        where = f"version {facts.version} of {facts.name}"
        raise DriftAlert(where, first + (f", and {len(more)} more" if more else ""), f"see the report: {facts.url}")


def elsewhere(tracking: Tracking, config: configuration.Config, version: Version, started: float) -> None:
    """Show the last window that the serving host logged, since this machine has no request log."""
    facts = history.newest(tracking, f"{config.experiment}.watch", config.registry.name, version.number)
    if facts is None and settings.in_act():
        print(NOTHING)
        return
    if facts is None:
        fix = "make serve, send requests, and run make watch there; or IN=<table>"
        raise UserError("make watch", "no requests are logged, here or in MLflow", fix)
    print(f"window  {facts.n_rows} rows from {facts.since} to {facts.until}, logged by the serving host")
    if facts.version != version.number:
        print(f"note: they are of version {facts.version}; version {version.number} has no window yet")
    print("".join(f"  {finding}\n" for finding in facts.findings) or "quiet\n", end="")
    end(facts, started)


def champion(tracking: Tracking, name: str) -> Version | None:
    """Return the champion; raises UserError where there is none, except in a replay."""
    version = versions.at(tracking, name, CHAMPION)
    if version is None and not settings.in_act():
        raise UserError(name, f"no version has the alias @{CHAMPION}", "make promote")
    return version


def rows(subject: Subject, server: Path, path: Path) -> Window:
    """Write the rows of the table IN, or those of the log, to the file `path`."""
    if source := settings.make().in_:
        frame = tables.requests(source, subject.config.data, subject.contract)
        table = pa.Table.from_pandas(comparison.with_predictions(subject, frame), preserve_index=False)
        return Window.write(path, [table], table.schema)
    return windows.pending(server, subject.version.model_id, subject.contract, path)


def main() -> None:
    """Leave a run with the report in the experiment <experiment>.watch, build/watch.html and build/watch.json."""
    started, config, server, tracking = time.monotonic(), configuration.load(), serve.folder(), Tracking()
    files.place("watch.json").unlink(missing_ok=True)  # so that it exists only where a window was judged
    version = champion(tracking, config.registry.name)
    if version is None:
        print(NOTHING)
        return
    if not settings.make().in_:
        windows.collect(server)
        if not (server / "windows").is_dir():
            elsewhere(tracking, config, version, started)
            return
    print(f"▸ watch · version {version.number} of {config.registry.name}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        checked = store.download(version.model_id, config.model.trusted_types, scratch)
        contract, pipeline = Contract.read(checked.folder), checked.pipeline()
        subject = Subject(config, version, tracking.run(version.run_id), contract, pipeline)
        window = rows(subject, server, Path(scratch, "window.parquet"))
        watch(tracking, subject, window, server, started)


def watch(tracking: Tracking, subject: Subject, window: Window, server: Path, started: float) -> None:
    """Judge a window; raises UserError for one without rows, and what `end` raises."""
    number = subject.version.number
    if not len(window) and not settings.make().truth:
        what = f"no request was logged since the last window of version {number}"
        raise UserError("make watch", what, "check that clients reach the server: make smoke")
    page, known = comparison.report(tracking, subject, window, server)
    if not page.judged:
        print(f"no verdict: {page.rows} rows, and {drift.MIN_ROWS} are needed; they count in the next window")
        return
    facts = log(tracking, subject, page, window, known)
    if page.rows >= drift.MIN_ROWS and not settings.make().in_:
        windows.finish(server, subject.version.model_id, window)
    for_metrics(server, page, alert=facts.alert)
    files.replace("watch.html", page.html)
    print(page.table)
    show(page, facts)
    end(facts, started)


def show(page: Report, facts: history.Facts) -> None:
    """Print what has moved."""
    print(f"window  {page.rows} rows from {page.since} to {page.until}: {page.headline}")
    if page.repeated:
        print(
            f"note: {page.repeated} requests repeat another one, with the same x-request-id and rows, and do not count"
        )
    if page.live:
        print("".join(f"live    {check.name}: {check.measured}\n" for check in page.live.checks), end="")
    if page.expected is not None:
        print(f"note: without labels the model expects an accuracy of {page.expected:.3f} (never an alert)")
    print("".join(f"  {line}\n" for line in page.findings), end="")
    if page.alert and not facts.alert:
        print("one window does not raise an alert; if the next one does too, make watch ends with exit code 3")
    print(f"report  {files.place('watch.html')}\nrun     {facts.url}")
