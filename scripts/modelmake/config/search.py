"""`[search]` of pipeline.toml: the parameters that `make tune` tries, and how."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from modelmake.config.gate import METRICS
from modelmake.config.section import Section, Text
from modelmake.config.space import Parameter, check_condition, check_estimators, meets
from modelmake.core.errors import InvalidValue, suggestion

Method = Literal["tpe", "random", "grid", "halving"]
Params = dict[str, JsonValue]  # the value of each parameter that a trial has
ROWS = "rows"  # the budget that every estimator has: a share of the rows that it is fitted on


class Budget(Section):
    """`[search.budget]`: what a trial gets little of at first, and more while it is among the better ones."""

    parameter: Text
    """A parameter of the estimator, such as `max_iter`, or `rows`: a share of the rows that a fold is fitted on."""
    low: int | float = Field(gt=0)
    """The budget of the first stage."""
    high: int | float = Field(gt=0)
    """The budget of the last stage, and of the training."""
    factor: int = Field(default=3, ge=2)
    """Factor between the budgets of two stages; the last stage gets up to 20 % more."""

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise InvalidValue for a budget that does not grow."""
        if self.low >= self.high:
            raise InvalidValue(f"low {self.low:g} is not below high {self.high:g}", "exchange them")
        if self.parameter == ROWS and self.high > 1:
            raise InvalidValue(f"high {self.high:g}: a share of the rows is at most 1", "set low = 0.1, high = 1.0")
        if isinstance(self.low, int) is not isinstance(self.high, int) and self.parameter != ROWS:
            raise InvalidValue(
                f"low {self.low!r} and high {self.high!r} are not of one type", "write both alike: 10, 100"
            )
        return self

    @property
    def stages(self) -> list[int | float]:
        """The budgets from `low` to `high`, each `factor` times the one before; the last one may be up to 20 % more."""
        whole = isinstance(self.low, int) and isinstance(self.high, int) and self.parameter != ROWS
        stages: list[int | float] = [self.low]
        while (budget := Decimal(repr(stages[-1])) * self.factor) < Decimal(repr(self.high)) / Decimal("1.2"):
            stages.append(int(budget) if whole else float(budget))
        return [*stages, self.high if whole else float(self.high)]


class Search(Section):
    """`[search]`: how `make tune` looks for the parameters of the estimator."""

    method: Method = "tpe"
    """How trials are chosen: Optuna's TPE, at random, every combination, or successive halving."""
    trials: int | None = Field(default=None, ge=1, le=1_000_000)
    """Number of trials; for `halving`, of its first stage. If it is not set, 64. A `grid` has as many as it has
    points."""
    batch: int = Field(default=8, ge=1, le=100_000)
    """Number of trials in a batch, which can run at once: they are proposed without each other's results. The result
    depends on this number, and not on the number of workers."""
    minutes: float | None = Field(default=None, gt=0)
    """The search ends after this time. Trials that are running then are ended, and count as failed until `make tune`
    continues. The result depends on the speed of the machine."""
    trial_minutes: float | None = Field(default=None, gt=0)
    """A trial that takes longer is ended, and counts as failed. The result depends on the speed of the machine."""
    metric: str | None = None
    """Metric of the folds. If it is not set, the metric of the gate's first rule."""
    folds: int | None = Field(default=None, ge=2, le=100)
    """Number of folds of the training rows. If it is not set, `train.folds`, or 5."""
    budget: Budget | None = None
    """Budget of a trial: small at first, larger for the better trials. `halving` without a budget begins with a
    ninth of the rows."""
    space: dict[str, Parameter]
    """The values of each parameter. See [the space](../howto/tune.md#the-space)."""

    @field_validator("metric")
    @classmethod
    def is_known(cls, metric: str | None) -> str | None:
        """Raise InvalidValue for a metric that no rule may name either."""
        if metric is not None and metric not in METRICS:
            raise InvalidValue(f"no metric '{metric}'", suggestion(metric, METRICS))
        return metric

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise InvalidValue for an empty space, conditions that never hold, and a budget that the space has too."""
        if not self.space:
            raise InvalidValue(
                "space is empty", "name the parameters that are tried: max_depth = { low = 1, high = 12 }"
            )
        for name, parameter in self.space.items():
            check_condition(name, parameter, self.space)
            if name == "estimator":
                check_estimators(parameter)
        if self.budget is not None and self.budget.parameter in self.space:
            raise InvalidValue(f"{self.budget.parameter} is the budget and in the space", "keep one of them")
        if self.method == "grid":
            self._check_grid()
        return self

    def _check_grid(self) -> None:
        """Raise InvalidValue for a range without single values, and for keys that a grid does not have."""
        for name, parameter in self.space.items():
            if parameter.count is None:
                raise InvalidValue(f"space.{name}: a grid needs single values", "add step, or write choices")
        if self.trials is not None:
            raise InvalidValue("a grid has as many trials as it has points", "leave trials out, or use random")
        if self.budget is not None:
            raise InvalidValue("a grid tries each point in full", "leave budget out, or use halving")

    @property
    def stages(self) -> list[int | float]:
        """The budgets of a trial, in order; the whole of the rows where no budget is set."""
        if self.budget is not None:
            return self.budget.stages
        return Budget(parameter=ROWS, low=1 / 9, high=1.0).stages if self.method == "halving" else []

    @property
    def growing(self) -> str:
        """The parameter that the budget is of."""
        return self.budget.parameter if self.budget is not None else ROWS

    def active(self, name: str, params: Mapping[str, JsonValue]) -> bool:
        """Return whether a trial with these values has the parameter `name`."""
        when = self.space[name].when or {}
        return all(other in params and meets(params[other], wanted) for other, wanted in when.items())

    def contains(self, params: Mapping[str, JsonValue]) -> bool:
        """Return whether the values are those of a trial: each in its range, and none missing or unknown."""
        if set(params) - set(self.space):
            return False
        return all(
            (name in params) == self.active(name, params) and (name not in params or parameter.contains(params[name]))
            for name, parameter in self.space.items()
        )
