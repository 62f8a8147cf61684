"""Groups: the columns that are prepared alike, by their kind and by what the estimator needs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from modelmake.config.config import Config
from modelmake.core.types import Kind
from modelmake.model.kinds import MANY, kinds, values
from modelmake.model.needs import Needs, needs

RARE = 5  # rows: a category of fewer is pooled with the other rare ones, where a column has many categories
# Groups of categories, by whether they are numbers and whether there are many.
NAMES = {
    (False, False): "category",
    (False, True): "categories",
    (True, False): "number_category",
    (True, True): "number_categories",
}
COMPONENTS = 30  # features of a text

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


def plan(config: Config, members: Sequence[BaseEstimator], X: pd.DataFrame) -> list[Group]:
    """Return the groups of columns for `members`, the steps and the estimator, in an order of their own."""
    kind_of, need = kinds(X, config.data), needs(members)
    of = {kind: [name for name in kind_of if kind_of[name] == kind] for kind in ("number", "category", "text", "date")}
    numbers = sorted(of["number"] + [name for name in kind_of if kind_of[name] == "boolean"])
    groups = [_numbers(numbers, X, need)] if numbers else []
    groups += _categories(of["category"], X, need)
    groups += [_text(place, name, X, config.seed) for place, name in enumerate(of["text"])]
    return groups + [_date(place, name, need, gaps=bool(X[name].isna().any())) for place, name in enumerate(of["date"])]


def _numbers(names: list[str], X: pd.DataFrame, need: Needs) -> Group:
    """Return the numbers and booleans, imputed and scaled as it is needed."""
    gaps = bool(X[names].isna().to_numpy().any())
    parts = _filled_and_scaled(need, indicator=gaps)
    filled = ["gaps filled with the median"] if need.no_gaps else []
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
                name = NAMES[numeric, many]
                encoder, treatment = _encoder(need, many=many)
                chain = Pipeline([*_filled(X[chosen], numeric=numeric), ("encode", encoder)])
                groups.append(Group(name, "category", chosen, chain, treatment))
    return groups


def _filled(X: pd.DataFrame, *, numeric: bool) -> list[tuple[str, BaseEstimator]]:
    """Return what makes a value of the gaps; None counts only where there are gaps, else the encoder knows neither."""
    if numeric:
        return [("gaps", _constant(_below(X)))]
    none = [("none", _constant("missing", None))] if X.isna().any().any() else []
    return [("gaps", _constant("missing")), *none]


def _constant(fill_value: object, missing: object = np.nan) -> SimpleImputer:
    return SimpleImputer(missing_values=missing, strategy="constant", fill_value=fill_value, keep_empty_features=True)


def _below(X: pd.DataFrame) -> float:
    """Return a number that no row contains."""
    least = X.min().min() - 1
    return 0.0 if pd.isna(least) else least.item()


def _encoder(need: Needs, *, many: bool) -> tuple[BaseEstimator, str]:
    """Return the encoder of categories, and what it does."""
    if not many:
        return OneHotEncoder(handle_unknown="infrequent_if_exist", sparse_output=False), "one-hot: a feature per value"
    if need.trees:
        ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=RARE)
        return ordinal, f"numbered; values of fewer than {RARE} rows pooled"
    one_hot = OneHotEncoder(
        handle_unknown="infrequent_if_exist", sparse_output=False, min_frequency=RARE, max_categories=MANY
    )
    return one_hot, f"one-hot: at most {MANY} features, rare values pooled"


def _text(place: int, name: str, X: pd.DataFrame, seed: int) -> Group:
    """Return a text: the components of its n-grams; a fold of half of the rows still has enough texts for them."""
    from skrub import StringEncoder  # noqa: PLC0415  # takes 4 s, for tables with texts alone
    from skrub._to_str import ToStr  # noqa: PLC0415

    components = max(1, min(COMPONENTS, len(values(X[name])) // 4))
    encoder = StringEncoder(n_components=components, random_state=seed)
    chain = Pipeline([("text", ToStr()), ("encode", encoder)])  # a column of gaps alone has numbers
    return Group(f"text_{place}", "text", name, chain, f"{components} components of its character n-grams")


def _date(place: int, name: str, need: Needs, *, gaps: bool) -> Group:
    """Return a date: its parts, and those that repeat as points on circles where the scale counts."""
    from skrub import DatetimeEncoder, ToDatetime  # noqa: PLC0415  # takes 4 s, for tables with dates alone

    parts = DatetimeEncoder(add_weekday=True, periodic_encoding="circular" if need.scale else None)
    fill = _filled_and_scaled(need, indicator=False)
    if need.no_gaps and gaps:  # all parts are missing at once, so one feature says it
        first, others = (_filled_and_scaled(need, indicator=one)[0][1] for one in (True, False))
        fill[0] = ("impute", ColumnTransformer([("first", first, [0]), ("others", others, slice(1, None))]))
    chain = Pipeline([("date", ToDatetime()), ("parts", parts), *fill])
    repeated = f"month, day, weekday and hour{' on circles' if need.scale else ''}"
    return Group(f"date_{place}", "date", name, chain, f"year, seconds since 1970, {repeated}")


def _chained(parts: list[tuple[str, BaseEstimator]]) -> Prepared:
    """Return one transformer for several."""
    if not parts:
        return "passthrough"
    _, only = parts[0]
    return only if len(parts) == 1 else Pipeline(parts)
