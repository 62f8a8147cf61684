"""Column: what `[data.schema.<column>]` of pipeline.toml states about a column of the table."""

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from modelmake.core.section import Section

Kind = Literal["number", "integer", "boolean", "category", "text", "date"]


class Column(Section):
    """`[data.schema.<column>]`: what a column contains, which `fetch`, `train` and every prediction check."""

    type: Kind | None = None
    min: float | str | None = None
    max: float | str | None = None
    values: Annotated[list[str | int | float | bool], Field(min_length=1)] | None = None
    unique: bool | None = None
    missing: float | None = Field(default=None, ge=0, le=1)

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
        """Raise ValueError for a text that is not a date."""
        if isinstance(bound, str) and not _is_date(bound):
            raise ValueError(f"'{bound:.40}' is not a date|a number, or a date such as 2026-01-31")
        return bound

    @model_validator(mode="after")
    def consistent(self) -> Self:
        """Raise ValueError for bounds or values that no value of the column's type can meet."""
        bounds = [bound for bound in (self.min, self.max) if bound is not None]
        comparable = {"date"} if any(isinstance(bound, str) for bound in bounds) else {"number", "integer"}
        if len({isinstance(bound, str) for bound in bounds}) == 2:
            raise ValueError("min and max are a number and a date|write two numbers or two dates")
        if bounds and self.type and self.type not in comparable:
            shown, fix = _ordered(self.type)
            raise ValueError(f"{shown}, not with {bounds[0]!r}|{fix}")
        if len(bounds) == 2 and _later(*bounds):
            raise ValueError(f"min {bounds[0]} is above max {bounds[1]}|exchange them")
        if unfit := [value for value in self.values or [] if self.type and not _fits(value, self.type)]:
            raise ValueError(
                f"values contains {unfit[0]!r}, and the type is {self.type}|change the type, or that value"
            )
        return self


def _ordered(kind: Kind) -> tuple[str, str]:
    """Return what a column of a type can be compared with, and the fix for another bound."""
    if kind in ("number", "integer"):
        return f"type {kind} is compared with numbers", "write min and max as numbers"
    if kind == "date":
        return "type date is compared with dates", "write min and max as dates, such as 2026-01-31"
    return f"type {kind} has no order, so it cannot be compared", "remove min and max, or list its values"


def _is_date(text: str) -> bool:
    try:
        datetime.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _later(low: float | str, high: float | str) -> bool:
    if isinstance(low, str) and isinstance(high, str):
        moments = [datetime.datetime.fromisoformat(bound) for bound in (low, high)]
        utc = [moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC) for moment in moments]
        return utc[0].date() > utc[1].date() if len(high) == len("2026-01-31") else utc[0] > utc[1]
    return float(low) > float(high)


def _fits(value: float | str, kind: Kind) -> bool:
    """Return whether a value of a schema can occur in a column of a type."""
    if isinstance(value, bool):
        return kind in ("boolean", "category")
    if isinstance(value, str):
        return kind in ("text", "category") or (kind == "date" and _is_date(value))
    return kind == "number" or (kind in ("integer", "category") and float(value).is_integer())
