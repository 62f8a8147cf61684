"""Target: whether a column to predict has classes or a quantity, and which of its gaps are a class."""

import pandas as pd

from modelmake.core.errors import UserError
from modelmake.tables.table import Table

FEW_NUMBERS = 10  # whole numbers that are classes, not a quantity
MANY_CLASSES = 100
CLASS, SHARE = 10, 0.05  # rows, and share of the rows, of a text that is a class and no gap


def classes_of_gaps(target: pd.Series, table: Table) -> list[str]:
    """Return the texts that stand for a missing value, and that as many rows of the target have as a class has."""
    fields = table.fields(str(target.name)) if target.dtype == "str" else None
    counts = fields[target.isna().to_numpy()].value_counts() if fields is not None else pd.Series(dtype=int)
    return [str(text) for text, count in counts.items() if text and count >= max(CLASS, SHARE * len(target))]


def is_classes(target: pd.Series, path: str) -> bool:
    """Return whether a target has classes, and not a quantity.

    Raises
    ------
    UserError
        It has one value, or texts of which nearly all differ.

    """
    different = target.nunique()
    where = f"TARGET={target.name}"
    if different < 2:
        raise UserError(where, f"has the same value in every row of {path}", "name another column")
    if target.dtype.kind in "iuf":
        whole = target.dtype.kind != "f" or bool((target % 1 == 0).all())
        return different == 2 or (whole and different <= FEW_NUMBERS and different <= len(target) / 10)
    if different > MANY_CLASSES or different > len(target) / 2:
        what = f"has {different} different texts in {len(target)} rows, so they are neither classes nor a quantity"
        raise UserError(where, what, "name another column")
    return True
