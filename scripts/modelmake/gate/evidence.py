"""Evidence: the model and a Dummy estimator on the same held-out rows."""

import re
from dataclasses import dataclass

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from modelmake.config.config import Config
from modelmake.config.gate import OF_PROBABILITIES
from modelmake.config.position import entry
from modelmake.core.errors import UserError
from modelmake.data.read import read
from modelmake.data.slices import slices
from modelmake.data.split import Split, duplicates, hold_out
from modelmake.gate import facts, isolation
from modelmake.gate.isolation import Outside
from modelmake.gate.scorer import raw, served_otherwise
from modelmake.model import store
from modelmake.model.contract import Contract
from modelmake.model.estimator import dummy
from modelmake.model.score import predict
from modelmake.model.user_code import CODE
from modelmake.scores import intervals, metrics
from modelmake.scores.agreement import Agreement, Expected, widest
from modelmake.scores.sample_size import enough, only_class
from modelmake.tables.table import Table
from modelmake.tracking.runs import Run, Tracking

SERVED = 1_000  # rows that go through the scoring server's code
SLICES = 100  # of one column, at most


@dataclass(frozen=True)
class Subject:
    """The model, its held-out rows and its predictions of them."""

    config: Config
    run: Run
    model_id: str
    pipeline: Pipeline
    split: Split
    predictions: metrics.Predictions
    served: Outside
    problem: str
    agreement: Agreement
    own_code: bool


def load(tracking: Tracking, run: Run, config: Config, table: Table) -> Subject:
    """Load the run's model and predict the held-out rows with it."""
    model_id = store.find(tracking, run)
    served = isolation.take()
    checked = store.download(model_id, config.model.trusted_types, str(served.scratch))
    served.load(checked.folder)
    contract = Contract.read(checked.folder)
    frame, _ = read(table.by(contract.reading, [config.data.target, *contract.names]))
    pipeline = checked.pipeline()
    classifier = is_classifier(pipeline)
    classes = pipeline.classes_.tolist() if classifier else None
    config.gate.check(list(frame.columns), classes, config.data.positive)
    split = hold_out(frame, config.data, seed=config.seed, classifier=classifier)
    predictions = predict(pipeline, split.X_test, split.y_test, config.data.positive)
    sample = split.X_test.head(SERVED)
    expected = Expected.of(predictions.y_pred[:SERVED], labels=classifier)
    served.ask(raw(sample), expected)
    for rule in config.gate.rules:
        if rule.metric in OF_PROBABILITIES and predictions.y_proba is None:
            what = f"'{rule.metric}' needs probabilities, which {type(pipeline[-1]).__name__} does not give"
            raise UserError(entry("gate.rules", rule), what, "choose another metric, such as accuracy")
    problem, agreement = served_otherwise(pipeline, checked.folder, model_id, sample, expected)
    own_code = (checked.folder / CODE).exists()
    return Subject(config, run, model_id, pipeline, split, predictions, served, problem, agreement, own_code)


def measure(subject: Subject) -> list[facts.Measured]:
    """Return the first rule's metric, then the metrics of all rules, slice by slice where a rule names a column."""
    test = subject.split.test
    measured = []
    gate = subject.config.gate
    asked: list[tuple[str, str | None]] = [
        (gate.metric, None),
        *((rule.metric, rule.by) for rule in gate.rules if not rule.cv),
    ]
    for metric, by in dict.fromkeys(asked):
        parts: dict[str | None, np.ndarray] = {None: np.ones(len(test), dtype=bool)}
        if by is not None:
            parts = dict(slices(test[by]).items())
        if len(parts) > SLICES:
            what = f"'{by}' has {len(parts)} values on the held-out rows, too many for a rule"
            raise UserError(entry("gate.rules"), what, f"name a column with at most {SLICES}")
        for name, rows in parts.items():
            p = subject.predictions.take(rows)
            estimate = intervals.bootstrap(p, metric, seed=subject.config.seed, resamples=gate.resamples)
            measured.append(facts.Measured(metric=metric, by=by, slice=name, rows=len(p), estimate=estimate))
    return measured


def scarce(p: metrics.Predictions, dummy: metrics.Predictions) -> facts.Scarce | None:
    """Return the rows that alone can show that a classifier is better than Dummy, if they are too few for that.

    Dummy predicts one class, so these are the rows of the others. Enough of them are 4 if the model is right on all,
    and up to 8 if it is right on half of them or fewer (`scores.enough`).

    Examples
    --------
    >>> classes, truth = np.array([0, 1]), np.array([0] * 78 + [1] * 2)
    >>> model = metrics.Predictions(truth, truth, classes=classes)
    >>> scarce(model, metrics.Predictions(truth, np.zeros(80, dtype=int), classes=classes))
    Scarce(name='class 1', rows=2, enough=4, positive=True)

    """
    if p.classes is None:
        return None
    common = dummy.y_pred.tolist()[0]
    other = p.y_true != common
    rows = int(other.sum())
    right = int(np.count_nonzero(other & (p.y_pred == p.y_true)))
    needed = enough(len(p), max(0.5, right / rows) if rows else 1.0)
    if rows >= needed:
        return None
    names = [name for name in p.classes.tolist() if name != common]
    name = f"class {names[0]!r}" if len(names) == 1 else f"classes other than {common!r}"
    positive = names == [1 if p.positive is None else p.positive]
    return facts.Scarce(name=name, rows=rows, enough=needed, positive=positive)


def cross_validation(run: Run) -> tuple[facts.Folds, ...]:
    """Return the metrics over the folds that `train` logged to the run."""
    names = [name.removeprefix("cv_").removesuffix("_mean") for name in run.metrics if re.fullmatch("cv_.+_mean", name)]
    return tuple(
        facts.Folds(metric=name, mean=run.metrics[f"cv_{name}_mean"], spread=run.metrics.get(f"cv_{name}_std", np.nan))
        for name in sorted(names)
    )


def gather(subject: Subject, champion: facts.Champion | None) -> facts.Evidence:
    """Collect everything that the gate looks at."""
    config, split, p = subject.config, subject.split, subject.predictions
    floor = dummy(split.X_train, split.y_train, classifier=p.classes is not None)
    other = predict(floor, split.X_test, split.y_test, config.data.positive)
    difference = intervals.compare(p, other, config.gate.metric, seed=config.seed, resamples=config.gate.resamples)
    copies = duplicates(split)
    problem = subject.served.result() or subject.problem
    agreement = widest(subject.served.agreement, subject.agreement)
    if config.gate.exact and not problem and not agreement.equal:
        problem = f"the served model does not give the scored predictions bit for bit (gate.exact): {agreement}"
    return facts.Evidence(
        model_id=subject.model_id,
        rows=len(p),
        measured=tuple(measure(subject)),
        dummy=difference,
        only_class=only_class(p),
        scarce=scarce(p, other),
        folds=cross_validation(subject.run),
        champion=champion,
        duplicates=len(copies),
        duplicate_rows=tuple(int(place) + 1 for place in copies[:5]),
        dirty=subject.run.tags.get("modelmake.git.dirty", "true") == "true",
        served=problem,
        rounding="" if problem or agreement.equal else agreement.words,
    )
