"""Texts: columns of text that are dates, or numbers for the most part, which is never passed over in silence."""

import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import UserError
from modelmake.core.types import LARGEST
from modelmake.tables.codes import are_codes
from modelmake.tables.content import named
from modelmake.tables.dates import DATE, parse, sample
from modelmake.tables.dialect import COMMA, GROUPS
from modelmake.tables.forms import marks
from modelmake.tables.numbers import MINUS, booleans

SAMPLE = 500  # texts by which a column is taken for dates or numbers
MOST = 0.9
FEW_CODES = 20  # different numbers that may be categories beside texts
MANY = 5  # texts that may all mean a missing value
SHOWN = 3  # columns or texts in an error message
WRITE = "write them without units and signs of currency, percent or thousands"
AS_TEXT = ("category", "text")
DECORATED = re.compile(
    r"[-+(\u2212]?[$€£¥]? ?[-+]?(\d{1,3}([,.' \u00a0\u202f]\d{3})+|\d+)([.,]\d+)? ?[%$€£¥)]?(?: ?(?:USD|EUR|GBP|CHF))?"
)


UNIT = re.compile(
    r"[-+]?\d+([.,]\d+)? ?(mg|g|kg|t|lbs?|oz|mm|cm|m|km|mi|ft|in|ml|l|ms|s|sec|min|h|hrs?|W|kW|kWh|V|A|Hz|GHz|"
    r"kB|KB|MB|GB|TB|px|°C|°F|°|C|F|K|bpm|mph|kmh|km/h|m/s|m²|m2|sqm|sqft)"
)


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
    feature = column.name != config.target
    if feature and (kind == "date" or _share(counts, DATE) > 0.5):
        return _dates(column, certain=kind == "date")
    numbers = _numbers(pd.Series(counts.index, dtype="str"), config).notna().to_numpy()
    if counts[numbers].sum() > 0.4 * counts.sum():
        return _numbers_in_part(column, config)
    if feature and max(_share(counts, DECORATED), _share(counts, UNIT)) > 0.5:
        return _decorated(column)
    return column, None


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


def decorated(column: pd.Series) -> bool:
    """Return whether most values of a column of text are numbers with signs or units."""
    counts = sample(column.value_counts(), SAMPLE)
    return max(_share(counts, DECORATED), _share(counts, UNIT)) > 1 / 2


def _declare(name: str, kind: str) -> str:
    return f'set type = "{kind}" under [data.schema.{toml.key(name)}]'


def _share(counts: pd.Series, pattern: re.Pattern[str]) -> float:
    """Return the share of the texts that a pattern matches; `counts` has them as its index."""
    fitting = sum(int(count) for text, count in counts.items() if pattern.fullmatch(text.strip()))
    return fitting / max(1, int(counts.sum()))


def _numbers(texts: pd.Series, config: Data) -> pd.Series:
    """Return texts as numbers, NaN where a text is none."""
    if config.decimal == ",":
        texts = texts.str.replace(",", ".", regex=False)
    texts = texts.str.replace(MINUS, "-", regex=False)
    return pd.to_numeric(texts.astype(object), errors="coerce")


def _grouped(texts: pd.Series) -> pd.Series | None:
    """Return texts as numbers if they are, with a mark of thousands."""
    if (found := marks(texts)) is None:
        return None
    plain = texts.str.replace(found[1], "", regex=False).str.replace(found[0], ".", regex=False)
    return pd.to_numeric(plain.astype(object))


def _shown(counts: pd.Series) -> str:
    """Return the most frequent texts with their counts."""
    texts = [f"{count} × {text!r}" for text, count in counts.head(SHOWN).items()]  # noqa: RUF001
    return ", ".join(texts) + ", …" * (len(counts) > SHOWN)


def _mapped(column: pd.Series, values: pd.Series) -> pd.Series:
    """Return the value of each text of a column; `values` has the texts as its index."""
    return column.map(values).rename(column.name)


def _declared(column: pd.Series, config: Data) -> tuple[pd.Series, Suspect | None]:
    counts = column.value_counts()
    numbers = _numbers(pd.Series(counts.index, index=counts.index), config)
    if (wrong := counts[numbers.isna().to_numpy()]).empty:
        return _mapped(column, numbers.astype(float)), None
    what = f"column '{column.name}' is declared as numbers and has {_shown(wrong)}"
    gaps = [text for text in wrong.index if not (DECORATED.fullmatch(text.strip()) or UNIT.fullmatch(text.strip()))]
    return column, Suspect(str(column.name), what, "" if gaps else WRITE, gaps=tuple(gaps[:MANY]))


def _numbers_in_part(column: pd.Series, config: Data) -> tuple[pd.Series, Suspect | None]:
    """Name a column in which most values are numbers, or many numbers stand beside a few texts."""
    name, counts = str(column.name), column.value_counts()
    texts = pd.Series(counts.index, index=counts.index)
    if (grouped := _grouped(texts)) is not None:
        return _mapped(column, grouped), None
    numbers = _numbers(texts, config)
    others = counts[numbers.isna().to_numpy()]
    number, total, different = int(counts.sum() - others.sum()), int(counts.sum()), int(numbers.notna().sum())
    if others.empty:
        if (config.decimal == "," and texts.str.contains(",").any()) or texts.str.contains(MINUS).any():
            return _mapped(column, numbers), None
        return column, _all_numbers(name, counts, numbers)
    few = len(others) <= MANY and different > FEW_CODES and number >= total / 2
    if not (few or number >= MOST * total) or (name == config.target and different <= FEW_CODES):
        return column, None
    return column, _beside(name, number, others)


def _beside(name: str, number: int, others: pd.Series) -> Suspect:
    """Name the texts that stand beside numbers: gaps, another decimal mark, or codes."""
    what, text = (
        f"column '{name}' has {number} number{'s' * (number > 1)} and {_shown(others)}",
        _declare(name, "category"),
    )
    if all(COMMA.fullmatch(other.strip()) for other in others.index):
        return Suspect(name, what, f'set data.decimal = ","; if it is text, {text}')
    if len(others) <= MANY:
        return Suspect(name, what, gaps=tuple(others.index))
    fix = f"if it has ids, leave it out: {toml.data('drop', [name])}; if it has codes, {text}"
    fix += "; if the texts mean a missing value, list them in data.missing"
    return Suspect(name, what, fix, type="category")


def _all_numbers(name: str, counts: pd.Series, numbers: pd.Series) -> Suspect | None:
    choose = f"if they count or measure, {_declare(name, 'number')}; if they are codes, {_declare(name, 'category')}"
    if are_codes(counts.index):
        return None
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


def _decorated(column: pd.Series) -> tuple[pd.Series, Suspect | None]:
    """Name a column of numbers with signs of currency, percent or thousands, or with another decimal mark."""
    name, counts = str(column.name), column.value_counts()
    texts = pd.Series(counts.index, index=counts.index)
    if (grouped := _grouped(texts)) is not None:
        return _mapped(column, grouped), None
    ones = counts.clip(upper=1)  # each text once
    measures = len(counts) > FEW_CODES and _share(ones, UNIT) >= MOST  # a few are sizes or models
    if _share(ones, DECORATED) < MOST and not measures:
        return column, None
    what = f"column '{name}' has numbers that are read as text, such as '{counts.index[0]}'"
    text = f"if it is text, {_declare(name, 'category')}"
    if _share(ones, COMMA) >= MOST > _share(ones, GROUPS[","]):
        return column, Suspect(name, what, f'set data.decimal = ","; {text}')
    return column, Suspect(name, what, f"{WRITE}; {text}")


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
    if not certain and others.sum() > (1 - MOST) * counts.sum():
        return column, None
    number = int(counts.sum() - others.sum())
    what = f"column '{name}' has {number} date{'s' * (number > 1)} and {_shown(others)}"
    return column, Suspect(name, what, gaps=tuple(others.index[:MANY]))
