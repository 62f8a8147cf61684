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

from modelmake.config.config import Config, Model, Step
from modelmake.core.errors import UserError
from modelmake.model.estimator import build, fit, parameters
from modelmake.model.preprocess import pipeline
from modelmake.model.trust import TRUSTED_TYPES
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
        ("sklearn.ensemble.RandomForestClassifier", {"trees": 3}, "model.params.trees: .*'trees'"),
        ("tests.model.test_model.no_estimator", {}, "does not create a scikit-learn estimator"),
        ("sklearn.preprocessing.StandardScaler", {}, "does not create a scikit-learn estimator"),
        ("math.pi", {}, "neither a class nor a function"),
    ],
)
def test_an_estimator_that_cannot_be_made_is_named(estimator: str, params: dict[str, object], expected: str) -> None:
    """The line says which key is wrong and what would be right."""
    with pytest.raises(UserError, match=expected):
        build(Model(estimator=estimator, params=params), seed=1)


TREE, SVC = {"estimator": "sklearn.tree.DecisionTreeClassifier"}, "sklearn.svm.SVC"
NESTED = [
    (
        "BaggingClassifier",
        {"estimator": TREE | {"params": {"max_dept": 2}}},
        "model.params.estimator.params.max_dept: no",
    ),
    (
        "BaggingClassifier",
        {"estimator": TREE, "estimator__max_dept": 2},
        r"'estimator__max_dept'.*'estimator__max_depth'",
    ),
    ("BaggingClassifier", {"estimator": {"estimator": SVC + "D"}}, "model.params.estimator.estimator: no 'SVCD'"),
    ("BaggingClassifier", {"estimator": TREE | {"parms": {}}}, r"estimator.parms: unknown key .*'params'"),
    ("BaggingClassifier", {"estimator": {"params": {}}}, "model.params.estimator: is not an estimator"),
    (
        "VotingClassifier",
        {"estimators": [["a", TREE], ["b", {"estimator": SVC, "params": {"c": 1}}]]},
        r"model.params.estimators.1.1.params.c: no parameter 'c' in SVC",
    ),
    ("VotingClassifier", {"estimators": [["svc", {"estimator": SVC}]], "svc__D": 1}, "no parameter 'svc__D' in Voting"),
]


@pytest.mark.parametrize(("estimator", "params", "expected"), NESTED)
def test_a_mistake_inside_an_estimator_is_named_with_its_place(
    estimator: str, params: dict[str, object], expected: str
) -> None:
    """The key in the line leads to it, at any depth."""
    with pytest.raises(UserError, match=expected):
        build(Model(estimator=f"sklearn.ensemble.{estimator}", params=params), seed=1)


@pytest.mark.parametrize("estimator", ["xgboost.XGBClassifier", "lightgbm.LGBMClassifier"])
def test_a_misspelt_parameter_is_named_where_any_is_accepted(estimator: str) -> None:
    """XGBoost and LightGBM take more than they list, so a name that is almost listed is an error, another is not."""
    pytest.importorskip(estimator.partition(".")[0])
    with pytest.raises(UserError, match=r"no parameter 'n_estimatrs' in \w+ \(did you mean 'n_estimators'"):
        build(Model(estimator=estimator, params={"n_estimatrs": 3}), seed=1)
    assert build(Model(estimator=estimator, params={"lambda": 0.5}), seed=1).get_params()["lambda"] == 0.5


@pytest.mark.parametrize("name", ["cluster.KMeans", "ensemble.IsolationForest", "neighbors.KernelDensity"])
def test_what_neither_classifies_nor_regresses_is_refused(name: str) -> None:
    """A clusterer predicts too, and has no target."""
    with pytest.raises(UserError, match=r"model.estimator: 'sklearn.\w+.\w+' (is an? |does not create)"):
        build(Model(estimator=f"sklearn.{name}"), seed=1)


def test_estimators_are_made_inside_estimators() -> None:
    """To any depth, in lists and tables, with the seed in each, and a splitter that shuffles."""
    search = {
        "estimator": "sklearn.model_selection.RandomizedSearchCV",
        "params": {
            "estimator": {"estimator": "sklearn.ensemble.BaggingClassifier", "params": {"estimator": TREE}},
            "param_distributions": {
                "n_estimators": {"estimator": "scipy.stats.randint", "params": {"low": 2, "high": 5}},
                "estimator__max_depth": [1, 2],
            },
            "cv": {"estimator": "sklearn.model_selection.KFold", "params": {"n_splits": 2, "shuffle": True}},
            "n_iter": 2,
        },
    }
    logistic = {"estimator": "sklearn.linear_model.LogisticRegression", "params": {"C": 0.5}}
    estimators = [["search", search], ["tree", TREE | {"params": {"random_state": 3}}]]
    params = {"estimators": estimators, "final_estimator": logistic, "search__n_iter": 3}
    stack = build(Model(estimator="sklearn.ensemble.StackingClassifier", params=params), seed=7)
    inner = dict(stack.estimators)["search"]
    assert (inner.random_state, inner.estimator.estimator.random_state, inner.cv.random_state, inner.n_iter) == (
        7,
        7,
        7,
        3,
    )
    assert dict(stack.estimators)["tree"].random_state == 3
    assert stack.final_estimator.C == 0.5
    assert set(fit(pipeline(CONFIG, stack, X, y), X, y).predict(X)) <= {"x", "y"}


def test_a_step_that_transforms_nothing_is_refused() -> None:
    """The line has its place in the list."""
    settings = CONFIG.model.model_copy(update={"steps": [Step(estimator=SVC)]})
    with pytest.raises(UserError, match=r"model.steps.0.estimator: 'sklearn.svm.SVC' does not create a .*transformer"):
        pipeline(CONFIG.model_copy(update={"model": settings}), build(settings, seed=1), X, y)


def test_an_error_of_another_package_is_one_line() -> None:
    """LightGBM has a class of errors of its own."""
    pytest.importorskip("lightgbm")
    chosen = Model(estimator="lightgbm.LGBMClassifier", params={"num_leaves": -1, "verbose": -1})
    with pytest.raises(UserError, match=r"LGBMClassifier\.fit: .*num_leaves"):
        fit(pipeline(CONFIG, build(chosen, seed=1), X, y), X, y)


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
    """A function is shown without its address, which would be a difference for parity and reproduce."""
    chain = make_pipeline(SelectKBest(f_classif), RandomForestClassifier(3))
    shown = parameters(chain, seed=7, long="x" * 9000)
    assert shown["selectkbest__score_func"] == "<function f_classif>"
    assert (shown["seed"], shown["randomforestclassifier__n_estimators"], len(shown["long"])) == ("7", "3", 6000)
    assert "0x" not in "".join(shown.values())
