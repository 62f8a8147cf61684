"""Tables: a table of the user's as columns, without the checks of a training table."""

from pathlib import Path

import pandas as pd

from modelmake.config.config import Config
from modelmake.core.errors import UserError
from modelmake.tables.columns import plain
from modelmake.tables.table import opened


def read(path: str, config: Config, variable: str) -> pd.DataFrame:
    """Return the table at `path`, read with the keys of [data]; a column that is not plain stays text.

    Raises
    ------
    UserError
        There is no such file, or it cannot be parsed.

    """
    if not Path(path).exists():
        raise UserError(f"{variable}={path:.200}", "there is no such file or folder", "name a table")
    keys = {"path": path, "source": None, "query": None, "snapshot": None, "format": None}
    data = config.data.model_copy(update=keys)
    frame = opened(data).frame()
    columns = {}
    for name in frame.columns:
        try:
            columns[name] = plain(frame[[name]].copy(), data)[name]
        except UserError:  # such as numbers that are text in part, which is drift
            columns[name] = frame[name].astype(str).where(frame[name].notna())
    return pd.DataFrame(columns)
