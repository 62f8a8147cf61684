"""What CatBoost does otherwise than scikit-learn, with a stand-in, since the lock does not have it."""

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier

from modelmake.config.config import Config
from modelmake.model.imports import make
from modelmake.model.preprocess import pipeline

PATH = "catboost.CatBoostClassifier"


class CatBoostClassifier(DecisionTreeClassifier):
    """Labels as a column where there are more than two, and no parameter that was not set."""

    def __init__(
        self,
        max_depth: int | None = None,
        allow_writing_files: bool | None = None,
        verbose: bool | int | None = None,
        logging_level: str | None = None,
        random_seed: int | None = None,
    ) -> None:
        """Keep what is set."""
        super().__init__(max_depth=max_depth)
        self.allow_writing_files, self.verbose, self.logging_level = allow_writing_files, verbose, logging_level
        self.random_seed = random_seed

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return what was set."""
        return {name: value for name, value in super().get_params(deep).items() if value is not None}

    def set_params(self, **params: Any) -> "CatBoostClassifier":
        """Set parameters, also those that were not set before."""
        vars(self).update(params)
        return self

    def predict(self, X: Any, check_input: bool = True) -> np.ndarray:  # noqa: ARG002
        """Return the labels."""
        labels = super().predict(X)
        return labels[:, None] if len(self.classes_) > 2 else labels


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stand-in be what is imported."""
    module = ModuleType("catboost")
    module.CatBoostClassifier = CatBoostClassifier  # type: ignore[attr-defined]
    monkeypatch.setattr(CatBoostClassifier, "__module__", "catboost.core")
    monkeypatch.setitem(sys.modules, "catboost", module)


def test_it_writes_no_folder_beside_the_project() -> None:
    """Also inside of another estimator; what the user sets counts."""
    assert make(PATH, {}, "model", seed=1).get_params()["allow_writing_files"] is False  # type: ignore[attr-defined]
    asked = make(PATH, {"allow_writing_files": True}, "model", seed=1)
    assert asked.get_params()["allow_writing_files"] is True  # type: ignore[attr-defined]
    params = {"estimators": [["a", {"estimator": PATH}]]}
    stacked = make("sklearn.ensemble.StackingClassifier", params, "model", seed=1)
    assert isinstance(stacked, StackingClassifier)
    assert stacked.estimators[0][1].allow_writing_files is False


def test_it_is_quiet_and_has_the_seed_of_the_pipeline() -> None:
    """A line for each tree would hide what a stage says; what the user sets under any name counts."""
    made = make(PATH, {}, "model", seed=7).get_params()  # type: ignore[attr-defined]
    assert (made["verbose"], made["random_seed"]) == (False, 7)
    stated = {"logging_level": "Info", "random_seed": 3}
    asked = make(PATH, stated, "model", seed=7).get_params()  # type: ignore[attr-defined]
    assert (asked["logging_level"], asked["random_seed"], "verbose" in asked) == ("Info", 3, False)


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c"], [0, 1, 2], [5, 7, 9, 11]])
def test_labels_have_one_dimension(labels: list[object]) -> None:
    """With two classes, with more, and with numbers as classes; they are those of the table."""
    rng = np.random.default_rng(1)
    X, y = pd.DataFrame({"x": rng.normal(size=120), "z": rng.normal(size=120)}), pd.Series(labels * 60).head(120)
    config = Config.model_validate(
        {
            "experiment": "x",
            "data": {"path": "t.csv", "target": "y"},
            "model": {"estimator": PATH},
            "gate": {"rules": ["accuracy > 0"]},
            "registry": {"name": "x"},
        }
    )
    unfitted = pipeline(config, make(PATH, {}, "model", seed=1), X, y)  # type: ignore[arg-type]
    assert isinstance(unfitted[-1], VotingClassifier) == (len(labels) > 2)
    fitted = unfitted.fit(X, y)
    assert fitted.predict(X).tolist() == y.tolist()
