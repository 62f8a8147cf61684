"""Tables: the table IN as a window, and how the tables IN and TRUTH are opened."""

from pathlib import Path

import pandas as pd

from modelmake.batch import notation
from modelmake.batch.batch import ROWS, as_trained, values
from modelmake.batch.notation import Forms
from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.model.contract import Contract
from modelmake.tables.columns import plain
from modelmake.tables.names import check_once
from modelmake.tables.reading import TYPED, Reading
from modelmake.tables.table import Table, opened


def table(variable: str, path: Path, config: Data, reading: Reading = TYPED, columns: list[str] | None = None) -> Table:
    """Open the table that a variable of make names, by what was decided for a model where it has the model's columns.

    Raises
    ------
    UserError
        There is no such file, or it is not a table.

    """
    if not path.exists():
        raise UserError(f"{variable}={path!s:.200}", "there is no such file or folder", "name a table")
    keys: dict[str, object] = {
        "path": str(path),
        "source": None,
        "query": None,
        "snapshot": None,
        "format": None,
        "skip_lines": [],
    }
    return opened(config.model_copy(update=keys), reading, columns or [])


def requests(path: Path, config: Data, contract: Contract) -> pd.DataFrame:
    """Return the table IN: the columns of the model as `make predict` reads them, the others in plain types.

    A value of another type counts as missing, and a line says so; a column with more of these than of others stays as
    the file has it, as text. Raises as `make predict`.
    """
    data = as_trained(config, contract)
    opened = table("IN", path, data, contract.reading, contract.names)
    chunks, columns = list(opened.chunks(ROWS)), dict[str, pd.Series]()
    forms = notation.forms(opened, contract, chunks[0].decimal) if chunks else Forms()
    for feature in contract.features:
        given = [chunk.frame[feature.name] for chunk in chunks if feature.name in chunk.frame]
        casts = [values(chunk, feature.lenient, forms, contract.reading) for chunk in chunks[: len(given)]]
        lost = sum(int(cast.lost.sum()) for cast in casts)
        if lost > sum(len(cast.lost) for cast in casts) / 2:
            columns[feature.name] = pd.concat([_texts(one) for one in given], ignore_index=True)
        elif given:
            parts = [pd.Series(cast.with_gaps()).mask(cast.lost) for cast in casts]
            columns[feature.name] = pd.concat(parts, ignore_index=True)
            if lost:
                print(f"note: {lost} values of '{feature.name}' are not {feature.type.words}, and count as missing")
    frame = opened.frame()
    check_once(list(frame.columns), config.target, f"IN={path}")
    if note := opened.short:
        print(f"warning: {note}")
    others = {name: _plain(frame[[name]].copy(), data) for name in frame.columns if name not in columns}
    return pd.DataFrame(columns | others, index=frame.index)


def _plain(column: pd.DataFrame, config: Data) -> pd.Series:
    """Return a column in a plain type, as text where it has none, such as numbers that are text in part."""
    try:
        return plain(column, config).iloc[:, 0]
    except UserError:
        return _texts(column.iloc[:, 0])


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(str).where(column.notna()) if column.dtype == object else column
