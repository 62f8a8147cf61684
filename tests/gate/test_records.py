"""A champion of the user's own code, of which the checkout has another state by now: its recorded predictions count."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.read import identified
from modelmake.data.split import hold_out
from modelmake.gate.records import record, recorded
from modelmake.model.score import predict
from modelmake.scores.metrics import Predictions
from tests.conftest import Outcome, Project

MODULE = """\
from sklearn.naive_bayes import GaussianNB


class Mine(GaussianNB):
    pass
"""
WORSE = "\n    def _joint_log_likelihood(self, X):\n        return super()._joint_log_likelihood(X) - [0, 0, 1e9]\n"


def trained(project: Project) -> Outcome:
    """Train and evaluate, as a new process does: it imports the user's modules as they are now."""
    for name in ("models", "models.mine"):
        sys.modules.pop(name, None)
    done = project.stage("train")
    assert done.code == 0, done
    return project.stage("evaluate")


def compared(project: Project) -> dict[str, object]:
    """Return what the gate knows about the champion."""
    [path] = (project.path / ".mlflow/artifacts").rglob(
        f"{project.receipt('train')['run_id']}/artifacts/evaluate/evidence.json"
    )
    return json.loads(path.read_text())["champion"]


@pytest.mark.long
@pytest.mark.outside
def test_a_champion_whose_code_has_changed_is_compared(
    project: Project, error_line: Callable[[Outcome, int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the rows that it predicted then; without its file the line says what to do."""
    monkeypatch.syspath_prepend(str(project.path))
    (project.path / "models").mkdir()
    (project.path / "models/mine.py").write_text(MODULE)
    project.edit("sklearn.ensemble.RandomForestClassifier", "models.mine.Mine")
    project.edit("n_estimators = 5", "")
    assert trained(project).code == project.stage("register").code == project.stage("promote").code == 0

    project.edit("pass", "'''As good as before.'''", "models/mine.py")
    assert trained(project).code == 0
    assert project.receipt("evaluate")["verdict"] == "pass"
    champion = compared(project)
    assert (champion["recorded"], champion["rows"], champion["difference"]["value"]) == (True, 30, 0)

    with (project.path / "models/mine.py").open("a") as file:
        file.write(WORSE)
    project.edit('"accuracy > 0.8"', '"accuracy > 0.5"')
    trained(project)
    assert "significantly worse than champion version 1" in project.receipt("evaluate")["reasons"][-1]

    frame = pd.read_csv("data/iris.csv")
    more = frame.sample(60, random_state=1).assign(sepal_length=lambda rows: rows.sepal_length + 0.05)
    pd.concat([more, frame]).to_csv("data/iris.csv", index=False)
    project.edit("[registry]", "max_duplicates = 1.0\n[registry]")
    trained(project)
    assert 0 < compared(project)["rows"] < 42
    assert "champion version 1 was trained on or did not record " in project.receipt("evaluate")["reasons"][-1]

    for path in (project.path / ".mlflow/artifacts").rglob("predictions.npz"):
        path.unlink()
    line = error_line(project.stage("evaluate"), 3)
    assert "champion version 1 can't be compared: its own code: is not the code of this checkout" in line


@pytest.mark.parametrize("labels", [["no", "yes"], [0, 1], [False, True], [0.5, 1.5], None], ids=str)
def test_what_is_recorded_comes_back(labels: list[object] | None) -> None:
    """Bit for bit, by the content of the rows; text, number, truth value and regression."""
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"width": rng.normal(size=80), "height": rng.normal(size=80)})
    frame["kind"] = frame.width * 2 if labels is None else np.array(labels)[(frame.width > 0).astype(int)]
    split = hold_out(identified(frame), Data(path="data.csv", target="kind"), seed=1, classifier=labels is not None)
    p = predict(estimator(split.X_train, split.y_train, labels), split.X_test, split.y_test)
    file = record(p, split.X_test.index.to_numpy())
    again, known = recorded(file, split, None)
    assert known.all()
    assert (again.y_pred.tolist(), again.sha256) == (p.y_pred.tolist(), p.sha256)
    assert (again.classes is None) == (labels is None)
    shuffled = rng.permutation(len(p))
    of_some = record(p.take(shuffled[:9]), split.X_test.index.to_numpy()[shuffled[:9]])
    again, known = recorded(of_some, split, None)
    assert np.flatnonzero(known).tolist() == sorted(shuffled[:9].tolist())
    assert again.take(known).sha256 == p.take(known).sha256


def estimator(X: pd.DataFrame, y: pd.Series, labels: list[object] | None) -> object:
    """Return a fitted estimator."""
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.tree import DecisionTreeClassifier

    if labels is None:
        return KNeighborsRegressor().fit(X, y)
    return DecisionTreeClassifier(random_state=1).fit(X, y.astype(str) if labels == [0.5, 1.5] else y)


@pytest.mark.parametrize("file", [None, b"", b"no file of NumPy's", b"PK\x03\x04 cut off"], ids=str)
def test_a_file_that_is_no_record_is_named(file: bytes | None, tmp_path: Path) -> None:
    """Nor are pickles read."""
    frame = identified(pd.DataFrame({"width": range(20), "kind": ["a", "b"] * 10}))
    split = hold_out(frame, Data(path="data.csv", target="kind"), seed=1, classifier=True)
    np.savez(tmp_path / "objects.npz", rows=np.array([{}], dtype=object))
    for each in (file, (tmp_path / "objects.npz").read_bytes()):
        with pytest.raises(UserError, match="its run has no predictions of these rows"):
            recorded(each, split, None)
    other = record(Predictions(np.zeros(1), np.zeros(1)), np.zeros(1, dtype="<u8"))
    with pytest.raises(UserError, match="its run has no predictions of these rows"):
        recorded(other, split, None)
