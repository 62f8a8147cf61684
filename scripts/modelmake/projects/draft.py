"""Draft: what a table suggests for the keys of a pipeline, each with the reason for it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from modelmake.config.data import Data
from modelmake.core import toml
from modelmake.core.errors import UserError, few
from modelmake.data.finding import Finding
from modelmake.data.findings import findings
from modelmake.data.read import check_keys, read, without_target
from modelmake.data.split import hold_out
from modelmake.projects.target import classes_of_gaps, is_classes
from modelmake.tables.columns import plain
from modelmake.tables.reading import TYPED, Reading
from modelmake.tables.rows import StrayRows
from modelmake.tables.table import Table, opened
from modelmake.tables.texts import read_texts

TEST_ROWS = 30  # the gate's default of held-out rows
SEED = 42
ROUNDS = 5  # texts that mean a gap, found one after the other
YES = re.compile(
    r"(?i)1|y|yes|ja|j|oui|s[ií]|sim|tak|да|true|t|wahr|pos(itive)?"
    r"|churn(ed)?|default(ed)?|fraud|spam|survived|bad|ill|sick|malignant|won?"
)
Value = str | int | float | bool | list[str] | list[int] | dict[str, list[int]]


@dataclass
class Draft:
    """The keys of [data] that a table suggests, with the reasons, and what else is worth a comment."""

    data: Data
    frame: pd.DataFrame
    classifier: bool
    reading: Reading = TYPED
    why: dict[str, str] = field(default_factory=dict)  # by key
    types: dict[str, str] = field(default_factory=dict)  # reasons for [data.schema.<column>]
    warnings: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)  # columns left out since they tell the rows apart, and how
    refused: set[tuple[str, str]] = field(default_factory=set)  # keys that were taken back, and their columns

    @property
    def target(self) -> pd.Series:
        """The column to predict."""
        return self.frame[self.data.target]

    def set(self, key: str, value: Value, why: str) -> None:
        """Set a key of [data], or add to its list or table."""
        if isinstance(value, dict):
            value = {**(getattr(self.data, key) or {}), **value}
        if isinstance(value, list):
            before = getattr(self.data, key) or []
            value = [*before, *(part for part in value if part not in before)]
            why = "; ".join(filter(None, (self.why.get(key, ""), why)))
        self.data = self.data.model_copy(update={key: value})
        self.why[key] = why

    def take_back(self, key: str, why: str) -> None:
        """Set a key of [data] back to its default, and say why."""
        value = getattr(self.data, key)
        self.warnings.append(f"{toml.data(key, value)} is not set: {why}")
        self.refused.add((key, str(value)))
        self.data = self.data.model_copy(update={key: Data.model_fields[key].default})
        del self.why[key]

    def keep_ids(self) -> None:
        """Take the columns that tell the rows apart out of data.drop, and say why."""
        drop = [name for name in self.data.drop or [] if name not in self.ids]
        self.data = self.data.model_copy(update={"drop": drop or None})
        why = self.why.pop("drop")
        for text in self.ids.values():
            why = why.replace(f"{text}; ", "").replace(f"; {text}", "")
        if drop:
            self.why["drop"] = why
        without = "without them" if len(self.ids) > 1 else "without it"
        what = f"the only column is the target {without}, but a row number or an id predicts nothing; add features"
        self.warnings.append(f"{toml.data('drop', list(self.ids))} is not set: {what}")
        self.refused |= {("drop", name) for name in self.ids}
        self.ids = {}

    def answered(self, finding: Finding) -> bool:
        """Return whether a warning says already why the key that a finding suggests is not set."""
        key = finding.key if finding.key != "drop" or finding.identifies else ""
        return len(finding.columns) == 1 and (key, finding.columns[0]) in self.refused


def draft(path: str, target: str) -> Draft:
    """Return the draft for the table at `path`.

    Raises
    ------
    UserError
        The table cannot be read, or the target is nothing that a model can predict.

    """
    settled = Draft(Data(path=path, target=target), pd.DataFrame(), classifier=True)
    for _ in range(ROUNDS):
        if not any(list(_settle(settled))):
            break
    table = opened(settled.data)
    settled.frame, settled.reading = read(table)
    settled.warnings += filter(None, [table.short])
    settled.classifier = is_classes(settled.target, path)
    _answer(settled)
    _sizes(settled)
    _run(settled)
    rest = findings(settled.frame, settled.data, classifier=settled.classifier)
    settled.warnings += [str(one) for one in rest if not settled.answered(one)]
    return settled


def _read(made: Draft) -> tuple[Table, pd.DataFrame, Reading]:
    """Read the table; set the keys of its encoding, where that is a guess, and of lines that are not data."""
    table = opened(made.data)
    if table.guess:
        why = f"the file is not UTF-8, and {table.guess} is a guess: check the texts, and correct it"
        made.set("encoding", table.guess, why)
        table = opened(made.data)
    try:
        return table, *table.read()
    except StrayRows as error:
        made.set("skip_lines", error.lines, error.what)
        return _read(made)


def _settle(made: Draft) -> Iterator[bool]:
    """Set the keys without which a column can't be read; yield whether another look at the table is needed."""
    table, frame, reading = _read(made)
    config = made.data.model_copy(update={"decimal": reading.decimal})
    for name in (name for name in frame.columns if name not in (made.data.drop or [])):
        column = frame[name]
        if name == made.data.target and (classes := classes_of_gaps(column, table)):
            made.data = made.data.model_copy(update={"missing": [t for t in made.data.gaps if t and t not in classes]})
            made.why["missing"] = (
                f"{few(classes)} left out of this list: many rows have it as '{name}', so it is a class"
            )
            yield True
        elif name == made.data.target and column.isna().any():
            what, fix = without_target(column, table)
            made.set("drop_missing_target", True, f"{what}{fix}")
        suspect = read_texts(column, config)[1] if column.dtype == "str" else None
        if suspect and suspect.gaps:
            made.set("missing", list(suspect.gaps), suspect.what)
            yield True
        elif suspect and not suspect.type:
            made.set("drop", [name], f"{suspect.what}; {suspect.fix}")
        elif suspect:
            columns = (made.data.columns or {}) | {name: {"type": suspect.type}}
            made.data = Data.model_validate(_keys(made.data) | {"schema": columns})
            made.types[name] = f"{suspect.what}; {suspect.fix}"
        elif column.dtype.kind == "f" and np.isinf(column).any() and (infinite := _infinite(name, table)):
            made.set("missing", infinite, f"column '{name}' has infinite values")
            yield True
        elif name != made.data.target and (problem := _problem(frame[[name]].copy(), config)):
            made.set("drop", [name], problem)


def _infinite(name: str, table: Table) -> list[str]:
    """Return the texts that are infinite numbers in a text file."""
    fields = table.fields(name)
    return [] if fields is None else [text for text in fields.unique() if "inf" in text.lower()]


def _keys(data: Data) -> dict[str, object]:
    return data.model_dump(exclude_none=True, by_alias=True)


def _problem(frame: pd.DataFrame, config: Data) -> str:
    """Return why a column can't be a feature, "" if it can."""
    try:
        plain(frame, config)
    except UserError as error:
        return error.what
    return ""


def _answer(made: Draft) -> None:
    """Set what the findings say for certain: times last, since ids and groups may be in order too."""
    for keys in (("drop", "group"), ("time",)):
        for finding in findings(made.frame, made.data, classifier=made.classifier):
            if finding.certain and finding.key in keys and not (finding.key == "time" and made.data.group):
                made.set(finding.key, finding.value, finding.text)
                made.ids |= dict.fromkeys(finding.columns, finding.text) if finding.identifies else {}


def _run(made: Draft) -> None:
    """Split the rows as `make train` will, and take back the keys with which that fails.

    Raises
    ------
    UserError
        It fails without them too.

    """
    while True:
        try:
            check_keys(list(made.frame.columns), made.data)
            hold_out(made.frame, made.data, seed=SEED, classifier=made.classifier)
            return
        except UserError as error:
            if key := next((key for key in ("time", "group", "stratify") if getattr(made.data, key)), ""):
                made.take_back(key, error.what)
            elif made.ids:
                made.keep_ids()
            else:
                raise


def _sizes(made: Draft) -> None:
    """Set the positive class, and how many rows are held out."""
    counts = made.target.value_counts()
    if made.classifier and len(counts) == 2 and set(counts.index) != {0, 1}:
        named = [value for value in counts.index if YES.fullmatch(str(value))]
        positive = named[0] if len(named) == 1 else counts.index[-1]
        positive = positive.item() if isinstance(positive, np.generic) else positive
        made.set("positive", positive, "the class that f1 scores")
    if made.classifier and not made.data.time and not made.data.group and counts.min() >= 2:
        made.set("stratify", True, "the shares of the classes are equal in both parts")
    elif made.classifier and counts.min() < 2:
        rare = few([value for value, count in counts.items() if count < 2])
        what = f"it needs 2 rows of each class; add rows of {rare}, or delete such rows"
        made.warnings.append(f"data.stratify is not set: {what}")
    if len(made.frame) * 0.2 < TEST_ROWS <= len(made.frame) * 0.4:
        share = -(-100 * TEST_ROWS // len(made.frame)) / 100
        made.set("test_size", share, f"{TEST_ROWS} of {len(made.frame)} rows: the gate requires this many")
    elif len(made.frame) * 0.4 < TEST_ROWS:
        what = f"the table has {len(made.frame)} rows, and the gate requires {TEST_ROWS} held-out rows"
        made.warnings.append(f"{what}; add rows, or set gate.min_test_rows")
