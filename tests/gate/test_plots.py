"""The plots of real models on real and made-up tables: readable, deterministic, and at a cost that fits."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from modelmake.gate import plots
from modelmake.gate.importance import Importance
from modelmake.report.drawing import Plot, distinct
from modelmake.scores.metrics import Predictions

CURVES = ["confusion", "roc", "precision-recall", "calibration", "importance"]


def predictions(estimator: BaseEstimator, X: pd.DataFrame, y: np.ndarray) -> Predictions:
    """Return what a fitted estimator predicts."""
    if not hasattr(estimator, "classes_"):
        return Predictions(y, estimator.predict(X))
    proba = estimator.predict_proba(X) if hasattr(estimator, "predict_proba") else None
    return Predictions(y, estimator.predict(X), proba, estimator.classes_)


def drawn(estimator: BaseEstimator, X: pd.DataFrame, y: object, metric: str = "accuracy") -> dict[str, Plot]:
    """Fit an estimator, draw all plots of its predictions of the same rows, and check that each is XML."""
    y = np.asarray(y)
    estimator.fit(X, y)
    drawings = plots.draw(predictions(estimator, X, y), estimator, X, metric=metric, seed=1)
    for plot in drawings:
        assert not plot.svg or ET.fromstring(plot.svg).tag.endswith("svg")  # noqa: S314  # our own
    return {plot.name: plot for plot in drawings}


def texts(plot: Plot) -> list[str]:
    """Return the texts in a drawing."""
    svg = ET.fromstring(plot.svg)  # noqa: S314  # our own
    return [element.text or "" for element in svg.iter() if element.tag.endswith("text")]


def measurements(rows: int, columns: int, seed: int = 1) -> pd.DataFrame:
    """Return a table of random numbers with long names that differ in the middle."""
    numbers = np.random.default_rng(seed).normal(size=(rows, columns))
    return pd.DataFrame(numbers, columns=[f"measurement_of_gene_{k:04d}_in_the_blood" for k in range(columns)])


def test_the_curves_of_two_classes_are_those_of_the_positive_class() -> None:
    """The class that the config names, else the second, and the axes say which."""
    X, target = load_breast_cancer(return_X_y=True, as_frame=True)
    y = np.where(target == 0, "malignant", "benign").astype(object)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    p = predictions(model, X, y)
    for positive, name in ((None, "malignant"), ("benign", "benign")):
        pages = plots.draw(replace(p, positive=positive), model, X, metric="roc_auc", seed=1)
        for plot in pages[1:4]:
            assert f"(positive class: {name})" in texts(plot)
            assert f"positive class: {name}" in plot.alt


def test_curves_of_many_classes_are_of_the_most_frequent_ones() -> None:
    """Eight lines can be told apart; the matrix shows the classes with most errors and the others as one."""
    X = measurements(1200, 4)
    classes = np.array([f"class {k}" for k in range(100)], dtype=object)
    y = classes[np.minimum(np.random.default_rng(1).geometric(0.03, 1200), 99)]
    pages = drawn(RandomForestClassifier(5, max_depth=3, random_state=1), X, y)
    assert "most frequent of" in pages["roc"].alt
    assert len(re.findall(r"class \d+ \d", pages["roc"].alt)) == 8
    names = [text for text in texts(pages["confusion"]) if text.startswith("class ")]
    assert len(names) == 2 * 14
    assert "that are confused most" in pages["confusion"].title
    assert any(text.endswith(" others") for text in texts(pages["confusion"]))
    assert (
        sum(int(text.replace(",", "")) for text in texts(pages["confusion"]) if text[0].isdigit() and " " not in text)
        == 1200
    )


def test_a_large_regression_is_drawn_from_a_sample_and_says_so() -> None:
    """A dot a row would be a stain and megabytes; the mean error is that of all rows."""
    X = measurements(100_000, 2)
    pages = drawn(LinearRegression(), X, X.iloc[:, 0] * 2 + X.iloc[:, 1], "r2")
    assert "(2,000 of 100,000 rows)" in texts(pages["predicted"])
    assert len(pages["predicted"].svg) < 400_000


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e25, 1e140])
def test_a_regression_of_any_size_has_both_plots(scale: float) -> None:
    """Tiny and huge targets have axes with both titles."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    pages = drawn(LinearRegression(), X, y * scale, "r2")
    assert {"Predicted value", "Actual value"} <= set(texts(pages["predicted"]))
    assert {"Predicted value", "Actual minus predicted value"} <= set(texts(pages["residuals"]))
    assert not any(word in text for text in texts(pages["predicted"]) for word in ("nan", "inf"))


def test_what_can_not_be_drawn_is_left_out_with_a_reason() -> None:
    """Numbers whose squares are none have no axes and no r2."""
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    p = Predictions(y.to_numpy() * 1e200, y.to_numpy() * 1e200)
    with np.errstate(all="ignore"):
        pages = plots.draw(p, LinearRegression().fit(X, y), X, metric="r2", seed=1)
    assert [(plot.name, plot.svg) for plot in pages] == [("predicted", ""), ("importance", "")]
    assert all(plot.alt.startswith("Left out: ") for plot in pages)


@pytest.mark.parametrize(
    ("estimator", "y", "names"),
    [
        (DummyClassifier(), ["a", "b", "b"] * 10, CURVES),
        (DummyClassifier(), ["a", "a", *["b"] * 28], CURVES),
        (LinearSVC(), ["a", "b", "b"] * 10, ["confusion", "importance"]),
        (DummyRegressor(), [1.0, 2.0, 3.0] * 10, ["predicted", "residuals", "importance"]),
        (DummyRegressor(), [5.0] * 30, ["predicted", "residuals", "importance"]),
        (LogisticRegression(), [True, False, True] * 10, CURVES),
        (LogisticRegression(), [3, 2, 1] * 10, CURVES),
    ],
)
def test_constant_and_scarce_predictions_have_plots(
    estimator: BaseEstimator, y: list[object], names: list[str]
) -> None:
    """One prediction for all rows, two rows of a class, no probabilities, one target."""
    metric = "neg_mean_absolute_error" if isinstance(estimator, DummyRegressor) else "accuracy"
    assert list(drawn(estimator, measurements(30, 3), y, metric)) == names


def test_names_are_text_whatever_they_contain() -> None:
    """Markup, formulas, ids, letters of any script and control characters stay names; long ones get an ellipsis."""
    odd = [
        "$a_1$ _x_",
        "<b>&amp;</b>",
        'id="me"',
        "#010203",
        "日本語の列",
        "العمود",
        "\x07be\nll",
        "",
        "x" * 300,
    ]
    X = pd.DataFrame(np.random.default_rng(1).normal(size=(200, len(odd))), columns=odd)
    y = np.where(X.iloc[:, 0] > 0, "_$x$</svg>", "A עברית")
    pages = drawn(LogisticRegression(), X, y)
    shown = texts(pages["importance"])
    for name in ("$a_1$ _x_", "<b>&amp;</b>", 'id="me"', "#010203", "日本語の列", "العمود", "be ll", "(empty)"):
        assert name in shown
    assert f"{'x' * 12}…{'x' * 11}" in shown
    assert any(text.startswith("_$x$</svg> ") for text in texts(pages["roc"]))
    assert "A עברית" in texts(pages["confusion"])


def test_shortened_names_stay_distinct() -> None:
    """Names that differ in the middle, in the end, or nowhere."""
    names = [f"intensity_of_gene_{k:03d}_in_the_blood_of_mice" for k in range(200)]
    assert distinct(names)[17] == "…gene_017…"
    assert len(set(distinct(["あ" * 40 + str(k) + "い" * 40 for k in range(50)]))) == 50
    assert distinct(["a\n", "a "]) == ["a", "a (2)"]


def test_wide_tables_show_the_columns_that_matter() -> None:
    """Of 800 columns the two that decide are on top, and the plot says that twenty were measured."""
    X = measurements(400, 800)
    y = np.where(X.iloc[:, 5] + X.iloc[:, 700] > 0, "ill", "well").astype(object)
    pages = drawn(HistGradientBoostingClassifier(max_iter=20), X, y, "neg_log_loss")
    shown = texts(pages["importance"])
    assert {"…gene_0005…", "…gene_0700…"} == set(re.findall(r"…gene_\d+…", pages["importance"].alt)[:2])
    assert len([text for text in shown if text.startswith("…gene")]) == 15
    assert "20 of 800 columns" in " ".join(shown)


def mixed(rows: int = 120) -> tuple[pd.DataFrame, np.ndarray]:
    """Return a raw table: numbers with gaps, dates, text, booleans with gaps, categories; and its classes."""
    rng = np.random.default_rng(1)
    X = pd.DataFrame({
        "age": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(40, 9, rows)),
        "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D"),
        "review": rng.choice(["good and cheap", "bad", "never again, bad", "very good"], rows),
        "member": pd.array(rng.choice([True, False, None], rows), dtype="boolean"),
        "shop": pd.Categorical(rng.choice(["north", "south"], rows)),
    })  # fmt: skip
    return X, np.where(X["review"].str.contains("good"), "yes", "no").astype(object)


def raw_pipeline() -> Pipeline:
    """Return a pipeline that takes such a table as it is, and hands a sparse matrix to the estimator."""
    columns = make_column_transformer(
        (SimpleImputer(), ["age"]),
        (FunctionTransformer(lambda frame: frame.apply(lambda day: day.dt.day_of_year)), ["since"]),
        (TfidfVectorizer(), "review"),
        (OneHotEncoder(), ["member", "shop"]),
        sparse_threshold=1.0,
    )
    return make_pipeline(columns, LogisticRegression())


def test_importance_shuffles_raw_columns_of_any_type() -> None:
    """Gaps, dates, text, booleans and categories reach the pipeline in their own types."""
    X, y = mixed()
    plot = drawn(raw_pipeline(), X, y)["importance"]
    assert plot.alt.startswith("Permutation importance: review ")


class Strict(ClassifierMixin, BaseEstimator):
    """A classifier that fails on rows that it has not seen."""

    def fit(self, X: pd.DataFrame, y: np.ndarray) -> "Strict":
        """Remember the rows."""
        self.rows_, self.classes_ = (
            {tuple(row): label for row, label in zip(X.to_numpy(), y, strict=True)},
            np.unique(y),
        )
        return self

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        """Look the rows up."""
        return np.array([self.rows_[tuple(row)] for row in X.to_numpy()])


def test_an_estimator_that_fails_on_shuffled_columns_has_the_other_plots() -> None:
    """The report says why the importance is missing."""
    X, target = load_iris(return_X_y=True, as_frame=True)
    pages = drawn(Strict(), X, target.to_numpy())
    assert pages["confusion"].svg
    assert pages["importance"].svg == ""
    assert pages["importance"].alt.startswith("Left out: the estimator fails on shuffled columns: ")


def test_a_drawing_is_the_same_bytes_whatever_the_order_of_the_columns() -> None:
    """Same predictions, same SVG; a shuffle depends on the name of the column."""
    X = measurements(200, 100)
    y = np.where(X.iloc[:, 3] > 0, "a", "b").astype(object)
    model = HistGradientBoostingClassifier(max_iter=10, random_state=1).fit(X, y)
    p = predictions(model, X, y)
    once, again = (plots.draw(p, model, X, metric="roc_auc", seed=1) for _ in range(2))
    assert once == again
    turned = Importance(p, Turned(model, list(X.columns)), X[X.columns[::-1]], "roc_auc", 1).plot()
    assert turned.alt == once[-1].alt


class Turned(BaseEstimator):
    """A model that puts the columns into their first order."""

    def __init__(self, model: BaseEstimator, columns: list[str]) -> None:
        """Keep the model and the order."""
        self.model, self.columns = model, columns

    def predict_proba(self, X: pd.DataFrame) -> np.ndarray:
        """Predict as the model does."""
        return self.model.predict_proba(X[self.columns])
