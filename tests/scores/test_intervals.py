"""Intervals against what they should cover, and differences of two models on the same rows."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelmake.config.gate import CLASSIFICATION_METRICS, METRICS, OF_CLASS_1
from modelmake.scores import intervals, metrics
from modelmake.scores.metrics import Predictions
from tests.scores.test_metrics import classified, regressed

AB = np.array(["a", "b"])


def rows_of(metric: str, n: int, seed: int) -> Predictions:
    if metric in (*OF_CLASS_1, "roc_auc"):
        return classified(n, 2, seed, numbered=True)
    return classified(n, 3, seed) if metric in CLASSIFICATION_METRICS else regressed(n, seed)


def two_models(metric: str, n: int) -> tuple[Predictions, Predictions]:
    """Return two models' predictions of the same rows."""
    first, second = rows_of(metric, n, 3), rows_of(metric, n, 4)
    if first.classes is None:
        return first, Predictions(first.y_true, first.y_true + (second.y_pred - second.y_true) * 1.2)
    return first, Predictions(first.y_true, second.y_pred, second.y_proba, first.classes)


@pytest.mark.parametrize("metric", METRICS)
def test_an_interval_holds_its_value_and_repeats(metric: str) -> None:
    """The value is between the bounds, and the same seed gives the same bounds."""
    p = rows_of(metric, 150, 2)
    first, second = intervals.bootstrap(p, metric, seed=5), intervals.bootstrap(p, metric, seed=5)
    assert first == second
    assert first.lower < first.value < first.upper


@pytest.mark.long
@pytest.mark.parametrize("metric", METRICS)
@given(st.integers(0, 1000))
@settings(max_examples=5)
def test_the_order_of_rows_does_not_matter(metric: str, seed: int) -> None:
    """To the last bit, for the interval and for the difference."""
    p, other = two_models(metric, 60)
    order = np.random.default_rng(seed).permutation(60)
    a = intervals.bootstrap(p, metric, seed=1, resamples=100)
    b = intervals.bootstrap(p.take(order), metric, seed=1, resamples=100)
    assert (a.lower, a.upper) == (b.lower, b.upper)
    a = intervals.compare(p, other, metric, seed=1, resamples=100)
    b = intervals.compare(p.take(order), other.take(order), metric, seed=1, resamples=100)
    assert (a.lower, a.upper, a.p_value, a.mcnemar) == (b.lower, b.upper, b.p_value, b.mcnemar)


@given(st.sampled_from(METRICS), st.integers(12, 80), st.integers(0, 1000))
@settings(max_examples=30)
def test_a_model_against_itself_is_never_significantly_different(metric: str, n: int, seed: int) -> None:
    """The difference is nothing, and so is its interval."""
    p = rows_of(metric, n, seed)
    estimate = intervals.compare(p, p, metric, seed=seed, resamples=200)
    if not math.isnan(estimate.value):
        assert (estimate.value, estimate.lower, estimate.upper, estimate.p_value) == (0, 0, 0, 1)
    assert estimate.mcnemar in (None, 1.0)


@pytest.mark.long
def test_an_interval_is_that_of_resampled_rows() -> None:
    """Drawing matrices or weights comes to the same bounds as drawing rows one by one."""
    p, rng = classified(80, 2, 3), np.random.default_rng(1)
    drawn = [rng.integers(0, 80, 80) for _ in range(600)]
    naive = [metrics.scores(p.take(rows)) for rows in drawn]
    for metric in ("accuracy", "f1_macro", "neg_log_loss", "roc_auc_ovr"):
        expected = np.quantile([values[metric] for values in naive], [0.025, 0.975])
        estimate = intervals.bootstrap(p, metric, seed=1)
        assert [estimate.lower, estimate.upper] == pytest.approx(
            expected, abs=0.2 * (estimate.upper - estimate.lower)
        ), metric


@pytest.mark.long
@pytest.mark.parametrize("metric", METRICS)
def test_a_difference_is_that_of_resampled_rows(metric: str) -> None:
    """Both models see the same rows in each resample."""
    p, other = two_models(metric, 90)
    rng = np.random.default_rng(1)
    drawn = [rng.integers(0, 90, 90) for _ in range(400)]
    naive = [metrics.score(p.take(rows), metric) - metrics.score(other.take(rows), metric) for rows in drawn]
    expected = np.quantile(naive, [0.025, 0.975])
    estimate = intervals.compare(p, other, metric, seed=1)
    assert [estimate.lower, estimate.upper] == pytest.approx(expected, abs=0.2 * (estimate.upper - estimate.lower))


@pytest.mark.long
@pytest.mark.parametrize("metric", METRICS)
def test_groups_of_rows_give_the_same_interval(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many rows are summed up in groups first; that is a matter of time, not of figures."""
    p, other = two_models(metric, 2000)
    one, two = intervals.bootstrap(p, metric, seed=1), intervals.compare(p, other, metric, seed=1)
    monkeypatch.setattr(intervals, "GROUPS", 500)
    for exact, grouped in (
        (one, intervals.bootstrap(p, metric, seed=1)),
        (two, intervals.compare(p, other, metric, seed=1)),
    ):
        width = exact.upper - exact.lower
        assert [grouped.lower, grouped.upper] == pytest.approx([exact.lower, exact.upper], abs=0.12 * width)


def right(count: int, n: int) -> Predictions:
    """Return predictions of which `count` in `n` are right, of two classes in turns."""
    truth = AB[np.arange(n) % 2]
    return Predictions(truth, np.where(np.arange(n) < count, truth, AB[1 - np.arange(n) % 2]), None, AB)


@pytest.mark.long
@pytest.mark.parametrize("n", [100, 1000])
@pytest.mark.parametrize("accuracy", [0.7, 0.8, 0.9])
def test_accuracy_intervals_cover_the_truth(n: int, accuracy: float) -> None:
    """Of 2,000 test sets, 93 to 97 in 100 have an interval that holds the true accuracy."""
    drawn = np.random.default_rng(11).binomial(n, accuracy, size=2000)
    interval = {count: intervals.bootstrap(right(count, n), "accuracy", seed=1) for count in set(drawn.tolist())}
    held = np.mean([interval[count].lower <= accuracy <= interval[count].upper for count in drawn.tolist()])
    assert 0.93 <= held <= 0.97


@given(st.integers(0, 50))
@settings(max_examples=15)
def test_accuracys_interval_is_jeffreys(count: int) -> None:
    """Known in closed form: the quantiles of a beta distribution."""
    estimate = intervals.bootstrap(right(count, 50), "accuracy", seed=3, resamples=20_000)
    lower, upper = stats.beta.ppf([0.025, 0.975], count + 0.5, 50 - count + 0.5)
    assert estimate.lower == pytest.approx(min(lower, count / 50), abs=0.006)
    assert estimate.upper == pytest.approx(max(upper, count / 50), abs=0.006)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "f1_macro", "recall_macro", "precision_macro"])
def test_rows_without_a_mistake_are_no_certainty(metric: str) -> None:
    """Thirty of thirty may be a model that is wrong once in twenty; the more rows, the surer."""
    few, many = (intervals.bootstrap(right(n, n), metric, seed=1) for n in (30, 3000))
    assert (few.value, few.upper) == (1.0, 1.0)
    assert 0.85 < few.lower < 0.95 < many.lower < 1.0


def test_a_slice_of_one_class_has_an_interval() -> None:
    """Twelve rows, one class, no mistake: Jeffreys' bound again."""
    truth = np.repeat("a", 12)
    estimate = intervals.bootstrap(Predictions(truth, truth, None, AB), "accuracy", seed=1, resamples=20_000)
    assert estimate.lower == pytest.approx(stats.beta.ppf(0.025, 12.5, 0.5), abs=0.006)


@pytest.mark.long
def test_paired_intervals_cover_the_true_difference() -> None:
    """Of 600 pairs of models 0.05 apart on 300 rows, 92 to 98 in 100 have an interval that holds it."""
    rng, held = np.random.default_rng(5), 0
    for seed in range(600):
        truth = AB[rng.integers(0, 2, 300)]
        draw = rng.random(300)
        first, second = draw < 0.85, (draw < 0.7) | (draw > 0.9)
        wrong = np.where(truth == "a", "b", "a")
        p, other = (Predictions(truth, np.where(right, truth, wrong), None, AB) for right in (first, second))
        estimate = intervals.compare(p, other, "accuracy", seed=seed, resamples=400)
        held += estimate.lower <= 0.05 <= estimate.upper
    assert 0.92 <= held / 600 <= 0.98


def test_mcnemar_counts_who_is_right_alone() -> None:
    """Nine against one: the sign test's p-value, twice 11 in 1024."""
    truth = np.repeat("a", 30)
    first, second = truth.copy(), truth.copy()
    first[:1] = second[1:10] = "b"
    p, other = (Predictions(truth, pred, None, AB) for pred in (first, second))
    assert intervals.mcnemar(p, other) == pytest.approx(22 / 1024)
    assert intervals.mcnemar(p, p) == 1.0
    assert intervals.mcnemar(regressed(10, 1), regressed(10, 1)) is None


def test_an_undefined_metric_has_no_interval() -> None:
    """ROC AUC without a row of each class is not known, and is not passed off as 0."""
    p = Predictions(np.array(["a", "a"]), np.array(["a", "b"]), np.full((2, 2), 0.5), AB)
    assert math.isnan(intervals.bootstrap(p, "roc_auc_ovr", seed=1).lower)
    assert math.isnan(intervals.compare(p, p, "roc_auc_ovr", seed=1).lower)
