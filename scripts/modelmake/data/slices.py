"""Slices: the groups of held-out rows that a rule with `by` checks one by one."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def slices(column: pd.Series) -> dict[str, NDArray[np.bool_]]:
    """Return the rows of each slice of a column: a mask of shape (n_rows,) by the slice's name.

    A slice is one value, or a quarter of the rows where the column has more than ten different numbers or dates. Rows
    without a value are a slice of their own.

    Examples
    --------
    >>> {name: rows.tolist() for name, rows in slices(pd.Series(["b", "a", None])).items()}
    {'a': [False, True, False], 'b': [True, False, False], 'missing': [False, False, True]}
    >>> [int(rows.sum()) for rows in slices(pd.Series(range(100))).values()]
    [25, 25, 25, 25]

    """
    present = column.dropna()
    if column.dtype.kind in "iufM" and present.nunique() > 10:
        quarters = pd.qcut(column, 4, duplicates="drop")
        values, column = quarters.cat.categories, quarters
    else:
        values = sorted(present.unique(), key=None if column.dtype.kind in "biuf" else str)
    masks = {str(value): (column == value).fillna(False).to_numpy(dtype=bool) for value in values}
    if column.isna().any():
        masks["missing"] = column.isna().to_numpy()
    return masks
