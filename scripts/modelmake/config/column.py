"""Column: what `[data.schema.<column>]` of pipeline.toml states about a column of the table."""

import datetime
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from modelmake.config.section import Section
from modelmake.core.errors import InvalidValue
from modelmake.core.types import TYPES, Kind, Type, is_date


class Column(Section):
    """`[data.schema.<column>]`: what a column contains, which `fetch`, `train` and every prediction check."""

    type: Kind | None = None
    """Kind of the column. It also decides how the column is prepared for the estimator. `date` makes dates of Unix
    seconds and of Excel's day numbers too."""
    min: float | str | None = None
    """Smallest value. A date is written as text, such as `2024-01-31`."""
    max: float | str | None = None
    """Largest value."""
    values: Annotated[list[str | int | float | bool], Field(min_length=1)] | None = None
    """The values that are allowed."""
    unique: bool | None = None
    """`true`: no value may occur twice."""
    empty: Annotated[list[str | int | float], Field(min_length=1)] | None = None
    """Values that stand for a missing value, such as -999."""
    missing: float | None = Field(default=None, ge=0, le=1)
    """Largest share of rows without a value; 0 allows none."""

    @field_validator("min", "max", mode="before")
    @classmethod
    def written(cls, bound: object) -> object:
        """Turn a date of TOML into its text."""
        return bound.isoformat() if isinstance(bound, datetime.date) else bound

    @field_validator("values", mode="before")
    @classmethod
    def all_written(cls, values: object) -> object:
        """Turn the dates of TOML into their texts."""
        return [cls.written(value) for value in values] if isinstance(values, list) else values

    @field_validator("min", "max")
    @classmethod
    def moment(cls, bound: float | str | None) -> float | str | None:
        """Raise InvalidValue for a text that is not a date."""
        if isinstance(bound, str) and not is_date(bound):
            raise InvalidValue(f"'{bound:.40}' is not a date", "a number, or a date such as 2026-01-31")
        return bound

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """Raise InvalidValue for bounds or values that no value of the column's type can meet."""
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        stated = TYPES[self.type] if self.type else None
        if len({isinstance(bound, str) for bound in bounds}) == 2:
            raise InvalidValue("min and max are a number and a date", "write two numbers or two dates")
        if bounds and stated and stated.order != ("dates" if isinstance(bounds[0], str) else "numbers"):
            shown, fix = _ordered(stated)
            raise InvalidValue(f"{shown}, not with {bounds[0]!r}", fix)
        if len(bounds) == 2 and _later(*bounds):
            raise InvalidValue(f"min {bounds[0]} is above max {bounds[1]}", "exchange them")
        if unfit := [value for value in self.values or [] if stated and not stated.accepts(value)]:
            raise InvalidValue(
                f"values contains {unfit[0]!r}, and the type is {self.type}", "change the type, or that value"
            )
        return self


def _ordered(stated: Type) -> tuple[str, str]:
    """Return what a column of a type can be compared with, and the fix for another bound."""
    if not stated.order:
        return f"type {stated.name} has no order, so it cannot be compared", "remove min and max, or list its values"
    example = ", such as 2026-01-31" if stated.order == "dates" else ""
    return f"type {stated.name} is compared with {stated.order}", f"write min and max as {stated.order}{example}"


def _later(low: float | str, high: float | str) -> bool:
    if isinstance(low, str) and isinstance(high, str):
        moments = [datetime.datetime.fromisoformat(bound) for bound in (low, high)]
        utc = [moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC) for moment in moments]
        return utc[0].date() > utc[1].date() if len(high) == len("2026-01-31") else utc[0] > utc[1]
    return float(low) > float(high)
