"""Scorers: only a model that predicts its golden rows as logged, and a faster way only where it gives the same."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.model.contract import Contract, contract
from modelmake.serving.forest import predictor
from modelmake.serving.refusal import Refusal
from modelmake.serving.scorer import Scorer, load, verified
from tests.conftest import Project
from tests.serving.conftest import Kinds, split

rng = np.random.default_rng(3)
X = pd.DataFrame(rng.normal(size=(300, 4)), columns=list("abcd"))
LABELS = np.array(["low", "high"])[(X["a"] + X["b"] > 0).astype(int)]
FORESTS = [
    (RandomForestClassifier(20, random_state=1), LABELS),
    (ExtraTreesClassifier(20, random_state=1), (X["a"] * 2).astype(int)),
    (RandomForestRegressor(20, random_state=1), X["a"] ** 2),
    (ExtraTreesRegressor(20, random_state=1), X["a"] ** 2),
]


@pytest.mark.parametrize(("forest", "y"), FORESTS)
@pytest.mark.parametrize("before", [(), (StandardScaler(),)])
def test_a_forest_is_predicted_faster_and_the_same(forest: BaseEstimator, y: np.ndarray, before: tuple) -> None:
    """Every bit, for one row and for many; scikit-learn's checks of the rows stay."""
    fitted = make_pipeline(*before, forest).fit(X, y)
    predict = predictor(fitted, X.head(), fitted.predict(X.head()))
    assert predict != fitted.predict
    other = pd.DataFrame(np.random.default_rng(4).normal(size=(500, 4)), columns=list("abcd"))
    np.testing.assert_array_equal(predict(other), fitted.predict(other))
    np.testing.assert_array_equal(predict(other.head(1)), fitted.predict(other.head(1)))
    for wrong in (other.assign(a=np.inf), other[["a", "b"]], other.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match=r"infinity|feature names|missing"):
            predict(wrong)


def test_a_forest_reads_columns_of_each_type_as_scikit_learn_does() -> None:
    """A tree has numbers of 32 bits, so the way to them matters."""
    whole = rng.integers(2**60, 2**62, 300)
    mixed = X.assign(a=whole, b=X["b"] > 0, c=X["c"].astype("float32"), d=X["d"].where(X["d"] > -1))
    for columns in (["a"], ["a", "b"], list("abcd")):
        fitted = make_pipeline(RandomForestRegressor(20, random_state=1)).fit(mixed[columns], whole)
        predict = predictor(fitted, mixed[columns].head(), fitted.predict(mixed[columns].head()))
        assert predict != fitted.predict
        np.testing.assert_array_equal(predict(mixed[columns]), fitted.predict(mixed[columns]))


class Own(RandomForestClassifier):
    """A forest that predicts in its own way."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        return np.repeat("mine", len(X))


@pytest.mark.parametrize("estimator", [Own(5), HistGradientBoostingClassifier(max_iter=5)])
def test_other_estimators_predict_themselves(estimator: BaseEstimator) -> None:
    """The faster way is for scikit-learn's own forests."""
    fitted = make_pipeline(estimator.fit(X, LABELS))
    assert predictor(fitted, X.head(), fitted.predict(X.head())) == fitted.predict


def test_the_faster_way_is_off_where_it_differs() -> None:
    """Of one golden row."""
    fitted = make_pipeline(RandomForestClassifier(5, random_state=1)).fit(X, LABELS)
    expected = fitted.predict(X.head())
    expected[0] = "high" if expected[0] == "low" else "low"
    assert predictor(fitted, X.head(), expected) == fitted.predict


def test_another_prediction_than_the_logged_one_is_refused(kinds: Kinds) -> None:
    """The golden row is named."""
    other = "no" if kinds.contract.predictions[2] == "yes" else "yes"
    predictions = (*kinds.contract.predictions[:2], other, *kinds.contract.predictions[3:])
    with pytest.raises(UserError, match="golden row 2 has a prediction that differs"):
        verified(kinds.pipeline, kinds.contract.model_copy(update={"predictions": predictions}), "m-1")


RESULTS = [
    lambda X: np.repeat(np.nan, len(X)),
    lambda X: np.array([float("inf")] * len(X), dtype=object),
    lambda X: np.array([object()] * len(X), dtype=object),
    lambda X: np.array([None] * len(X), dtype=object),
    lambda X: np.repeat(1j, len(X)),
    lambda X: np.zeros((len(X), 1)),
    lambda _: np.zeros(1),
    lambda _: 1 / 0,
]


@pytest.mark.parametrize("result", RESULTS)
def test_a_model_that_fails_says_nothing_of_the_rows(kinds: Kinds, result: Callable) -> None:
    """500, with the kind of the failure."""
    with pytest.raises(Refusal) as refused:
        Scorer(kinds.contract, result).predictions(kinds.X)
    assert refused.value.status == 500


def test_a_model_without_a_contract_is_refused(trained: Project) -> None:
    """It can't be served, and the line says what to do."""
    [about] = (trained.path / ".mlflow/artifacts").rglob("MLmodel")
    (about.parent / "extra_files/contract.json").unlink()
    with pytest.raises(UserError, match="train it again"):
        load(about.parent, "m-1", ())


@pytest.mark.filterwarnings("ignore:overflow")  # as the server ignores every warning
def test_a_value_that_only_the_model_refuses_is_the_clients() -> None:
    """A tree has numbers of 32 bits: 1e300 is a number for the schema, and none for it."""
    fitted = make_pipeline(RandomForestClassifier(5, random_state=1)).fit(X, LABELS)
    scorer = Scorer(contract(fitted, X, X, Data(path="x", target="y")), fitted.predict)
    with pytest.raises(Refusal, match="very large number") as refused:
        scorer.answer(split("abcd", [[1e300, 0, 0, 0]]), "application/json")
    assert refused.value.status == 422


def test_a_type_that_is_not_trusted_is_not_loaded(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """By our list, not by the model's own list."""
    monkeypatch.setattr("modelmake.model.trust.TRUSTED_TYPES", ())
    [about] = (trained.path / ".mlflow/artifacts").rglob("MLmodel")
    with pytest.raises(UserError, match="not on the trusted list"):
        load(about.parent, "m-1", ())


def test_a_loaded_model_knows_what_it_accepts(trained: Project) -> None:
    """The columns, the classes and the rows that were logged."""
    [about] = (trained.path / ".mlflow/artifacts").rglob("MLmodel")
    scorer = load(about.parent, "m-1", ())
    assert isinstance(scorer.contract, Contract)
    assert scorer.contract.names == ["petal_length", "petal_width", "sepal_length", "sepal_width"]
    assert scorer.contract.ignored == ("species",)


def predicting(result: Callable) -> Pipeline:
    """Return a pipeline whose estimator predicts by a function."""

    class Other(BaseEstimator):
        def fit(self, _X: pd.DataFrame, _y: object = None) -> "Other":
            self.fitted_ = True
            return self

        def predict(self, X: pd.DataFrame) -> np.ndarray:
            return result(X)

    return make_pipeline(Other().fit(X))


@pytest.mark.parametrize("result", RESULTS)
def test_a_model_that_fails_on_its_golden_rows_is_refused(kinds: Kinds, result: Callable) -> None:
    """With the one kind of error that the follower reports."""
    with pytest.raises(UserError, match="golden rows"):
        verified(predicting(result), kinds.contract, "m-1")


@pytest.mark.parametrize("more", [-1, 1])
def test_as_many_predictions_as_golden_rows_are_logged(kinds: Kinds, more: int) -> None:
    """One too few or too many is a damaged contract."""
    predictions = (*kinds.contract.predictions, "yes")[: len(kinds.contract.rows) + more]
    with pytest.raises(UserError, match="a logged prediction for each golden row"):
        verified(kinds.pipeline, kinds.contract.model_copy(update={"predictions": predictions}), "m-1")


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda text: text[: len(text) // 2],
    lambda _: b"\xff\xfe",
    lambda _: b"[" * 100_000,
    lambda _: b"[]",
    lambda text: text.replace(b'"float64"', b'"complex128"'),
    lambda text: text.replace(b'"rows": [\n', b'"rows": [\n[1],\n'),
    lambda text: text.replace(b'"rows": [', b'"rows": [[null, null, null, null],'),
    lambda text: text.replace(b'"predictions": [', b'"predictions": ["setosa",'),
    lambda text: text.replace(b'"petal_length"', b'"petal_width"'),
]


def test_a_damaged_contract_is_one_line(trained: Project) -> None:
    """Whatever is wrong with it."""
    [about] = (trained.path / ".mlflow/artifacts").rglob("MLmodel")
    path = about.parent / "extra_files/contract.json"
    good = path.read_bytes()
    for damage in DAMAGES:
        assert damage(good) != good
        path.write_bytes(damage(good))
        with pytest.raises(UserError):
            load(about.parent, "m-1", ())
    path.write_bytes(good)
    load(about.parent, "m-1", ())


@pytest.mark.parametrize(("forest", "y"), FORESTS)
def test_the_faster_way_takes_gaps_and_sparse_columns(forest: BaseEstimator, y: np.ndarray) -> None:
    """As scikit-learn's own forests do, with the same bits."""
    gaps = X.assign(a=X["a"].where(X["a"] > -1))
    coded = gaps.assign(b=X["b"].round())
    sparse = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["b"]), sparse_threshold=1)
    for fitted, rows in (
        (make_pipeline(clone(forest)).fit(gaps, y), gaps),
        (make_pipeline(sparse, clone(forest)).fit(coded, y), coded),
    ):
        predict = predictor(fitted, rows.head(), fitted.predict(rows.head()))
        assert predict != fitted.predict
        np.testing.assert_array_equal(predict(rows), fitted.predict(rows))
