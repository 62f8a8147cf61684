"""Preprocess: what each kind of column becomes, and the pipeline that ends with the estimator."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from scripts.core.config import Config
from scripts.model.estimator import LABELLED, steps
from scripts.model.kinds import MANY, Kind, kinds, values
from scripts.model.needs import Needs, leaves, needs
from scripts.model.target import check_target

RARE = 5  # rows: a category of fewer is pooled with the other rare ones, where a column has many categories
COMPONENTS = 30  # features of a text
COUNTED_FROM_0 = ("xgboost",)  # the classes that their classifiers accept are 0, 1, 2 and so on, and nothing else

Prepared: TypeAlias = BaseEstimator | Literal["passthrough"]


@dataclass(frozen=True)
class Group:
    """Columns that one transformer prepares.

    Parameters
    ----------
    name : str
        The transformer's name in the pipeline.
    kind : str
        The kind of the columns.
    columns : list of str, or str
        A transformer of dates or texts takes a single column.
    transformer : transformer or "passthrough"
        Not fitted.
    treatment : str
        What the transformer does, for a reader.

    """

    name: str
    kind: Kind
    columns: list[str] | str
    transformer: Prepared
    treatment: str


def pipeline(config: Config, unfitted: BaseEstimator, X: pd.DataFrame, y: pd.Series) -> Pipeline:
    """Return the unfitted pipeline: the columns prepared by their kind, `[model] steps`, and the estimator.

    The order of the columns of `X` and of the rows of a file changes nothing where `X` has its columns sorted by name.
    Where an estimator takes every column as it is, the pipeline is that estimator alone.

    Parameters
    ----------
    config : Config
        The whole of pipeline.toml.
    unfitted : estimator
        As `build` returns it.
    X : pandas.DataFrame of shape (n_rows, n_features)
        The training rows.
    y : pandas.Series of shape (n_rows,)
        Their target.

    Raises
    ------
    UserError
        A step cannot be made, or the estimator does not fit the target.

    """
    check_target(unfitted, y, config)
    after = [*steps(config.model, seed=config.seed), ("estimator", _encoding_labels(unfitted, y))]
    if config.model.raw:
        return Pipeline(after)
    groups = plan(config, [step for _, step in after], X)
    if all(group.transformer == "passthrough" for group in groups) and _takes_names(unfitted, X):
        return Pipeline(after)
    columns = ColumnTransformer([(group.name, group.transformer, group.columns) for group in groups])
    return Pipeline([("columns", columns), *after])


def plan(config: Config, members: Sequence[BaseEstimator], X: pd.DataFrame) -> list[Group]:
    """Return the groups of columns for `members`, the steps and the estimator, in an order of their own."""
    kind_of, need = kinds(X, config.data), needs(members)
    of = {kind: [name for name in kind_of if kind_of[name] == kind] for kind in ("number", "category", "text", "date")}
    numbers = sorted(of["number"] + [name for name in kind_of if kind_of[name] == "boolean"])
    groups = [_numbers(numbers, X, need)] if numbers else []
    groups += _categories(of["category"], X, need)
    groups += [_text(name, X, config.seed) for name in of["text"]]
    return groups + [_date(name, need) for name in of["date"]]


def _numbers(names: list[str], X: pd.DataFrame, need: Needs) -> Group:
    """Return the numbers and booleans, imputed and scaled as it is needed."""
    gaps = bool(X[names].isna().to_numpy().any())
    parts = _filled_and_scaled(need, indicator=gaps)
    filled = ["the median in gaps"] if need.no_gaps else []
    treatment = ", ".join([*filled, *(["scaled"] if need.scale else [])]) or "as it is"
    return Group("number", "number", names, _chained(parts), treatment)


def _filled_and_scaled(need: Needs, *, indicator: bool) -> list[tuple[str, BaseEstimator]]:
    """Return the imputer, with a feature for each column that has gaps if `indicator`, and the scaler."""
    imputer = SimpleImputer(strategy="median", add_indicator=indicator, keep_empty_features=True)
    return [*([("impute", imputer)] if need.no_gaps else []), *([("scale", StandardScaler())] if need.scale else [])]


def _categories(names: list[str], X: pd.DataFrame, need: Needs) -> list[Group]:
    """Return the categories: a feature a value, or where there are many, pooled, and for trees as one number.

    Texts and numbers are apart, since a gap is a category too, which needs a value of the same type.
    """
    groups = []
    for numeric in (False, True):
        for many in (False, True):
            chosen = [
                name
                for name in names
                if (X[name].dtype.kind in "biuf") == numeric and (len(values(X[name])) > MANY) == many
            ]
            if chosen:
                name = f"{'number' if numeric else 'text'}_{'categories' if many else 'category'}"
                encoder, treatment = _encoder(need, many=many)
                fill = [_constant(_below(X[chosen]))] if numeric else [_constant("missing"), _constant("missing", None)]
                gaps = list(zip(("gaps", "none"), fill, strict=False))
                groups.append(Group(name, "category", chosen, Pipeline([*gaps, ("encode", encoder)]), treatment))
    return groups


def _constant(fill_value: object, missing: object = np.nan) -> SimpleImputer:
    return SimpleImputer(missing_values=missing, strategy="constant", fill_value=fill_value, keep_empty_features=True)


def _below(X: pd.DataFrame) -> float:
    """Return a number that no row contains."""
    least = X.min().min() - 1
    return 0.0 if pd.isna(least) else least.item()


def _encoder(need: Needs, *, many: bool) -> tuple[BaseEstimator, str]:
    """Return the encoder of categories, and what it does."""
    if not many:
        return OneHotEncoder(handle_unknown="infrequent_if_exist", sparse_output=False), "a feature a value"
    if need.trees:
        ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=RARE)
        return ordinal, f"numbered, values of fewer than {RARE} rows pooled"
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", sparse_output=False, min_frequency=RARE, max_categories=MANY
    )
    return one_hot, f"a feature a value, at most {MANY}, rare ones pooled"


def _text(name: str, X: pd.DataFrame, seed: int) -> Group:
    """Return a text: the components of its n-grams; a fold of half of the rows still has enough texts for them."""
    from skrub import StringEncoder  # noqa: PLC0415  # takes 4 s, for tables with texts alone
    from skrub._to_str import ToStr  # noqa: PLC0415

    components = max(1, min(COMPONENTS, len(values(X[name])) // 4))
    encoder = StringEncoder(n_components=components, random_state=seed)
    chain = Pipeline([("text", ToStr()), ("encode", encoder)])  # a column of gaps alone has numbers
    return Group(f"text_{name}", "text", name, chain, f"{components} components of its character n-grams")


def _date(name: str, need: Needs) -> Group:
    """Return a date: its parts, and as points on circles where the scale counts."""
    from skrub import DatetimeEncoder, ToDatetime  # noqa: PLC0415  # takes 4 s, for tables with dates alone

    parts = DatetimeEncoder(add_weekday=True, periodic_encoding="circular" if need.scale else None)
    # A date may be missing in a later row, whatever the training rows have.
    filled = _filled_and_scaled(need, indicator=True)
    chain = Pipeline([("date", ToDatetime()), ("parts", parts), *filled])
    treatment = "year, seconds, and month, day, weekday, hour as points on circles" if need.scale else "its parts"
    return Group(f"date_{name}", "date", name, chain, treatment)


def _chained(parts: list[tuple[str, BaseEstimator]]) -> Prepared:
    """Return one transformer for several."""
    if not parts:
        return "passthrough"
    _, only = parts[0]
    return only if len(parts) == 1 else Pipeline(parts)


def _takes_names(unfitted: BaseEstimator, X: pd.DataFrame) -> bool:
    """Return whether the estimator accepts these names of columns: LightGBM and XGBoost refuse characters in them."""
    own = all(type(leaf).__module__.startswith("sklearn.") for leaf in leaves(unfitted))
    return own or all(str(name).isidentifier() for name in X.columns)


def _encoding_labels(unfitted: BaseEstimator, y: pd.Series) -> BaseEstimator:
    """Return a classifier that accepts the labels and returns them as they are.

    scikit-learn's VotingClassifier numbers the labels for the one classifier in it.
    """
    packages = {kind.__module__.partition(".")[0] for leaf in leaves(unfitted) for kind in type(leaf).mro()}
    if not is_classifier(unfitted) or not packages.intersection(COUNTED_FROM_0):
        return unfitted
    labels = np.sort(y.unique()) if y.dtype.kind in "iu" else None
    if labels is not None and np.array_equal(labels, np.arange(len(labels))):
        return unfitted
    return VotingClassifier([(LABELLED, unfitted)], voting="soft")
