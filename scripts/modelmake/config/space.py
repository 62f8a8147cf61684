"""The space of `[search]`: the values that each parameter may take, and when a trial has it."""

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Self

from pydantic import Field, JsonValue, model_validator

from modelmake.config.section import PATH, Section
from modelmake.core.errors import InvalidValue, suggestion


class Parameter(Section):
    """`[search.space.<parameter>]`: the values that a parameter may take: those of a range, or `choices`."""

    low: int | float | None = None
    """Smallest value. Two whole numbers make a range of whole numbers."""
    high: int | float | None = None
    """Largest value."""
    log: bool = False
    """`true`: evenly by order of magnitude."""
    step: int | float | None = Field(default=None, gt=0)
    """Distance between two values."""
    choices: list[JsonValue] | None = None
    """The values, in place of a range. A table with `estimator` is an estimator."""
    when: dict[str, JsonValue] | None = None
    """The parameter is tried only where these parameters have these values."""

    @model_validator(mode="before")
    @classmethod
    def is_table(cls, table: object) -> object:
        """Raise InvalidValue for a value alone, and for an end of a range that is not a number."""
        if not isinstance(table, dict):
            raise InvalidValue(f"{table!r:.60} is not a range", "write { low = 1, high = 10 } or { choices = [1, 10] }")
        for name in ("low", "high", "step"):
            value = table.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise InvalidValue(f"{name} is not a number: {value!r:.60}", "write choices for other values")
        return table

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise InvalidValue for a range without a value, and for keys that exclude each other."""
        ends = (self.low, self.high)
        if self.choices is not None:
            if ends != (None, None) or self.log or self.step is not None:
                raise InvalidValue("'choices' and a range", "keep either choices, or low and high")
            if not self.choices:
                raise InvalidValue("choices is empty", "write the values that are tried")
            _check_choices(self.choices)
            return self
        if self.low is None or self.high is None:
            missing = "no values" if ends == (None, None) else f"{'low' if self.low is None else 'high'} is missing"
            raise InvalidValue(missing, "write { low = 1, high = 10 } or { choices = [1, 10] }")
        if self.low >= self.high:
            fix = f"write choices = [{self.low}]" if self.low == self.high else "exchange them"
            raise InvalidValue(f"low {self.low:g} is not below high {self.high:g}", fix)
        if self.log and self.low <= 0:
            raise InvalidValue(f"log = true needs a low above 0, not {self.low:g}", "raise low, or leave log out")
        if self.step is not None and self.log:
            raise InvalidValue("'step' and 'log'", "keep one of them")
        if self.step is not None and self.whole and not isinstance(self.step, int):
            raise InvalidValue(
                f"step {self.step:g} in a range of whole numbers", "write low and high with a point: 1.0"
            )
        return self

    @property
    def whole(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def count(self) -> int | None:
        """The number of values; None for a range of numbers without a step."""
        if self.choices is not None:
            return len(self.choices)
        if self._step is None:
            return None
        low, high, step = self._exact
        return int((high - low) // step) + 1

    def point(self, place: int) -> JsonValue:
        """Return the value at a place, counted from 0 and from `low`; 0.1 and two steps of 0.1 are 0.3."""
        if self.choices is not None:
            return self.choices[place]
        low, _, step = self._exact
        return int(low + place * step) if self.whole else float(low + place * step)

    @property
    def _step(self) -> int | float | None:
        return self.step if self.step is not None else 1 if self.whole and not self.log else None

    @property
    def _exact(self) -> tuple[Decimal, Decimal, Decimal]:
        low, high, step = (Decimal(repr(one)) for one in (self.low, self.high, self._step))
        return low, high, step

    def position(self, value: JsonValue) -> int:
        """Return the position of a value among the choices; the value of a trial is always one of them."""
        return next(place for place, choice in enumerate(self.choices or []) if _same(value, choice))

    def contains(self, value: JsonValue) -> bool:
        """Return whether the parameter may take a value."""
        if self.choices is not None:
            return any(_same(value, choice) for choice in self.choices)
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.low is not None and self.high is not None and self.low <= value <= self.high


def meets(value: JsonValue, wanted: JsonValue) -> bool:
    """Return whether a value is the wanted one; an estimator also if its import path is, and a list names several."""
    if _same(value, wanted) or (isinstance(value, dict) and _same(value.get("estimator"), wanted)):
        return True
    return isinstance(wanted, list) and any(meets(value, one) for one in wanted)


def _same(value: JsonValue, other: JsonValue) -> bool:
    """Return whether two values are equal and of one type, also inside: true is not 1."""
    return value == other and json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def _check_choices(choices: list[JsonValue]) -> None:
    for place, choice in enumerate(choices):
        if any(_same(choice, other) for other in choices[:place]):
            raise InvalidValue(f"choices has {choice!r:.60} twice", "leave one out")
        if isinstance(choice, dict) and "estimator" in choice:
            if unknown := set(choice) - {"estimator", "params"}:
                key = min(unknown)
                raise InvalidValue(f"an estimator with the key '{key}'", suggestion(key, ["estimator", "params"]))
            if not isinstance(choice["estimator"], str) or not isinstance(choice.get("params", {}), dict):
                raise InvalidValue(
                    f"choices has {choice!r:.60}", 'write { estimator = "package.Class", params = { … } }'
                )


def check_estimators(parameter: Parameter) -> None:
    """Raise InvalidValue for whole estimators that are not import paths."""
    for choice in parameter.choices or [None]:
        path = choice.get("estimator") if isinstance(choice, dict) else choice
        if not isinstance(path, str) or not PATH.fullmatch(path):
            what = "a range" if parameter.choices is None else f"{choice!r:.60}"
            raise InvalidValue(f"space.estimator: {what} is not an estimator", 'write choices = ["package.Class"]')


def check_condition(name: str, parameter: Parameter, space: Mapping[str, Parameter]) -> None:
    """Raise InvalidValue for a condition on a parameter that does not come before, or on a value that it never has."""
    before = list(space)[: list(space).index(name)]
    for other, wanted in (parameter.when or {}).items():
        if other not in before:
            fix = f"put {other} before {name}" if other in space else suggestion(other, before) if before else "add it"
            raise InvalidValue(f"space.{name}.when: no parameter '{other}' before it", fix)
        choices = space[other].choices
        if choices is None:
            raise InvalidValue(f"space.{name}.when: {other} is a range", "a condition needs choices")
        if wanted == []:
            raise InvalidValue(f"space.{name}.when: names no value of {other}", "name one of its choices")
        alone = not isinstance(wanted, list) or any(_same(choice, wanted) for choice in choices)
        for one in [wanted] if alone or not isinstance(wanted, list) else wanted:
            if not any(meets(choice, one) for choice in choices):
                known = [
                    str(choice.get("estimator")) if isinstance(choice, dict) else str(choice) for choice in choices
                ]
                raise InvalidValue(f"space.{name}.when: {other} is never {one!r}", suggestion(str(one), known))
