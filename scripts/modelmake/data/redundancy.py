"""Redundancy: columns that add nothing, since they name the rows, are empty, constant, copied or rounded."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.data.finding import Finding, dropped, leave, listed
from modelmake.data.hashes import exceeds_float
from modelmake.data.keys import counts_rows, identifies
from modelmake.tables.names import UNNAMED

GAPS = 0.5  # share of missing values that is worth a word


def ids(features: pd.DataFrame, sample: pd.DataFrame, first: NDArray[np.bool_]) -> dict[str, Finding]:
    """Return a finding for each column that counts or identifies the rows, or that has no name.

    Only the `first` of equal rows counts: a copy has the id of its row.
    """
    different = first[:: -(-len(features) // len(sample)) or 1]
    found = {}
    for name in features.columns:
        unnamed = UNNAMED.fullmatch(name) or not name.strip()
        what = ""
        shown = sample[name][different]
        if shown.dtype.kind != "f" and shown.is_unique and not shown.isna().any():
            column = features[name] if first.all() else features[name][first]
            if counts_rows(column):
                what = "counts the rows"
            elif identifies(column):
                what = "has another value in every row, as an id has"
        if what:
            text = f"column '{name}'{' has no name in the file and' if unnamed else ''} {what}"
            found[name] = Finding((name,), text, leave(name), "drop", [name], certain=True, identifies=True)
        elif unnamed:
            text = f"column '{name}' has no name in the file"
            found[name] = Finding((name,), text, f"name it there, or {leave(name)}", "drop", [name])
    return found


def empty(features: pd.DataFrame, sample: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for the columns without a value, for those with one, and for each with many gaps."""
    shares = sample.isna().mean()
    without = [name for name, share in shares.items() if share == 1 and features[name].isna().all()]
    yield from dropped(without, "has no value at all", "have no value at all")
    same = [name for name, share in shares.items() if share == 0 and _is_constant(features[name], sample[name])]
    yield from dropped(same, "is the same in every row", "are the same in every row")
    gaps = [name for name, share in shares.items() if share > GAPS and name not in without]
    if gaps:
        most = f"{shares[gaps].max():.0%}"
        text = listed(gaps, f"is {most} empty", f"are more than {GAPS:.0%} empty, up to {most}")
        yield Finding(tuple(gaps), text, "check that these gaps are meant")


def _is_constant(column: pd.Series, sample: pd.Series) -> bool:
    return bool(sample.nunique() == 1 and column.nunique(dropna=False) == 1)


def copies(features: pd.DataFrame, sample: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for the columns that equal an earlier one."""
    first: dict[tuple[str, int], str] = {}
    found = {}
    for name in (name for name in sample.columns if sample[name].nunique() > 1):
        kind = "number" if sample[name].dtype.kind in "biuf" else str(sample[name].dtype)
        values = sample[name].astype(float) if kind == "number" else sample[name]
        earlier = first.setdefault((kind, int(pd.util.hash_pandas_object(values, index=False).sum())), name)
        if earlier != name and _same(features[earlier], features[name]):
            found[name] = earlier
    of = next(iter(found.values()), "")
    yield from dropped(list(found), f"is a copy of '{of}'", "are copies of other columns")


def _same(one: pd.Series, other: pd.Series) -> bool:
    return bool(((one == other) | (one.isna() & other.isna())).all())


def rounded(features: pd.DataFrame) -> Iterator[Finding]:
    """Yield a finding for the columns whose numbers an estimator can't tell apart."""
    large = [name for name in features.columns if features[name].dtype.kind in "iu" and exceeds_float(features[name])]
    what = "whole numbers above 2^53, which estimators round"
    yield from dropped(large, f"has {what}", f"have {what}")
