"""Moments: numbers that may be dates, which count as plain numbers until their type is stated."""

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.data.finding import Finding
from modelmake.tables.epochs import epoch_of, moments

FEW = 5  # different numbers, below which they are categories
IN_ORDER = 0.99  # share of the rows that are not earlier than the row before
NAMED = re.compile(  # as a time is
    r"(?i)(?:.*[_ .-])?(?:(?:date|day|time)s?(?:time|stamp)?s?|timestamps?|unix(?:time)?|epoch|ts|utc|at|on|datum|zeit|"
    r"when|created|updated|modified|published|posted|seen|login|start(?:ed)?|end(?:ed)?|begin|expires|since|until)|"
    r".*(?:date|time|timestamp)|(?-i:.*[a-z](?:At|On|Ts|Start|End))"
)


def epoch(column: pd.Series) -> str:
    """Return of which epoch the numbers of a column may be, by name and range; "" for plain numbers.

    Seconds that grow from row to row need no such name.
    """
    if column.dtype.kind not in "iuf" or column.nunique() < FEW:
        return ""
    found = epoch_of(column.dropna())
    if found.startswith("days") and not (column.dropna() % 1 == 0).all():
        return ""
    steps = np.diff(column.dropna().to_numpy(dtype=float))
    grows = not found.startswith("days") and max((steps >= 0).mean(), (steps <= 0).mean()) >= IN_ORDER
    return found if NAMED.fullmatch(str(column.name)) or grows else ""


def epochs(frame: pd.DataFrame, config: Data) -> Iterator[Finding]:
    """Yield a finding for each column of such numbers; a type under [data.schema] answers it."""
    for name in (str(name) for name in frame.columns if name not in config.stated):
        if of := epoch(frame[name]):
            days = moments(pd.Series([frame[name].min(), frame[name].max()], dtype=float), of).dt.date
            text = f"the numbers of column '{name}' may be {of}, from {days[0]} to {days[1]}, and count as numbers"
            key = f"under [data.schema.{toml.key(name)}]"
            advice = f'if they are dates, set type = "date" {key}; type = "number" says that they are not'
            yield Finding((name,), text, advice)
