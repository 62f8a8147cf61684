"""Figure: one measured figure and its limit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure and its limit."""

    name: str
    value: float
    limit: float
    how: str
