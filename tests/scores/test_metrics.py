"""Scores against scikit-learn's."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from modelmake.config.gate import CLASSIFICATION_METRICS, METRICS, OF_CLASS_1, REGRESSION_METRICS, REPORTED
from modelmake.scores import metrics
from modelmake.scores.metrics import Predictions
from modelmake.scores.sample_size import undefined


def classified(n: int, k: int, seed: int, *, numbered: bool = False) -> Predictions:
    """Return predictions of `n` rows in `k` classes, names or numbers from 0, that are right more often than not."""
    rng = np.random.default_rng(seed)
    classes = np.arange(k) if numbered else np.array([f"class {i}" for i in range(k)])
    truth = rng.integers(0, k, n)
    proba = rng.dirichlet(np.ones(k), n) + np.eye(k)[truth] * 0.5
    proba = np.ceil(50 * proba)  # so that some are the same
    proba /= proba.sum(1, keepdims=True)
    return Predictions(classes[truth], classes[proba.argmax(1)], proba, classes)


def regressed(n: int, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = rng.normal(9, 2, n)
    return Predictions(truth, truth + rng.normal(0, 1, n))


def mean(p: Predictions, area: Callable[[np.ndarray, np.ndarray], float]) -> float:
    """Return an area of each class against the rest, averaged; of two classes that of the second."""
    of = [1] if len(p.classes) == 2 else range(len(p.classes))
    return float(np.mean([area(p.y_true == p.classes[k], p.y_proba[:, k]) for k in of]))


RATIOS = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score, "jaccard": sk.jaccard_score}


@given(st.integers(40, 120), st.integers(2, 4), st.integers(0, 1000))
def test_scores_are_scikit_learns(n: int, k: int, seed: int) -> None:
    """Every classification metric equals what scikit-learn's own function gives."""
    p = classified(n, k, seed)
    truth, predicted = p.y_true, p.y_pred
    brier = {"pos_label": p.classes[1]} if k == 2 else {"labels": p.classes}
    expected = {
        "accuracy": sk.accuracy_score(truth, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
        "matthews_corrcoef": sk.matthews_corrcoef(truth, predicted),
        "neg_log_loss": -sk.log_loss(truth, p.y_proba, labels=p.classes),
        "neg_brier_score": -sk.brier_score_loss(truth, p.y_proba[:, 1] if k == 2 else p.y_proba, **brier),
        "roc_auc_ovr": mean(p, sk.roc_auc_score),
        "average_precision": mean(p, sk.average_precision_score),
    }
    for name, function in RATIOS.items():
        for average in ("macro", "micro", "weighted"):
            expected[f"{name}_{average}"] = function(truth, predicted, average=average, zero_division=0)
    asked = set(CLASSIFICATION_METRICS) - {*OF_CLASS_1, "roc_auc"}
    assert metrics.scores(p, asked) == pytest.approx(expected)
    assert set(expected) == asked


@given(st.integers(20, 60), st.integers(0, 1000))
@settings(max_examples=10)
def test_metrics_of_class_1_are_scikit_learns(n: int, seed: int) -> None:
    """As of its scorers `f1`, `precision`, `recall`, `jaccard` and `roc_auc`."""
    p = classified(n, 2, seed, numbered=True)
    expected = {name: function(p.y_true, p.y_pred, zero_division=0) for name, function in RATIOS.items()}
    expected["roc_auc"] = sk.roc_auc_score(p.y_true, p.y_proba[:, 1])
    assert {name: metrics.score(p, name) for name in expected} == pytest.approx(expected)


KINDS = (["no", "yes"], [False, True], [0, 1], [2, 7], [1.0, 2.0])


@given(st.integers(20, 60), st.integers(0, 1000), st.sampled_from(KINDS), st.integers(0, 1))
def test_metrics_of_the_positive_class_are_scikit_learns(n: int, seed: int, labels: list[object], which: int) -> None:
    """Of text, booleans and numbers, the first class as well as the last: scikit-learn's with that `pos_label`."""
    numbered = classified(n, 2, seed, numbered=True)
    classes, positive = np.array(labels), labels[which]
    p = Predictions(classes[numbered.y_true], classes[numbered.y_pred], numbered.y_proba, classes, positive)
    truth, proba = p.y_true == positive, p.y_proba[:, which]
    expected = {name: f(p.y_true, p.y_pred, pos_label=positive, zero_division=0) for name, f in RATIOS.items()}
    expected["roc_auc"] = sk.roc_auc_score(truth, proba)
    expected["average_precision"] = sk.average_precision_score(p.y_true, proba, pos_label=positive)
    expected["neg_brier_score"] = -sk.brier_score_loss(p.y_true, proba, pos_label=positive)
    assert {name: metrics.score(p, name) for name in expected} == pytest.approx(expected)
    assert {"precision", "recall", "f1"} <= set(metrics.scores(p.take(np.arange(n) < n - 1)))
    if positive is True or positive == 1:  # the default
        unnamed = Predictions(p.y_true, p.y_pred, p.y_proba, classes)
        assert metrics.score(unnamed, "f1") == metrics.score(p, "f1")


def test_ties_count_a_half_in_the_area_under_the_curve() -> None:
    """Equal scores on both sides give 0.5, as in scikit-learn."""
    truth = np.array(["a", "b", "a", "b"])
    flat = Predictions(truth, truth, np.full((4, 2), 0.5), np.array(["a", "b"]))
    assert metrics.scores(flat)["roc_auc_ovr"] == 0.5


def test_every_metric_that_the_gate_may_name_is_a_scorer_and_computed() -> None:
    """The config's lists of names, scikit-learn's, and what is computed are the same."""
    assert set(METRICS) <= set(sk.get_scorer_names())
    assert set(METRICS) == {*metrics.FROM_CONFUSION, *metrics.FROM_ROWS}
    assert {*metrics.scores(classified(60, 3, 1)), *metrics.scores(regressed(60, 1))} == set(REPORTED)


@pytest.mark.parametrize(
    ("metric", "truth", "classes", "why"),
    [
        ("roc_auc_ovr", ["a", "b", "b"], ["a", "b", "c"], "no row is of class 'c'"),
        ("roc_auc", ["no", "no"], ["no", "yes"], "no row is of class 'yes'"),
        ("average_precision", ["no", "no"], ["no", "yes"], "no row is of class 'yes'"),
        ("f1", [0, 0], [0, 1], "no row is of class 1"),
        ("matthews_corrcoef", [0, 0], [0, 1], "no row is of class 1"),
        ("r2", [2.0, 2.0, 2.0], None, "all values are the same"),
        ("neg_mean_squared_log_error", [2.0, -1.0], None, "a value is -1 or below"),
        ("accuracy", ["a", "a"], ["a", "b"], ""),
        ("neg_log_loss", ["a", "z"], ["a", "b"], ""),
        ("roc_auc", ["no", "yes"], ["no", "yes"], ""),
        ("f1", [0, 1], [0, 1], ""),
        ("r2", [2.0, 3.0], None, ""),
        ("neg_mean_absolute_error", [2.0, 2.0], None, ""),
    ],
)
def test_it_is_known_before_a_fit_that_a_metric_says_nothing(
    metric: str, truth: list[object], classes: list[object] | None, why: str
) -> None:
    """With the class that is missing, or what the values have in common."""
    known = None if classes is None else np.array(classes)
    assert undefined(metric, np.array(truth), known) == why


@given(st.integers(2, 6), st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_a_metric_is_not_defined_for_any_model_or_for_each(n: int, k: int, seed: int) -> None:
    """Whatever the predictions are: NaN exactly where it is said before the fit."""
    p = classified(n, k, seed)
    for metric in ("roc_auc_ovr", "average_precision", "neg_log_loss", "accuracy", "f1_macro"):
        assert bool(undefined(metric, p.y_true, p.classes)) == bool(np.isnan(metrics.score(p, metric))), metric


def test_an_undefined_metric_is_nan() -> None:
    """ROC AUC without a row of each class is not known, and is not passed off as 0."""
    p = Predictions(np.array(["a", "a"]), np.array(["a", "b"]), np.full((2, 2), 0.5), np.array(["a", "b"]))
    assert math.isnan(metrics.scores(p)["roc_auc_ovr"])


@given(st.integers(5, 60), st.integers(0, 1000))
def test_regression_scores_are_scikit_learns(n: int, seed: int) -> None:
    """R², and errors with their sign turned."""
    p = regressed(n, seed)
    truth, predicted = p.y_true, p.y_pred
    expected = {
        "r2": sk.r2_score(truth, predicted),
        "explained_variance": sk.explained_variance_score(truth, predicted),
        "neg_mean_absolute_error": -sk.mean_absolute_error(truth, predicted),
        "neg_mean_squared_error": -sk.mean_squared_error(truth, predicted),
        "neg_root_mean_squared_error": -sk.root_mean_squared_error(truth, predicted),
        "neg_mean_absolute_percentage_error": -sk.mean_absolute_percentage_error(truth, predicted),
        "neg_mean_squared_log_error": -sk.mean_squared_log_error(truth, predicted),
        "neg_root_mean_squared_log_error": -sk.root_mean_squared_log_error(truth, predicted),
    }
    assert metrics.scores(p, REGRESSION_METRICS) == pytest.approx(expected)


def test_a_logarithm_of_what_has_none_is_not_known() -> None:
    """A value of -1 or less closes the gate; scikit-learn would raise an error."""
    p = Predictions(np.array([1.0, 2.0]), np.array([1.0, -1.5]))
    assert math.isnan(metrics.score(p, "neg_mean_squared_log_error"))
