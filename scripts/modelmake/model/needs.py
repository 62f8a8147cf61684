"""Needs: which numbers an estimator accepts, with the steps before it: gaps or none, as they are or on one scale."""

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

TREES = ("sklearn.tree", "sklearn.ensemble", "xgboost", "lightgbm", "catboost")
SCALE_FREE = (*TREES, "sklearn.naive_bayes", "sklearn.dummy")  # the scale of a column changes none of their predictions
# Steps that prepare single columns, so that what comes after them decides on the scale.
BY_COLUMN = ("sklearn.feature_selection", "sklearn.impute", "sklearn.preprocessing")
# A step that changes the scale replaces the default one.
SCALERS = (
    *("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler", "Normalizer", "PowerTransformer"),
    *("QuantileTransformer", "FunctionTransformer"),
)
WRAPPERS = ("sklearn.model_selection", "sklearn.compose")  # they hand the values on as they are, though no tag says so


@dataclass(frozen=True)
class Needs:
    """What numbers must be like: without gaps, on one scale; and whether all that reads them is trees."""

    no_gaps: bool
    scale: bool
    trees: bool


def needs(members: Sequence[BaseEstimator]) -> Needs:
    """Return what `members`, the steps in their order and the estimator, need of numbers.

    Trees, naive Bayes and Dummy estimators do not depend on the scale; every other estimator gets scaled numbers, also
    one that is not known here: that harms none. Gaps stay for an estimator whose tags accept them. A step of
    sklearn.impute, or a scaler among the steps, replaces the default imputation or scaling.

    Examples
    --------
    >>> from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> needs([ExtraTreesClassifier()])
    Needs(no_gaps=False, scale=False, trees=True)
    >>> needs([BaggingClassifier(KNeighborsClassifier())])
    Needs(no_gaps=True, scale=True, trees=False)

    """
    members = _flat(members)
    scale = _scale(members)
    return Needs(_no_gaps(members), scale, not scale and all(is_of(leaf, TREES) for leaf in leaves(members[-1])))


def leaves(estimator: BaseEstimator) -> list[BaseEstimator]:
    """Return the estimators inside an estimator that have none inside themselves, or the estimator."""
    inner = [value for value in estimator.get_params().values() if _predicts(value)]
    return [leaf for nested in inner for leaf in leaves(nested)] or [estimator]


def _flat(members: Sequence[BaseEstimator]) -> list[BaseEstimator]:
    """Return the members, with the steps of a pipeline in its place."""
    flat: list[BaseEstimator] = []
    for member in members:
        if isinstance(member, Pipeline):
            flat += _flat([step for _, step in member.steps if isinstance(step, BaseEstimator)])
        else:
            flat.append(member)
    return flat


def _no_gaps(members: Sequence[BaseEstimator]) -> bool:
    """Return whether a member refuses gaps before a later member fills them."""
    for member in members:
        if is_of(member, ("sklearn.impute",)):
            return False
        if not _accepts_gaps(member):
            return True
    return False


def _accepts_gaps(member: BaseEstimator) -> bool:
    tags = get_tags(member)
    if tags.input_tags.allow_nan or tags.no_validation:
        return True
    inner = [value for value in member.get_params(deep=False).values() if _predicts(value)]
    return bool(inner) and is_of(member, WRAPPERS) and not any(_no_gaps(_flat([nested])) for nested in inner)


def _scale(members: Sequence[BaseEstimator]) -> bool:
    """Return whether a member depends on the scale, and none sets it."""
    if any(type(member).__name__ in SCALERS for member in members):
        return False
    *steps, estimator = members
    if not all(is_of(step, BY_COLUMN) for step in steps):
        return True
    return not all(is_of(leaf, SCALE_FREE) and not _linear(leaf) for leaf in leaves(estimator))


def _linear(leaf: BaseEstimator) -> bool:
    """Return whether a booster is one of linear models, which XGBoost has beside trees."""
    return getattr(leaf, "booster", None) == "gblinear"


def is_of(estimator: object, modules: tuple[str, ...]) -> bool:
    """Return whether the class, or one that it inherits from, is of one of `modules`."""
    return any(
        f"{kind.__module__}.".startswith(tuple(f"{name}." for name in modules)) for kind in type(estimator).mro()
    )


def _predicts(value: object) -> bool:
    return hasattr(value, "predict") and hasattr(value, "get_params") and not isinstance(value, type)
