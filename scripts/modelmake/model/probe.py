"""Probe: before a long fit and before anything is logged, whether the fitted model can be saved and loaded again."""

import io
import random
import signal
import tempfile
import threading
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import FrameType

import numpy as np
import pandas as pd
import skops.io
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.pipeline import Pipeline

from modelmake.core.errors import UserError, first_line
from modelmake.model.trust import SAVED, TRUSTED_TYPES, Saved, checked_types, contents, unimportable

ROWS = 200  # of the training rows, or more where there are many classes
OF_CLASS = 10  # at least, where a class has so many
LIMIT = 10  # seconds for the fit on these rows
FAMILIAR = ("builtins", "numpy", "scipy", "sklearn")  # packages whose fitted types are on the trusted list


def probe(unfitted: Pipeline, X: pd.DataFrame, y: pd.Series, trusted: Sequence[str]) -> None:
    """Save the pipeline, and where it contains types that modelmake does not know, a copy fitted to a few rows.

    A copy that can't be fitted to so few rows, or not within `LIMIT` seconds, is not an error: `fit` reports those.

    Raises
    ------
    UserError
        It can't be saved as skops, or contains types that are not trusted: all of them are named.

    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, SAVED)
        saved = save(unfitted, path)
        if familiar(saved):
            return
        fitted = fitted_to_few(unfitted, X, y)
        if fitted is not None:
            save(fitted, path)
        types = checked_types(path, trusted)
        try:
            skops.io.load(path, trusted=types)
        except Exception as error:  # any class may fail in any way
            what = f"cannot be loaded again from the file that it is saved to: {first_line(error)}"
            raise UserError("the model", what, "store plain values, arrays and estimators as attributes") from None


def save(model: BaseEstimator, path: Path) -> set[Saved]:
    """Write a model to a skops file and return what the file contains.

    Raises
    ------
    UserError
        A part of it can't be saved, or nothing could load it again, such as a lambda.

    """
    try:
        skops.io.dump(model, path)
    except Exception as error:  # skops has no error of its own for most of these
        where, what = _unsaved(model) or "the model", f"cannot be saved: {first_line(error)}"
        raise UserError(where, what, "skops saves plain values, arrays and estimators") from None
    saved = contents(path)
    if names := unimportable(saved):
        what = f"contains '{names[0]}', which no other process can import"
        raise UserError("the model", what, "define it with def or class at the top level of a module of yours")
    return saved


def familiar(saved: Collection[Saved]) -> bool:
    """Whether every type is one whose fitted parts modelmake knows."""
    return all(part.module.partition(".")[0] in FAMILIAR or part.path in TRUSTED_TYPES for part in saved)


def fitted_to_few(unfitted: Pipeline, X: pd.DataFrame, y: pd.Series) -> Pipeline | None:
    """Return a copy fitted to a few rows, the same rows each time; None where that fails or takes too long."""
    rows = sample(y, classifier=is_classifier(unfitted))
    states = random.getstate(), np.random.get_state()
    try:
        with _silent(), _within(LIMIT):
            return clone(unfitted).fit(X[rows], y[rows])
    except Exception:  # of any kind: the fit on all rows reports it
        return None
    finally:  # the fit on all rows draws the same numbers with and without this one
        random.setstate(states[0])
        np.random.set_state(states[1])


def sample(y: pd.Series, *, classifier: bool) -> np.ndarray:
    """Return a mask of a few rows: the first ones, of each class if `classifier`.

    Examples
    --------
    >>> int(sample(pd.Series(["a", "b"] * 500), classifier=True).sum())
    200

    """
    if not classifier:
        return np.arange(len(y)) < ROWS
    places = y.reset_index(drop=True)
    most = max(OF_CLASS, ROWS // max(places.nunique(), 1))
    mask: np.ndarray = (places.groupby(places).cumcount() < most).to_numpy()
    return mask


def _unsaved(model: object) -> str:
    """Return the innermost attribute of an estimator that can't be saved, as `Class.attribute`; "" for none."""
    parts = vars(model) if isinstance(model, BaseEstimator) else model if isinstance(model, dict) else {}
    for name, part in parts.items() if parts else enumerate(model if isinstance(model, (list, tuple)) else ()):
        try:
            skops.io.dumps(part)
        except Exception:  # as in save
            return _unsaved(part) or (f"{type(model).__name__}.{name}" if isinstance(model, BaseEstimator) else "")
    return ""


@contextmanager
def _silent() -> Iterator[None]:
    """Keep what a fit prints, and its warnings, from the terminal: the fit on all rows prints them."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    """Raise TimeoutError in the block after some seconds; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
