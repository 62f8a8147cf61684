"""Rows: the values of a request as the frame that the model was trained on, or why they do not fit."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd

from modelmake.core.errors import UserError, suggestion
from modelmake.model.contract import Contract, Feature
from modelmake.model.padding import EVEN, filled
from modelmake.serving.body import LONG, Columns, Table
from modelmake.serving.casts import GAP, TEXT, Cast, cast, form, of_json, without_gaps
from modelmake.serving.refusal import Refusal
from modelmake.tables.forms import PLAIN


def frame(table: Table, contract: Contract) -> pd.DataFrame:
    """Return the rows as a frame of shape (n_rows, n_features) with the columns and the types of the training rows.

    Raises
    ------
    Refusal
        With 422: a column is missing or unknown, a value is of another type, is missing where it may not be, or is
        outside of what [data.schema] states.

    """
    if not table.rows:
        raise Refusal(422, "there are no rows: send at least one")
    _check_names(table, contract)
    columns = ((feature, table.columns[feature.name]) for feature in contract.features)
    arrays = [(_of_csv if table.text else values)(feature, given, contract) for feature, given in columns]
    # The public constructor looks at each array again, which takes longer than all that is done to a row here.
    return pd.DataFrame._from_arrays(
        arrays, _index(tuple(contract.names)), pd.RangeIndex(table.rows), verify_integrity=False
    )


def padded(table: Table) -> Table:
    """Return the rows, filled up with copies of the last one (scripts/modelmake/model/padding.py)."""
    if not table.rows:
        return table
    columns: Columns = {name: filled(given) for name, given in table.columns.items()}
    return Table(columns, table.rows + -table.rows % EVEN, table.text)


def values(feature: Feature, given: Sequence[Any], contract: Contract) -> Any:  # noqa: ANN401  # of either library
    """Return the values of one column, as JSON has them, as an array of its type; raises as `frame`."""
    return _fitting(of_json(given, feature, contract.reading), feature)


def _fitting(made: Cast, feature: Feature) -> Any:  # noqa: ANN401  # as `values`
    for reason, mask in made.wrong:
        if mask.any():
            never = ", and the training table has no missing value in this column" if reason == GAP else ""
            raise Refusal(422, f"a value is {reason}{never}", feature.name, int(mask.argmax()))
    return made.with_gaps()


@lru_cache(maxsize=8)
def _index(names: tuple[str, ...]) -> pd.Index:
    """Return the names as pandas has them; frames that share them find a column faster."""
    return pd.Index(names)


def _check_names(table: Table, contract: Contract) -> None:
    """Raise Refusal for a column that is missing or unknown."""
    for name in contract.names:
        if name not in table.columns:
            raise Refusal(422, "the column is missing: send every column, with null for a missing value", name)
    if len(table.columns) > len(contract.features):
        accepted = {*contract.names, *contract.ignored}
        for name in (name[:LONG] for name in table.columns if name not in accepted):
            raise Refusal(422, f"the model has no such column: {suggestion(name, contract.names)}", name)


def _of_csv(feature: Feature, given: Sequence[str], contract: Contract) -> Any:  # noqa: ANN401  # as `values`
    """Return the values of one column of a CSV, whose texts are read as those of the training table are."""
    texts = without_gaps(pd.Series(given, dtype=TEXT), contract.missing)
    if feature.type.name == "text":
        return _fitting(cast(texts, feature, contract.reading.forms.get(feature.name, PLAIN)), feature)
    try:
        written = form(texts, feature, contract.reading, contract.reading.decimal, feature.name)
    except UserError:
        what = "the day and the month of its dates could be exchanged: write them as YYYY-MM-DD"
        raise Refusal(422, what, feature.name) from None
    return _fitting(cast(texts, feature, written), feature)
