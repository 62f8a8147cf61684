"""Look: what the champion has been asked, against its training rows, and how good it was where that is known."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
from sklearn.pipeline import Pipeline

from modelmake.config.config import Config
from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.data import drift, profile
from modelmake.data.split import PROFILE, TRAINED
from modelmake.gate.evaluate import PREDICTED, PREDICTION
from modelmake.gate.records import FOLDER
from modelmake.model.contract import Contract
from modelmake.tracking.runs import Run, Tracking
from modelmake.tracking.versions import Version
from modelmake.watch import ground_truth, tables, windows
from modelmake.watch.report import Report


@dataclass(frozen=True)
class Subject:
    """The champion, and the rows that are looked at."""

    config: Config
    version: Version
    run: Run
    contract: Contract
    pipeline: Pipeline
    window: pd.DataFrame


def reference(tracking: Tracking, run: Run, path: str) -> profile.Profile | None:
    """Return a profile that the run logged, None where it has none."""
    text = tracking.read_file(run, path)
    return profile.Profile.model_validate_json(text) if text else None


def drifts(tracking: Tracking, subject: Subject) -> list[drift.Drift]:
    """Return the drift of each column, and of the predictions.

    Raises
    ------
    UserError
        The champion's run has no profile.

    """
    then, window = reference(tracking, subject.run, f"{TRAINED}/{PROFILE}"), subject.window
    if then is None:
        what = f"version {subject.version.number} has no profile of its training rows"
        raise UserError(subject.config.registry.name, what, "train it again: make train FORCE=1, then promote it")
    private = set(subject.config.serve.private)
    asked = then.model_copy(update={"columns": [column for column in then.columns if column.name not in private]})
    found = drift.compare(asked, window)
    predicted = reference(tracking, subject.run, f"{FOLDER}/{PREDICTED}")
    if predicted is not None and windows.PREDICTION in window.columns:
        found += drift.compare(predicted, window[[windows.PREDICTION]].set_axis([PREDICTION], axis=1))
    return found


def truths(subject: Subject, rows: pd.DataFrame) -> ground_truth.Live | None:
    """Return the gate's rules on the rows whose truth the file TRUTH, or the table IN itself, has."""
    config, target = subject.config, subject.config.data.target
    names = subject.contract.names
    if truth := settings.make().truth:
        found = ground_truth.joined(rows, tables.read(str(truth), config.data, "TRUTH"), target, f"TRUTH={truth}")
    elif target in rows.columns and windows.PREDICTION in rows.columns and rows[target].notna().all():
        found = rows
    else:
        return None
    if len(found) < ground_truth.FEWEST:
        print(f"note: {len(found)} rows have a truth, and at least {ground_truth.FEWEST} are needed")
        return None
    return ground_truth.measured(found, target, subject.pipeline, names, config)


def looked(tracking: Tracking, subject: Subject, server: Path) -> Report:
    """Return the report on the window."""
    window, contract = subject.window, subject.contract
    whole = set(contract.names) <= set(window.columns) and len(window) > 0
    expected, window = predicted(subject) if whole else (None, window)
    found = drifts(tracking, replace(subject, window=window))
    history = windows.kept(server, subject.version.model_id) if settings.make().truth else None
    rows = window if history is None else pd.concat([history, window], ignore_index=True)
    checked = truths(subject, rows)
    moved = any(column.moved for column in found) or bool(checked and checked.broken)
    verdict = "alert" if moved else "none" if len(window) < drift.MIN_ROWS else "quiet"
    features = [name for name in window.columns if not name.startswith(windows.META)]
    since, until = span(window)
    return Report(
        name=subject.config.registry.name,
        version=subject.version.number,
        rows=len(window),
        since=since,
        until=until,
        drifts=found,
        profile=profile.describe(window[features]),
        live=checked,
        expected=expected,
        verdict=verdict,
    )


def predicted(subject: Subject) -> tuple[float | None, pd.DataFrame]:
    """Return the accuracy that the model expects, and the window with predictions where a table has none."""
    X, window = subject.window[subject.contract.names], subject.window
    try:
        expected = ground_truth.expected_accuracy(subject.pipeline, X)
        if windows.PREDICTION not in window.columns:
            window = window.assign(**{windows.PREDICTION: subject.pipeline.predict(X)})
    except Exception:  # scikit-learn's, on rows of a table that do not fit the model
        return None, window
    return expected, window


def span(window: pd.DataFrame) -> tuple[str, str]:
    """Return the times of the first and the last row; now, for a table without times."""
    times = window[windows.TIME] if windows.TIME in window.columns and len(window) else pd.Series([time.time()])
    first, last = (datetime.fromtimestamp(float(moment), UTC) for moment in (times.min(), times.max()))
    return first.isoformat(timespec="seconds"), last.isoformat(timespec="seconds")
