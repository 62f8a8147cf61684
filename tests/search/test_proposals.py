"""Proposals are a function of the seed and of the finished batches."""

import itertools
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmake.config.search import Budget, Search
from modelmake.config.space import Parameter
from modelmake.search.methods import of
from modelmake.search.trial import Result, Trial, ranked

SPACE = {
    "kernel": Parameter(choices=["linear", "rbf", {"estimator": "a.B"}]),
    "C": Parameter(low=0.01, high=100.0, log=True),
    "gamma": Parameter(low=1, high=9, when={"kernel": ["rbf", "a.B"]}),
}


def score(trial: Trial) -> Result:
    """Return a result that depends on the parameters alone; some trials fail, some are stopped."""
    value = float(trial.params["C"]) - float(trial.params.get("gamma", 3))  # type: ignore[arg-type]
    if trial.number % 7 == 3:
        return Result.failed(trial, "no luck")
    means = [[value * (budget or 1)] for budget in trial.budgets or (1,)]
    for place, least in enumerate(trial.least):
        if least is not None and means[place][0] < least:
            short = means[: place + 1]
            return Result(trial.number, trial.params, list(trial.budgets[: place + 1]), short, "stopped")
    return Result(trial.number, trial.params, list(trial.budgets), means)


def batches(search: Search) -> list[range]:
    """Return the numbers of the trials of each batch."""
    return of(search).batches(search)


def propose(search: Search, seed: int, before: Sequence[Result], numbers: range) -> list[Trial]:
    """Return the trials with these numbers."""
    return of(search).propose(search, seed, before, numbers)


def best(search: Search, results: Iterable[Result]) -> Result | None:
    """Return the best trial; None if none has a score on the whole budget."""
    return next(iter(ranked(search, results)), None)


def whole(search: Search, seed: int = 1) -> dict[int, Result]:
    """Run a search to its end."""
    results: dict[int, Result] = {}
    for numbers in batches(search):
        before = [results[number] for number in range(numbers.start) if number in results]
        results |= {trial.number: score(trial) for trial in propose(search, seed, before, numbers)}
    return results


@pytest.mark.parametrize("method", ["tpe", "random", "grid", "halving"])
def test_the_same_seed_gives_the_same_trials(method: str) -> None:
    """In each process; and another seed gives others, except of a grid."""
    space = {"C": Parameter(low=1, high=20), "gamma": Parameter(choices=[1, 2])}
    search = Search(method=method, trials=None if method == "grid" else 30, space=space)
    assert whole(search) == whole(search)
    assert (whole(search) == whole(search, seed=2)) == (method == "grid")


@given(st.integers(0, 2**32 - 1), st.sampled_from(["tpe", "random", "halving"]))
def test_each_trial_is_one_of_the_space(seed: int, method: str) -> None:
    """Each value is in its range, and a condition holds or the parameter is not there."""
    search = Search(method=method, trials=12, space=SPACE)
    for result in whole(search, seed).values():
        assert search.contains(result.params), result


def test_more_trials_go_on_with_the_same_search() -> None:
    """The first 20 of 50 trials are those of a search of 20, also in a batch that was not full."""
    few, many = (Search(trials=count, batch=8, space=SPACE) for count in (20, 50))
    a, b = whole(few), whole(many)
    assert all(a[number] == b[number] for number in range(20))
    assert len(b) == 50


def test_the_order_of_a_journals_keys_does_not_matter() -> None:
    """A journal has the parameters in alphabetical order."""
    search = Search(trials=40, batch=8, space=SPACE)
    before = [whole(search)[number] for number in range(32)]
    turned = [
        Result(one.number, dict(sorted(one.params.items())), one.budgets, one.scores, one.state) for one in before
    ]
    assert propose(search, 1, before, range(32, 40)) == propose(search, 1, turned, range(32, 40))


def test_tpe_finds_more_than_random() -> None:
    """It learns from what is finished: on a slope of two parameters its best trials are better."""
    space = {"x": Parameter(low=-5.0, high=5.0), "y": Parameter(low=-5.0, high=5.0)}

    def mean(method: str) -> float:
        tops = []
        for seed in range(5):
            results: list[Result] = []
            search = Search(method=method, trials=64, space=space)
            for numbers in batches(search):
                for trial in propose(search, seed, results, numbers):
                    loss = float(trial.params["x"]) ** 2 + float(trial.params["y"]) ** 2  # type: ignore[arg-type]
                    results = [*results, Result(trial.number, trial.params, [], [[-loss]])]
            found = best(search, results)
            tops.append(found.score if found else -100.0)
        return sum(tops) / len(tops)

    assert mean("tpe") > mean("random")


def test_a_grid_has_each_point_once() -> None:
    """Also with conditions, and with a step."""
    kernel, gamma = Parameter(choices=["linear", "rbf"]), Parameter(low=0.1, high=0.5, step=0.2, when={"kernel": "rbf"})
    search = Search(method="grid", space={"kernel": kernel, "gamma": gamma})
    points = [
        tuple(result.params.values())
        for result in (Result(trial.number, trial.params) for trial in propose(search, 0, [], *batches(search)))
    ]
    assert points == [("linear",), ("rbf", 0.1), ("rbf", pytest.approx(0.3)), ("rbf", pytest.approx(0.5))]


def test_points_are_exact() -> None:
    """0.1 and two steps of 0.1 are 0.3, which is not above `high`; a draw is one of the points."""
    gamma = Parameter(low=0.1, high=0.3, step=0.1)
    assert [gamma.point(place) for place in range(gamma.count or 0)] == [0.1, 0.2, 0.3]
    search = Search(method="random", trials=40, space={"gamma": gamma})
    drawn = {trial.params["gamma"] for trial in propose(search, 1, [], range(40))}
    assert drawn == {0.1, 0.2, 0.3}
    assert all(search.contains({"gamma": value}) for value in drawn)


def test_true_is_not_1() -> None:
    """Nor inside of a list."""
    mixed = Parameter(choices=[0, False, 1, True, [1], [True]])
    assert [mixed.position(value) for value in mixed.choices or []] == [0, 1, 2, 3, 4, 5]


def test_a_condition_on_a_list() -> None:
    """A list is a choice, where there is one like it, and else it names several."""
    layers, alpha = Parameter(choices=[[10], [5, 5]]), Parameter(low=0.0, high=1.0, when={"layers": [5, 5]})
    search = Search(space={"layers": layers, "alpha": alpha})
    assert search.active("alpha", {"layers": [5, 5]})
    assert not search.active("alpha", {"layers": [10]})


@pytest.mark.parametrize(
    ("low", "high", "stages"),
    [
        (10, 270, [10, 30, 90, 270]),
        (10, 100, [10, 30, 100]),
        (0.1, 1.0, [0.1, 0.3, 1.0]),
        (0.037, 1.0, [0.037, 0.111, 0.333, 1.0]),
    ],
)
def test_stages(low: float, high: float, stages: list[float]) -> None:
    """Each three times the one before, without a last step that is hardly one."""
    assert Budget(parameter="rows" if high == 1.0 else "n", low=low, high=high).stages == stages


def test_halving_gives_the_best_the_next_budget() -> None:
    """A third of each stage goes on, the best ones, and the last stage decides."""
    search = Search(method="halving", trials=27, budget=Budget(parameter="n", low=1, high=9), space=SPACE)
    results = whole(search)
    stages = [[results[number] for number in numbers if number in results] for numbers in batches(search)]
    assert [len(stage) for stage in stages] == [27, 9, 3]
    for stage, after in itertools.pairwise(stages):
        fine = sorted((one for one in stage if one.state == "complete"), key=lambda one: (-one.score, one.number))
        assert [one.params for one in after] == [one.params for one in fine[: len(after)]]
    found = best(search, list(results.values()))
    assert found is not None
    assert found.budgets == [9]


def test_a_stage_must_reach_the_median_of_finished_trials() -> None:
    """With a budget; the first batch has nothing to be compared with."""
    search = Search(method="random", trials=24, budget=Budget(parameter="n", low=1, high=9), space=SPACE)
    first = propose(search, 1, [], range(8))
    assert {trial.least for trial in first} == {(None, None)}
    done = [score(trial) for trial in first]
    means = sorted(one.means[0] for one in done if one.state != "failed")
    middle = (means[(len(means) - 1) // 2] + means[len(means) // 2]) / 2
    assert {trial.least[0] for trial in propose(search, 1, done, range(8, 16))} == {middle}
    assert any(one.state == "stopped" for one in whole(search).values())


def test_the_first_of_equals_is_the_best() -> None:
    """Whichever has finished first."""
    search = Search(space=SPACE)
    results = [Result(number, {}, [], [[1.0]]) for number in (5, 3, 4)]
    found = best(search, results)
    assert found is not None
    assert found.number == 3
    assert best(search, [Result.failed(Trial(0, {}), "no luck")]) is None
