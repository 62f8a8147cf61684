"""Scores against scikit-learn's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from scripts.pipeline import metrics
from scripts.pipeline.config import CLASSIFICATION_METRICS, METRICS, REGRESSION_METRICS
from scripts.pipeline.metrics import Predictions


def classified(n: int, k: int, seed: int) -> Predictions:
    """Return predictions of `n` rows in `k` classes that are right more often than not."""
    rng = np.random.default_rng(seed)
    classes = np.array([f"class {i}" for i in range(k)])
    truth = rng.integers(0, k, n)
    proba = rng.dirichlet(np.ones(k), n) + np.eye(k)[truth] * 0.5
    proba /= proba.sum(1, keepdims=True)
    return Predictions(classes[truth], classes[proba.argmax(1)], proba, classes)


def regressed(n: int, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = rng.normal(5, 2, n)
    return Predictions(truth, truth + rng.normal(0, 1, n))


@given(st.integers(40, 120), st.integers(2, 4), st.integers(0, 1000))
def test_scores_are_scikit_learns(n: int, k: int, seed: int) -> None:
    """Every classification metric equals what scikit-learn's own function gives."""
    p = classified(n, k, seed)
    auc = sk.roc_auc_score(p.y_true, p.y_proba[:, 1] if k == 2 else p.y_proba, multi_class="ovr", labels=p.classes)
    expected = {
        "accuracy": sk.accuracy_score(p.y_true, p.y_pred),
        "balanced_accuracy": sk.balanced_accuracy_score(p.y_true, p.y_pred),
        "precision_macro": sk.precision_score(p.y_true, p.y_pred, average="macro", zero_division=0),
        "recall_macro": sk.recall_score(p.y_true, p.y_pred, average="macro", zero_division=0),
        "f1_macro": sk.f1_score(p.y_true, p.y_pred, average="macro", zero_division=0),
        "neg_log_loss": -sk.log_loss(p.y_true, p.y_proba, labels=p.classes),
        "roc_auc_ovr": auc,
    }
    assert metrics.scores(p) == pytest.approx(expected)


def test_ties_count_a_half_in_the_area_under_the_curve() -> None:
    """Equal scores on both sides give 0.5, as in scikit-learn."""
    truth = np.array(["a", "b", "a", "b"])
    flat = Predictions(truth, truth, np.full((4, 2), 0.5), np.array(["a", "b"]))
    assert metrics.scores(flat)["roc_auc_ovr"] == 0.5


def test_every_metric_that_the_gate_may_name_is_computed() -> None:
    """The config's list of names and what is computed are the same."""
    assert set(metrics.scores(classified(60, 3, 1))) == set(CLASSIFICATION_METRICS)
    assert set(metrics.scores(regressed(60, 1))) == set(REGRESSION_METRICS)
    assert set(CLASSIFICATION_METRICS) | set(REGRESSION_METRICS) == set(METRICS)


def test_an_undefined_metric_is_nan() -> None:
    """ROC AUC without a row of each class is not known, and is not passed off as 0."""
    p = Predictions(np.array(["a", "a"]), np.array(["a", "b"]), np.full((2, 2), 0.5), np.array(["a", "b"]))
    assert math.isnan(metrics.scores(p)["roc_auc_ovr"])


@given(st.integers(5, 60), st.integers(0, 1000))
def test_regression_scores_are_scikit_learns(n: int, seed: int) -> None:
    """R², and errors with their sign turned."""
    p = regressed(n, seed)
    expected = {
        "r2": sk.r2_score(p.y_true, p.y_pred),
        "neg_mean_absolute_error": -sk.mean_absolute_error(p.y_true, p.y_pred),
        "neg_root_mean_squared_error": -sk.root_mean_squared_error(p.y_true, p.y_pred),
    }
    assert metrics.scores(p) == pytest.approx(expected)
