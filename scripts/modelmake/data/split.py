"""Split: which rows are held out, and which of them are among the training rows too."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelmake.config.data import Data
from modelmake.core import processors
from modelmake.core.errors import UserError, few
from modelmake.data.grouping import nearest
from modelmake.data.order import Integers, groups, moments, shuffled

TRAINED, ROWS, HASH = "train", "rows", "<u8"  # the run's artifact with the hashes of its training rows
MANY = 100_000  # rows
FINDINGS, PROFILE = "findings.json", "profile.json"  # beside it: warnings about the table, and the training rows


@dataclass(frozen=True)
class Split:
    """The table and which of its rows are training rows or held out; each part has the rows' hashes as its index.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        The whole table.
    features : list of str
        The columns that a model is trained on, in the order of their names, not in that of the file.
    target : str
        The column to predict.
    train_places, test_places : ndarray of shape (n_train,), (n_test,)
        The rows' positions in the table, from 0.
    note : str
        How whole groups, or the latest rows, were held out; empty if rows were.

    """

    frame: pd.DataFrame
    features: list[str]
    target: str
    train_places: NDArray[np.intp]
    test_places: NDArray[np.intp]
    note: str = ""

    @cached_property
    def X_train(self) -> pd.DataFrame:  # noqa: N802  # scikit-learn's name
        """The features of the training rows."""
        return _taken(self.frame[self.features], self.train_places)

    @cached_property
    def X_test(self) -> pd.DataFrame:  # noqa: N802
        """The features of the held-out rows."""
        return self.test[self.features]

    @cached_property
    def y_train(self) -> pd.Series:
        """The target of the training rows."""
        return self.frame[self.target].iloc[self.train_places]

    @cached_property
    def y_test(self) -> pd.Series:
        """The target of the held-out rows."""
        return self.frame[self.target].iloc[self.test_places]

    @cached_property
    def test(self) -> pd.DataFrame:
        """All columns of the held-out rows."""
        return _taken(self.frame, self.test_places)


def hold_out(frame: pd.DataFrame, config: Data, *, seed: int, classifier: bool) -> Split:
    """Hold out about `test_size` of the rows.

    Without `group` and `time` the rows are chosen by `seed` and by the content of each row; with `group` whole groups
    are, by `seed` and the group's value. The order of the rows in the file does not matter. As the data grows,
    held-out rows and groups stay held out, except a few at the bound of the share: so last week's model was not
    trained on this week's held-out rows.

    With `time` the latest rows are held out, and rows of the same time are on the same side. As the data grows, the
    bound moves on: rows that were held out become training rows, and a training row is never held out again unless
    the new rows are earlier ones.

    With both, the latest rows are held out, and the earlier rows of groups that have no row among them are the
    training rows. The other rows are in neither part.

    Parameters
    ----------
    frame : pandas.DataFrame of shape (n_rows, n_columns)
        As `read_table` returns it.
    config : Data
        Names the target, the columns that are not features, the held-out share and how to choose it.
    seed : int
        The same rows and seed give the same split.
    classifier : bool
        Whether the target has classes.

    Raises
    ------
    UserError
        A target with one class, a class too small to stratify, too few rows, groups or times, or a gap in the
        column of the groups or of the time.

    Examples
    --------
    >>> from modelmake.data.read import identified
    >>> frame = identified(pd.DataFrame({"width": range(10), "kind": ["a", "b"] * 5}))
    >>> split = hold_out(frame, Data(path="data.csv", target="kind"), seed=1, classifier=True)
    >>> split.X_train.shape, split.X_test.shape
    ((8, 1), (2, 1))
    >>> latest = Data(path="data.csv", target="kind", time="width")
    >>> hold_out(frame, latest, seed=1, classifier=True).X_test["width"].tolist()
    [8, 9]

    """
    y = frame[config.target]
    features = sorted(set(frame.columns) - {config.target, *config.not_features})
    stratify = classifier and config.stratify
    if classifier:
        _check_classes(y, config)
    note = ""
    if config.time is not None:
        train, test, note = _latest(frame, config, seed)
    elif config.group is not None:
        train, test, note = _whole_groups(frame, config, seed, stratify=stratify)
    else:
        train, test = _rows(frame, config, seed, stratify=stratify)
    if classifier and y.iloc[train].nunique() < 2:
        fix = "add rows" if note else "set data.stratify = true, or add rows"
        raise UserError(config.path, "the training rows have only one class", fix)
    return Split(frame, features, config.target, train, test, note)


def _taken(frame: pd.DataFrame, places: NDArray[np.intp]) -> pd.DataFrame:
    """Return rows in any order; of many rows by threads, since each value is a walk through the whole memory."""
    if len(places) < MANY:
        return frame.iloc[places]
    with ThreadPoolExecutor(min(8, processors.available())) as pool:
        columns = list(pool.map(lambda name: frame[name].values.take(places), frame.columns))
    return pd.DataFrame(dict(zip(frame.columns, columns, strict=True)), index=frame.index[places], copy=False)


def unseen(split: Split, config: Data) -> list[str]:
    """Return what to say of classes that one part lacks: no metric counts them there, or no model knows them."""
    sentences = []
    advice = "add such rows" if config.stratify or config.time else "set data.stratify = true, or add such rows"
    for name, part in (("held-out", split.y_test), ("training", split.y_train)):
        if lacking := sorted(set(map(str, split.frame[split.target].unique())) - set(map(str, part.unique()))):
            what = f"class{'es' * (len(lacking) > 1)} {few(lacking)} of '{split.target}'"
            sentences.append(f"no {name} row is of the {what}; {advice}")
    return sentences


def duplicates(split: Split) -> NDArray[np.intp]:
    """Return the positions in the table of the held-out rows that equal a training row, target included.

    Columns of `drop` and `id` do not count, since the rows' hashes leave them out.

    Examples
    --------
    >>> from modelmake.data.read import identified
    >>> frame = identified(pd.DataFrame({"width": [1] * 10, "kind": ["a", "b"] * 5}))
    >>> split = hold_out(frame, Data(path="data.csv", target="kind"), seed=1, classifier=True)
    >>> len(duplicates(split))
    2

    """
    rows = split.frame.index.to_numpy()
    return split.test_places[np.isin(rows[split.test_places], rows[split.train_places])]


def _rows(frame: pd.DataFrame, config: Data, seed: int, *, stratify: bool) -> tuple[Integers, Integers]:
    """Return the positions of the training rows and of the held-out rows, each row by itself."""
    y = frame[config.target]
    n_test = math.ceil(config.test_size * len(frame))
    if min(n_test, len(frame) - n_test) < (y.nunique() if stratify else 1):
        where = f"{config.path}: {len(frame)} rows, data.test_size = {config.test_size}"
        least = "fewer rows than there are classes" if stratify else "no rows"
        raise UserError(where, f"the train or test part would have {least}", "add rows, or change test_size")
    order = shuffled(frame, config, seed)
    first = np.arange(len(order))
    if stratify:  # spread the rows of each class evenly, so a share of all rows is a share of each class
        drawn = y.iloc[order].reset_index(drop=True)
        of_class = drawn.groupby(drawn)
        first = np.argsort(((of_class.cumcount() + 0.5) / of_class.transform("size")).to_numpy(), kind="stable")
    return order[np.sort(first[n_test:])], order[np.sort(first[:n_test])]


def _whole_groups(frame: pd.DataFrame, config: Data, seed: int, *, stratify: bool) -> tuple[Integers, Integers, str]:
    """Return the positions of the training rows and of the held-out rows, whole groups each, and how many groups."""
    codes = groups(frame, config, seed)
    n_groups = int(codes.max()) + 1
    where = f"{config.path}: {config.group}"
    if n_groups < 2:
        raise UserError(where, f"all rows are of one group ({frame[config.group].iloc[0]!r})", "choose another group")
    chosen = nearest(codes, frame[config.target] if stratify else None, config.test_size)
    held = chosen[codes]
    _check_share(int(held.sum()), len(frame), config, f"{config.path}: {n_groups} groups of '{config.group}'")
    order = shuffled(frame, config, seed)
    note = f"{chosen.sum()} of {n_groups} groups of '{config.group}' are held out: {held.sum()} of {len(frame)} rows"
    return order[~held[order]], order[held[order]], note


def _latest(frame: pd.DataFrame, config: Data, seed: int) -> tuple[Integers, Integers, str]:
    """Return the positions of the training rows and of the latest rows, in the order of time, and what is left out."""
    times = moments(frame, config)
    where = f"{config.path}: {config.time}"
    if not times.any():
        raise UserError(where, f"all rows have the same time ({frame[config.time].iloc[0]!s})", "choose another column")
    later = np.cumsum(np.bincount(times)[::-1])[::-1]  # the rows of each time and after it
    bound = 1 + int(np.argmin(np.abs(later[1:] - math.ceil(config.test_size * len(frame)))))
    held = times >= bound
    _check_share(int(held.sum()), len(frame), config, f"{config.path}: {times.max() + 1} times in '{config.time}'")
    trained = ~held
    first = frame[config.time].iloc[int(np.argmax(times == bound))]
    shown = str(first).removesuffix(" 00:00:00")
    note = f"the rows from {config.time} = {shown} on are held out: {held.sum()} of {len(frame)} rows"
    if config.group is not None:
        codes = groups(frame, config, seed)
        trained &= ~np.isin(codes, codes[held])
        if not trained.any():
            what = f"each group of '{config.group}' has rows at the latest times, so no row is left to train on"
            raise UserError(config.path, what, "set data.group or data.time alone")
        out = len(frame) - int(held.sum() + trained.sum())
        note += f", {out} earlier rows of the same groups are left out"
    order = shuffled(frame, config, seed)
    order = order[np.argsort(times[order], kind="stable")]
    return order[trained[order]], order[held[order]], note


def _check_share(n_test: int, n: int, config: Data, where: str) -> None:
    """Raise UserError for a held-out share that is far from the one asked for."""
    if not config.test_size / 2 <= n_test / n <= (1 + config.test_size) / 2:
        what = f"the nearest share that can be held out is {n_test / n:.1%}, data.test_size = {config.test_size}"
        raise UserError(where, what, "change test_size, or choose another column")


def _check_classes(y: pd.Series, config: Data) -> None:
    counts = y.value_counts()
    where = f"{config.path}: {config.target}"
    if len(counts) < 2:
        raise UserError(where, f"the target has only one class ({counts.index[0]!r})", "a classifier needs two or more")
    if y.dtype.kind == "f" and len(counts) > max(20, len(y) // 10):
        raise UserError(where, f"{len(counts)} different numbers, not classes", "choose a regressor as model.estimator")
    if config.stratify and counts.iloc[-1] < 2:
        what = f"class {counts.index[-1]!r} has 1 row, too few to stratify"
        raise UserError(where, what, "set data.stratify = false, or add rows of this class")
