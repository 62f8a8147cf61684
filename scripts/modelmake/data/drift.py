"""Drift: which columns of new rows differ from their description in a profile.

A test says whether a difference can be chance, and an effect size, which does not depend on the number of rows, whether
it matters; both have to. The p-values of all columns are adjusted together, so that a window without drift raises a
false alarm in fewer than one case in twenty, for any number of columns.

How often both are wrong is simulated in tests/data/test_drift.py; docs/explanation/drift.md has the figures.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from modelmake.core.errors import few
from modelmake.core.types import of
from modelmake.data.bins import Counts, all_among, exact, homogeneity, merged, with_rest
from modelmake.data.profile import ROWS_A_BIN, Column, Profile, Rows, count, numbers, texts
from modelmake.data.vocabulary import MOST, Vocabulary, blank, rarefied, repeats

MIN_ROWS = 30  # fewer rows give no verdict
LEVEL = 0.01  # of the false discovery rate; chosen by that simulation
EFFECT = 0.2  # Cohen's w: 0.1 small, 0.3 medium
SHARE = 0.02  # of rows, for values that are missing, new or out of range

SHAPES = ("distribution", "length")  # compared by bins; of all other kinds the effect is a share
Kind = Literal["distribution", "length", "missing", "blank", "new values", "values", "largest", "range", "type", "lost"]


@dataclass(frozen=True)
class Finding:
    """One way in which one column differs, and its sentence.

    Parameters
    ----------
    kind : Kind
        What was compared.
    effect : float
        Cohen's w for a distribution of values or lengths, else a share of the rows, 1 for a type or a lost column.
    p_value : float
        That it is chance, adjusted for all tests of the window.

    """

    column: str
    kind: Kind
    effect: float
    p_value: float
    text: str

    @property
    def counts(self) -> bool:
        """Whether it matters, and is not chance."""
        return self.p_value <= LEVEL and self.effect >= (EFFECT if self.kind in SHAPES else SHARE)


@dataclass(frozen=True)
class Drift:
    """The findings of one column, and in `note` what of it was not compared, and why."""

    name: str
    findings: tuple[Finding, ...]
    note: str = ""

    @property
    def compared(self) -> bool:
        """Whether anything of it was compared."""
        return bool(self.findings) or not self.note

    @property
    def moved(self) -> bool:
        """Whether a finding counts."""
        return any(finding.counts for finding in self.findings)

    @property
    def effect(self) -> float:
        """Cohen's w of its distribution, of values or of lengths, 0 where that was not compared."""
        return max((finding.effect for finding in self.findings if finding.kind in SHAPES), default=0.0)

    @property
    def p_value(self) -> float:
        """The smallest p-value."""
        return min((finding.p_value for finding in self.findings), default=1.0)


def compare(then: Profile, now: Rows) -> list[Drift]:
    """Return the drift of each column of a profile.

    Parameters
    ----------
    then : Profile
        Of the earlier rows.
    now : Rows of shape (n_rows, n_columns)
        The new rows; columns that the profile does not have are left out. Fewer than MIN_ROWS rows have no drift.

    Returns
    -------
    list of Drift
        Distributions are compared by the chi-squared test of homogeneity, with Cohen's w (Cohen 1988, chapter 7)
        without its bias; missing values and blank texts by Fisher's exact test; new values and those outside of the
        range by the probability that all of them are among the new rows. Of texts with many values the lengths are
        compared as a distribution, the number of values with that of rarefaction, the most common one by Fisher's exact
        test, and the share of new values with that of values seen once (Good 1953), by the normal distribution. The
        p-values are adjusted by Benjamini and Hochberg (1995).

    Examples
    --------
    >>> from modelmake.data.profile import describe
    >>> rng = np.random.default_rng(1)
    >>> then = describe(pd.DataFrame({"size": rng.normal(0, 1, 10_000)}))
    >>> [drift] = compare(then, pd.DataFrame({"size": rng.normal(0.5, 1, 3000)}))
    >>> drift.moved, round(drift.effect, 1)
    (True, 0.5)

    """
    if len(now) < MIN_ROWS:
        return [Drift(column.name, (), f"fewer than {MIN_ROWS} rows") for column in then.columns]
    found = [_drift(column, now) for column in then.columns]
    flat = [finding.p_value for drift in found for finding in drift.findings]
    adjusted = iter(stats.false_discovery_control(flat) if flat else flat)
    return [
        replace(drift, findings=tuple(replace(one, p_value=float(next(adjusted))) for one in drift.findings))
        for drift in found
    ]


def _drift(then: Column, rows: Rows) -> Drift:
    if then.name not in rows.columns:
        return Drift(then.name, (Finding(then.name, "lost", 1.0, 0.0, f"the column '{then.name}' is missing"),))
    now = rows[then.name].infer_objects()
    if now.notna().any() and (change := _change(then, now)):
        return Drift(then.name, (Finding(then.name, "type", 1.0, 0.0, f"'{then.name}' {change}"),))
    tests = (_missing, _distribution, _new_values, _range, _texts)
    findings = tuple(finding for test in tests for finding in test(then, now))
    if then.rows == then.missing:
        return Drift(then.name, findings, "the training rows have no value")
    if now.isna().all():
        return Drift(then.name, findings, "no row has a value")
    listed = then.vocabulary is None or then.vocabulary.hashes is not None
    return Drift(then.name, findings, "" if listed else f"known values not compared: more than {MOST:,}")


def _change(then: Column, now: pd.Series) -> str:
    """Return how the type has changed, "" if it has not."""
    is_text = of(now.dtype).name == "text"
    if then.low is not None and is_text:
        return "had numbers or dates, and now has text"
    if then.kind == "text" and then.others and not is_text:  # few values are compared one by one instead
        return "had text, and now has none"
    return ""


def _distribution(then: Column, now: pd.Series) -> Iterator[Finding]:
    """Compare the shares of the bins, and of the rows in none of them, without the missing values."""
    bins = then.counts
    if then.others:  # the list has the values that chance made most common: only frequent ones are as common again
        bins = {name: rows for name, rows in bins.items() if rows >= ROWS_A_BIN}
    counted = count(now, then.edges, set(bins))
    a = with_rest([*bins.values()], then.rows - then.missing)
    b = with_rest([counted[name] for name in bins], int(now.notna().sum()))
    yield from _shape(then.name, "distribution", a, b, ordered=then.edges is not None)


def _shape(name: str, kind: Kind, a: Counts, b: Counts, *, ordered: bool) -> Iterator[Finding]:
    """Compare the counts of bins before and now by the chi-squared test of homogeneity."""
    a, b = merged(a, b, ordered=ordered)
    n, m = b.sum(), a.sum()
    if len(a) < 2 or not n or not m:
        return
    effect, p_value = homogeneity(a, b)
    place = int(np.argmax(np.abs(b / n - a / m)))
    what = f"the {kind} of '{name}' differs (Cohen's w {effect:.2f}"
    yield Finding(name, kind, effect, p_value, f"{what}, one bin {a[place] / m:.0%} → {b[place] / n:.0%})")


def _missing(then: Column, now: pd.Series) -> Iterator[Finding]:
    """Compare the shares of missing values."""
    n, gaps = len(now), int(now.isna().sum())
    if not (gaps or then.missing) or not then.rows:
        return
    yield _share(then.name, "missing", (then.missing, then.rows), (gaps, n))


def _share(name: str, kind: Kind, then: tuple[int, int], now: tuple[int, int]) -> Finding:
    """Compare the share of some rows in all rows, before and now, by Fisher's exact test."""
    before, after = (some / rows for some, rows in (then, now))
    text = f"{after:.1%} of '{name}' is {kind}, and was {before:.1%}"
    return Finding(name, kind, abs(after - before), exact(then, now), text)


def _new_values(then: Column, now: pd.Series) -> Iterator[Finding]:
    """Look for texts that the earlier rows did not have, where all of those are listed."""
    if then.edges is not None or then.low is not None or then.others:
        return
    present = texts(now)
    unseen = present[~present.isin(set(then.counts))]
    if len(unseen):
        names = few(sorted(set(unseen)))
        text = f"{_rows(len(unseen), 'has', 'have')} a new value in '{then.name}': {names}"
        p_value = all_among(len(unseen), len(present), then.rows - then.missing)
        yield Finding(then.name, "new values", len(unseen) / len(present), p_value, text)


def _rows(many: int, one: str, several: str) -> str:
    return f"1 row {one}" if many == 1 else f"{many} rows {several}"


def _range(then: Column, now: pd.Series) -> Iterator[Finding]:
    """Look for numbers outside of the range of the earlier rows."""
    if then.low is None or then.high is None:
        return
    found = numbers(now)
    found = found[~np.isnan(found)]
    below, above = int((found < then.low).sum()), int((found > then.high).sum())
    if below or above:
        m = then.rows - then.missing
        p_value = min(1.0, 2 * min(all_among(below, len(found), m), all_among(above, len(found), m)))
        outside = _rows(below + above, "is", "are")
        text = f"{outside} outside of the range of the earlier rows in '{then.name}'"
        yield Finding(then.name, "range", (below + above) / len(found), p_value, text)


def _texts(then: Column, now: pd.Series) -> Iterator[Finding]:
    """Compare texts with many values: their lengths, those that are blank, and how the rows are spread over values."""
    words, present = then.vocabulary, texts(now)
    if words is None or present.empty:
        return
    rows = len(present)
    lengths = count(present.str.len(), words.edges, None)
    yield from _shape(then.name, "length", np.array(words.lengths), np.array([*lengths.values()]), ordered=True)
    if (empty := blank(present)) or words.blank:
        yield _share(then.name, "blank", (words.blank, words.rows), (empty, rows))
    yield from _spread(then.name, words, present)
    if (known := words.known(present)) is not None:
        before, variance = words.unseen
        after = 1 - known / rows
        deviation = math.sqrt(variance + (before * (1 - before) + 1 / rows) / rows)
        text = f"{after:.1%} of '{then.name}' is new, and {before:.1%} is expected"
        p_value = float(stats.norm.sf((after - before) / deviation))
        yield Finding(then.name, "new values", max(0.0, after - before), p_value, text)


def _spread(name: str, then: Vocabulary, present: pd.Series) -> Iterator[Finding]:
    """Compare the number of values in equally many rows, and the share of the most common one."""
    now = repeats(present)
    rows = min(then.rows, len(present))
    (before, _), (after, _) = spreads = [rarefied(one, rows) for one in (then.repeats, now)]
    deviation = math.sqrt(sum(variance for _, variance in spreads) + 1)
    p_value = float(2 * stats.norm.sf(abs(after - before) / deviation))
    text = f"{rows} rows of '{name}' have {after:.0f} value{'s' * (round(after) != 1)}, and had {before:.0f}"
    yield Finding(name, "values", abs(after - before) / rows, p_value, text)
    largest, former = max(now), max(then.repeats)
    chance = exact((largest, len(present)), (former, then.rows), more=True)  # of each value that it could be
    share, was = largest / len(present), former / then.rows
    text = f"{share:.1%} of '{name}' is one value, and the most common one had {was:.1%}"
    yield Finding(name, "largest", max(0.0, share - was), min(1.0, chance * sum(now.values())), text)
