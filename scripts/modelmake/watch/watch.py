"""Watch: compare the requests to the champion since the last window, or the table IN, with the training rows."""

import json
import math
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

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
from modelmake.watch import history, tables, windows
from modelmake.watch.comparison import Subject, looked
from modelmake.watch.report import Report

NOTHING = "watch: nothing to watch: no champion has served a request"


def log(tracking: Tracking, subject: Subject, page: Report, source: str) -> tuple[Run, bool]:
    """Log the window to MLflow; return its run, and whether the window before it raised an alert too."""
    experiment = f"{subject.config.experiment}.watch"
    before = history.last(tracking, experiment, page.name, source)
    running = page.alert and bool(before) and before[0].tags.get(history.ALERT) == "true"
    tags = history.tags(page, source) | {"mlflow.user": provenance.user()}
    run = tracking.create_run(experiment, tags)
    values = {"rows": float(page.rows), **{f"effect {clean(one.name)}": one.effect for one in page.drifts}}
    values |= {f"live {name}": value for name, value in (page.live.values if page.live else {}).items()}
    values |= {} if page.expected is None else {"expected accuracy": page.expected}
    facts = history.facts(page, run, alert=running)
    with tempfile.TemporaryDirectory() as scratch, tracking.open(run):
        subject.window.to_parquet(table := Path(scratch, "window.parquet"), index=False)
        tracking.log(run, metrics={name: value for name, value in values.items() if math.isfinite(value)})
        kept = {"report.html": page.html.encode(), history.FILE: facts.model_dump_json(indent=2).encode()}
        kept |= {"profile.json": page.profile.model_dump_json(indent=2).encode(), table.name: table.read_bytes()}
        tracking.log_files(run, history.FOLDER, kept)
    return run, running


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


def elsewhere(tracking: Tracking, config: configuration.Config, started: float) -> None:
    """Show the last window that the serving host logged, since this machine has no request log."""
    facts = history.newest(tracking, f"{config.experiment}.watch", config.registry.name)
    if facts is None and settings.in_act():
        print(NOTHING)
        return
    if facts is None:
        fix = "make serve, send requests, and run make watch there; or IN=<table>"
        raise UserError("make watch", "no requests are logged, here or in MLflow", fix)
    print(f"window  {facts.n_rows} rows from {facts.since} to {facts.until}, logged by the serving host")
    print("".join(f"  {finding}\n" for finding in facts.findings) or "quiet\n", end="")
    end(facts, started)


def rows_of(config: configuration.Config, server: Path, version: Version, contract: Contract) -> pd.DataFrame:
    """Return the rows of the table IN, or those of the log."""
    if source := settings.make().in_:
        return tables.requests(str(source), config.data, contract)
    return windows.pending(server, version.model_id, contract)


def champion(tracking: Tracking, name: str) -> Version | None:
    """Return the champion; raises UserError where there is none, except in a replay."""
    version = versions.champion(tracking, name)
    if version is None and not settings.in_act():
        raise UserError(name, f"no version has the alias @{CHAMPION}", "make promote")
    return version


def main() -> None:
    """Leave a run with the report in the experiment <experiment>.watch, build/watch.html and build/watch.json."""
    started, config, server = time.monotonic(), configuration.load(), serve.folder()
    tracking, source = Tracking(), "table" if settings.make().in_ else "log"
    version = champion(tracking, config.registry.name)
    if version is None:
        print(NOTHING)
        return
    if source == "log":
        windows.collect(server)
        if not (server / "windows").is_dir():
            elsewhere(tracking, config, started)
            return
    print(f"▸ watch · version {version.number} of {config.registry.name}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        checked = store.download(version.model_id, config.model.trusted_types, scratch)
        contract, pipeline = Contract.read(checked.folder), checked.pipeline()
    window = rows_of(config, server, version, contract)
    if window.empty and not settings.make().truth:
        what = f"no request was logged since the last window of version {version.number}"
        raise UserError("make watch", what, "check that clients reach the server: make smoke")
    subject = Subject(config, version, tracking.run(version.run_id), contract, pipeline, window)
    page = looked(tracking, subject, server)
    if page.verdict == "none" and page.live is None:
        print(f"no verdict: {page.rows} rows, and {drift.MIN_ROWS} are needed; they count in the next window")
        return
    run, running = log(tracking, subject, page, source)
    if source == "log" and page.rows >= drift.MIN_ROWS:
        windows.finish(server, version.model_id, window)
    for_metrics(server, page, alert=running)
    files.replace("watch.html", page.html)
    print(page.table)
    show(page, running=running)
    print(f"report  {files.place('watch.html')}\nrun     {run.url}")
    end(history.facts(page, run, alert=running), started)


def show(page: Report, *, running: bool) -> None:
    """Print what has moved."""
    lines: Sequence[str] = page.findings
    print(f"window  {page.rows} rows from {page.since} to {page.until}: {page.headline}")
    if page.live:
        print("".join(f"live    {check.name}: {check.measured}\n" for check in page.live.checks), end="")
    if page.expected is not None:
        print(f"note: without labels the model expects an accuracy of {page.expected:.3f} (never an alert)")
    print("".join(f"  {line}\n" for line in lines), end="")
    if page.alert and not running:
        print("one window does not raise an alert; if the next one drifts too, make watch ends with exit code 3")
