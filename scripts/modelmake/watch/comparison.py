"""Comparison: what the champion was asked with its training rows, and how good it was where that is known."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from modelmake.config.config import Config, check_columns
from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.data import drift, profile
from modelmake.data.split import PROFILE, TRAINED
from modelmake.gate.evaluate import PREDICTED
from modelmake.gate.evaluate import PREDICTION as ANSWERED
from modelmake.gate.records import FOLDER
from modelmake.model.contract import Contract
from modelmake.model.padding import predictions
from modelmake.tracking.runs import Run, Tracking
from modelmake.tracking.versions import Version
from modelmake.watch import quality, truth, windows
from modelmake.watch.report import Report
from modelmake.watch.window import PREDICTION, Window


@dataclass(frozen=True)
class Subject:
    """The champion."""

    config: Config
    version: Version
    run: Run
    contract: Contract
    pipeline: Pipeline

    def profile(self, tracking: Tracking, path: str) -> profile.Profile | None:
        """Return a profile that the champion's run logged, None where it has none."""
        text = tracking.read_file(self.run, path)
        return profile.Profile.model_validate_json(text) if text else None

    @property
    def left_out(self) -> dict[str, str]:
        """The columns that are not compared, and why; raises UserError for one that the model does not have."""
        contract, version = self.contract, f"version {self.version.number}"
        keys = {"watch.ignore": self.config.watch.ignore, "serve.private": self.config.serve.private}
        for key, named in keys.items():
            check_columns(key, named, [*contract.names, *contract.ignored], version)
        return {name: key for key, named in keys.items() for name in named}


def report(tracking: Tracking, subject: Subject, window: Window, server: Path) -> tuple[Report, pd.DataFrame | None]:
    """Return the report on a window, and the rows whose truth is known.

    Raises
    ------
    UserError
        The champion's run has no profile, or the table TRUTH does not fit.

    """
    trained = subject.profile(tracking, f"{TRAINED}/{PROFILE}")
    if trained is None:
        what = f"version {subject.version.number} has no profile of its training rows"
        raise UserError(subject.config.registry.name, what, "train it again: make train FORCE=1, then promote it")
    predicted = subject.profile(tracking, f"{FOLDER}/{PREDICTED}")
    known = truths(subject, window, server)
    measured = (
        None if known is None else quality.measured(known, subject.pipeline, subject.contract.names, subject.config)
    )
    since, until = span(window)
    found = Report(
        name=subject.config.registry.name,
        version=subject.version.number,
        rows=len(window),
        repeated=window.repeated,
        since=since,
        until=until,
        drifts=[*drifts(subject, trained, window), answers(predicted, window)],
        profile=profile.describe(window),
        trained=trained,
        quality=measured,
        expected=expected_accuracy(subject, window),
    )
    return found, known


def drifts(subject: Subject, trained: profile.Profile, window: Window) -> list[drift.Drift]:
    """Return the drift of each column of the model."""
    left_out = subject.left_out
    asked = [column for column in trained.columns if column.name not in left_out]
    not_compared = [
        drift.Drift(column.name, (), left_out[column.name]) for column in trained.columns if column not in asked
    ]
    return [*drift.compare(trained.model_copy(update={"columns": asked}), window), *not_compared]


def answers(predicted: profile.Profile | None, window: Window) -> drift.Drift:
    """Return the drift of the predictions from those of the held-out rows."""
    if predicted is None:
        return drift.Drift(ANSWERED, (), "the champion's run has no profile of its predictions")
    if not window.predicted:
        return drift.Drift(ANSWERED, (), "the model does not predict every row of this table")
    [found] = drift.compare(predicted, window[PREDICTION].to_frame(ANSWERED))
    return found


def truths(subject: Subject, window: Window, server: Path) -> pd.DataFrame | None:
    """Return the rows whose truth the table TRUTH, or the table IN itself, has; None for too few."""
    data, contract, found = subject.config.data, subject.contract, None
    if path := settings.make().truth:
        known = truth.read(path, data, contract)
        found = truth.joined([*windows.kept(server, subject.version.model_id), window], known)
    elif (path := settings.make().in_) and data.target in window.columns and window[data.target].notna().any():
        if window.predicted:
            found = truth.own(window, path, data, contract)
        else:
            print("note: the targets of the table are not used, since the model does not predict every row")
    if found is not None and len(found) < quality.FEWEST:
        print(f"note: {len(found)} rows have a truth, and at least {quality.FEWEST} are needed")
        return None
    return found


def with_predictions(subject: Subject, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table with predictions, where it has none and the model predicts every row."""
    if PREDICTION in frame.columns or frame.empty or not set(subject.contract.names) <= set(frame.columns):
        return frame
    try:
        y_pred = predictions(subject.pipeline.predict, frame[subject.contract.names])
    except Exception:  # scikit-learn's, on rows that do not fit the model
        return frame
    return frame.assign(**{PREDICTION: y_pred})


def expected_accuracy(subject: Subject, window: Window) -> float | None:
    """Return the accuracy that the model itself expects of its predictions, None where it gives no probabilities.

    The mean of the highest probability is the accuracy of a calibrated model (Guillory et al. 2021, average
    confidence). It does not see a change of what the target depends on.
    """
    names, pipeline = subject.contract.names, subject.pipeline
    able = is_classifier(pipeline) and hasattr(pipeline, "predict_proba") and set(names) <= set(window.columns)
    if not able or not len(window):
        return None
    try:
        highest = [np.asarray(pipeline.predict_proba(part)).max(axis=1).sum() for part in window.chunks(names)]
    except Exception:  # as above
        return None
    return float(sum(highest)) / len(window)


def span(window: Window) -> tuple[str, str]:
    """Return the times of the first and the last row; now, for a table without times."""
    times = window.times if len(window.times) else pd.Series([time.time()])
    first, last = (datetime.fromtimestamp(float(moment), UTC) for moment in (times.min(), times.max()))
    return first.isoformat(timespec="seconds"), last.isoformat(timespec="seconds")
