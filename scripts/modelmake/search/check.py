"""Check: every mistake in `[search]` that can be seen before the first fit."""

from collections.abc import Iterator

from sklearn.base import BaseEstimator, is_classifier

from modelmake.config.config import Config
from modelmake.config.gate import OF_PROBABILITIES, Rule
from modelmake.config.position import entry
from modelmake.config.search import ROWS, Params, Search
from modelmake.core.errors import UserError, first_line, suggestion
from modelmake.model import tuning
from modelmake.model.estimator import build
from modelmake.model.imports import UnknownParameter
from modelmake.model.preprocess import pipeline
from modelmake.model.probe import probe
from modelmake.model.score import undefined
from modelmake.model.train import Task
from modelmake.search import methods
from modelmake.search.trial import Problem


def check(config: Config, search: Search, task: Task, problem: Problem) -> None:
    """Build the estimator with each end of each range and with each choice, as it would be fitted and saved.

    Raises
    ------
    UserError
        The method has too many trials, the metric does not score such an estimator, a parameter or a value is
        refused, the best model of such an estimator could not be saved, or the smallest share of the rows lacks a
        class.

    """
    methods.of(search).batches(search)
    metric, X, y = tuning.metric(config), task.split.X_train, task.split.y_train
    classes = sorted(y.unique().tolist(), key=str) if is_classifier(task.estimator) else None
    _check_metric(config, search, list(task.frame.columns), classes)
    seen: set[str] = set()
    for key, params in points(search):
        try:
            made = tuning.applied(task.config, params)
            estimator = build(made.model, seed=config.seed)
            unfitted = pipeline(made, estimator, X, y)
            _check_values(unfitted)
        except UserError as error:
            apart = "estimator" in search.space and isinstance(error, UnknownParameter)
            fix = 'say which estimator has it: when = { estimator = "…" }' if apart else error.fix
            raise UserError(entry(key), error.what, fix) from None
        except (ValueError, TypeError) as error:
            raise UserError(entry(key), first_line(error), "correct the space") from None
        if is_classifier(estimator) != (classes is not None):
            raise UserError(entry(key), "has classifiers and regressors", "search among one kind")
        if metric in OF_PROBABILITIES and not hasattr(unfitted, "predict_proba"):
            what = f"{type(estimator).__name__} gives no probabilities, and '{metric}' needs them"
            raise UserError(
                entry("search.metric"), what, suggestion(metric, ["accuracy", "f1_macro", "balanced_accuracy"])
            )
        kind = made.model.estimator + str(sorted(name for name, value in params.items() if isinstance(value, dict)))
        if kind not in seen:
            seen.add(kind)
            probe(unfitted, X, y, config.model.trusted_types)
    _check_folds(metric, problem, classifier=classes is not None)
    if classes is not None and search.growing == ROWS and search.stages:
        _check_shares(search, problem)


def _check_metric(config: Config, search: Search, columns: list[str], classes: list[object] | None) -> None:
    """Raise UserError if the metric does not score what is searched among."""
    metric = tuning.metric(config)
    rule = Rule.model_validate(f"{metric} > 0")
    try:
        config.gate.model_copy(update={"rules": [rule]}).check(columns, classes, config.data.positive)
    except UserError as error:
        if search.metric is None:
            raise
        raise UserError(entry("search.metric"), f"'{metric}' does not score this estimator", error.what) from None


def _check_folds(metric: str, problem: Problem, *, classifier: bool) -> None:
    """Raise UserError for a fold on which no trial has a score."""
    y = problem.y
    for number, fold in enumerate(problem.folds, start=1):
        positive = problem.config.data.positive
        if why := undefined(metric, y.iloc[fold.fit], y.iloc[fold.test], positive, classifier=classifier):
            what = f"'{metric}' is not defined on fold {number} of {len(problem.folds)}, where {why}"
            raise UserError(entry("search.metric"), what, "choose another metric, or fewer folds: search.folds")


def _check_shares(search: Search, problem: Problem) -> None:
    """Raise UserError if the smallest share of the rows has not every class of each fold."""
    share = search.stages[0]
    for number, fold in enumerate(problem.folds, start=1):
        few, all_of_them = (problem.y.iloc[part.fit] for part in (problem.fold(fold, share), fold))
        if missing := sorted(set(all_of_them) - set(few), key=str):
            what = f"{share:.3g} of the rows that fold {number} is fitted on have no {missing[0]!r}"
            fix = 'set search.budget = { parameter = "rows", low = …, high = 1.0 } with a larger low'
            raise UserError(entry("search.budget"), what, fix)


def points(search: Search) -> Iterator[tuple[str, Params]]:
    """Yield key and values of trials that together have each end of each range, each choice, and each end of a budget.

    The first is one of the budget, so that a mistake in it is not taken for one of a parameter.
    """
    first: Params = {}
    for name, values in search.space.items():
        if search.active(name, first):
            first[name] = values.choices[0] if values.choices else values.low
    ends = [] if search.growing == ROWS else [search.stages[0], search.stages[-1]]
    yield from (("search.budget", {**first, search.growing: end}) for end in ends)
    given: Params = {search.growing: ends[0]} if ends else {}
    yield from ((f"search.space.{name}", params | given) for name, params in _ends(search))


def _ends(search: Search) -> Iterator[tuple[str, Params]]:
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


def _check_values(unfitted: BaseEstimator) -> None:
    """Ask scikit-learn's own checks of values, which estimators otherwise make when they are fitted."""
    for part in unfitted.get_params().values():
        if hasattr(part, "_parameter_constraints"):  # skrub's classes have the method, and nothing for it to check
            part._validate_params()
