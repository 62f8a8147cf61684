"""Agreement: whether two columns of predictions of the same rows are the same, and how much they differ.

Labels, whole numbers and texts are the same if they are equal and of one type. Floating-point numbers are the same if
their difference is at most a tolerance, relative to the largest magnitude of both columns: BLAS computes the last rows
of a matrix in another way than those before, and each processor in its own way, so the last bits of a linear model
depend on both.

Measured over 1 to 100 rows and the kernels Haswell, SkylakeX, Zen, Nehalem and Prescott of OpenBLAS, 4 and 30 columns:
linear models, PLS, SVR and MLPRegressor differ by up to 1e-14, KernelRidge by 6e-13, GaussianProcessRegressor without
noise by 4e-10; trees and nearest neighbours not at all. In single precision, with up to 1,000 columns, linear models
differ by up to 3e-6 and MLPRegressor by 7e-7.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from numpy.typing import NDArray  # the gate's other process starts before slow imports

DOUBLE = 1e-9  # of the largest magnitude
SINGLE = 1e-5  # where predictions have 32 bits


def tolerance(dtype: object, *, labels: bool) -> float:
    """Return how much predictions of this type of NumPy's may differ: labels, which classifiers give, not at all.

    Examples
    --------
    >>> tolerance("float64", labels=False), tolerance("float32", labels=False), tolerance("float64", labels=True)
    (1e-09, 1e-05, 0.0)

    """
    if labels:
        return 0.0
    return SINGLE if str(dtype) in ("float16", "float32") else DOUBLE


@dataclass(frozen=True)
class Agreement:
    """How much the predictions of the same rows differ.

    Parameters
    ----------
    rows : int
        Number of rows.
    unequal : tuple of int
        The rows, counted from 0, whose predictions differ at all.
    apart : tuple of int
        Those of them that differ by more than the tolerance.
    largest : float
        The largest difference relative to the largest magnitude; infinite where one is not a number.
    allowed : float
        The tolerance.
    given : int or None
        Number of predictions, if it is not that of the rows: then all rows are apart.

    """

    rows: int
    unequal: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()
    largest: float = 0.0
    allowed: float = 0.0
    given: int | None = None

    @property
    def same(self) -> bool:
        """Whether all predictions are the same, within the tolerance."""
        return not self.apart and self.given is None

    @property
    def equal(self) -> bool:
        """Whether all predictions are the same bit for bit."""
        return not self.unequal and self.given is None

    @classmethod
    def of(cls, given: Sequence[Any], expected: Sequence[Any], allowed: float) -> Self:
        """Compare predictions as lists have them; `allowed` is from `tolerance`.

        Examples
        --------
        >>> str(Agreement.of([100.0, 2.0], [100.0, 2.0 + 6e-12], 1e-9))
        '1 of 2 predictions differs, by up to 6e-14 relative'
        >>> str(Agreement.of(["yes", "no"], ["yes", "yes"], 0.0))
        '1 of 2 predictions differs'

        """
        if len(given) != len(expected):
            rows = tuple(range(len(expected)))
            return cls(len(expected), rows, rows, math.inf, allowed, len(given))
        pairs = list(zip(given, expected, strict=True))
        scale = max((abs(value) for value in (*given, *expected) if _is_finite(value)), default=0.0)
        apart = {row: _difference(*pair, scale) for row, pair in enumerate(pairs) if not _are_equal(*pair)}
        beyond = tuple(row for row, difference in apart.items() if not difference <= allowed)
        return cls(len(pairs), tuple(apart), beyond, max(apart.values(), default=0.0), allowed)

    def __str__(self) -> str:
        """Say how many predictions differ and by how much: those beyond the tolerance, or where there are none, all."""
        if self.given is not None:
            return f"{self.given} predictions for {self.rows} rows"
        count = len(self.apart or self.unequal)
        if not count:
            return f"all {self.rows} predictions are the same"
        by = f", by up to {digit(self.largest)} relative" if math.isfinite(self.largest) else ""
        return f"{count} of {self.rows} predictions differ{'s' * (count == 1)}{by}"

    def problem(self, server: str) -> str:
        """Return that a server does not give the predictions that were scored, "" where it does."""
        return "" if self.same else f"{server} does not give the scored predictions: {self.words}"

    @property
    def words(self) -> str:
        """The same with the tolerance, if there is one."""
        limit = f" ({digit(self.allowed)} is allowed)" if self.allowed and math.isfinite(self.largest) else ""
        return f"{self}{limit}" if self.unequal else str(self)


EQUAL = Agreement(0)


def widest(*agreements: Agreement) -> Agreement:
    """Return the agreement with the largest difference."""
    return max(agreements, key=lambda agreement: agreement.largest)


@dataclass(frozen=True)
class Expected:
    """The predictions that are scored, and how much those of the served model may differ."""

    predictions: list[Any]
    allowed: float

    @classmethod
    def of(cls, y_pred: "NDArray[Any]", *, labels: bool) -> Self:
        """Return the predictions of an estimator, which are `labels` if it is a classifier."""
        return cls(y_pred.tolist(), tolerance(y_pred.dtype, labels=labels))

    def compared(self, given: Sequence[Any]) -> Agreement:
        """Compare the predictions of the served model."""
        return Agreement.of(given, self.predictions, self.allowed)


def of_metrics(a: Mapping[str, str], b: Mapping[str, str]) -> str:
    """Say how many metrics of two runs differ and by how much, each relative to its own magnitude; "" for none.

    Parameters
    ----------
    a, b : mapping
        Facts of the runs: the values of the metrics are under "metric <name>".

    Examples
    --------
    >>> of_metrics({"metric r2": "0.9", "data": "1"}, {"metric r2": "0.90000000000001", "data": "2"})
    'metrics: 1 of 1 differs, by up to 1e-14 relative'

    """
    common = [name for name in a if name.startswith("metric ") and name in b]
    each = [Agreement.of([float(a[name])], [float(b[name])], 0.0) for name in common]
    if not (count := sum(not one.equal for one in each)):
        return ""
    largest = widest(*each).largest
    by = f", by up to {digit(largest)} relative" if math.isfinite(largest) else ""
    return f"metrics: {count} of {len(each)} differ{'s' * (count == 1)}{by}"


def digit(value: float) -> str:
    """Return a number with one digit, such as 6e-14."""
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e+")


def _is_finite(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _are_equal(a: object, b: object) -> bool:
    if type(a) is not type(b):
        return False
    return a == b or (type(a) is float and type(b) is float and math.isnan(a) and math.isnan(b))


def _difference(a: object, b: object, scale: float) -> float:
    """Return the relative difference of two unequal values; infinite unless both are finite floats."""
    if type(a) is not float or type(b) is not float or not (math.isfinite(a) and math.isfinite(b)):
        return math.inf
    return abs(a / scale - b / scale)
