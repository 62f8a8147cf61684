"""Scores against scikit-learn's, and intervals against what they should cover."""

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
    assert math.isnan(metrics.bootstrap(p, "roc_auc_ovr", seed=1).lower)


@pytest.mark.parametrize("metric", METRICS)
def test_an_interval_holds_its_value_and_repeats(metric: str) -> None:
    """The bounds lie around the value, and the same seed gives the same bounds."""
    p = classified(150, 3, 2) if metric in CLASSIFICATION_METRICS else regressed(150, 2)
    first, second = metrics.bootstrap(p, metric, seed=5), metrics.bootstrap(p, metric, seed=5)
    assert first == second
    assert first.lower < first.value < first.upper


def test_an_interval_is_that_of_resampled_rows() -> None:
    """Drawing matrices or weights comes to the same bounds as drawing rows one by one."""
    p, rng = classified(80, 2, 3), np.random.default_rng(1)
    drawn = [rng.integers(0, 80, 80) for _ in range(600)]
    naive = [metrics.scores(Predictions(p.y_true[i], p.y_pred[i], p.y_proba[i], p.classes)) for i in drawn]
    for metric in ("accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"):
        expected = np.quantile([each[metric] for each in naive], [0.025, 0.975])
        found = metrics.bootstrap(p, metric, seed=1)
        assert [found.lower, found.upper] == pytest.approx(expected, abs=0.2 * (found.upper - found.lower)), metric


def test_accuracy_intervals_cover_the_truth() -> None:
    """Of 400 intervals for a known accuracy of 0.8 on 400 rows, about 95 in 100 hold it."""
    rng, held = np.random.default_rng(11), 0
    for seed in range(400):
        right = rng.random(400) < 0.8
        truth = np.array(["a", "b"])[rng.integers(0, 2, 400)]
        pred = np.where(right, truth, np.where(truth == "a", "b", "a"))
        found = metrics.bootstrap(
            Predictions(truth, pred, None, np.array(["a", "b"])), "accuracy", seed=seed, resamples=500
        )
        held += found.lower <= 0.8 <= found.upper
    assert 0.92 <= held / 400 <= 0.98
