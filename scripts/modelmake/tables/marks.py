"""Marks: what stands in and beside the numbers of a column of text, found over all of its texts."""

import re
from dataclasses import dataclass

import pandas as pd

from modelmake.core import toml
from modelmake.tables import digits, numbers
from modelmake.tables.dates import form_of, read
from modelmake.tables.forms import Form

SPACES = r"[ \u00a0\u2009\u202f]"
CURRENCY = r"US\$|A\$|C\$|R\$|[$€£¥₹₽₩]|USD|EUR|GBP|CHF|JPY|CNY|INR|AUD|CAD|SEK|NOK|DKK|PLN|CZK|BRL|kr|zł"
UNIT = (
    r"%|mg|g|kg|t|lbs?|oz|mm|cm|m|km|mi|ft|in|ml|l|ms|s|sec|min|h|hrs?|W|kW|kWh|V|A|Hz|GHz|"
    r"kB|KB|MB|GB|TB|px|°C|°F|°|C|F|K|bpm|mph|kmh|km/h|m/s|m²|m2|sqm|sqft"
)
WORD = r"[A-Za-z]{3,12}\.?"  # another unit, if it stands in all rows
NUMBER = re.compile(
    rf"(?P<open>\()?{SPACES}*(?P<sign>[-+\u2212])?{SPACES}*(?P<before>{CURRENCY})?{SPACES}*(?P<inner>[-+\u2212])?"
    rf"(?P<digits>\d[\d.,'\u2019 \u00a0\u2009\u202f]*\d|\d[.,]?|[.,]\d+)(?P<power>[eE][-+]?\d+)?"
    rf"{SPACES}*(?P<scale>(?:[kKMB]|[mb]n|bn)(?![A-Za-z/²]))?{SPACES}*(?P<after>{CURRENCY}|{UNIT}|{WORD})?"
    rf"(?P<trailing>-)?{SPACES}*(?P<close>\))?"
)
NEGATIVE = r"^\(.*\)$|-$|\u2212"  # without a plain minus in front
WRITTEN = {  # by the value of data.numbers: the decimal mark, and that of thousands
    "1,234.5": (".", ","),
    "1.234,5": (",", "."),
    "1 234.5": (".", " "),
    "1 234,5": (",", " "),
    "1'234.5": (".", "'"),
}
MARKS = ((".", ""), (",", ""), *WRITTEN.values(), (",", "'"))
FEW = 20  # different numbers with a unit that may be sizes or models


@dataclass(frozen=True)
class Numbers:
    """The numbers of a column of text.

    Parameters
    ----------
    form : Form
        How they are written.
    values : pandas.Series of shape (n_texts,)
        The number of each text, NaN for a text that is none.
    doubt : str
        Why they cannot be read in one way; "" if they can.
    fix : str
        The key that settles it, or what to do.

    """

    form: Form
    values: pd.Series
    doubt: str = ""
    fix: str = ""


def numbers_of(texts: pd.Series, decimal: str, stated: str = "") -> Numbers:
    """Return the numbers that different texts are.

    Parameters
    ----------
    texts : pandas.Series of str of shape (n_texts,)
        Each text once, without gaps.
    decimal : str
        The decimal mark of the table.
    stated : str
        What data.numbers says, "" for nothing.

    """
    parts = digits.of_series(texts).str.strip().str.extract(NUMBER.pattern.join(["^(?:", ")$"])).dropna(subset="digits")
    words = parts["after"].notna() & ~parts["after"].str.fullmatch(f"{CURRENCY}|{UNIT}", na=False)
    if words.any() and not (words.all() and parts["after"].nunique() == 1):
        parts = parts[~words]  # a number and a word, such as 12 Main
    marks, doubt, fix = _marks(parts["digits"], decimal, stated)
    unit, doubts = _unit(parts)
    scaled = bool(parts["scale"].notna().any()) and (bool(unit) or parts["scale"].fillna("").nunique() > 1)
    unit = unit or ("" if scaled else _only(parts["scale"]))
    form = Form(decimal=marks[0], thousands=marks[1], unit=unit, scaled=scaled)
    values = pd.Series(numbers.read(texts, form), index=texts.index)
    if doubts:
        each = pd.Series(1.0, index=parts.index).reindex(texts.index)  # a number, whichever it is
        return Numbers(form, each, doubts, "write one of them in all rows, or split the column")
    return Numbers(form, values, doubt, fix)


def _only(column: pd.Series) -> str:
    return str(column.iloc[0]) if len(column) and column.notna().all() else ""


def _unit(parts: pd.DataFrame) -> tuple[str, str]:
    """Return what stands beside the numbers, and the doubt if that differs; a currency may be left out in some rows."""
    beside = parts["before"].fillna(parts["after"])
    units = list(beside.dropna().unique())
    if not units:
        return "", ""
    if len(units) > 1:
        return units[0], f"the units {units[0]!r} and {units[1]!r}"
    if beside.isna().any() and not re.fullmatch(CURRENCY, units[0]):
        if beside.isna().mean() > 1 / 2:  # those with it are no numbers, such as 12A
            return "", ""
        return units[0], f"the unit {units[0]!r} in a part of its rows"
    return units[0], ""


def _marks(digits: pd.Series, decimal: str, stated: str) -> tuple[tuple[str, str], str, str]:
    """Return the marks of numbers, and the doubt and the key that settles it where they can be read in two ways."""
    if stated:
        return WRITTEN[stated], "", ""
    bodies = digits.drop_duplicates().str.replace(SPACES, " ", regex=True).str.replace("\u2019", "'")
    fitting = {marks: bodies.str.fullmatch(numbers.body(*marks)) for marks in MARKS}
    most = max(int(fits.sum()) for fits in fitting.values())
    best = [marks for marks in MARKS if fitting[marks].sum() == most]
    used = [marks for marks in best if not marks[1] or bodies[fitting[marks]].str.contains(marks[1], regex=False).any()]
    if _are_codes(bodies) and " " in {marks[1] for marks in used}:
        return (decimal, ""), "", ""
    single, *others = sorted(used or best, key=lambda marks: (marks[0] != decimal, bool(marks[1])))
    grouped, alone = (
        next((marks for marks in (single, *others) if bool(marks[1]) is one), None) for one in (True, False)
    )
    if grouped is None or alone is None or decimal == ",":
        return single, "", ""
    return _of_groups(bodies, grouped, alone)


def _of_groups(
    bodies: pd.Series, grouped: tuple[str, str], single: tuple[str, str]
) -> tuple[tuple[str, str], str, str]:
    """Return which of two readings numbers such as 1,234 have: numbers without the mark, small or large, tell it."""
    plain = bodies[bodies.str.fullmatch(r"\d+")]
    if plain.str.len().max() > 3:
        return single, "", ""
    if grouped[1] == ".":  # a program writes 1.234 too, but no zero at the end
        return (grouped if len(plain) and bodies.str.contains(r"\.\d+0$").any() else single), "", ""
    if len(plain):
        return grouped, "", ""
    keys = {marks: key for key, marks in WRITTEN.items()}
    ways = [toml.data("numbers", keys[marks]) for marks in (grouped, grouped[::-1]) if marks in keys]
    return grouped, f"numbers such as {bodies.iloc[0]!r}, which can be read in two ways", f"set {' or '.join(ways)}"


def _are_codes(bodies: pd.Series) -> bool:
    """Return whether digits are in the same several groups in each row, as those of a telephone number are."""
    groups = bodies.str.count(" ")
    return bool(groups.min() >= 2 and groups.nunique() == 1)


def written_as(texts: pd.Series, decimal: str, *, dates: bool, stated: str = "") -> tuple[Form, bool]:
    """Return how texts write numbers or dates, and whether day and month could be exchanged.

    Parameters
    ----------
    texts : pandas.Series of shape (n_rows,)
        A column.
    decimal : str
        The decimal mark of its table.
    dates : bool
        Whether the texts are dates.
    stated : str
        What data.numbers says, "" for nothing.

    """
    counts = texts.dropna().str.strip().value_counts()
    unique = pd.Series(counts.index, index=counts.index, dtype="str")
    if unique.empty:
        return Form(decimal=decimal), False
    if dates:
        date, exchanged = form_of(unique, counts)
        return Form(date=date), exchanged
    negative = next(iter(unique[unique.str.contains(NEGATIVE)]), "")
    return numbers_of(unique, decimal, stated).form.model_copy(update={"negative": negative}), False


def has_form(texts: pd.Series, written: Form, *, dates: bool) -> bool:
    """Return whether most texts are dates, or numbers, of a form."""
    unique = pd.Series(texts.dropna().str.strip().unique(), dtype="str")
    values = read(unique, written.date) if dates else pd.Series(numbers.read(unique, written))
    return bool(values.notna().mean() > 1 / 2)
