"""Check: every mistake in `[search]` that can be seen before the first fit."""

from collections.abc import Iterator

from sklearn.base import is_classifier

from scripts.core import files
from scripts.core.config import Config
from scripts.core.errors import UserError, first_line, suggestion
from scripts.core.gate import OF_PROBABILITIES, Rule
from scripts.core.search import ROWS, Params, Search
from scripts.model import tuned
from scripts.model.estimator import build
from scripts.model.preprocess import pipeline
from scripts.model.probe import probe
from scripts.model.train import Task
from scripts.model.trust import TRUSTED_TYPES

WHERE = "pipeline.toml: search"


def check(config: Config, search: Search, task: Task) -> None:
    """Build the estimator with each end of each range and with each choice, as it would be fitted and saved.

    Raises
    ------
    UserError
        The metric does not score such an estimator, a parameter or a value is refused, or the best model of such an
        estimator could not be saved.

    """
    metric, X, y = tuned.metric(config), task.split.X_train, task.split.y_train
    classes = sorted(y.unique().tolist(), key=str) if is_classifier(task.estimator) else None
    rule = Rule.model_validate(f"{metric} > 0")
    try:
        config.gate.model_copy(update={"rules": [rule]}).check(list(task.frame.columns), classes, config.data.positive)
    except UserError as error:
        if search.metric is None:
            raise
        raise UserError(f"{WHERE}.metric", f"'{metric}' does not score this estimator", first_line(error)) from None
    seen: set[str] = set()
    for name, params in points(search):
        given = params if search.growing == ROWS else {**params, search.growing: search.stages[0]}
        where = f"{WHERE}.space.{name}" if name else f"{WHERE}.budget"
        made = tuned.applied(task.config, given)
        try:
            estimator = build(made.model, seed=config.seed)
            unfitted = pipeline(made, estimator, X, y)
            for _, step in unfitted.steps:
                _check_values(step)
        except (UserError, ValueError, TypeError) as error:
            raise UserError(where, first_line(error).removeprefix(f"{files.MAIN}: "), "correct the space") from None
        if is_classifier(estimator) != (classes is not None):
            raise UserError(where, "has classifiers and regressors", "search among one kind")
        if metric in OF_PROBABILITIES and not hasattr(unfitted, "predict_proba"):
            what = f"{type(estimator).__name__} gives no probabilities, and '{metric}' needs them"
            raise UserError(f"{WHERE}.metric", what, suggestion(metric, ["accuracy", "f1_macro", "balanced_accuracy"]))
        kind = made.model.estimator + str(sorted(key for key, value in params.items() if isinstance(value, dict)))
        if kind not in seen:
            seen.add(kind)
            probe(unfitted, X, y, (*TRUSTED_TYPES, *config.model.trusted_types))


def points(search: Search) -> Iterator[tuple[str, Params]]:
    """Yield parameter and values of trials that together have each end of each range, and each choice."""
    for name, parameter in search.space.items():
        ends = parameter.choices if parameter.choices is not None else [parameter.low, parameter.high]
        for end in ends:
            needed = _needed(search, name) | {name: end}
            params: Params = {}
            for other, values in search.space.items():
                if search.active(other, params):
                    params[other] = needed.get(other, values.choices[0] if values.choices else values.low)
            yield name, params


def _needed(search: Search, name: str) -> Params:
    """Return values of other parameters with which a trial has the parameter `name`."""
    found: Params = {}
    for other, wanted in (search.space[name].when or {}).items():
        choices = search.space[other].choices or []
        only = search.space[name].model_copy(update={"when": {other: wanted}})
        alone = search.model_copy(update={"space": {other: search.space[other], name: only}})
        found |= _needed(search, other) | {other: next(one for one in choices if alone.active(name, {other: one}))}
    return found


def _check_values(step: object) -> None:
    """Ask scikit-learn's own check of values, which an estimator otherwise makes when it is fitted."""
    if own := getattr(step, "_validate_params", None):
        own()
