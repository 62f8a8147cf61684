"""Facts: what the gate looks at, as it is logged with the run."""

import math

from pydantic import BaseModel, ConfigDict

from modelmake.scores.intervals import Difference, Estimate


class Fact(BaseModel):
    """One fact about a model; it goes to JSON and back without loss."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Measured(Fact):
    """A metric on the held-out rows, or on the slice of them where column `by` is `slice`."""

    metric: str
    by: str | None = None
    slice: str | None = None
    rows: int
    estimate: Estimate


class Folds(Fact):
    """A metric's mean and standard deviation over the folds of the training rows."""

    metric: str
    mean: float
    spread: float

    def __str__(self) -> str:
        """Give mean and spread to four digits."""
        return f"{self.mean:.4f} ± {self.spread:.4f}"


class Scarce(Fact):
    """The held-out rows that can show a model to be better than Dummy, which are too few, and how many would do.

    These are the rows of the classes that Dummy does not predict: `name` says which, and `positive` whether it is the
    class that f1 and similar metrics score.
    """

    name: str
    rows: int
    enough: int
    positive: bool = False


class Champion(Fact):
    """The version at `@champion` and, unless there is a problem, how much better the model is.

    `rows` counts the rows of the comparison: the held-out rows without those that only the champion was trained on.
    If the predictions are `recorded`, because the champion's own code is not that of this checkout, rows that are new
    since then do not count either.
    """

    version: str
    rows: int = 0
    recorded: bool = False
    value: float = math.nan
    difference: Difference | None = None
    problem: str = ""


class Evidence(Fact):
    """Everything that the gate looks at.

    Parameters
    ----------
    model_id : str
        The logged model.
    rows : int
        Number of held-out rows.
    measured : tuple of Measured
        At least the metrics that the rules name.
    dummy : Difference
        How much better the model is than scikit-learn's Dummy estimator, in the first rule's metric.
    only_class : str
        The class of all held-out rows; empty if there are several, or for a regressor.
    scarce : Scarce or None
        The rows that are too few to show a difference from Dummy; None if they are enough.
    folds : tuple of Folds
        The metrics of the cross-validation; empty if there was none.
    champion : Champion or None
        None if there is no champion yet, or if the policy is "off".
    duplicates : int
        Number of held-out rows that are also training rows.
    duplicate_rows : tuple of int
        The first few of them, counted from 1 in the data file.
    dirty : bool
        Whether the run had uncommitted changes, or no commit.
    served : str
        What is wrong with the answers of the served model; empty if nothing is.
    rounding : str
        How much they differ, within the tolerance; empty if they are the same bit for bit.

    """

    model_id: str
    rows: int
    measured: tuple[Measured, ...]
    dummy: Difference
    only_class: str = ""
    scarce: Scarce | None = None
    folds: tuple[Folds, ...] = ()
    champion: Champion | None = None
    duplicates: int = 0
    duplicate_rows: tuple[int, ...] = ()
    dirty: bool = False
    served: str = ""
    rounding: str = ""
