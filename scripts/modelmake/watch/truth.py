"""Truth: what the targets of requests turned out to be, from a table, joined to the rows of the log."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from modelmake.batch.batch import ROWS, values
from modelmake.batch.notation import Forms
from modelmake.config.column import Column
from modelmake.config.data import Data
from modelmake.core.errors import UserError, few, suggestion
from modelmake.model.contract import Contract, Feature
from modelmake.tables.chunk import Chunk
from modelmake.tables.names import check_once
from modelmake.watch.tables import table
from modelmake.watch.window import META, REQUEST, ROW, TIME, Window

TRUTH, PLACE = META + "truth", META + "place"
KEYS = [REQUEST, ROW]
HEADER = "x-request-id"


@dataclass(frozen=True)
class Truth:
    """The targets that a table has.

    Parameters
    ----------
    where : str
        The table, for an error.
    keys : pandas.DataFrame of shape (n_truths, 3)
        REQUEST, ROW and TRUTH, each request and row once; ROW is missing where the table does not number the rows.
    unknown : int
        The rows of the table whose target is not known yet.

    """

    where: str
    keys: pd.DataFrame
    unknown: int


def read(path: Path, data: Data, contract: Contract) -> Truth:
    """Read the table TRUTH: the columns `request_id`, which is a text, the target, and `row` (from 0).

    Raises
    ------
    UserError
        A column is missing, an id or a row number is not one, a target is not one that the model can give, or two rows
        disagree.

    """
    where, forms = f"TRUTH={path}", Forms()
    target = _feature(data, contract)
    columns = {**(data.columns or {}), "request_id": Column(type="text")}  # also where a workbook has digits
    keys_of_its_own = {"delimiter": None, "encoding": None, "sheet": None, "columns": columns}
    opened = table("TRUTH", path, data.model_copy(update=keys_of_its_own))
    parts = [_part(chunk, target, forms, contract) for chunk in opened.chunks(ROWS)]
    if note := opened.short:
        print(f"warning: {note}")
    keys = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*KEYS, TRUTH, PLACE])
    known = keys[keys[TRUTH].notna()].drop_duplicates([*KEYS, TRUTH])
    if known.empty:
        raise UserError(where, f"none of its {len(keys)} rows has a '{data.target}'", "add the targets that are known")
    twice = known[known.duplicated(KEYS, keep=False)]
    if len(twice):
        pair = twice[twice[REQUEST] == twice[REQUEST].iloc[0]].head(2)
        shown = " and ".join(f"{value!r} in row {place}" for value, place in zip(pair[TRUTH], pair[PLACE], strict=True))
        what = f"request {pair[REQUEST].iloc[0]!r:.80} has two targets: {shown}"
        raise UserError(where, what, "keep the one that is right, or number the rows of the request in a column row")
    return Truth(where, known.drop(columns=PLACE), int(keys[TRUTH].isna().sum()))


def _feature(data: Data, contract: Contract) -> Feature:
    """Return what a target is: a class of the model, or a number."""
    kind = np.asarray(contract.classes if contract.classes is not None else 0.0).dtype
    truth = kind.kind in "if" and set(contract.classes or [2]) <= {0, 1}
    stated = (data.columns or {}).get(data.target)
    dtype = "str" if kind.kind in "UO" else str(kind)
    return Feature(name=data.target, dtype=dtype, optional=True, truth=truth, stated=stated).lenient


def _part(chunk: Chunk, target: Feature, forms: Forms, contract: Contract) -> pd.DataFrame:
    """Return REQUEST, ROW, TRUTH and the place in the file of some rows of the table."""
    frame, where = chunk.frame.reset_index(drop=True), f"TRUTH={chunk.path}"
    for name, role in (("request_id", "the id of the request"), ("row", "the row"), (target.name, "the target")):
        check_once(list(frame.columns), name, where, role)
    for name in ("request_id", target.name):
        if name not in frame.columns:
            fix = f"give it the columns request_id, row (from 0) and {target.name}"
            raise UserError(where, f"has no column '{name}' (columns: {few(list(frame.columns), 8)})", fix)
    place = pd.Series(np.arange(len(frame)) + chunk.first + 1)
    truths = answers("TRUTH", target, chunk, forms, contract)
    parts = {REQUEST: _ids(frame["request_id"], place, where), TRUTH: truths, PLACE: place}
    numbers = _rows(frame["row"], place, where) if "row" in frame.columns else pd.Series(pd.NA, frame.index, "Int64")
    return pd.DataFrame(parts | {ROW: numbers})


def _ids(column: pd.Series, place: pd.Series, where: str) -> pd.Series:
    """Return ids as the texts that they are."""
    whole = column.dtype.kind == "f" and (column.dropna() % 1 == 0).all()  # numbers beside a blank field
    if column.dtype.kind in "iu" or whole:
        column = column.astype("Int64")
    elif column.dtype != "str" and column.notna().any():
        fix = f"write request_id as text, as the header {HEADER} has it"
        raise UserError(where, f"column 'request_id' has no texts but values such as {column.dropna().iloc[0]}", fix)
    texts, fix = column.astype("string").str.strip(), f"it is the header {HEADER} of an answer"
    _refuse(texts.isna() | (texts == ""), place, where, "'request_id' is blank", fix)
    return texts.astype(object)


def _rows(column: pd.Series, place: pd.Series, where: str) -> pd.Series:
    """Return the numbers of rows in their requests."""
    numbers = pd.to_numeric(column, errors="coerce") if column.dtype == "str" else column.astype(float)
    fix = "row counts the rows of a request from 0; leave the column out if each request has one row"
    _refuse(column.isna(), place, where, "'row' is blank", fix)
    wrong = numbers.isna() | (numbers < 0) | (numbers % 1 != 0)
    _refuse(wrong, place, where, f"'row' is {few(column[wrong], 1)}", fix)
    return numbers.astype("Int64")


def _refuse(wrong: "pd.Series[bool]", place: pd.Series, where: str, what: str, fix: str) -> None:
    """Raise UserError for the first row that is wrong."""
    if wrong.any():
        raise UserError(f"{where}, row {place[wrong.to_numpy(dtype=bool).argmax()]}", what, fix)


def answers(variable: str, target: Feature, chunk: Chunk, forms: Forms, contract: Contract) -> pd.Series:
    """Return the targets of some rows as the model answers; raises UserError for one that it cannot answer."""
    given = chunk.frame[target.name].reset_index(drop=True)
    made = values(chunk, target, forms, contract.reading)
    found = pd.Series(made.with_gaps()).astype(object).where(~made.missing, None)
    wrong = made.lost.copy()
    if contract.classes is not None:
        found = found.map({one: one for one in contract.classes}, na_action="ignore")
        wrong |= found.isna().to_numpy() & ~made.missing
    if wrong.any():
        bad, known = str(given[wrong.argmax()]), [str(one) for one in contract.classes or ()]
        kind = "a class of the model" if known else "a number"
        fix = suggestion(bad, known) if known else "write numbers, and leave a target that is not known yet empty"
        raise UserError(
            f"{variable}={chunk.path}, row {chunk.first + 1 + wrong.argmax()}", f"{bad!r:.80} is not {kind}", fix
        )
    return found


def joined(windows: Iterable[Window], truth: Truth) -> pd.DataFrame:
    """Return the rows of windows whose truth is known, with it as the column TRUTH, and print how many there are.

    Raises
    ------
    UserError
        No id matches, or a row number is not one of its request.

    """
    ids = set(truth.keys[REQUEST])
    parts = [part[part[REQUEST].isin(ids)] for window in windows for part in window.chunks()]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=KEYS)
    if found.empty:
        what = f"none of its {len(ids)} request ids is in the windows of the champion"
        raise UserError(truth.where, what, f"the id is the header {HEADER} of an answer")
    found = found.drop_duplicates([name for name in found.columns if name != TIME])  # in two windows
    shared = set(found.loc[found.duplicated(KEYS), REQUEST])
    found = found[~found[REQUEST].isin(shared)]
    matched = found.merge(_numbered(truth, found), on=KEYS)
    notes = {
        "have no target yet": truth.unknown,
        "do not count, since several requests have their id": int(truth.keys[REQUEST].isin(shared).sum()),
    }
    more = "".join(f"; {count} {note}" for note, count in notes.items() if count)
    more += "; no row 0 is among them, and row counts from 0" * bool((matched[ROW] > 0).all() and len(matched))
    print(f"truth   {len(matched)} of {len(truth.keys)} targets match a row of the log{more}")
    return matched


def _numbered(truth: Truth, found: pd.DataFrame) -> pd.DataFrame:
    """Return the keys of a truth with row numbers that the requests have; raises UserError for others."""
    last = truth.keys[REQUEST].map(found.groupby(REQUEST)[ROW].max())
    if truth.keys[ROW].isna().all():
        several = truth.keys.loc[last > 0, REQUEST]
        if len(several):
            what = f"request {several.iloc[0]!r:.80} has several rows, and the table does not say which one it means"
            raise UserError(truth.where, what, "add the column row, which counts the rows of a request from 0")
        return truth.keys.assign(**{ROW: 0})
    beyond = truth.keys[(truth.keys[ROW] > last).fillna(False)]
    if len(beyond):
        name, row = beyond[REQUEST].iloc[0], beyond[ROW].iloc[0]
        what = f"request {name!r:.80} has the rows 0 to {last[beyond.index[0]]:.0f}, and not row {row}"
        raise UserError(truth.where, what, "row counts the rows of a request from 0")
    return truth.keys.astype({ROW: "int64"})


def own(window: Window, path: Path, data: Data, contract: Contract) -> pd.DataFrame:
    """Return the rows of the table IN that have a target, with it as the column TRUTH; raises as `read`."""
    target, forms, first = _feature(data, contract), Forms(), 0
    parts = []
    for part in window.chunks():
        truths = answers("IN", target, Chunk(path, first, part, part), forms, contract)
        parts.append(part.assign(**{TRUTH: truths})[truths.notna()])
        first += len(part)
    found = pd.concat(parts, ignore_index=True)
    print(f"truth   {len(found)} of {len(window)} rows have one")
    return found
