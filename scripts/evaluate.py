"""Evaluate: load the model back from MLflow, score it on the held-out rows, and ask the gate."""

import time

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from scripts.pipeline import config as configuration
from scripts.pipeline import data, gate, logged_model, metrics, model, receipt
from scripts.pipeline.errors import UserError
from scripts.pipeline.tracking import Run, Tracking, uri


def check(run: Run, config: configuration.Config) -> None:
    """Raise UserError unless data and config are those that the run was trained with."""
    found = {"modelmake.data": data.fingerprint(config.data), "modelmake.config": config.training_sha256}
    names = {"modelmake.data": config.data.path, "modelmake.config": "pipeline.toml"}
    for tag, sha256 in found.items():
        trained = run.tags.get(tag, "")
        if trained != sha256:
            what = f"not what run {run.run_id} was trained with (SHA-256 {sha256[:12]}, then {trained[:12] or 'none'})"
            raise UserError(names[tag], what, "put it back, or train anew: make train")


def predict(pipeline: Pipeline, split: data.Split) -> metrics.Predictions:
    """Predict the held-out rows, with probabilities where the estimator gives them."""
    y_true, y_pred = split.y_test.to_numpy(), np.asarray(pipeline.predict(split.X_test))
    if not is_classifier(pipeline):
        return metrics.Predictions(y_true, y_pred)
    y_proba = pipeline.predict_proba(split.X_test) if hasattr(pipeline, "predict_proba") else None
    return metrics.Predictions(y_true, y_pred, y_proba, np.asarray(pipeline.classes_))


def main() -> None:
    """Leave metrics and verdict in the run, and build/evaluate.json."""
    started = time.monotonic()
    config = configuration.load()
    run_id = receipt.chosen_run_id() or receipt.Train.read().run_id
    tracking = Tracking()
    run = tracking.run(run_id)
    check(run, config)
    frame = data.read(config.data)
    model_id = logged_model.find(tracking, run)
    with tracking.open(run):
        trusted = (*model.TRUSTED_TYPES, *config.model.trusted_types)
        pipeline, _ = logged_model.load(model_id, trusted)
        classifier = is_classifier(pipeline)
        config.gate.check(classifier=classifier)
        split = data.split(frame, config.data, seed=config.seed, classifier=classifier)
        predictions = predict(pipeline, split)
        scores = metrics.scores(predictions)
        if config.gate.metric not in scores:
            what = f"'{config.gate.metric}' needs probabilities, which {type(pipeline[-1]).__name__} does not give"
            raise UserError("pipeline.toml: gate.metric", what, "gate by accuracy, or choose another estimator")
        estimate = metrics.bootstrap(predictions, config.gate.metric, seed=config.seed)
        verdict = gate.judge(config.gate, estimate)
        tracking.log(
            run,
            metrics=scores | gate.interval(config.gate, estimate),
            tags={"modelmake.verdict": verdict.verdict, "modelmake.predictions": predictions.sha256},
            model_id=model_id,
        )
    for name, value in scores.items():
        print(f"{name:<30}{estimate if name == config.gate.metric else f'{value:.4f}'}")
    print(f"verdict {verdict.verdict}: {verdict.reason}")
    receipt.Evaluate(
        **receipt.common("evaluate", started),
        tracking_uri=uri(),
        run_id=run_id,
        url=run.url,
        metric=config.gate.metric,
        value=estimate.value,
        lower=estimate.lower,
        upper=estimate.upper,
        metrics=scores,
        predictions_sha256=predictions.sha256,
        verdict=verdict.verdict,
        reason=verdict.reason,
    ).write()
