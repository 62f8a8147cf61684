"""What the default preprocessing makes of each kind of column, and that it survives the way to a saved model."""

import tomllib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from modelmake.config.config import Config
from modelmake.core.errors import UserError
from modelmake.model.estimator import build, fit
from modelmake.model.kinds import kinds
from modelmake.model.preprocess import pipeline
from modelmake.model.trust import TRUSTED_TYPES
from tests.conftest import PIPELINE

ROWS = 120
WORDS = "apple pear plum cherry grape melon fig lemon lime peach".split()
LOGISTIC = "sklearn.linear_model.LogisticRegression"
FOREST = "sklearn.ensemble.RandomForestClassifier"


def table() -> tuple[pd.DataFrame, pd.Series]:
    """Return columns of every kind, with gaps, and labels that depend on the numbers."""
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        {
            "age": rng.integers(18, 80, ROWS),
            "colour": pd.Series(rng.choice(["red", "green", "blue"], ROWS), dtype="str"),
            "income": rng.normal(30_000, 9_000, ROWS),
            "own": rng.integers(0, 2, ROWS).astype(bool),
            "review": pd.Series([" ".join(rng.choice(WORDS, 6)) for _ in range(ROWS)], dtype="str"),
            "when": pd.date_range("2024-01-01", periods=ROWS).astype("datetime64[us]"),
            "zip": pd.Series([f"{value:05}" for value in rng.integers(0, 60, ROWS)], dtype="str"),
        }
    )
    y = pd.Series(np.where(X["age"] > 45, "yes", "no"), dtype="str")
    for step, name in enumerate(["colour", "income", "review", "when"], start=7):
        X.loc[::step, name] = None
    return X, y


X, y = table()


def config(model: Mapping[str, Any] | None = None, **schema: str) -> Config:
    """Return a config with a `[model]`, and the types of columns."""
    values = tomllib.loads(PIPELINE)
    values["model"] = {"estimator": FOREST, "params": {"n_estimators": 5}} | dict(model or {})
    values["data"]["schema"] = {name: {"type": kind} for name, kind in schema.items()}
    return Config.model_validate(values)


def fitted(settings: Config, X: pd.DataFrame = X, y: pd.Series = y) -> Pipeline:
    """Build and fit what a config says."""
    estimator = build(settings.model, seed=settings.seed)
    return fit(pipeline(settings, estimator, X, y), X, y)


def model(path: str, **params: object) -> dict[str, object]:
    """Return a `[model]`."""
    return {"estimator": path, "params": params}


MODELS = [
    model(LOGISTIC, max_iter=1000),
    model(FOREST, n_estimators=5),
    model("sklearn.neighbors.KNeighborsClassifier"),
    model("sklearn.svm.SVC"),
    model("sklearn.naive_bayes.GaussianNB"),
    model("sklearn.ensemble.HistGradientBoostingClassifier", max_iter=5),
    model("sklearn.ensemble.AdaBoostClassifier", n_estimators=5),
    model("xgboost.XGBClassifier", n_estimators=5),
    model("lightgbm.LGBMClassifier", n_estimators=5, verbose=-1),
]


@pytest.mark.parametrize("chosen", MODELS, ids=lambda chosen: chosen["estimator"])
def test_every_kind_of_column_is_prepared_for_every_estimator(chosen: dict[str, object]) -> None:
    """Numbers, booleans, categories, texts and dates with gaps: fitted, saved, loaded, and the same predictions."""
    if "xgboost" in str(chosen["estimator"]) or "lightgbm" in str(chosen["estimator"]):
        pytest.importorskip(str(chosen["estimator"]).partition(".")[0])
    found = fitted(config(chosen))
    loaded = skops.io.loads(skops.io.dumps(found), trusted=list(TRUSTED_TYPES))
    assert (loaded.predict(X) == found.predict(X)).all()
    assert set(found.predict(X)) == {"yes", "no"}


@pytest.mark.parametrize("chosen", [MODELS[0], MODELS[1], MODELS[4]], ids=lambda chosen: chosen["estimator"])
@pytest.mark.parametrize("gap", [None, np.nan])
def test_a_later_row_may_have_gaps_that_no_training_row_has(chosen: dict[str, object], gap: float | None) -> None:
    """In each column by itself, and in all at once, for each type of the column of gaps."""
    whole = X.dropna()
    found = fitted(config(chosen), whole, y[whole.index])
    row = whole.head(1)
    for name in whole:
        assert found.predict(row.assign(**{name: [gap]}))[0] in ("yes", "no")
    assert found.predict(pd.DataFrame({name: [gap] for name in whole}))[0] in ("yes", "no")


@pytest.mark.parametrize("chosen", MODELS[:2], ids=lambda chosen: chosen["estimator"])
def test_the_order_of_the_columns_changes_nothing(chosen: dict[str, object]) -> None:
    """Neither of the training rows nor of those to predict."""
    reversed_columns = X[X.columns[::-1]]
    there, back = fitted(config(chosen)), fitted(config(chosen), reversed_columns)
    assert (there.predict_proba(X) == back.predict_proba(X)).all()
    assert (there.predict_proba(X) == there.predict_proba(reversed_columns)).all()


def test_clean_numbers_go_to_trees_as_they_are() -> None:
    """Then the pipeline is the estimator alone, so it costs nothing."""
    numbers = X[["age", "own"]]
    assert [name for name, _ in fitted(config(), numbers).steps] == ["estimator"]
    plain = RandomForestClassifier(n_estimators=5, random_state=42).fit(numbers, y)
    assert (fitted(config(), numbers).predict_proba(numbers) == plain.predict_proba(numbers)).all()


def test_numbers_are_imputed_and_scaled_as_by_hand() -> None:
    """The median, a feature that says where gaps were, and one scale."""
    numbers = X[["age", "income"]]
    by_hand = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", add_indicator=True)),
            ("scale", StandardScaler()),
            ("estimator", LogisticRegression(max_iter=1000, random_state=42)),
        ]
    ).fit(numbers, y)
    assert np.allclose(fitted(config(MODELS[0]), numbers).predict_proba(numbers), by_hand.predict_proba(numbers))


def test_a_column_of_gaps_alone_keeps_its_place() -> None:
    """No warning and no feature less, also where the median of nothing is asked for."""
    empty = X[["age"]].assign(empty=np.nan)
    assert fitted(config(MODELS[0]), empty).predict(empty).shape == (ROWS,)


def test_columns_may_have_any_name() -> None:
    """Names that LightGBM refuses, that scikit-learn reserves, and two that begin alike."""
    pytest.importorskip("lightgbm")
    names = {"age": 'a [b]<{"x": 1}', "review": "text", "when": "a__b", "income": "number", "colour": "category"}
    odd = X.rename(columns=names)
    for chosen in (MODELS[-1], MODELS[0]):
        assert fitted(config(chosen), odd).predict(odd).shape == (ROWS,)
    clean = odd[[names["age"], "own"]]
    assert fitted(config(MODELS[-1]), clean).predict(clean).shape == (ROWS,)


def test_kinds_follow_the_values() -> None:
    """Codes and names of a word are categories, many texts of several words are text."""
    expected = {
        "age": "number",
        "colour": "category",
        "income": "number",
        "own": "boolean",
        "review": "text",
        "when": "date",
        "zip": "category",
    }
    assert kinds(X, config().data) == expected
    flags = pd.DataFrame({"flag": pd.Series([True, None, False], dtype=object), "word": ["True", None, "False"]})
    assert kinds(flags, config().data) == {"flag": "boolean", "word": "category"}


def test_the_schema_overrides_the_kind() -> None:
    """A number as a category, a category as text."""
    declared = config(age="category", colour="text")
    assert {name: kind for name, kind in kinds(X, declared.data).items() if name in ("age", "colour")} == {
        "age": "category",
        "colour": "text",
    }
    chosen = config(MODELS[0], age="category", colour="text")
    found = fitted(chosen)
    assert found.predict(X.head(1).assign(age=[np.nan]))[0] in ("yes", "no")
    assert found.predict(X.head(1).assign(age=[-5]))[0] in ("yes", "no")


def test_many_categories_are_pooled() -> None:
    """60 codes are at most 40 features of a linear model, and one number of a tree."""
    codes = X[["zip"]]
    assert fitted(config(MODELS[0]), codes)[0].transform(codes).shape[1] <= 40
    assert fitted(config(), codes)[0].transform(codes).shape[1] == 1


def test_a_gap_is_a_category_of_its_own() -> None:
    """Three colours and gaps are four features, whether a gap is None or NaN."""
    colours = X[["colour"]]
    prepare = fitted(config(), colours)[0]
    assert prepare.transform(colours).shape[1] == 4
    gaps = [prepare.transform(pd.DataFrame({"colour": pd.Series([gap], dtype=object)})) for gap in (None, np.nan)]
    assert (gaps[0] == gaps[1]).all()
    assert gaps[0].sum() == 1


def test_dates_have_the_same_features_whatever_their_resolution() -> None:
    """Parquet has nanoseconds and milliseconds, a CSV what pandas chooses."""
    dates = X[["when"]]
    expected = fitted(config(MODELS[0]), dates).predict_proba(dates)
    for unit in ("ns", "ms"):
        other = dates.astype(f"datetime64[{unit}]")
        assert (fitted(config(MODELS[0]), other).predict_proba(other) == expected).all()


LABELS = [
    pd.Series(["no", "yes"], dtype="str"),
    pd.Series(["no", "yes"], dtype=object),
    pd.Series([False, True]),
    pd.Series([1, 2]),
    pd.Series([0, 1]),
    pd.Series([-1.0, 1.0]),
]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: f"{labels.dtype}-{labels[0]}")
def test_labels_come_back_as_they_were(labels: pd.Series) -> None:
    """XGBoost takes only 0 and 1; clients of the model see the classes of the table."""
    pytest.importorskip("xgboost")
    target = labels.iloc[(y == "yes").to_numpy().astype(int)].reset_index(drop=True)
    numbers = X[["age", "income"]]
    found = fitted(config(model("xgboost.XGBClassifier", n_estimators=5)), numbers, target)
    assert found.classes_.tolist() == labels.tolist()
    assert (found.predict(numbers) == target).mean() > 0.9
    assert (found.classes_[found.predict_proba(numbers).argmax(axis=1)] == found.predict(numbers)).all()


@pytest.mark.parametrize(
    ("estimator", "target", "expected"),
    [
        ("sklearn.linear_model.Ridge", y, "Ridge is a regressor, and the target 'species' contains 'yes', 'no'"),
        ("sklearn.linear_model.Ridge", y == "yes", "Ridge is a regressor, and the target 'species' contains"),
        (FOREST, X["age"] * 1.0, r"has \d+ different numbers in 120 rows \(choose a regressor\)"),
        (FOREST, X["age"], r"has \d+ different numbers in 120 rows \(choose a regressor\)"),
        (FOREST, X["review"].fillna("-"), r"has \d+ classes in 120 rows"),
    ],
)
def test_an_estimator_that_does_not_fit_the_target_is_named(estimator: str, target: pd.Series, expected: str) -> None:
    """In one line, before anything is fitted."""
    settings = config(model(estimator))
    with pytest.raises(UserError, match=expected):
        pipeline(settings, build(settings.model, seed=1), X, target)


def test_steps_come_between_the_preprocessing_and_the_estimator() -> None:
    """What a step needs counts: the components of what is not scaled are those of the largest column."""
    step = {"estimator": "sklearn.decomposition.PCA", "params": {"n_components": 2}}
    found = fitted(config({"steps": [step, step]}), X[["age", "income"]])
    assert [name for name, _ in found.steps] == ["columns", "pca", "pca-2", "estimator"]
    assert found["pca"].random_state == 42
    assert abs(found["columns"].transform(X[["age", "income"]]).mean(axis=0)).max() < 1e-9


def test_a_step_replaces_the_default_of_its_kind() -> None:
    """Who imputes or scales by a step gets the gaps and the scale as they are."""
    steps = [{"estimator": "sklearn.impute.KNNImputer"}, {"estimator": "sklearn.preprocessing.RobustScaler"}]
    found = fitted(config(MODELS[0] | {"steps": steps}), X[["age", "income"]])
    assert [name for name, _ in found.steps] == ["knnimputer", "robustscaler", "estimator"]


def test_raw_hands_the_table_over_as_it_is() -> None:
    """To the steps of the user, which may be a ColumnTransformer with an estimator for each column."""
    tfidf = {"estimator": "sklearn.feature_extraction.text.TfidfVectorizer", "params": {"ngram_range": [1, 2]}}
    transformers = [["words", tfidf, "review"], ["numbers", "passthrough", ["age"]]]
    step = {"estimator": "sklearn.compose.ColumnTransformer", "params": {"transformers": transformers}}
    whole = X.dropna()
    found = fitted(config({"raw": True, "steps": [step]}), whole, y[whole.index])
    assert [name for name, _ in found.steps] == ["columntransformer", "estimator"]
    assert found[0].transform(whole).shape[1] > 20
    loaded = skops.io.loads(skops.io.dumps(found), trusted=list(TRUSTED_TYPES))
    assert (loaded.predict(whole) == found.predict(whole)).all()


def test_an_estimator_inside_another_says_what_it_needs() -> None:
    """A search over neighbours is scaled, one over a tree is not."""
    for inner, prepared in ((KNeighborsClassifier(), True), (DecisionTreeClassifier(), False)):
        inside = {"estimator": f"{type(inner).__module__.rpartition('.')[0]}.{type(inner).__name__}"}
        chosen = model("sklearn.model_selection.GridSearchCV", estimator=inside, param_grid={}, cv=2)
        assert (len(fitted(config(chosen), X[["age", "own"]]).steps) == 2) is prepared


def test_a_regressor_is_prepared_too() -> None:
    """Its target is numbers, and its features have gaps."""
    target = pd.Series(X["age"] * 2.0)
    found = fitted(config(model("sklearn.linear_model.Ridge")), X[["age", "income"]], target)
    assert isinstance(found[-1], Ridge)
    assert found.score(X[["age", "income"]], target) > 0.99
