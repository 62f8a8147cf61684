"""Measures: texts that hold a number, a duration or a moment which is not read as one, and so count as words."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence

import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.data.finding import Finding, listed
from modelmake.tables.dates import MOMENT, sample
from modelmake.tables.digits import of_series

SHOWN = 60  # characters of an example
SAMPLE = 500  # texts by which a column is judged
MOSTLY = 0.9  # share of the rows
FEW = 5  # different texts of a notation, below which they are as good as categories
MANY, SKELETONS = 20, 10  # different numbers between the same words, and how many such words there are

MOMENTS, NUMBER, HEXADECIMAL, RANGE = "a date or a time", "a number", "a hexadecimal number", "a range"

N = r"[-+]?(?:\d+(?:[.,]\d+)*|[.,]\d+)"
TIME = r"(?:y|yrs?|years?|mos?|months?|w|wks?|weeks?|d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?|ms)"
UNIT = r"(?:%|°[CF]?|[^\W\d_]{1,3})"
PRIME, PRIMES = "['\u2032\u2019]", "(?:[\"\u2033\u201d]|'')"
DASH = "(?:-|\u2013|\u2014|to|\\.\\.\\.?)"
VULGAR = "[\u00bc\u00bd\u00be\u2153-\u215e]"  # fractions of one character
POWERS = "[\u207b\u207a]?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]+"
NOTATIONS = {  # what a text has, and how it is written
    "a duration": rf"(?:{N} ?{TIME}\.?(?:,| and)? ?){{1,6}}|P(?:\d+[YMWD])*(?:T(?:\d+(?:\.\d+)?[HMS])+)?",
    "a coordinate": rf"(?:[NSEWO] ?)?{N} ?°(?: ?{N} ?{PRIME}? ?(?:{N} ?{PRIMES})?)? ?[NSEWO]?",
    "feet and inches": rf"{N} ?(?:{PRIME}|ft\.?|feet) ?(?:{N} ?(?:{PRIMES}|in\.?|inches)?)?",
    "a number with its error": rf"{N} ?(?:±|\+/-|\+-) ?{N}(?: ?{UNIT})?",
    "a fraction": rf"[-+]?(?:\d+[ -])?\d+ ?/ ?(?!(?:19|20)\d\d$)\d+|[-+]?\d* ?{VULGAR}",
    "a ratio": rf"{N} (?:in|of|out of|per|to|from|auf|von|sur) {N}|{N} ?/ ?\d+[.,]\d+|[-+]?\d+[.,]\d+ ?/ ?\d+",
    RANGE: rf"{N} ?{UNIT}? ?{DASH} ?{N} ?{UNIT}|{N} ?{UNIT} ?{DASH} ?{N}",
    "a bound": rf"(?:[<>≤≥~≈]=?|±|ca\.?|approx\.?|about) ?{N} ?{UNIT}?|{N} ?\+",
    "a power": rf"{N} ?[x*·\u00d7] ?10 ?(?:\^|\*\*)? ?(?:{N}|{POWERS})",
    HEXADECIMAL: r"0[xX][0-9A-Fa-f]{1,16}",
}
PATTERNS = {what: re.compile(pattern) for what, pattern in NOTATIONS.items()}
ADDRESS = re.compile(r"[\d.]+")  # or a version, which a date with points is not
WRITTEN = re.compile(  # a date with the name of a month in any language
    r"(?:[^\W\d_]{2,12}\.?,? )?(?:\d{1,2}(?:st|nd|rd|th|er|º|\.)? (?:de |of )?[^\W\d_]{3,12}\.?,?|"
    r"[^\W\d_]{3,12}\.? \d{1,2}(?:st|nd|rd|th)?,?) (?:de |of )?(?:19|20)\d\d(?: .{0,20})?"
)
RUN = re.compile(r"\d+(?:[.,]\d+)*")
CODE = re.compile(r"[^\W\d]{0,20}[-_ #./:]?\d+(?:[-_/.: ]\d+)*(?:[-_]?[A-Za-z]{1,3})?|\+?[\d ()/-]{7,}")
BEGINS = re.compile(r"[-+<>=~≈≤≥±(\[]* ?\W?\d")  # with a number, which a sign of currency may precede
UNITED = re.compile(r"\d+ ?[A-Za-z]{1,3}")
BETWEEN = re.compile(rf"(\d+(?:\.\d+)?) ?{DASH} ?(\d+(?:\.\d+)?)")
DIGIT = re.compile(rf"\d|{VULGAR}")
DECIMAL = re.compile(r"\d[.,]\d")


def measures(features: pd.DataFrame, config: Data) -> Iterator[Finding]:
    """Yield a finding for the columns of each notation; a type under [data.schema] answers it.

    Examples
    --------
    >>> texts = [f"{hours}h {minutes}m" for hours in range(3) for minutes in range(9)]
    >>> frame = pd.DataFrame({"took": texts, "code": [f"A{number}" for number in range(27)]})
    >>> [found] = measures(frame, Data(path="trips.csv", target="fare"))
    >>> print(found.text)
    column 'took' has a duration in texts such as '0h 0m'

    """
    texts = [name for name in features.columns if features[name].dtype == "str" and name not in config.stated]
    notations = {str(name): notation(features[name]) for name in texts}
    for kind in dict.fromkeys(filter(None, notations.values())):
        names = [name for name, other in notations.items() if other == kind]
        text = listed(names, f"has {kind} in texts", f"have {kind} in texts")
        example = f" such as {str(features[names[0]].dropna().iloc[0])[:SHOWN]!r}"
        each = "a date such as 2026-01-31, or a time such as 08:15," if kind == MOMENTS else "one number, in one unit,"
        advice = "it is used as text or as categories, not as a number or a date: "
        advice += f'write {each} in each row; if it is text, set type = "text" under [data.schema.{toml.key(names[0])}]'
        yield Finding(tuple(names), f"{text}{example}", advice)


def notation(column: pd.Series) -> str:
    """Return what nearly all texts of a column hold, as a noun; "" for words, codes, ids and addresses."""
    counts = sample(column.value_counts(), SAMPLE)
    texts = [" ".join(text.split()) for text in of_series(pd.Series(counts.index, dtype="str"))]
    rows = (counts / counts.sum()).tolist()

    def share(fits: Callable[[str], object]) -> float:
        return float(sum(row for text, row in zip(texts, rows, strict=True) if fits(text)))

    if len(texts) < FEW or share(DIGIT.search) < MOSTLY:
        return ""
    shares = {what: share(pattern.fullmatch) for what, pattern in PATTERNS.items()}
    if sum(shares.values()) >= MOSTLY:
        return max(shares, key=lambda what: shares[what])
    moments = share(lambda text: MOMENT.search(text) and not ADDRESS.fullmatch(text))
    if max(moments, share(WRITTEN.fullmatch)) >= MOSTLY:
        return MOMENTS
    return _of_many(texts, rows) if len(texts) > MANY else ""


def _of_many(texts: list[str], rows: Sequence[float]) -> str:
    """Return the notation of texts with numbers between the same words; `rows` has the share of each text."""
    if _are_ranges(texts):
        return RANGE
    skeletons: dict[str, float] = defaultdict(float)
    for text, row in zip(texts, rows, strict=True):
        skeletons[RUN.sub("0", text).casefold()] += row
    shapes = sorted(skeletons.values(), reverse=True)[:SKELETONS]
    if sum(shapes) < MOSTLY or len(texts) < len(shapes) * 3:
        return ""
    alike = shapes[0] >= MOSTLY
    measured = sum(row for text, row in zip(texts, rows, strict=True) if _is_measured(text, alike=alike))
    return NUMBER if measured >= MOSTLY else ""


def _is_measured(text: str, *, alike: bool) -> bool:
    """Return whether a text has a number and words, such as `1248 CC`; `12A` is a code where others have a B."""
    if CODE.fullmatch(text) and not (alike and UNITED.fullmatch(text)):
        return False
    return bool(BEGINS.match(text) or DECIMAL.search(text))


def _are_ranges(texts: list[str]) -> bool:
    """Return whether each text has a number and a larger one; numbers of one length, as in codes, are none."""
    ends = [found.groups() for text in texts if (found := BETWEEN.fullmatch(text))]
    if len(ends) < MOSTLY * len(texts) or all(len(set(map(len, end))) == 1 for end in zip(*ends, strict=True)):
        return False
    return all(float(low) <= float(high) for low, high in ends)
