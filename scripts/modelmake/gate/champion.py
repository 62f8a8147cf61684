"""Champion: the version that serves, on the same held-out rows as the model."""

from dataclasses import dataclass

import numpy as np

from modelmake.config.gate import OF_ALL_CLASSES, OF_PROBABILITIES
from modelmake.core.errors import UserError, few, first_line
from modelmake.data.split import HASH, ROWS, TRAINED
from modelmake.gate import facts
from modelmake.gate.evidence import Subject
from modelmake.gate.records import FILE, FOLDER, recorded
from modelmake.model import store
from modelmake.model.score import predict
from modelmake.model.user_code import OtherCode
from modelmake.scores import intervals, metrics
from modelmake.tracking import versions
from modelmake.tracking.runs import Run, Tracking


def other_classes(model: metrics.Predictions, champion: metrics.Predictions, metric: str) -> str:
    """Return why the champion's classes make a comparison impossible, or "".

    A champion that misses a class is wrong about the rows of that class, and can be compared. One without any common
    class, as after a change of labels, solves another problem. An area under curves needs the same classes.
    """
    if model.classes is None or champion.classes is None:
        return ""
    classes, old_classes = model.classes.tolist(), champion.classes.tolist()
    if set(classes) & set(old_classes) and (metric not in OF_ALL_CLASSES or set(classes) == set(old_classes)):
        return ""
    return f"its classes are {few(old_classes)}, the model's {few(classes)}"


@dataclass(frozen=True)
class Rival:
    """The champion's metrics, how much higher the model's are on the same rows, and the champion's run."""

    scores: dict[str, float]
    differences: dict[str, float]
    run: Run


def fair(tracking: Tracking, subject: Subject, run: Run) -> np.ndarray:
    """Return a mask of the held-out rows without those that the champion, unlike the model, was trained on.

    Raises
    ------
    UserError
        Its run does not record them.

    """
    split, hashes = subject.split, tracking.read_file(run, f"{TRAINED}/{ROWS}")
    if hashes is None:
        raise UserError(f"run {run.run_id}", "does not record which rows it was trained on", "not comparable")
    rows = split.X_test.index.to_numpy()
    return ~np.isin(rows, np.frombuffer(hashes, HASH)) | np.isin(rows, split.X_train.index.to_numpy())


def of_champion(
    tracking: Tracking, subject: Subject, model_id: str, run: Run
) -> tuple[metrics.Predictions, np.ndarray | None]:
    """Return the champion's predictions of the held-out rows.

    A champion of the user's own code, of which this checkout has another state, is not loaded. What its evaluation has
    recorded counts, and the second value is a mask of the rows that it recorded.
    """
    split, positive = subject.split, subject.config.data.positive
    try:
        pipeline, _ = store.load(model_id, subject.config.model.trusted_types)
    except OtherCode:
        return recorded(tracking.read_file(run, f"{FOLDER}/{FILE}"), split, positive)
    return predict(pipeline, split.X_test, split.y_test, positive), None


def challenge(tracking: Tracking, subject: Subject) -> tuple[facts.Champion | None, Rival | None]:
    """Score the champion on the same rows; return what the gate needs, and what the report shows."""
    config, metric = subject.config, subject.config.gate.metric
    champion = versions.champion(tracking, config.registry.name)
    if champion is None or config.gate.champion == "off":
        return None, None
    where = f"version {champion.number}"
    try:
        run = tracking.run(champion.run_id)
        rows = fair(tracking, subject, run)
        old, recorded_rows = of_champion(tracking, subject, champion.model_id, run)
        if (old.classes is None) != (subject.predictions.classes is None):
            raise UserError(where, "one model is a classifier, the other a regressor", "not comparable")
        rows &= True if recorded_rows is None else recorded_rows
        old, new = old.take(rows), subject.predictions.take(rows)
        if reason := other_classes(new, old, metric):
            raise UserError(where, reason, "not comparable")
        if metric in OF_PROBABILITIES and old.y_proba is None:
            raise UserError(where, "it gives no probabilities", "not comparable")
        if not rows.any():
            return facts.Champion(version=champion.number), Rival({}, {}, run)
        scores, new_scores = metrics.scores(old, [metric]), metrics.scores(new, [metric])
        difference = intervals.compare(new, old, metric, seed=config.seed, resamples=config.gate.resamples)
    except (UserError, ValueError, TypeError, KeyError, AttributeError) as error:  # scikit-learn's, on other columns
        return facts.Champion(version=champion.number, problem=first_line(error)), None
    differences = {name: new_scores[name] - value for name, value in scores.items() if name in new_scores}
    compared = facts.Champion(
        version=champion.number,
        rows=len(new),
        recorded=recorded_rows is not None,
        value=scores[metric],
        difference=difference,
    )
    return compared, Rival(scores, differences, run)
