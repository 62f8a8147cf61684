"""Dates: texts as dates, in the formats that leave no doubt about day and month."""

import datetime
import re

import numpy as np
import pandas as pd

from modelmake.tables.digits import ascii_digits, of_series
from modelmake.tables.epochs import EPOCHS, moments

FIRST = 500  # texts by which the format is chosen
EXCHANGED = ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y", "%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y")  # day and month look alike
DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y"),
    *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%b %Y", "%b-%Y", "%B %Y", "%Y %b", "%Y-%b", "%Y %B", "%Y/%m", "%m/%Y"),
    *("%a, %d %b %Y", "%A, %d %B %Y", "%A, %B %d, %Y", "%d%b%Y", "%Y年%m月%d日", "%Y%m%d", *EXCHANGED),
)
WHOLE = ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %z %Y")  # with the year behind the clock
DAYS = "%Y%m%d"  # which a program writes as whole numbers
DAYS_FROM, DAYS_TO, DAYS_MANY = 1900_01_01, 2100_12_31, 10
NUMBERS = (DAYS, *EPOCHS)  # the formats of numbers
QUARTER = "quarter"  # in the place of a format
QUARTERS = re.compile(r"(?P<year>\d{4})[- /]?[Qq](?P<of>[1-4])|[Qq](?P<first>[1-4])[- /]?(?P<last>\d{4})")
END = np.datetime64("10000-01-01")  # the first year that ISO 8601 writes otherwise
NO_DAY, DAY = np.datetime64("1900-01-01"), np.datetime64("1970-01-01")  # of a time of day: where pandas puts it, and we
ISO = re.compile(r"\d{4}-\d\d(-\d\d([T ]\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)? ?(Z|UTC|[-+]\d\d(:?\d\d)?)?)?)?")
RARE = re.compile(r"\d{4}-?W\d\d(-?\d)?|\d{8}T\d{2,6}(\.\d+)?(Z|[-+]\d\d:?\d\d)?")  # of ISO 8601 too
CLOCK = re.compile(
    r"(?P<gap>|,? (?:at )?|T|:)(?P<minutes>\d{1,2}:\d\d)(?P<seconds>:\d\d)?(?P<fraction>\.\d{1,9})?"
    r"(?P<half> ?[AaPp][Mm])?(?P<zone> ?(?:Z|UTC|GMT|Uhr|h|[-+]\d\d:?\d\d))?"
)
DATE = re.compile(
    r"([A-Za-z]{3,9},? )?(\d{4}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{4} [A-Za-z]{3,9}|"
    r"\d{1,2}[- ]?[A-Za-z]{3,9}[- ]?\d{2,4}|[A-Za-z]{3,9}[- ](\d{1,2},? )?\d{4}|[A-Za-z]{3} \d\d \d\d:\d\d|\d{4}年\d|"
    r"\d{8}(?=T| \d\d:\d\d)|\d{4}-?W\d\d)(?![A-Za-z]{4}).{0,25}"
    rf"|{QUARTERS.pattern}|{CLOCK.pattern.replace('(?P<gap>|', '(?:|')}"
)
MOMENT = re.compile(  # a date or a time of day in a text
    r"(?i)\b\d{1,2}:\d{2}\b|\b\d{8}T\d|\b\d{4}-?[QW]\d|\b(?:19|20)\d\d[-/.]\d{1,2}\b|"
    r"\b\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}\b|"
    r"\b\d{1,2}[ -]?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ -]?\d{2,4}\b"
)


def parse(texts: pd.Series, counts: pd.Series) -> tuple[pd.Series, bool]:
    """Return the dates of the format that most texts have, and whether it has day and month in an unclear order."""
    form, exchanged = form_of(texts, counts)
    return read(texts, form), exchanged


def read(texts: pd.Series, form: str) -> pd.Series:
    """Return the dates of a format, ISO 8601 for ""; NaT for a text that is not a date."""
    texts = of_series(texts)
    if form == QUARTER:
        parts = texts.str.extract(QUARTERS).astype(float)
        year, quarter = parts["year"].fillna(parts["last"]), parts["of"].fillna(parts["first"])
        months = pd.DataFrame({"year": year, "month": 3 * quarter - 2, "day": 1})
        return pd.to_datetime(months, errors="coerce").astype("datetime64[us]")
    if form in EPOCHS:
        return moments(pd.to_numeric(texts, errors="coerce"), form)
    if form:
        dates = pd.to_datetime(texts, format=form, errors="coerce", utc=True).dt.tz_convert(None)
        return (dates - NO_DAY + DAY if form.startswith(("%H", "%I")) else dates).astype("datetime64[us]")
    iso = texts.str.fullmatch(ISO, na=False)
    dates = pd.to_datetime(texts.where(iso), format="ISO8601", utc=True, errors="coerce")
    dates = dates.dt.tz_convert(None).astype("datetime64[us]")
    dates = dates.where(dates < END)
    rest = texts[dates.isna() & texts.notna()]
    return dates.fillna(rest.map(_rarely_written).astype("datetime64[us]")) if len(rest) else dates


def of_numbers(values: pd.Series, form: str) -> pd.Series:
    """Return numbers as dates, where the form is one of numbers; NaT for other numbers."""
    if form in EPOCHS:
        return moments(values, form)
    return of_days(values) if form == DAYS else pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")


def of_days(values: pd.Series) -> pd.Series:
    """Return whole numbers such as 20260131 as dates, NaT for other numbers."""
    whole = values.where((values >= DAYS_FROM) & (values <= DAYS_TO) & (values % 1 == 0))
    texts = whole.fillna(0).astype("int64").astype(str)
    return read(texts, DAYS).rename(values.name)


def are_days(values: pd.Series) -> bool:
    """Return whether all numbers of a column are such days, and there are too many for chance."""
    present = values.dropna()
    if present.nunique() < DAYS_MANY or not (present.min() >= DAYS_FROM and present.max() <= DAYS_TO):
        return False
    return bool(of_days(present).notna().all())


def moment(text: str) -> datetime.datetime | None:
    """Return the moment that a text of ISO 8601 is, as `read` does; None for another text."""
    text = ascii_digits(text)
    if (found := _rarely_written(text)) is not None:
        return found
    read_one = read(pd.Series([text], dtype="str"), "")[0] if ISO.fullmatch(text) else pd.NaT
    return None if read_one is pd.NaT else read_one.to_pydatetime()


def _rarely_written(text: str) -> datetime.datetime | None:
    """Return the moment of a text that Python reads, such as 20260131 or 2026-W05-6; in UTC and without a zone."""
    try:
        found = datetime.datetime.fromisoformat(text)
        return found.astimezone(datetime.UTC).replace(tzinfo=None) if found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def sample(texts: pd.Series, most: int) -> pd.Series:
    """Return some of a series that has texts as its index; which ones does not depend on their order."""
    if len(texts) <= most:
        return texts
    hashes = pd.util.hash_array(texts.index.to_numpy(dtype=object), categorize=False)
    return texts.iloc[np.argpartition(hashes, most)[:most]]


def form_of(texts: pd.Series, counts: pd.Series) -> tuple[str, bool]:
    """Return the format that most texts have, "" for ISO 8601, and whether day and month are in an unclear order."""
    texts = of_series(texts)
    iso = texts.map(lambda text: bool(ISO.fullmatch(text) or RARE.fullmatch(text)))
    if counts[iso.to_numpy()].sum() > counts.sum() / 2:
        return "", False
    some = sample(texts, FIRST)
    if some.str.fullmatch(QUARTERS).mean() > 1 / 2:
        return QUARTER, False
    clock = _clock(some)
    formats = [clock, *(date + clock for date in DATES), *WHOLE]
    best = max(filter(None, formats), key=lambda form: int(read(some, form).notna().sum()))
    if not best.startswith(EXCHANGED):
        return best, False
    swapped = best.replace("%d", "%_").replace("%m", "%d").replace("%_", "%m")
    dates, months = read(texts, best), read(texts, swapped)
    if dates.notna().sum() == months.notna().sum():
        return best, not dates.equals(months)
    return max((dates, best), (months, swapped), key=lambda parsed: int(parsed[0].notna().sum()))[1], False


def _clock(texts: pd.Series) -> str:
    """Return the format of the time of day that most texts end with, and what stands before it; "" for none."""
    parts = texts.str.extract(CLOCK.pattern + "$")
    written = parts[parts["minutes"].notna()].fillna("")
    if len(written) <= len(texts) / 2:
        return ""
    forms = written["gap"] + written["half"].map(lambda half: "%I:%M" if half else "%H:%M")
    forms += written["seconds"].map(lambda seconds: ":%S" if seconds else "")
    forms += written["fraction"].map(lambda fraction: ".%f" if fraction else "")
    forms += written["half"].str.replace(r"\w+", "%p", regex=True)
    forms += written["zone"].str.replace(r"[-+].*", "%z", regex=True)
    return str(forms.value_counts().index[0])
