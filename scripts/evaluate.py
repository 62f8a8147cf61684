"""Evaluate: load the model back from MLflow, score it on the held-out rows, ask the gate, and write the report."""

import math
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline

from scripts.pipeline import config as configuration
from scripts.pipeline import (
    data,
    gate,
    intervals,
    logged_model,
    metrics,
    model,
    plots,
    profile,
    receipt,
    registry,
    report,
)
from scripts.pipeline.errors import GateRefused, UserError, first_line
from scripts.pipeline.tracking import Run, Tracking, uri

FOLDER = "evaluate"  # of the run's artifacts
ORIGIN = ("git.commit", "git.branch", "git.dirty", "image", "lock", "data", "config", "python", "platform", "runner")
SERVED = 1_000  # rows sent down the scoring server's road
SLICES = 100  # of one column, at most


@dataclass(frozen=True)
class Subject:
    """The model that is looked at, the rows that it is asked about, and its answers."""

    config: configuration.Config
    run: Run
    model_id: str
    pipeline: Pipeline
    split: data.Split
    predictions: metrics.Predictions

    @property
    def trusted(self) -> tuple[str, ...]:
        """The types that a model may hold."""
        return (*model.TRUSTED_TYPES, *self.config.model.trusted_types)


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Say what is being done, if it takes longer than two seconds."""
    timer = threading.Timer(2, print, (f"{what} …",), {"flush": True})
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def mismatch(run: Run, config: configuration.Config) -> str:
    """Return why data and config are not those that the run was trained with, or ""."""
    found = {"modelmake.data": data.fingerprint(config.data), "modelmake.config": config.training_sha256}
    names = {"modelmake.data": config.data.path, "modelmake.config": "pipeline.toml"}
    for tag, sha256 in found.items():
        trained = run.tags.get(tag, "")
        if trained != sha256:
            then = trained[:12] or "none"
            return f"{names[tag]}: not what run {run.run_id} was trained with (SHA-256 {sha256[:12]}, then {then})"
    return ""


def predict(estimator: BaseEstimator, split: data.Split) -> metrics.Predictions:
    """Predict the held-out rows, with probabilities where the estimator gives them."""
    y_true, y_pred = split.y_test.to_numpy(), np.asarray(estimator.predict(split.X_test))
    if not is_classifier(estimator):
        return metrics.Predictions(y_true, y_pred)
    y_proba = estimator.predict_proba(split.X_test) if hasattr(estimator, "predict_proba") else None
    return metrics.Predictions(y_true, y_pred, y_proba, np.asarray(estimator.classes_))


def load(tracking: Tracking, run: Run, config: configuration.Config) -> Subject:
    """Load the run's model, and let it predict the held-out rows."""
    frame = data.read(config.data)
    model_id = logged_model.find(tracking, run)
    pipeline, _ = logged_model.load(model_id, (*model.TRUSTED_TYPES, *config.model.trusted_types))
    classifier = is_classifier(pipeline)
    config.gate.check(list(frame.columns), classifier=classifier)
    split = data.split(frame, config.data, seed=config.seed, classifier=classifier)
    predictions = predict(pipeline, split)
    for rule in config.gate.rules:
        if rule.metric not in metrics.names(classifier=classifier, probabilities=predictions.y_proba is not None):
            what = f"'{rule.metric}' needs probabilities, which {type(pipeline[-1]).__name__} does not give"
            raise UserError(f"pipeline.toml: gate.rules: {rule}", what, "accuracy does not, nor do some estimators")
    return Subject(config, run, model_id, pipeline, split, predictions)


def measure(subject: Subject) -> list[gate.Measured]:
    """Return the first rule's metric, then what the rules ask for, slice by slice where they name a column."""
    test = pd.concat([subject.split.X_test, subject.split.y_test], axis=1)
    found = []
    gated = subject.config.gate
    for metric, by in dict.fromkeys([(gated.metric, None), *((rule.metric, rule.by) for rule in gated.rules)]):
        parts = {None: np.ones(len(test), dtype=bool)} if by is None else data.slices(test[by])
        if len(parts) > SLICES:
            what = f"'{by}' has {len(parts)} values on the held-out rows, too many to ask each"
            raise UserError("pipeline.toml: gate.rules", what, f"name a column with at most {SLICES}")
        for name, rows in parts.items():
            p = subject.predictions.take(rows)
            estimate = intervals.bootstrap(p, metric, seed=subject.config.seed, resamples=gated.resamples)
            found.append(gate.Measured(metric=metric, by=by, slice=name, rows=len(p), estimate=estimate))
    return found


def other_classes(model: metrics.Predictions, champion: metrics.Predictions, metric: str) -> str:
    """Return why a champion's classes can't be asked beside the model's, or "".

    One that does not know a class is wrong about its rows, which is an answer. One that knows none of them, as after
    a change of labels, has not been asked the same thing, nor has the ROC AUC of other classes the same meaning.
    """
    if model.classes is None:
        return ""
    ours, theirs = model.classes.tolist(), champion.classes.tolist()
    if set(ours) & set(theirs) and (metric != "roc_auc_ovr" or set(ours) == set(theirs)):
        return ""
    known, asked = (", ".join(map(repr, each[:3])) + ", …" * (len(each) > 3) for each in (theirs, ours))
    return f"its classes are {known}, the model's {asked}"


def challenge(tracking: Tracking, subject: Subject) -> tuple[gate.Champion | None, dict[str, float], Run | None]:
    """Score the champion on the same rows; return what the gate has to know, its metrics, and its run."""
    config, split = subject.config, subject.split
    champion = registry.at(tracking, config.registry.name, registry.CHAMPION)
    if champion is None or config.gate.champion == "off":
        return None, {}, None
    try:
        run = tracking.run(champion.run_id)
        pipeline, _ = logged_model.load(champion.model_id, subject.trusted)
        if is_classifier(pipeline) != is_classifier(subject.pipeline):
            raise UserError(f"version {champion.number}", "a classifier beside a regressor", "not comparable")
        theirs = predict(pipeline, split)
        if other := other_classes(subject.predictions, theirs, config.gate.metric):
            raise UserError(f"version {champion.number}", other, "not comparable")
        scores = metrics.scores(theirs)
        difference = intervals.compare(
            subject.predictions, theirs, config.gate.metric, seed=config.seed, resamples=config.gate.resamples
        )
    except (UserError, ValueError, TypeError, KeyError, AttributeError) as error:  # scikit-learn's, on other columns
        return gate.Champion(version=champion.number, problem=first_line(error)), {}, None
    value = scores[config.gate.metric]
    return gate.Champion(version=champion.number, value=value, difference=difference), scores, run


def gather(subject: Subject, champion: gate.Champion | None) -> gate.Evidence:
    """Collect all that the gate looks at."""
    config, split, p = subject.config, subject.split, subject.predictions
    floor = model.dummy(split.X_train, split.y_train, classifier=p.classes is not None)
    dummy = intervals.compare(
        p, predict(floor, split), config.gate.metric, seed=config.seed, resamples=config.gate.resamples
    )
    copies = data.duplicates(split)
    some = split.X_test.head(SERVED)
    return gate.Evidence(
        model_id=subject.model_id,
        rows=len(p),
        measured=tuple(measure(subject)),
        dummy=dummy,
        champion=champion,
        duplicates=len(copies),
        duplicate_rows=tuple(int(each) + 1 for each in copies[:5]),
        dirty=subject.run.tags.get("modelmake.git.dirty", "true") == "true",
        served=logged_model.served(subject.model_id, subject.trusted, some, p.y_pred[: len(some)]),
    )


def look(tracking: Tracking, run: Run, config: configuration.Config) -> tuple[report.Report, str]:
    """Ask the gate about the run's model; leave metrics, verdict, evidence and report in the run.

    Returns
    -------
    page : Report
        What was found.
    predictions_sha256 : str
        The SHA-256 of what the model said.

    """
    with telling("predicting the held-out rows"):
        subject = load(tracking, run, config)
    p, X_test = subject.predictions, subject.split.X_test
    with telling(f"scoring the champion on the same {len(p)} rows"):
        champion, theirs, champions_run = challenge(tracking, subject)
    with telling(f"measuring what the gate asks for, by {config.gate.resamples} resamples"):
        evidence = gather(subject, champion)
    test = pd.concat([X_test, subject.split.y_test], axis=1)
    then = tracking.read_file(champions_run, f"{FOLDER}/profile.json") if champions_run else None
    with telling("drawing the report"):
        drawn = plots.draw(p, subject.pipeline, X_test, metric=config.gate.metric, seed=config.seed)
    page = report.Report(
        title=config.registry.name,
        run=run.run_id,
        url=run.url,
        verdict=gate.judge(config.gate, evidence),
        evidence=evidence,
        metrics=metrics.scores(p),
        champion=theirs,
        plots=drawn,
        profile=profile.describe(test),
        drift=profile.drift(profile.Profile.model_validate_json(then), test) if then else None,
        provenance=origin(run),
    )
    tags = {"modelmake.verdict": page.verdict.verdict, "modelmake.predictions": p.sha256}
    tracking.log(run, metrics=page.metrics | gate.bounds(evidence), tags=tags, model_id=subject.model_id)
    keep(tracking, run, page)
    return page, p.sha256


def keep(tracking: Tracking, run: Run, page: report.Report) -> None:
    """Leave report, plots, profile and evidence in the run."""
    texts = {
        "report.html": page.html,
        "report.md": page.markdown,
        "evidence.json": page.evidence.model_dump_json(indent=2),
        "profile.json": page.profile.model_dump_json(),
        **{f"plots/{plot.name}.svg": plot.svg for plot in page.plots},
    }
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "plots").mkdir()
        for name, text in texts.items():
            Path(scratch, name).write_text(text, encoding="utf-8")
        tracking.log_files(run, Path(scratch), FOLDER)


def origin(run: Run) -> dict[str, str]:
    """Return where the run came from, as the report says it."""
    return {name: run.tags[f"modelmake.{name}"] for name in ORIGIN if f"modelmake.{name}" in run.tags}


def main() -> None:
    """Leave metrics, verdict and report in the run, build/report.html, build/report.md and build/evaluate.json."""
    started = time.monotonic()
    config = configuration.load()
    run_id = receipt.chosen_run_id() or receipt.Train.read().run_id
    tracking = Tracking()
    run = tracking.run(run_id)
    logged_model.find(tracking, run)
    if reason := mismatch(run, config):
        page, sha256 = report.refused(config.registry.name, run.run_id, run.url, reason, origin(run)), ""
    else:
        with tracking.open(run):
            page, sha256 = look(tracking, run, config)
    verdict, evidence = page.verdict, page.evidence
    for name, value in page.metrics.items():
        print(f"{name:<30}{value:.4f}")
    print(report.table(verdict))
    print(f"verdict {verdict.verdict}: " + "\n  ".join(verdict.reasons) + "\nreport  build/report.html")
    estimate = evidence.measured[0].estimate if evidence else intervals.Estimate(math.nan, math.nan, math.nan)
    receipt.replace("report.html", page.html)
    receipt.Evaluate(
        **receipt.common("evaluate", started),
        tracking_uri=uri(),
        run_id=run_id,
        url=run.url,
        metric=config.gate.metric,
        value=estimate.value,
        lower=estimate.lower,
        upper=estimate.upper,
        metrics=page.metrics,
        predictions_sha256=sha256,
        verdict=verdict.verdict,
        reasons=list(verdict.reasons),
        bounds=gate.bounds(evidence) if evidence else {},
    ).write(page.markdown)
    if verdict.verdict == "refuse" and config.gate.on_refusal == "fail":
        receipt.Evaluate.forget()
        raise GateRefused(f"run {run_id}", verdict.reason, "[gate] in pipeline.toml; build/report.html shows why")
