"""`[search]` of pipeline.toml: the parameters that `make tune` tries, and how."""

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, field_validator, model_validator

from scripts.core.errors import suggestion
from scripts.core.gate import METRICS
from scripts.core.section import Section, Text

Method = Literal["tpe", "random", "grid", "halving"]
Params = dict[str, JsonValue]  # the value of each parameter that a trial has
ROWS = "rows"  # the budget that every estimator has: a share of the rows that it is fitted on


class Parameter(Section):
    """`[search.space.<parameter>]`: the values that a parameter may take.

    Either `low` and `high`, both included, or `choices`. Two whole numbers make a range of whole numbers. With `when`
    a trial has the parameter only if the parameters that it names have the values that it names.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = Field(default=None, gt=0)
    choices: Annotated[list[JsonValue], Field(min_length=1)] | None = None
    when: dict[str, JsonValue] | None = None

    @model_validator(mode="before")
    @classmethod
    def is_table(cls, table: object) -> object:
        """Raise ValueError for a value alone, and for an end of a range that is no number."""
        if not isinstance(table, dict):
            raise ValueError(f"{table!r:.60} is no range|write {{ low = 1, high = 10 }} or {{ choices = [1, 10] }}")
        for name in ("low", "high", "step"):
            if name in table and (isinstance(table[name], bool) or not isinstance(table[name], int | float)):
                raise ValueError(f"{name} is no number: {table[name]!r:.60}|write choices for other values")
        return table

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise ValueError for a range without a value, and for keys that exclude each other."""
        ends = (self.low, self.high)
        if self.choices is not None:
            if ends != (None, None) or self.log or self.step is not None:
                raise ValueError("'choices' and a range|keep either choices, or low and high")
            _check_choices(self.choices)
            return self
        if self.low is None or self.high is None:
            raise ValueError("no values|write { low = 1, high = 10 } or { choices = [1, 10] }")
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}|exchange them")
        if self.log and self.low <= 0:
            raise ValueError(f"log = true needs a low above 0, not {self.low:g}|raise low, or leave log out")
        if self.step is not None and self.log:
            raise ValueError("'step' and 'log'|keep one of them")
        if self.step is not None and self.whole and not isinstance(self.step, int):
            raise ValueError(f"step {self.step:g} in a range of whole numbers|write low and high with a point: 1.0")
        return self

    @property
    def whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def points(self) -> list[JsonValue] | None:
        """Return every value, in order; None for a range of numbers without a step."""
        if self.choices is not None:
            return self.choices
        step = self.step if self.step is not None else 1 if self.whole and not self.log else None
        if step is None or self.low is None or self.high is None:
            return None
        count = math.floor((self.high - self.low) / step + 1e-9) + 1
        return [self.low + place * step for place in range(count)]

    def contains(self, value: JsonValue) -> bool:
        """Return whether the parameter may take a value."""
        if self.choices is not None:
            return any(_same(value, choice) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.low is not None and self.high is not None and self.low <= value <= self.high


class Budget(Section):
    """`[search.budget]`: what a trial gets little of at first, and more while it is among the better ones.

    `parameter` is one of the estimator, such as `max_iter`, or `rows`: a share of the rows that it is fitted on, for
    which `low` and `high` are between 0 and 1. From one stage to the next the budget grows by `factor`.
    """

    parameter: Text
    low: int | float = Field(gt=0)
    high: int | float = Field(gt=0)
    factor: int = Field(default=3, ge=2)

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise ValueError for a budget that does not grow."""
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}|exchange them")
        if self.parameter == ROWS and self.high > 1:
            raise ValueError(f"high {self.high:g}: a share of the rows is at most 1|set low = 0.1, high = 1.0")
        return self

    @property
    def stages(self) -> list[int | float]:
        """The budgets from `low` to `high`, each `factor` times the one before."""
        whole = isinstance(self.low, int) and isinstance(self.high, int) and self.parameter != ROWS
        stages: list[int | float] = [self.low]
        while stages[-1] * self.factor < self.high:
            stages.append(stages[-1] * self.factor)
        return [*stages, self.high if whole else float(self.high)]


class Search(Section):
    """`[search]`: how `make tune` looks for the parameters of the estimator.

    `metric` is by default that of the gate's first rule, and `folds` those of `[train]`, or 5. The trials of one batch
    do not know of each other's results, so `batch` is the number of workers that can be busy.
    """

    method: Method = "tpe"
    trials: int | None = Field(default=None, ge=1, le=1_000_000)
    batch: int = Field(default=8, ge=1, le=100_000)
    minutes: float | None = Field(default=None, gt=0)
    metric: str | None = None
    folds: int | None = Field(default=None, ge=2, le=100)
    budget: Budget | None = None
    space: Annotated[dict[str, Parameter], Field(min_length=1)]

    @field_validator("metric")
    @classmethod
    def is_known(cls, metric: str | None) -> str | None:
        """Raise ValueError for a metric that no rule may name either."""
        if metric is not None and metric not in METRICS:
            raise ValueError(f"no metric '{metric}'|{suggestion(metric, METRICS)}")
        return metric

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise ValueError for a space that the method can't search, and for conditions that never hold."""
        for name, parameter in self.space.items():
            _check_condition(name, parameter, self.space)
            if self.method == "grid" and parameter.points() is None:
                raise ValueError(f"space.{name}: a grid needs single values|add step, or write choices")
        if self.method == "grid" and self.trials is not None:
            raise ValueError("a grid has as many trials as it has points|leave trials out, or use random")
        if self.method == "grid" and self.budget is not None:
            raise ValueError("a grid tries each point in full|leave budget out, or use halving")
        if self.budget is not None and self.budget.parameter in self.space:
            raise ValueError(f"{self.budget.parameter} is the budget and in the space|keep one of them")
        return self

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


def meets(value: JsonValue, wanted: JsonValue) -> bool:
    """Return whether a value is the wanted one; an estimator also if its import path is, and a list names several."""
    if isinstance(wanted, list) and not isinstance(value, list):
        return any(meets(value, one) for one in wanted)
    return _same(value, wanted) or (isinstance(value, dict) and _same(value.get("estimator"), wanted))


def _same(value: JsonValue, other: JsonValue) -> bool:
    """Return whether two values are equal and of one type: true is not 1."""
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _check_choices(choices: list[JsonValue]) -> None:
    for place, choice in enumerate(choices):
        if any(_same(choice, other) for other in choices[:place]):
            raise ValueError(f"choices has {choice!r:.60} twice|leave one out")
        if isinstance(choice, dict) and not isinstance(choice.get("estimator"), str):
            raise ValueError(f'choices has {choice!r:.60}|write estimators as {{ estimator = "package.Class" }}')


def _check_condition(name: str, parameter: Parameter, space: Mapping[str, Parameter]) -> None:
    """Raise ValueError for a condition on a parameter that does not come before, or on a value that it never has."""
    before = list(space)[: list(space).index(name)]
    for other, wanted in (parameter.when or {}).items():
        if other not in before:
            fix = f"put {other} before {name}" if other in space else suggestion(other, before) if before else "add it"
            raise ValueError(f"space.{name}.when: no parameter '{other}' before it|{fix}")
        choices = space[other].choices
        if choices is None:
            raise ValueError(f"space.{name}.when: {other} is a range|a condition needs choices")
        for one in wanted if isinstance(wanted, list) else [wanted]:
            if not any(meets(choice, one) for choice in choices):
                known = [
                    str(choice.get("estimator")) if isinstance(choice, dict) else str(choice) for choice in choices
                ]
                raise ValueError(f"space.{name}.when: {other} is never {one!r}|{suggestion(str(one), known)}")
