"""Permutation importance: how much a metric loses when a column is shuffled, for the columns that are drawn."""

import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from textwrap import fill

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from modelmake.core.errors import first_line
from modelmake.core.progress import Progress
from modelmake.report.drawing import INK, Plot, axes, distinct
from modelmake.scores.metrics import FROM_CONFUSION, Predictions, score
from modelmake.scores.ranking import Floats, Integers

NAME, TITLE = "importance", "Permutation importance"
DRAWN = 15  # bars
MEASURED = 20  # columns of a wide table that are measured
LETTERS = 55  # below the bars
REPEATS = 5
ROWS = 1_000  # that each shuffle predicts
ROWS_SEARCHED = 50  # the same, to find those columns
BLOCKS = 64  # of columns that one round of the search compares
CELLS, ROWS_AT_ONCE = 4_000_000, 20_000  # in memory

Columns = tuple[int, ...]  # positions in the table


@dataclass(frozen=True)
class Importance:
    """The importance of the columns of `X` for an estimator's predictions `p` of its rows.

    In a table of more than `BLOCKS` columns, `MEASURED` of them are measured: those that change the predictions most
    when they are shuffled. A search finds them: it shuffles blocks of columns, and divides those that change most.
    A shuffle depends on the column's name, not on its place.
    """

    p: Predictions
    pipeline: BaseEstimator
    X: pd.DataFrame
    metric: str
    seed: int

    def plot(self) -> Plot:
        """Return the plot of the most important columns, or why there is none."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the estimator, about values that this function made
                losses = self._losses()
        except Exception as error:  # an estimator may fail in any way on values that do not belong together
            return Plot(NAME, TITLE, f"Left out: the estimator fails on shuffled columns: {first_line(error)}")
        if not losses:
            return Plot(NAME, TITLE, f"Left out: {self.metric} is not defined on the sampled rows.")
        return self._bars(losses)

    def _bars(self, losses: dict[str, Floats]) -> Plot:
        """Draw the largest mean losses, with their standard deviation."""
        largest = sorted(losses, key=lambda name: (-losses[name].mean(), name))[:DRAWN]
        means, spreads = zip(*((losses[name].mean(), losses[name].std()) for name in largest), strict=True)
        names, places = distinct(largest), range(len(largest))
        with axes(height=1.2 + 0.28 * len(names)) as (drawn, finished):
            drawn.barh(places, means, xerr=spreads, height=0.6, ecolor=INK, error_kw={"alpha": 0.6, "linewidth": 1})
            drawn.set_yticks(places, names)
            drawn.invert_yaxis()
            drawn.axvline(0, color=INK, linewidth=0.8)
            drawn.locator_params(axis="x", nbins=5)
            lines = f"Loss of {self.metric} when the column is shuffled", self._how(len(losses))
            drawn.figure.supxlabel("\n".join(fill(line, LETTERS) for line in lines), fontsize="medium")
            top = ", ".join(f"{name} {mean:.3g}" for name, mean in zip(names[:5], means[:5], strict=True))
            return finished(NAME, TITLE, f"Permutation importance: {top}.")

    def _how(self, measured: int) -> str:
        """Say what was measured."""
        shuffles = f"{REPEATS} shuffles of {len(self._sample(ROWS)):,} rows"
        if measured == self.X.shape[1]:
            return f"(mean and spread of {shuffles})"
        return f"({shuffles}; the {measured} of {self.X.shape[1]:,} columns that change the predictions most)"

    def _losses(self) -> dict[str, Floats]:
        """Return the metric's loss by each shuffle of the measured columns; nothing where it is not defined."""
        every = self.X.shape[1]
        rows = self._sample(ROWS)
        before = score(self.p.take(rows), self.metric)
        if not np.isfinite(before):
            return {}
        with Progress("shuffling columns", unit="shuffles") as progress:
            columns = self._searched(progress.advance) if every > BLOCKS else range(every)
            progress.total = progress.done + len(columns) * REPEATS
            shuffles = [((column,), repeat) for column in columns for repeat in range(REPEATS)]
            losses = []
            for after in self._shuffled(shuffles, rows, probabilities=self.metric not in FROM_CONFUSION):
                losses.append(before - score(after, self.metric))
                progress.advance()
        if not np.isfinite(losses).all():
            return {}
        return dict(zip((self._names[k] for k in columns), np.reshape(losses, (-1, REPEATS)), strict=True))

    def _searched(self, advance: Callable[[], None]) -> list[int]:
        """Return the columns that change the predictions most."""
        order = sorted(range(self.X.shape[1]), key=self._names.__getitem__)
        rows = self._sample(ROWS_SEARCHED)
        before = self.p.take(rows)
        blocks = _parts(order, BLOCKS)
        while True:
            changes = []
            for after in self._shuffled([(block, 0) for block in blocks], rows, probabilities=True):
                changes.append(_change(before, after))
                advance()
            largest = np.argsort(-np.array(changes), kind="stable")
            if all(len(block) == 1 for block in blocks):
                return [blocks[k][0] for k in largest[:MEASURED]]
            blocks = [part for k in np.sort(largest[:MEASURED]) for part in _parts(blocks[k], 3)]

    def _shuffled(
        self, shuffles: Sequence[tuple[Columns, int]], rows: Integers, *, probabilities: bool
    ) -> Iterator[Predictions]:
        """Yield the predictions of `rows` for each shuffle of some columns; many are predicted at once."""
        probabilities = probabilities and self.p.y_proba is not None
        least = self.p.take(rows)
        n = len(rows)
        several = max(1, min(ROWS_AT_ONCE, CELLS // self.X.shape[1]) // n)
        for first in range(0, len(shuffles), several):
            part = shuffles[first : first + several]
            X = self._stacked(part, rows)
            if probabilities:
                y_proba = np.asarray(self.pipeline.predict_proba(X))
                yield from (replace(least, y_proba=y_proba[k * n : k * n + n]) for k in range(len(part)))
            else:
                y_pred = np.asarray(self.pipeline.predict(X))
                yield from (replace(least, y_pred=y_pred[k * n : k * n + n], y_proba=None) for k in range(len(part)))

    def _stacked(self, shuffles: Sequence[tuple[Columns, int]], rows: Integers) -> pd.DataFrame:
        """Return a copy of the rows for each shuffle, one below the other, in the columns' own types."""
        n = len(rows)
        taken: dict[int, Integers] = {}
        for place, (columns, repeat) in enumerate(shuffles):
            drawn = np.random.default_rng([self.seed, repeat, *(zlib.crc32(self._names[k].encode()) for k in columns)])
            order = drawn.permutation(rows)
            for k in columns:
                taken.setdefault(k, np.tile(rows, len(shuffles)))[place * n : place * n + n] = order
        X = self.X.take(np.tile(rows, len(shuffles)))
        X.index = pd.RangeIndex(len(X))
        for k, positions in taken.items():
            X.isetitem(k, self.X.iloc[:, k].array.take(positions))
        return X

    def _sample(self, most: int) -> Integers:
        """Return the positions of at most so many rows."""
        return np.sort(np.random.default_rng(self.seed).permutation(len(self.X))[:most])

    @cached_property
    def _names(self) -> list[str]:
        return [str(name) for name in self.X.columns]


def _parts(columns: Sequence[int], several: int) -> list[Columns]:
    return [tuple(part.tolist()) for part in np.array_split(np.asarray(columns), several) if len(part)]


def _change(before: Predictions, after: Predictions) -> float:
    """Return how far two predictions of the same rows are apart, on average."""
    if before.y_proba is not None and after.y_proba is not None:
        return float(np.abs(before.y_proba - after.y_proba).sum(1).mean())
    if before.classes is not None:
        return float((before.y_pred != after.y_pred).mean())
    return float(np.abs(before.y_pred - after.y_pred).mean())
