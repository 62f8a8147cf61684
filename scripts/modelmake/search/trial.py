"""Trial: one set of parameters, and its score over the folds. It runs in a process that may be on another machine."""

import io
import random
import re
import warnings
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
import pandas as pd
from pydantic import ConfigDict, Field, FiniteFloat
from sklearn.base import is_classifier

from modelmake.config.config import Config
from modelmake.config.gate import OF_PROBABILITIES
from modelmake.config.search import ROWS, Params, Search
from modelmake.core.errors import UserError, first_line
from modelmake.data.folds import Fold
from modelmake.data.order import Integers, shuffled
from modelmake.model import tuning
from modelmake.model.cross_validate import predicted
from modelmake.model.estimator import build
from modelmake.model.preprocess import pipeline
from modelmake.scores.metrics import score

if TYPE_CHECKING:  # it imports MLflow, which no trial needs
    from modelmake.model.train import Task

State = Literal["complete", "stopped", "failed"]
ENDED = "was running when the search ended (search.minutes)"


@dataclass(frozen=True)
class Trial:
    """What is tried.

    Parameters
    ----------
    number : int
        Counted from 0, in the order in which trials are proposed.
    params : dict
        The value of each parameter of the space that this trial has.
    budgets : tuple of float
        What it gets at each stage; empty for the whole of the rows, once.
    least : tuple of float or None
        The score that each stage must reach for the next one; None for any.

    """

    number: int
    params: Params
    budgets: tuple[int | float, ...] = ()
    least: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Result:
    """What became of a trial: the scores of the folds at each stage, and for a failed trial why."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # of a line that is read

    number: Annotated[int, Field(ge=0)]
    params: Params
    budgets: list[int | float] = field(default_factory=list)
    scores: list[Annotated[list[FiniteFloat], Field(min_length=1)]] = field(default_factory=list)
    state: State = "complete"
    reason: str = ""

    @property
    def means(self) -> list[float]:
        """The mean score over the folds at each stage."""
        return [float(np.mean(folds)) for folds in self.scores]

    @property
    def score(self) -> float:
        """The mean score of the last stage; NaN for a trial that failed before the first one."""
        return self.means[-1] if self.scores and self.state != "failed" else float("nan")

    @property
    def is_ended(self) -> bool:
        """Whether the search ended during the trial; it is tried again where the search continues."""
        return self.reason == ENDED

    @property
    def rank(self) -> tuple[float, int]:
        """What results with a score are sorted by, the best one first; of equals the first one."""
        return -self.score, self.number

    def is_whole(self, search: Search) -> bool:
        """Return whether it has a score on the whole budget of the search."""
        return self.state == "complete" and self.budgets[-1:] == search.stages[-1:]

    @classmethod
    def failed(cls, trial: Trial, reason: str) -> Self:
        """Return the result of a trial that failed."""
        return cls(trial.number, trial.params, list(trial.budgets), state="failed", reason=reason)

    def facts(self) -> dict[str, object]:
        """Return the fields by name, for the journal."""
        return asdict(self)


def ordered(results: Iterable[Result]) -> list[Result]:
    """Return the results that have a score, the best one first."""
    return sorted((one for one in results if one.state == "complete"), key=lambda one: one.rank)


def ranked(search: Search, results: Iterable[Result]) -> list[Result]:
    """Return the results with a score on the whole budget, the best one first."""
    return ordered(one for one in results if one.is_whole(search))


@dataclass(frozen=True)
class Problem:
    """What every trial of a search shares: config and metric, the training rows, and their folds.

    Parameters
    ----------
    config : Config
        Without its search.
    metric : str
        What the folds are scored with.
    growing : str
        The parameter that the budget is of, or `rows`.
    X : pandas.DataFrame of shape (n_rows, n_features)
    y : pandas.Series of shape (n_rows,)
    folds : list of Fold
    order : ndarray of shape (n_rows,)
        The position of each row in an order of which any beginning has the classes in their shares.
    data_sha256 : str
        The SHA-256 of the table.
    searched : Config
        With its search: it names the modules that a trial may use.

    """

    config: Config
    metric: str
    growing: str
    X: pd.DataFrame
    y: pd.Series
    folds: list[Fold]
    order: Integers
    data_sha256: str
    searched: Config

    @classmethod
    def of(cls, task: "Task", searched: Config) -> Self:
        """Return what the trials share, from what training has prepared."""
        split = task.split
        rows = split.frame.iloc[split.train_places]
        rank = np.argsort(shuffled(rows, task.config.data, task.config.seed))
        place = rank / len(rank)
        if is_classifier(task.estimator):
            within = pd.Series(rank).groupby(split.y_train.to_numpy())
            place = ((within.rank() - 0.5) / within.transform("size")).to_numpy()
        order = np.argsort(np.lexsort((rank, place)))
        growing = searched.search.growing if searched.search else ROWS
        rows_of = (split.X_train, split.y_train, task.parts, order)
        return cls(task.config, tuning.metric(searched), growing, *rows_of, task.data_sha256, searched)

    def fold(self, fold: Fold, share: float) -> Fold:
        """Return the fold with a share of the rows that it is fitted on, at least two of them."""
        count = max(2, round(share * len(fold.fit)))
        return replace(fold, fit=np.sort(fold.fit[np.argsort(self.order[fold.fit])][:count]))


def run(problem: Problem, trial: Trial) -> Result:
    """Fit and score the folds, stage by stage; a trial that fails is a result, with its reason."""
    means = Result(trial.number, trial.params, state="stopped")
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for place, budget in enumerate(trial.budgets or (None,)):
                means.scores.append(_scored(problem, trial.params, budget))
                if budget is not None:
                    means.budgets.append(budget)
                least = trial.least[place] if place < len(trial.least) else None
                if least is not None and means.means[-1] < least:
                    return means
    except (Exception, SystemExit) as error:  # of the estimator, which may be a user's class
        reason = first_line(error) if str(error) else type(error).__name__
        if isinstance(error, UserError):
            reason = f"{error.where}: {error.what}"  # without the fix
        return Result.failed(trial, re.sub(r" at 0x[0-9a-f]+", "", reason))
    return replace(means, state="complete")


def _scored(problem: Problem, params: Params, budget: float | None) -> list[float]:
    """Return the score of each fold.

    Raises
    ------
    ValueError
        The metric is not defined on a fold.

    """
    of_rows = problem.growing == ROWS
    share = float(budget) if budget is not None and of_rows else 1.0
    given = params if budget is None or of_rows else {**params, problem.growing: budget}
    config = tuning.applied(problem.config, given)
    random.seed(config.seed)
    np.random.seed(config.seed)
    estimator = build(config.model, seed=config.seed)
    unfitted = pipeline(config, estimator, problem.X, problem.y)
    scores = []
    for number, fold in enumerate(problem.folds, start=1):
        part = problem.fold(fold, share) if share < 1 else fold
        rows, positive = (problem.X, problem.y, part), config.data.positive
        p = predicted(unfitted, *rows, positive, probabilities=problem.metric in OF_PROBABILITIES)
        scores.append(score(p, problem.metric))
        if not np.isfinite(scores[-1]):
            raise ValueError(f"{problem.metric} is not defined on fold {number}")
    return scores
