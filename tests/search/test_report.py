"""The page of a search: how its best trial compares, and labels that are inside of the drawings."""

import random

import pytest
from matplotlib.figure import Figure

from modelmake.config.search import Search
from modelmake.config.space import Parameter
from modelmake.model.tuning import Tuned
from modelmake.search import plots, report
from modelmake.search.trial import Result, Trial

FOUND = Tuned("key", 0, 3, "accuracy", 0.9, "run", {"C": 1})
SPACE = {
    "max_depth": Parameter(low=1, high=20),
    "estimator": Parameter(
        choices=[f"sklearn.{name}" for name in ("ensemble.RandomForestClassifier", "svm.SVC", "linear_model.Ridge")]
    ),
    "criterion_of_the_split": Parameter(choices=["gini", "entropy", "log_loss", "something_quite_long_here"]),
    "columns__number__min_frequency": Parameter(low=0.1, high=1.0),
}


def results(scores: list[float]) -> list[Result]:
    """Return the results of trials with these scores."""
    return [Result(number, {"C": number}, scores=[[score]]) for number, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (0.85, "the best trial is better by 0.05 than the parameters of [model], whose accuracy is 0.8500"),
        (0.9, "the best trial is not better than the parameters of [model], whose accuracy is 0.9000"),
        (0.95, "the best trial is not better than the parameters of [model], whose accuracy is 0.9500"),
    ],
)
def test_the_page_says_whether_the_search_was_worth_it(given: float, says: str) -> None:
    """Against the parameters that the user has in [model], on the same folds."""
    assert report.notes(FOUND, results([0.9, 0.8]), results([given])[0]) == [f"{says} on the same folds"]


def test_the_page_says_how_many_trials_tie() -> None:
    """And which of them is used; parameters of [model] that fail are no comparison."""
    failed = Result.failed(Trial(0, {}), "SVC.fit: C is negative")
    assert report.notes(FOUND, results([0.9, 0.8, 0.9, 0.9]), failed) == [
        "3 trials have the best score; the first one is used",
        "the parameters of [model] cannot be compared: SVC.fit: C is negative",
    ]


def test_no_label_is_outside_of_its_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long names of parameters, of choices and of the metric; measured in a wide font."""
    outside: list[str] = []

    def measured(figure: Figure, *words: object, **options: object) -> None:
        saved(figure, *words, **options)
        for drawn in figure.axes:
            (low, high), (bottom, top) = sorted(drawn.get_xlim()), sorted(drawn.get_ylim())
            labels = [drawn.xaxis.label, drawn.yaxis.label, *figure.texts]
            labels += [one for one in drawn.get_xticklabels() if low <= one.get_position()[0] <= high]
            labels += [one for one in drawn.get_yticklabels() if bottom <= one.get_position()[1] <= top]
            for label in labels:
                box = label.get_window_extent()
                if box.x0 < -1 or box.y0 < -1 or box.x1 > figure.bbox.x1 + 1 or box.y1 > figure.bbox.y1 + 1:
                    outside.append(label.get_text())
        figures.append(figure)

    saved, figures = Figure.savefig, []
    monkeypatch.setattr(Figure, "savefig", measured)
    draws, made = random.Random(1), []  # for a drawing
    for number in range(30):
        params = {name: draws.choice(one.choices or [one.low, one.high]) for name, one in SPACE.items()}
        made.append(Result(number, params, scores=[[draws.random()]]))
    drawn = plots.draw(Search(space=SPACE), made, "neg_root_mean_squared_log_error")
    assert len([one for one in drawn if one.svg]) == 7
    assert len(figures) == 7
    assert outside == []
