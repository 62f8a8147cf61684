"""Tables: a table of the user's as columns, without the checks of a training table."""

from pathlib import Path

import pandas as pd

from modelmake.batch.batch import ROWS, Forms, values
from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.model.contract import Contract
from modelmake.tables.columns import plain
from modelmake.tables.table import Table, opened


def requests(path: str, config: Data, contract: Contract) -> pd.DataFrame:
    """Return the table IN: the columns of the model as `make predict` reads them, the others as `read` does.

    A column of the model with a value of another type stays as the file has it.

    Raises
    ------
    UserError
        As `make predict`.

    """
    data = _data(path, config, "IN").model_copy(update={"missing": [*contract.missing]})
    table, forms = opened(data, contract.reading, contract.names), Forms()
    chunks, columns = list(table.chunks(ROWS)), {}
    for feature in contract.features:
        lenient = feature.model_copy(update={"optional": True, "stated": None})  # a gap is drift, not another type
        given = [chunk.frame[feature.name] for chunk in chunks if feature.name in chunk.frame]
        casts = [values(chunk, lenient, forms, contract.reading) for chunk in chunks[: len(given)]]
        fits = not any(lost.any() for cast in casts for _, lost in cast.wrong)
        if given:
            parts = [pd.Series(cast.with_gaps()) for cast in casts] if fits else given
            columns[feature.name] = pd.concat(parts, ignore_index=True)
    return pd.DataFrame(columns).join(_plain(table, set(columns)))


def read(path: str, config: Data, variable: str) -> pd.DataFrame:
    """Return the table at `path`, read with the keys of [data]; a column that is not plain stays text.

    Raises
    ------
    UserError
        There is no such file, or it cannot be parsed.

    """
    return _plain(opened(_data(path, config, variable)), set())


def _data(path: str, config: Data, variable: str) -> Data:
    if not Path(path).exists():
        raise UserError(f"{variable}={path:.200}", "there is no such file or folder", "name a table")
    keys = {"path": path, "source": None, "query": None, "snapshot": None, "format": None}
    return config.model_copy(update=keys)


def _plain(table: Table, without: set[str]) -> pd.DataFrame:
    frame, columns = table.frame(), {}
    for name in (name for name in frame.columns if name not in without):
        try:
            columns[name] = plain(frame[[name]].copy(), table.config)[name]
        except UserError:  # such as numbers that are text in part, which is drift
            columns[name] = frame[name].astype(str).where(frame[name].notna())
    return pd.DataFrame(columns, index=frame.index)
