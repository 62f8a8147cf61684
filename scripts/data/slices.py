"""Slices: the groups of rows that a rule of the gate asks one by one."""

import numpy as np
import pandas as pd


def slices(column: pd.Series) -> dict[str, np.ndarray]:
    """Return which rows make up each slice of a column: a mask of shape (n_rows,) by the slice's name.

    A slice is one value, or a quarter of the rows where the column holds more than ten different numbers. Rows
    without a value are a slice too.
    """
    present = column.dropna()
    if column.dtype.kind in "iuf" and present.nunique() > 10:
        quarters = pd.qcut(column, 4, duplicates="drop")
        values, column = quarters.cat.categories, quarters
    else:
        values = sorted(present.unique(), key=None if column.dtype.kind in "biuf" else str)
    found = {str(value): (column == value).fillna(False).to_numpy(dtype=bool) for value in values}
    if column.isna().any():
        found["missing"] = column.isna().to_numpy()
    return found
