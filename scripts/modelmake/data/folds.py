"""Folds: the parts of the training rows for cross-validation, chosen as the held-out rows are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core.errors import UserError
from modelmake.data.grouping import dealt
from modelmake.data.order import Integers, groups, moments, shuffled
from modelmake.data.split import Split


@dataclass(frozen=True)
class Fold:
    """The positions, among the training rows, of those that a model is fitted on and of those that it is scored on."""

    fit: Integers
    test: Integers


def folds(split: Split, config: Data, n_folds: int, *, seed: int, classifier: bool) -> list[Fold]:
    """Return the folds of the training rows.

    Each row is scored once, and the classes are spread evenly. With `group` whole groups are; with `time` a fold is
    scored on rows that are later than all that it is fitted on, so the earliest rows are never scored. The order of
    the rows and columns in the file does not matter.

    Raises
    ------
    UserError
        There are fewer rows, groups or times than folds, or a fold would be fitted on one class.

    Examples
    --------
    >>> from modelmake.data.read import identified
    >>> from modelmake.data.split import hold_out
    >>> frame = identified(pd.DataFrame({"width": range(10), "kind": ["a", "b"] * 5}))
    >>> config = Data(path="data.csv", target="kind", time="width")
    >>> split = hold_out(frame, config, seed=1, classifier=True)
    >>> [(len(fold.fit), len(fold.test)) for fold in folds(split, config, 3, seed=1, classifier=True)]
    [(2, 2), (4, 2), (6, 2)]

    """
    kept = [name for name in split.frame.columns if name not in split.features or name == config.time]
    train = split.frame[kept].iloc[split.train_places]
    classes = split.y_train if classifier else None
    if config.time is not None:
        parts = list(_following(train, config, n_folds, seed))
    else:
        of = (
            _whole(train, config, n_folds, seed, classes)
            if config.group
            else _single(train, config, n_folds, seed, classes)
        )
        parts = [(of != number, of == number) for number in range(n_folds)]
    made = [Fold(np.flatnonzero(fit), np.flatnonzero(test)) for fit, test in parts]
    for number, fold in enumerate(made, start=1):
        _check(fold, classes, f"fold {number} of {n_folds}")
    return made


def _single(train: pd.DataFrame, config: Data, n_folds: int, seed: int, classes: pd.Series | None) -> Integers:
    """Return the fold of each row, dealt out class by class."""
    _enough(len(train), n_folds, n_folds, "rows")
    order = shuffled(train, config, seed)
    if classes is not None:
        codes, names = pd.factorize(classes)
        texts = sorted(range(len(names)), key=lambda place: str(names[place]))
        order = order[np.argsort(np.argsort(texts)[codes[order]], kind="stable")]
    of = np.empty(len(order), dtype=np.intp)
    of[order] = np.arange(len(order)) % n_folds
    return of


def _whole(train: pd.DataFrame, config: Data, n_folds: int, seed: int, classes: pd.Series | None) -> Integers:
    """Return the fold of each row, by its group."""
    codes = groups(train, config, seed)
    _enough(int(codes.max()) + 1, n_folds, n_folds, f"groups of '{config.group}'")
    return dealt(codes, classes, n_folds)[codes]


def _following(
    train: pd.DataFrame, config: Data, n_folds: int, seed: int
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Yield of each fold the rows before it, without those of its groups, and its own rows."""
    times = moments(train, config)
    _enough(int(times.max()) + 1, n_folds + 1, n_folds, f"times in '{config.time}'")
    block = _blocks(times, n_folds + 1)
    codes = groups(train, config, seed) if config.group else None
    for number in range(1, n_folds + 1):
        fit, test = block < number, block == number
        yield (fit if codes is None else fit & ~np.isin(codes, codes[test])), test


def _blocks(times: Integers, n_blocks: int) -> Integers:
    """Return the block of each row: parts of about the same size that follow each other, none of them empty."""
    rows = np.bincount(times)
    until = np.cumsum(rows)
    first = [0]
    for number in range(1, n_blocks):
        near = int(np.argmin(np.abs(until - len(times) * number / n_blocks))) + 1
        first.append(min(max(near, first[-1] + 1), len(rows) - n_blocks + number))
    return np.asarray(np.searchsorted(first, times, side="right") - 1)


def _enough(count: int, needed: int, n_folds: int, what: str) -> None:
    if count < needed:
        most = count - (needed - n_folds)
        fix = f"set folds = {most}" if most >= 2 else "leave it out"
        raise UserError(
            entry("train.folds"), f"{n_folds} folds need {needed} {what}, and the training rows have {count}", fix
        )


def _check(fold: Fold, classes: pd.Series | None, name: str) -> None:
    if not len(fold.fit):
        what = f"{name} has no rows to fit on: each earlier row is of a group that it is scored on"
        raise UserError(entry("train.folds"), what, "set data.group or data.time alone, or leave folds out")
    if classes is not None and (fitted := classes.iloc[fold.fit].unique()).size < 2:
        what = f"{name} would be fitted on rows of one class ({fitted[0]!r})"
        raise UserError(entry("train.folds"), what, "set fewer folds, or add rows of the other classes")
