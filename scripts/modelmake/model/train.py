"""Train: read the data, split it, fit the estimator, score it on the training rows, and log all of it to MLflow."""

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.pipeline import Pipeline

from modelmake.config import config as configuration
from modelmake.config import receipt
from modelmake.config.data import Data
from modelmake.core import git, provenance
from modelmake.core.files import TUNED, place
from modelmake.data import profile, schema
from modelmake.data.findings import findings
from modelmake.data.folds import Fold, folds
from modelmake.data.read import read
from modelmake.data.slices import slices
from modelmake.data.split import FINDINGS, HASH, PROFILE, ROWS, TRAINED, Split, hold_out, unseen
from modelmake.model import store, tuning
from modelmake.model.contract import contract
from modelmake.model.cross_validate import cross_validated
from modelmake.model.estimator import build, fit, parameters
from modelmake.model.preprocess import pipeline
from modelmake.model.probe import probe
from modelmake.model.score import on_training_rows, sample, undefined
from modelmake.source import copies
from modelmake.tables.reading import Reading
from modelmake.tables.table import opened
from modelmake.tracking import preflight
from modelmake.tracking.address import uri
from modelmake.tracking.runs import Run, Tracking

SLICES = 100  # of a column of texts; evaluate refuses more


def settings(config: configuration.Config) -> dict[str, object]:
    """Return the keys of the config that are logged as parameters beside those of the estimator, if they are set."""
    data, steps = config.data, [step.estimator for step in config.model.steps or []]
    given = {"group": data.group, "time": data.time, "positive": data.positive, "folds": config.train.folds}
    listed = {"drop": data.drop, "steps": steps}
    always = {"estimator": config.model.estimator, "seed": config.seed, "test_size": data.test_size}
    chosen = {name: value for name, value in given.items() if value is not None}
    return {**always, "stratify": data.stratify, **chosen, **{name: ", ".join(of) for name, of in listed.items() if of}}


def score(fitted: Pipeline, split: Split, parts: list[Fold], config: configuration.Config) -> dict[str, float]:
    """Return the scores on the training rows, as `train_<metric>`, and those of the folds; print the first rule's."""
    gate = config.gate
    scores, count = on_training_rows(fitted, split, [gate.metric], config.data.positive)
    sample = f" (on {count} of {len(split.X_train)})" if count < len(split.X_train) else ""
    values = cross_validated(fitted, split, parts, config) if parts else {}
    if gate.metric in scores:
        mean, spread = (values.get(f"cv_{gate.metric}_{of}") for of in ("mean", "std"))
        folded = f", {mean:.4f} ± {spread:.4f} in {len(parts)} folds" if mean is not None else ""
        print(f"scores  {gate.metric} {scores[gate.metric]:.4f} on the training rows{sample}{folded}", flush=True)
    return {f"train_{name}": value for name, value in scores.items()} | values


@dataclass(frozen=True)
class Task:
    """What is fitted: the config with its tuned parameters, table and split, folds, and the unfitted pipeline."""

    config: configuration.Config
    data: Data
    data_sha256: str
    frame: pd.DataFrame
    reading: Reading
    split: Split
    parts: list[Fold]
    findings: list[str]
    estimator: BaseEstimator
    unfitted: Pipeline


def prepare(config: configuration.Config) -> Task:
    """Read the table, hold rows out and build the pipeline; every mistake in table and config is named here."""
    data = copies.newest(config)
    table = opened(data)
    data_sha256, (frame, reading) = table.sha256, read(table)
    schema.check(frame, config.data)
    config = tuning.chosen(config, data_sha256)
    if how := str(table):
        print(f"data    {config.data.path}: {how}")
    if how := reading.words(config.data.stated):
        print(f"read    {how}")
    random.seed(config.seed)
    np.random.seed(config.seed)
    estimator = build(config.model, seed=config.seed)
    classifier = is_classifier(estimator)
    split = hold_out(frame, config.data, seed=config.seed, classifier=classifier)
    if split.note:
        print(f"split   {split.note}")
    warnings = [
        *filter(None, [table.short]),
        *map(str, findings(frame, config.data, classifier=classifier)),
        *(unseen(split, config.data) if classifier else []),
    ]
    print("".join(f"warning: {warning}\n" for warning in warnings), end="", flush=True)
    classes = sorted(split.y_train.unique().tolist(), key=str) if classifier else None
    config.gate.check(list(frame.columns), classes, config.data.positive)
    config.check_columns(list(frame.columns))
    n_folds = config.train.folds
    parts = folds(split, config.data, n_folds, seed=config.seed, classifier=classifier) if n_folds else []
    unmet = list(_unmet(config, split, parts, classifier=classifier))
    print("".join(f"warning: {warning}\n" for warning in unmet), end="", flush=True)
    unfitted = pipeline(config, estimator, split.X_train, split.y_train)
    return Task(config, data, data_sha256, frame, reading, split, parts, [*warnings, *unmet], estimator, unfitted)


def _unmet(config: configuration.Config, split: Split, parts: list[Fold], *, classifier: bool) -> Iterator[str]:
    """Yield what to say of each rule whose metric is not defined on the rows that it asks about."""
    y, y_test = split.y_train, split.y_test
    folded = [(f"fold {n}", y.iloc[fold.fit], y.iloc[fold.test]) for n, fold in enumerate(parts, start=1)]
    for rule in config.gate.rules:
        asked = folded if rule.cv else [("the held-out rows", y, y_test)]
        if rule.by is not None:
            column = split.test[rule.by]
            masks = slices(column) if column.dtype.kind in "iuf" or column.nunique() <= SLICES else {}
            asked = [(f"the held-out rows where {rule.by} is {name}", y, y_test[mask]) for name, mask in masks.items()]
        for where, y_fit, truth in asked:
            if why := undefined(rule.metric, y_fit, truth, config.data.positive, classifier=classifier):
                yield f"the rule '{rule}' cannot hold: {rule.metric} is not defined on {where}, where {why}"
                break


def begin(tracking: Tracking, config: configuration.Config, tags: dict[str, str]) -> Run:
    """Create the run, and mark as FAILED the runs whose processes are gone."""
    for orphan in tracking.fail_orphans(config.experiment):
        print(f"run {orphan} was left RUNNING by a process that no longer exists: it is now FAILED")
    run = tracking.create_run(config.experiment, tags)
    print(f"run     {run.run_id}\nurl     {run.url}", flush=True)
    if reason := git.without_commit():
        print(f"note: no commit is recorded for this run: git reports '{reason:.200}'")
    return run


def main() -> None:
    """Leave a FINISHED run with a READY model, and build/train.json."""
    started = time.monotonic()
    asked = configuration.load()
    task = prepare(asked)
    config, split, estimator = task.config, task.split, task.estimator
    probe(task.unfitted, split.X_train, split.y_train, config.model.trusted_types)
    tags = provenance.tags("train", type(estimator).__name__, task.data_sha256, asked.training_sha256)
    tracking = Tracking()
    run = begin(tracking, config, tags)
    with tracking.open(run):
        preflight.check(tracking, run)  # and these are uploaded first, since a proxy may refuse a large table
        rows = split.X_train.index.to_numpy().astype(HASH).tobytes()
        described = profile.describe(sample(split.X_train)).model_dump_json(indent=2)
        files = {ROWS: rows, FINDINGS: json.dumps(task.findings).encode(), PROFILE: described.encode()}
        if config != asked:
            files[TUNED] = place(TUNED).read_bytes()
        tracking.log_files(run, TRAINED, files)
        copies.keep(tracking, run, task.data, task.data_sha256)
        tracking.log_data(run, task.frame, path=config.data.path, target=config.data.target, sha256=task.data_sha256)
        count, features = split.X_train.shape
        print(f"fit     {type(estimator).__name__} on {count} rows, {features} features", flush=True)
        fit_started = time.monotonic()
        fitted = fit(task.unfitted, split.X_train, split.y_train)
        seconds = time.monotonic() - fit_started
        params = parameters(estimator, **settings(config))
        metrics = {"fit_seconds": seconds, "train_rows": count, "test_rows": len(split.test_places)}
        metrics |= score(fitted, split, task.parts, config)
        tracking.log(run, params=params, metrics=metrics)
        promised = contract(fitted, split.X_train, task.frame, config.data, task.reading)
        accepted = store.signature(task.frame[list(split.X_train.columns)])
        model = store.Fitted(fitted, split.X_train, accepted, promised)
        model_id = store.log(tracking, run, model, params=params, trusted=config.model.trusted_types)
    print(f"model   {model_id}, fitted in {seconds:.2f} s")
    receipt.Train(
        tracking_uri=uri(),
        run_id=run.run_id,
        model_id=model_id,
        url=run.url,
        data_sha256=task.data_sha256,
        params=params,
        metrics=metrics,
        provenance={name: value for name, value in tags.items() if name.startswith("modelmake.")},
    ).write(started)
    receipt.hand_on(run_id=run.run_id)
