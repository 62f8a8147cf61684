"""`[gate]` of pipeline.toml: the metrics that a rule may name, the rules, and what else the gate asks."""

import json
import math
import re
from collections.abc import Collection, Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from modelmake.config.position import entry
from modelmake.config.section import Name, Section
from modelmake.core.errors import InvalidValue, UserError, few, suggestion

# scikit-learn's scorer names. The report shows REPORTED for every model, and the other metrics where a rule names them.
REPORTED = (
    *("accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "neg_log_loss", "roc_auc_ovr"),
    *("r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"),
)
OF_CLASS_1 = ("precision", "recall", "f1", "jaccard")  # of class 1, as in scikit-learn, or of `[data] positive`
OF_ALL_CLASSES = ("roc_auc", "roc_auc_ovr", "average_precision")  # areas under curves
OF_PROBABILITIES = ("neg_log_loss", "neg_brier_score", *OF_ALL_CLASSES)
CLASSIFICATION_METRICS = (
    *("accuracy", "balanced_accuracy", "matthews_corrcoef"),
    *(f"{name}_{average}" for name in OF_CLASS_1 for average in ("macro", "micro", "weighted")),
    *OF_CLASS_1,
    *OF_PROBABILITIES,
)
REGRESSION_METRICS = (
    *("r2", "explained_variance", "neg_mean_absolute_error", "neg_mean_squared_error", "neg_root_mean_squared_error"),
    *("neg_mean_absolute_percentage_error", "neg_mean_squared_log_error", "neg_root_mean_squared_log_error"),
)
METRICS = CLASSIFICATION_METRICS + REGRESSION_METRICS


class Rule(Section):
    """One rule of the gate, a line such as `accuracy > 0.9` or `lower(f1_macro) >= 0.8 by sex`.

    `lower(…)` compares the lower bound of the 95 % interval, `cv(…)` the mean of the folds of `[train] folds`,
    `by <column>` every slice of the held-out rows.
    """

    metric: str
    threshold: float
    or_equal: bool = False
    lower: bool = False
    cv: bool = False
    by: Name | None = None

    @model_validator(mode="before")
    @classmethod
    def read(cls, line: object) -> object:
        """Parse the line; its metric is one of scikit-learn's scorer names, so higher is always better."""
        if not isinstance(line, str) or len(line) > 500:
            raise InvalidValue(f"'{line!s:.80}' is not a rule", f'write a rule such as "{METRICS[0]} > 0.9"')
        match = re.fullmatch(r"(?:(lower|cv)\((\w+)\)|(\w+)) *(>=?|<=?) *(\S+?)(?: +by +(.+?))? *", line.strip())
        if not match or match[4].startswith("<"):
            fix = "use >: higher is better in every metric" if match else f'write a rule such as "{METRICS[0]} > 0.9"'
            raise InvalidValue(f"'{line:.80}' is not a rule", fix)
        name, threshold, form = match[2] or match[3], _number(match[5]), match[1]
        if name not in METRICS:
            raise InvalidValue(f"no metric '{name}'", suggestion(name, METRICS))
        if threshold is None:
            raise InvalidValue(f"'{match[5]:.40}' is not a number", f"'{line:.80}' needs a number as its threshold")
        if form == "cv" and match[6]:
            raise InvalidValue(f"'{line:.80}' has both 'cv' and 'by'", "leave one of them out")
        read = {"metric": name, "threshold": threshold, "or_equal": match[4] == ">=", "by": match[6]}
        return read | {"lower": form == "lower", "cv": form == "cv"}

    def __str__(self) -> str:
        """Return the line."""
        form = "lower" if self.lower else "cv" if self.cv else ""
        name = f"{form}({self.metric})" if form else self.metric
        return f"{name} {'>=' if self.or_equal else '>'} {self.threshold:g}{f' by {self.by}' if self.by else ''}"


class Gate(Section):
    """`[gate]`: what a model must reach on the held-out rows before `register` registers it.

    In the first rule's metric a model must beat the Dummy estimator, and `evaluate` compares it in that metric with
    the champion, the version that `@champion` names.
    """

    rules: Annotated[list[Rule], Field(min_length=1)]
    """Rules such as `accuracy > 0.9`. `lower(accuracy) > 0.85` uses the lower bound of the 95 % interval. `accuracy
    >= 0.8 by sex` applies to every slice of a column. `cv(accuracy) > 0.9` checks the mean of the folds. The
    Dummy estimator and the champion are compared in the metric of the first rule. In every metric, higher is
    better."""
    champion: Literal["not_worse", "better", "off"] = "not_worse"
    """`not_worse`: the champion stays if the model is significantly worse. `better`: the champion stays unless the
    model is significantly better. `off`: no comparison."""
    margin: float = Field(default=0.0, ge=0)
    """A difference to the champion up to this value does not count."""
    min_test_rows: int = Field(default=30, ge=1)
    """With fewer held-out rows the verdict is `keep`: nothing is registered, and the run does not fail."""
    max_duplicates: float = Field(default=0.05, ge=0, le=1)
    """Largest share of held-out rows that are in the training rows too."""
    require_clean: bool = False
    """`true` refuses a run with uncommitted changes, or without a commit."""
    resamples: int = Field(default=2000, ge=100, le=100_000)
    """Number of bootstrap resamples of each interval."""
    exact: bool = False
    """`true`: the served model must give the scored predictions bit for bit. If it is not set, floating-point numbers
    may differ by 1e-9 of the largest magnitude (1e-5 in single precision), as they do between processors; labels may
    not differ at all."""
    on_refusal: Literal["fail", "skip"] = "fail"
    """`skip`: a refusal ends with exit code 0. Nothing is registered."""

    @property
    def metric(self) -> str:
        """The first rule's metric."""
        return self.rules[0].metric

    def check(self, columns: Iterable[str], classes: Collection[object] | None, positive: object = None) -> None:
        """Raise UserError for a rule that does not fit the model's `classes`, or the data's `columns`.

        `classes` is None for a regressor; `positive` is `[data] positive`.
        """
        fitting = REGRESSION_METRICS if classes is None else CLASSIFICATION_METRICS
        if positive is not None:
            _check_positive(positive, classes)
        for rule in self.rules:
            where = entry("gate.rules", rule)
            if rule.metric not in fitting:
                what = f"'{rule.metric}' does not score a {'regressor' if classes is None else 'classifier'}"
                raise UserError(where, what, f"one of: {', '.join(fitting)}")
            if classes is not None:
                _check_classes(rule.metric, classes, positive, where)
            if rule.by is not None and rule.by not in columns:
                raise UserError(where, f"no column '{rule.by}' in the data", suggestion(rule.by, columns))


def positive_class(positive: object, classes: Iterable[object]) -> object:
    """Return the class that `positive` names: an equal one, or else the one with the same text; None without one.

    Examples
    --------
    >>> positive_class("yes", ["no", "yes"])
    'yes'
    >>> positive_class("True", [False, True])
    True

    """
    classes = list(classes)
    equal = [name for name in classes if name == positive] or [name for name in classes if str(name) == str(positive)]
    return equal[0] if equal else None


def _check_positive(positive: object, classes: Collection[object] | None) -> None:
    where = entry("data.positive")
    if classes is None:
        raise UserError(where, "a regressor has no classes", "leave it out")
    if len(classes) != 2:
        raise UserError(where, f"names one of two classes, and there are {len(classes)}", "leave it out")
    if positive_class(positive, classes) is None:
        raise UserError(where, f"{positive!r} is not a class", f"one of: {few(classes)}")


def _check_classes(metric: str, classes: Collection[object], positive: object, where: str) -> None:
    """Raise UserError for a metric of two classes that does not fit `classes`."""
    if metric in OF_CLASS_1 and (len(classes) != 2 or (positive is None and 1 not in classes)):
        what = f"'{metric}' scores class 1 of two classes, and the classes are {few(classes)}"
        fix = f"use {metric}_macro, which scores all classes"
        if len(classes) == 2:
            fix = f"set positive = {json.dumps(list(classes)[-1], default=str)} under [data], or {fix}"
        raise UserError(where, what, fix)
    if metric == "roc_auc" and len(classes) != 2:
        raise UserError(where, f"'roc_auc' needs two classes, and there are {len(classes)}", "use roc_auc_ovr")


def _number(text: str) -> float | None:
    """Return `text` as a finite number, None where it is not one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
