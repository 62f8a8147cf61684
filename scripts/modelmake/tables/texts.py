"""Texts: columns of text that are dates, or numbers for the most part, which is never passed over in silence."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import UserError
from modelmake.core.types import BOOLEANS, LARGEST
from modelmake.tables.codes import are_codes
from modelmake.tables.content import named
from modelmake.tables.dates import DATE, parse, sample
from modelmake.tables.dialect import COMMA
from modelmake.tables.digits import of_series
from modelmake.tables.forms import Form
from modelmake.tables.marks import NUMBER, UNIT, WORD, Numbers, numbers_of
from modelmake.tables.numbers import booleans

SAMPLE = 500  # texts by which a column is taken for dates or numbers
MOST = 0.9
FEW_CODES = 20  # different numbers that may be categories beside texts
MANY = 5  # texts that may all mean a missing value
SHOWN = 3  # columns or texts in an error message
ALIKE = "write all numbers alike, with one unit or none"
DURATION = r"\d{1,3}:[0-5]\d(:[0-5]\d)?"
AS_TEXT = ("category", "text")


@dataclass(frozen=True)
class Suspect:
    """A column of text that may be something else: what it has, how to solve it, and the texts that may be gaps."""

    name: str
    what: str
    fix: str = ""
    gaps: tuple[str, ...] = ()
    type: str = ""  # that a draft gives it; it leaves out a column without one


def read_texts(column: pd.Series, config: Data) -> tuple[pd.Series, Suspect | None]:
    """Return a column of text as dates or numbers where it certainly is that, and a Suspect where it may be."""
    declared = (config.columns or {}).get(str(column.name))
    kind = declared.type if declared else None
    if kind in AS_TEXT:
        return column, None
    if kind in ("boolean", "number", "integer"):
        return (booleans(column), None) if kind == "boolean" else _declared(column, config)
    counts = sample(column.value_counts(), SAMPLE)
    truths = any(text.strip() in BOOLEANS for text in counts.index)
    if truths and (values := booleans(column)) is not column:  # as 1 and 0 are, beside them
        return values, None
    if column.name != config.target and (kind == "date" or _share(counts, DATE) > 0.5):
        return _dates(column, certain=kind == "date")
    numbers = _numbers(counts, config).values.notna().to_numpy()
    return _numbers_in_part(column, config) if counts[numbers].sum() > 0.4 * counts.sum() else (column, None)


def explain(suspects: list[Suspect], config: Data) -> UserError:
    """Return the error for columns of text that may be numbers or dates: all with gaps at once, else the first."""
    gaps = [suspect for suspect in suspects if suspect.gaps]
    if not gaps:
        return UserError(config.path, suspects[0].what, suspects[0].fix)
    what = "; ".join(suspect.what for suspect in gaps[:SHOWN])
    if len(gaps) > SHOWN:
        what += f"; and {len(gaps) - SHOWN} more such column{'s' * (len(gaps) > SHOWN + 1)}"
    texts = dict.fromkeys([*(config.missing or []), *(text for suspect in gaps for text in suspect.gaps)])
    name = gaps[0].name
    fix = f"if such texts mean a missing value, set {toml.data('missing', list(texts))}"
    if _is_binary(config):
        fix = "write nothing in place of such texts"
    return UserError(config.path, what, f"{fix}; if a column is text, {_declare(name, 'category')}")


def _is_binary(config: Data) -> bool:
    """Return whether data.missing has no effect."""
    if config.source and not config.query:  # it has one on the file of which `fetch` takes a snapshot
        return False
    return not named(Path(config.path)) <= {"csv", "xlsx"}


def _declare(name: str, kind: str) -> str:
    return f'set type = "{kind}" under [data.schema.{toml.key(name)}]'


def _share(counts: pd.Series, pattern: re.Pattern[str]) -> float:
    """Return the share of the texts that a pattern matches; `counts` has them as its index."""
    fitting = sum(int(count) for text, count in counts.items() if pattern.fullmatch(text.strip()))
    return fitting / max(1, int(counts.sum()))


def _numbers(counts: pd.Series, config: Data) -> Numbers:
    """Return the numbers that texts are; `counts` has them as its index."""
    texts = pd.Series(counts.index, index=counts.index, dtype="str")
    return numbers_of(texts, config.decimal or ".", config.numbers or "")


def _shown(counts: pd.Series) -> str:
    """Return the most frequent texts with their counts."""
    texts = [f"{count} × {text!r}" for text, count in counts.head(SHOWN).items()]  # noqa: RUF001
    return ", ".join(texts) + ", …" * (len(counts) > SHOWN)


def _mapped(column: pd.Series, values: pd.Series) -> pd.Series:
    """Return the value of each text of a column; `values` has the texts as its index."""
    return column.map(values).rename(column.name)


def _declared(column: pd.Series, config: Data) -> tuple[pd.Series, Suspect | None]:
    counts = column.value_counts()
    found = _numbers(counts, config)
    wrong = counts[found.values.isna().to_numpy()]
    if found.doubt:
        return column, _doubtful(str(column.name), found)
    if wrong.empty:
        return _mapped(column, found.values), None
    what = f"column '{column.name}' is declared as numbers and has {_shown(wrong)}"
    gaps = tuple(text for text in wrong.index if not NUMBER.fullmatch(text.strip()))[:MANY]
    return column, Suspect(str(column.name), what, "" if gaps else ALIKE, gaps)


def _doubtful(name: str, found: Numbers) -> Suspect:
    fix = f"{found.fix}; if it is text, {_declare(name, 'category')}"
    return Suspect(name, f"column '{name}' has {found.doubt}", fix)


def _numbers_in_part(column: pd.Series, config: Data) -> tuple[pd.Series, Suspect | None]:
    """Return a column of numbers with marks, or name one in which most values are numbers, or many beside few texts."""
    name, counts = str(column.name), column.value_counts()
    found = _numbers(counts, config)
    others = counts[found.values.isna().to_numpy()]
    number, total, different = int(counts.sum() - others.sum()), int(counts.sum()), int(found.values.notna().sum())
    few = len(others) <= MANY and different > FEW_CODES and number >= total / 2
    plain = found.form == Form(decimal=config.decimal or ".")
    if others.empty and are_codes(pd.Index(of_series(pd.Series(counts.index)))):
        return column, None
    if others.empty and plain and pd.to_numeric(counts.index, errors="coerce").notna().all():
        return column, _all_numbers(name, counts, found.values)
    if different <= FEW_CODES and (
        name == config.target or re.fullmatch(f"{UNIT}|{WORD}", found.form.unit)
    ):  # classes, sizes or models
        return column, None
    if not (others.empty or few or number >= MOST * total):
        return column, None
    if found.doubt:
        return column, _doubtful(name, found)
    return (_mapped(column, found.values), None) if others.empty else (column, _beside(name, number, others))


def _beside(name: str, number: int, others: pd.Series) -> Suspect:
    """Name the texts that stand beside numbers: gaps, another decimal mark, or codes."""
    what, text = (
        f"column '{name}' has {number} number{'s' * (number > 1)} and {_shown(others)}",
        _declare(name, "category"),
    )
    if all(COMMA.fullmatch(other.strip()) for other in others.index):
        return Suspect(name, what, f'set data.decimal = ","; if it is text, {text}')
    if any(NUMBER.fullmatch(other.strip()) for other in others.index) and len(others) <= MANY:
        return Suspect(name, what, f"{ALIKE}; if it is text, {text}")
    if len(others) <= MANY:
        return Suspect(name, what, gaps=tuple(others.index))
    fix = f"if it has ids, leave it out: {toml.data('drop', [name])}; if it has codes, {text}"
    fix += "; if the texts mean a missing value, list them in data.missing"
    return Suspect(name, what, fix, type="category")


def _all_numbers(name: str, counts: pd.Series, numbers: pd.Series) -> Suspect | None:
    choose = f"if they count or measure, {_declare(name, 'number')}; if they are codes, {_declare(name, 'category')}"
    if numbers.abs().max() >= LARGEST + 1:
        what = f"column '{name}' has whole numbers of 2^63 and more, such as {numbers.abs().idxmax()}"
        return Suspect(
            name,
            what,
            f"if they are ids, leave them out: {toml.data('drop', [name])}; {choose}",
        )
    what = f"column '{name}' has {counts.sum()} numbers as text, such as '{counts.index[0]}'"
    codes = len(counts) <= FEW_CODES
    return Suspect(name, what, choose, type="category" if codes else "number")


def _dates(column: pd.Series, *, certain: bool) -> tuple[pd.Series, Suspect | None]:
    """Return dates where all texts are; day and month that could be exchanged are named."""
    name, counts = str(column.name), column.value_counts()
    texts = pd.Series(counts.index, index=counts.index).str.strip()
    dates, exchanged = parse(texts, counts)
    others = counts[dates.isna().to_numpy()]
    if others.empty:
        if exchanged:
            what = f"column '{name}' has dates whose day and month could be exchanged, such as '{counts.index[0]}'"
            fix = f"write them as YYYY-MM-DD; if it is text, {_declare(name, 'category')}"
            return column, Suspect(name, what, fix)
        return _mapped(column, dates), None
    if texts.str.fullmatch(DURATION).all():
        fix = f"write them as seconds; if it is text, {_declare(name, 'category')}"
        return column, Suspect(name, f"column '{name}' has durations such as '{others.index[0]}'", fix)
    if not certain and others.sum() > (1 - MOST) * counts.sum():
        return column, None
    number = int(counts.sum() - others.sum())
    what = f"column '{name}' has {number} date{'s' * (number > 1)} and {_shown(others)}"
    return column, Suspect(name, what, gaps=tuple(others.index[:MANY]))
