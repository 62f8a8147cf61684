"""From the config to an estimator that can be fitted and saved safely."""

import tomllib

import pandas as pd
import pytest
import skops.io
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from scripts.core.config import Config, Model
from scripts.core.errors import UserError
from scripts.model.estimator import build, fit, parameters
from scripts.model.preprocess import pipeline
from scripts.model.trust import TRUSTED_TYPES
from tests.conftest import PIPELINE

X = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0] * 5, "colour": ["red", "blue", "red", "green"] * 5})
y = pd.Series(["x", "y", "x", "y"] * 5)
CONFIG = Config.model_validate(tomllib.loads(PIPELINE))


def bagged_trees(depth: int) -> BaggingClassifier:
    """Return an estimator as a user's own function would."""
    return BaggingClassifier(DecisionTreeClassifier(max_depth=depth))


def no_estimator() -> str:
    """Return something that is none."""
    return "a string"


@pytest.mark.parametrize(
    ("estimator", "params", "expected"),
    [
        ("no_such_module.Forest", {}, "cannot import 'no_such_module'"),
        ("sklearn.ensemble.RandomForrestClassifier", {}, "did you mean 'RandomForestClassifier'"),
        ("sklearn.ensemble.RandomForestClassifier", {"trees": 3}, "model.params: .*'trees'"),
        ("tests.model.test_model.no_estimator", {}, "does not create a scikit-learn estimator"),
        ("sklearn.preprocessing.StandardScaler", {}, "does not create a scikit-learn estimator"),
        ("math.pi", {}, "neither a class nor a function"),
    ],
)
def test_an_estimator_that_cannot_be_made_is_named(estimator: str, params: dict[str, object], expected: str) -> None:
    """The line says which key is wrong and what would be right."""
    with pytest.raises(UserError, match=expected):
        build(Model(estimator=estimator, params=params), seed=1)


def test_a_refused_value_is_named() -> None:
    """scikit-learn's own words, in one line."""
    estimator = build(Model(estimator="sklearn.tree.DecisionTreeClassifier", params={"max_depth": -1}), seed=1)
    with pytest.raises(UserError, match=r"DecisionTreeClassifier\.fit: .*max_depth"):
        fit(pipeline(CONFIG, estimator, X, y), X, y)


def test_every_open_random_state_is_seeded() -> None:
    """A nested estimator's random state counts, and one that the user set stays."""
    nested = build(Model(estimator=f"{__name__}.bagged_trees", params={"depth": 2}), seed=7)
    assert {nested.random_state, nested.estimator.random_state} == {7}
    chosen = Model(estimator="sklearn.tree.DecisionTreeClassifier", params={"random_state": 3})
    assert build(chosen, seed=7).random_state == 3


def searched() -> GridSearchCV:
    """Return a search by a scorer of scikit-learn's."""
    return GridSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}, scoring="f1_macro", cv=2)


def voting() -> VotingClassifier:
    """Return two estimators that vote."""
    return VotingClassifier([("a", LogisticRegression()), ("b", DecisionTreeClassifier())])


def tuned() -> TunedThresholdClassifierCV:
    """Return an estimator whose threshold is found by a scorer."""
    return TunedThresholdClassifierCV(LogisticRegression(), scoring="accuracy", cv=2)


@pytest.mark.parametrize("name", ["searched", "voting", "tuned"])
def test_what_holds_estimators_survives_too(name: str) -> None:
    """A search, an ensemble and a threshold need no line in trusted_types: they are scikit-learn's own."""
    estimator = build(Model(estimator=f"{__name__}.{name}"), seed=1)
    fitted = fit(pipeline(CONFIG, estimator, X, y), X, y)
    loaded = skops.io.loads(skops.io.dumps(fitted), trusted=list(TRUSTED_TYPES))
    assert (loaded.predict(X) == fitted.predict(X)).all()


@pytest.mark.parametrize(
    "name",
    [
        "ensemble.RandomForestClassifier",
        "ensemble.HistGradientBoostingClassifier",
        "linear_model.LogisticRegression",
        "neighbors.KNeighborsClassifier",
        "svm.SVC",
    ],
)
def test_usual_estimators_survive_skops_on_text_columns(name: str) -> None:
    """They fit text and numbers, are saved without pickle, and predict the same when loaded."""
    fitted = fit(pipeline(CONFIG, build(Model(estimator=f"sklearn.{name}"), seed=1), X, y), X, y)
    loaded = skops.io.loads(skops.io.dumps(fitted), trusted=list(TRUSTED_TYPES))
    assert (loaded.predict(X) == fitted.predict(X)).all()


def test_an_unseen_text_value_is_no_error() -> None:
    """A colour that training never saw still gets a prediction."""
    fitted = fit(pipeline(CONFIG, DecisionTreeClassifier(random_state=1), X, y), X, y)
    assert len(fitted.predict(pd.DataFrame({"size": [1.0], "colour": ["violet"]}))) == 1


def test_parameters_are_the_same_text_in_each_process() -> None:
    """A function stands without its address, which parity and reproduce would take for a difference."""
    chain = make_pipeline(SelectKBest(f_classif), RandomForestClassifier(3))
    shown = parameters(chain, seed=7, long="x" * 9000)
    assert shown["selectkbest__score_func"] == "<function f_classif>"
    assert (shown["seed"], shown["randomforestclassifier__n_estimators"], len(shown["long"])) == ("7", "3", 6000)
    assert "0x" not in "".join(shown.values())
