"""Watch: compare the requests to the champion since the last window, or the table IN, with the training rows."""

import json
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from modelmake.config import config as configuration
from modelmake.core import files, settings
from modelmake.core.aliases import CHAMPION
from modelmake.core.errors import DriftAlert, UserError
from modelmake.data import drift
from modelmake.model import store
from modelmake.model.contract import Contract
from modelmake.serving import serve
from modelmake.tracking import versions
from modelmake.tracking.runs import Tracking
from modelmake.tracking.versions import Version
from modelmake.watch import comparison, history, tables, windows
from modelmake.watch.comparison import Subject
from modelmake.watch.report import Report
from modelmake.watch.window import Window

NOTHING = "watch: nothing to watch: no champion has served a request"


def for_metrics(server: Path, page: Report, *, alert: bool) -> None:
    """Leave the gauges that the scoring server shows at /metrics."""
    values = {"alert": float(alert), "rows": float(page.rows), "timestamp_seconds": time.time()}
    effects = {one.name: round(one.effect, 4) for one in page.drifts if one.compared}
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
    facts = history.newest(tracking, config.experiment, config.registry.name, version.number)
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
    facts = history.log(tracking, subject.config.experiment, page, window, known)
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
    if page.quality:
        print("".join(f"live    {check.name}: {check.measured}\n" for check in page.quality.checks), end="")
    if page.expected is not None:
        print(f"note: without labels the model expects an accuracy of {page.expected:.3f} (never an alert)")
    print("".join(f"  {line}\n" for line in page.findings), end="")
    if page.alert and not facts.alert:
        print(
            "one window is not an alert: make watch ends with exit code 3 if other rows, or other targets, say the same"
        )
    print(f"report  {files.place('watch.html')}\nrun     {facts.url}")
