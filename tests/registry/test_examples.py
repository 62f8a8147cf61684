"""The examples: each is trained, judged and registered as it is, and predicts where nothing of this repository is."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from modelmake.config import config as configuration
from modelmake.data.read import read_table
from modelmake.data.split import Split, hold_out
from tests.conftest import ROOT, Project

pytestmark = pytest.mark.outside
NAMES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/pipeline.toml"))
# Predicts the rows of a Parquet file with a model's folder, and writes the answers to another.
ELSEWHERE = """
import json, sys
import mlflow, pandas as pd
folder, rows, answers = sys.argv[1:]
assert "modelmake" not in sys.modules
frame = pd.read_parquet(rows)
predicted = mlflow.pyfunc.load_model(folder).predict(frame)
json.dump([getattr(value, "item", lambda: value)() for value in predicted], open(answers, "w"))
"""


@pytest.fixture(params=NAMES)
def example(request: pytest.FixtureRequest, project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Give a project with one example in place of its own table and pipeline."""
    name = request.param
    shutil.copytree(ROOT / "examples" / name, project.path / "examples" / name)
    shutil.copy(project.path / "examples" / name / "pipeline.toml", project.path)
    monkeypatch.syspath_prepend(str(project.path))
    for loaded in [loaded for loaded in sys.modules if loaded.split(".")[0] == "examples"]:
        monkeypatch.delitem(sys.modules, loaded)
    return project


def held_out() -> tuple[configuration.Config, Split]:
    """Return the config and the split of the example."""
    config = configuration.load()
    frame = read_table(config.data)
    classifier = "r2" not in config.gate.metric and "error" not in config.gate.metric
    return config, hold_out(frame, config.data, seed=config.seed, classifier=classifier)


def by_scikit_learn(name: str, y_true: pd.Series, y_pred: np.ndarray, positive: object) -> float | None:
    """Return a metric as scikit-learn's own function gives it; None where it needs more than the predictions."""
    of = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "r2": metrics.r2_score,
        "neg_mean_absolute_error": lambda a, b: -metrics.mean_absolute_error(a, b),
        "f1_macro": lambda a, b: metrics.f1_score(a, b, average="macro"),
        "f1": lambda a, b: metrics.f1_score(a, b, pos_label=positive),
        "recall": lambda a, b: metrics.recall_score(a, b, pos_label=positive),
    }
    return of[name](y_true.to_numpy(), y_pred) if name in of else None


def test_there_are_ten_kinds() -> None:
    """And each has a first line that says what it shows."""
    assert len(NAMES) >= 10
    for name in NAMES:
        text = (ROOT / "examples" / name / "pipeline.toml").read_text()
        assert text.startswith("# ")
        assert tomllib.loads(text)["registry"]["name"] == f"example_{name}"


def test_an_example_goes_all_the_way(example: Project, tmp_path: Path) -> None:
    """It passes its gate by metrics that scikit-learn gives too, and its model predicts the same elsewhere."""
    before = ("tune",) if configuration.load().search else ()
    for stage in (*before, "train", "evaluate", "register"):
        done = example.stage(stage)
        assert done.code == 0, done.out + done.err
    config, split = held_out()
    version = example.client.get_model_version(config.registry.name, "1")
    folder = mlflow.artifacts.download_artifacts(version.source, dst_path=str(tmp_path / "model"))
    predicted = elsewhere(Path(folder), split.X_test, tmp_path / "elsewhere")
    scores = example.receipt("evaluate")["metrics"]
    compared = [
        (scores[name], value)
        for name in scores
        if (value := by_scikit_learn(name, split.y_test, predicted, config.data.positive)) is not None
    ]
    assert compared
    for ours, theirs in compared:
        assert ours == pytest.approx(theirs, abs=1e-9)


def elsewhere(folder: Path, X: pd.DataFrame, scratch: Path) -> np.ndarray:
    """Return the predictions of a process of its own, in a folder without this repository."""
    scratch.mkdir()
    X.reset_index(drop=True).to_parquet(scratch / "rows.parquet")
    code = [sys.executable, "-I", "-W", "ignore", "-c", ELSEWHERE, str(folder), "rows.parquet", "answers.json"]
    done = subprocess.run(code, cwd=scratch, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return np.asarray(json.loads((scratch / "answers.json").read_text()))
