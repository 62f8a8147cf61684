"""Evaluate: load the model from MLflow, score it on the held-out rows, apply the gate, and write the report."""

import json
import math
import time

import pandas as pd

from modelmake.config import config as configuration
from modelmake.config import receipt
from modelmake.config.gate import METRICS
from modelmake.core import files, settings
from modelmake.core.errors import GateRefusal
from modelmake.core.progress import Progress
from modelmake.core.provenance import Provenance
from modelmake.data import drift, profile
from modelmake.data.split import FINDINGS, TRAINED
from modelmake.gate import plots, report, rules
from modelmake.gate.champion import challenge
from modelmake.gate.evidence import gather, load
from modelmake.gate.records import FILE, FOLDER, record
from modelmake.model import store
from modelmake.scores import intervals, metrics
from modelmake.source import copies
from modelmake.tables.table import Table, opened
from modelmake.tracking.address import uri
from modelmake.tracking.runs import Run, Tracking

PREDICTED, PREDICTION = "predictions.json", "prediction"  # the profile of the predictions, and its one column


def mismatch(run: Run, config: configuration.Config, table: Table) -> str:
    """Return why table and config differ from those of the run's training, or ""."""
    current = {"modelmake.data": table.sha256, "modelmake.config": config.training_sha256}
    names = {"modelmake.data": config.data.path, "modelmake.config": str(files.pipeline())}
    for tag, sha256 in current.items():
        trained = run.tags.get(tag, "")
        if trained != sha256:
            checksums = f"SHA-256 {sha256[:12]}, then {trained[:12] or 'none'}"
            return f"{names[tag]}: not what run {run.run_id} was trained with ({checksums})"
    return ""


def look(tracking: Tracking, run: Run, config: configuration.Config, table: Table) -> tuple[report.Report, str]:
    """Judge the run's model by the gate; log metrics, verdict, evidence and report to the run.

    Returns
    -------
    page : Report
        The report.
    predictions_sha256 : str
        The SHA-256 of the predictions.

    """
    with Progress("predicting the held-out rows"):
        subject = load(tracking, run, config, table)
    p, X_test = subject.predictions, subject.split.X_test
    with Progress(f"scoring the champion on the same {len(p)} rows"):
        champion, rival = challenge(tracking, subject)
    with Progress("drawing the report"):
        drawings = plots.draw(p, subject.pipeline, X_test, metric=config.gate.metric, seed=config.seed)
    with Progress(f"measuring the rules' metrics with {config.gate.resamples} resamples"):
        evidence = gather(subject, champion)
    test = pd.concat([X_test, subject.split.y_test], axis=1)
    then = tracking.read_file(rival.run, f"{FOLDER}/profile.json") if rival else None
    page = report.Report(
        title=config.registry.name,
        run=run.run_id,
        url=run.url,
        verdict=rules.judge(config.gate, evidence),
        evidence=evidence,
        metrics=metrics.scores(p, [rule.metric for rule in config.gate.rules]),
        champion=rival.scores if rival else {},
        differences=rival.differences if rival else {},
        plots=drawings,
        profile=profile.describe(test),
        drift=drift.compare(profile.Profile.model_validate_json(then), test) if then else None,
        provenance=Provenance.from_tags(run.tags).values("report"),
        train_scores=trained(run),
        cv_scores={folds.metric: (folds.mean, folds.spread) for folds in evidence.folds},
        findings=json.loads(tracking.read_file(run, f"{TRAINED}/{FINDINGS}") or b"[]"),
    )
    tags = {"modelmake.verdict": page.verdict.verdict, "modelmake.predictions": p.sha256}
    tracking.log(run, metrics={**page.metrics, **rules.bounds(evidence)}, tags=tags, model_id=subject.model_id)
    keep(tracking, run, page, profile.describe(pd.DataFrame({PREDICTION: p.y_pred})))
    if subject.own_code:
        tracking.log_files(run, FOLDER, {FILE: record(p, X_test.index.to_numpy())})
    return page, p.sha256


def trained(run: Run) -> dict[str, float]:
    """Return the scores on the training rows that `train` logged to the run."""
    scores = {name.removeprefix("train_"): value for name, value in run.metrics.items() if name.startswith("train_")}
    return {name: value for name, value in scores.items() if name in METRICS}


def score_table(page: report.Report) -> str:
    """Return the metrics for the terminal: on the held-out rows, on the training rows, and over the folds."""
    rows = [score[:4] for score in page.scores if score.name in page.metrics]
    columns = zip(("metric", "held out", "training", "folds"), *rows, strict=True)
    shown = [column for column in columns if any(column[1:])]
    return receipt.aligned(list(zip(*shown, strict=True)))


def keep(tracking: Tracking, run: Run, page: report.Report, predictions: profile.Profile) -> None:
    """Log report, plots, evidence, and the profiles of the rows and of their predictions to the run."""
    drawings = {f"plots/{plot.name}.svg": plot.svg for plot in page.plots if plot.svg}
    texts = {"report.html": page.html, "report.md": page.markdown, **drawings}
    facts = {"evidence.json": page.evidence, "profile.json": page.profile, PREDICTED: predictions}
    texts |= {name: fact.model_dump_json(indent=2) for name, fact in facts.items() if fact is not None}
    tracking.log_files(run, FOLDER, {name: text.encode() for name, text in texts.items()})


def main() -> None:
    """Log metrics, verdict and report to the run; write build/report.html, build/report.md and build/evaluate.json."""
    started = time.monotonic()
    config = configuration.load()
    run_id = settings.run_id() or receipt.Train.read().run_id
    tracking = Tracking()
    run = tracking.run(run_id)
    store.find(tracking, run)
    table = opened(copies.of_run(tracking, run, config.data))
    if reason := mismatch(run, config, table):
        origin = Provenance.from_tags(run.tags).values("report")
        page, sha256 = report.refused(config.registry.name, run.run_id, run.url, reason, origin), ""
    else:
        with tracking.open(run):
            page, sha256 = look(tracking, run, config.model_copy(update={"data": table.config}), table)
    verdict, evidence = page.verdict, page.evidence
    refused = verdict.verdict == "refuse" and config.gate.on_refusal == "fail"
    if page.metrics:
        print(score_table(page))
    print(report.table(verdict))
    print(f"verdict {verdict.verdict}: " + "\n  ".join(verdict.reasons) + f"\nreport  {files.place('report.html')}")
    estimate = evidence.measured[0].estimate if evidence else intervals.Estimate(math.nan, math.nan, math.nan)
    files.replace("report.html", page.html)
    receipt.publish("report.md", page.markdown)
    receipt.Evaluate(
        tracking_uri=uri(),
        run_id=run_id,
        url=run.url,
        metric=config.gate.metric,
        value=estimate.value,
        lower=estimate.lower,
        upper=estimate.upper,
        metrics=dict(page.metrics),
        predictions_sha256=sha256,
        verdict=verdict.verdict,
        reasons=list(verdict.reasons),
        bounds=rules.bounds(evidence) if evidence else {},
        refused=refused,
    ).write(started)
    if refused:
        raise GateRefusal(
            f"run {run_id}", verdict.reason, f"see {files.place('report.html')}, and [gate] in {files.pipeline()}"
        )
