"""Agreement: predictions that differ in their last bits are the same, and those of another model are not."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from modelmake.config.data import Data
from modelmake.gate.scorer import served_otherwise
from modelmake.model.contract import FILE, Contract, contract
from modelmake.model.padding import predictions
from modelmake.scores.agreement import DOUBLE, SINGLE, Agreement, Expected, tolerance
from modelmake.serving.scorer import verified
from tests.conftest import Project

NAN, INF = float("nan"), float("inf")
ESTIMATORS = [Ridge(), LinearRegression(), SVR(C=1e3), MLPRegressor(tol=1e30, n_iter_no_change=1, random_state=1)]
OTHERS = {  # core types of OpenBLAS, and the features that NumPy then does not use
    "Haswell": "",
    "SkylakeX": "",
    "Zen": "",
    "Nehalem": "AVX512F AVX2 FMA3",
}
FEATURES = {"Haswell": "avx2", "Zen": "avx2", "SkylakeX": "avx512vl", "Nehalem": "sse4_2"}


def table(rows: int = 155) -> tuple[pd.DataFrame, pd.Series]:
    """Return a table with 30 features of which the target is a linear function."""
    r = np.random.default_rng(1)
    X = r.normal(size=(rows, 30))
    y = X @ r.normal(size=30) * 1e4 + 8e4
    return pd.DataFrame(X, columns=[f"x{i}" for i in range(30)]), pd.Series(y)


def fitted(estimator: BaseEstimator) -> tuple[Pipeline, pd.DataFrame]:
    """Return a pipeline and rows that it was not fitted to."""
    X, y = table()
    return make_pipeline(StandardScaler(), estimator).fit(X[:55], y[:55]), X[55:].reset_index(drop=True)


@pytest.mark.parametrize(
    ("given", "expected", "allowed", "text"),
    [
        ([1.0, 2.0], [1.0, 2.0], DOUBLE, "all 2 predictions are the same"),
        ([1.0, 2.0 + 2e-12], [1.0, 2.0], DOUBLE, "1 of 2 predictions differs, by up to 1e-12 relative"),
        ([1e5, 1e-12], [1e5, 3e-12], DOUBLE, "1 of 2 predictions differs, by up to 2e-17 relative"),
        ([1e5, 0.0], [1e5, 1e-9], DOUBLE, "1 of 2 predictions differs, by up to 1e-14 relative"),
        ([0.0, -0.0], [-0.0, 0.0], DOUBLE, "all 2 predictions are the same"),
        ([NAN, INF, -INF, 1.0], [NAN, INF, -INF, 1.0], DOUBLE, "all 4 predictions are the same"),
        ([1.5e300, -1.5e308], [1.5e300, -1.5e308], DOUBLE, "all 2 predictions are the same"),
        ([1.0, 1.0 + 1e-6], [1.0, 1.0], SINGLE, "1 of 2 predictions differs, by up to 1e-6 relative"),
        (["a", 1, True], ["a", 1, True], DOUBLE, "all 3 predictions are the same"),
        ([0.5, 1.5], [0.5, 1.5], 0.0, "all 2 predictions are the same"),
        ([], [], DOUBLE, "all 0 predictions are the same"),
    ],
    ids=str,
)
def test_last_bits_do_not_make_another_prediction(
    given: list[object], expected: list[object], allowed: float, text: str
) -> None:
    """The scale is the largest magnitude of the column, and the text says how much differs."""
    agreement = Agreement.of(given, expected, allowed)
    assert agreement.same
    assert str(agreement) == text
    assert Agreement.of(expected, given, allowed).same


@pytest.mark.parametrize(
    ("given", "expected", "allowed", "text"),
    [
        ([1.0, 2.0 + 2e-6], [1.0, 2.0], DOUBLE, "1 of 2 predictions differs, by up to 1e-6 relative"),
        ([1e-300, 0.0], [1e-300, 1e-306], DOUBLE, "1 of 2 predictions differs, by up to 1e-6 relative"),
        ([0.0, 0.0], [0.0, 5e-324], DOUBLE, "1 of 2 predictions differs, by up to 1e+0 relative"),
        ([1.5e308, 1.0], [-1.5e308, 1.0], DOUBLE, "1 of 2 predictions differs, by up to 2e+0 relative"),
        ([NAN, 1.0], [1.0, 1.0], DOUBLE, "1 of 2 predictions differs"),
        ([INF, 1.0], [-INF, 1.0], DOUBLE, "1 of 2 predictions differs"),
        ([INF, 1.0], [1e308, 1.0], DOUBLE, "1 of 2 predictions differs"),
        ([1, 2], [1.0, 2.0], DOUBLE, "2 of 2 predictions differ"),
        ([1, True], [1, 1], DOUBLE, "1 of 2 predictions differs"),
        ([10**15, 1], [10**15 + 1, 1], DOUBLE, "1 of 2 predictions differs"),
        (["yes", "1"], ["yes", 1], DOUBLE, "1 of 2 predictions differs"),
        ([1.0, 2.0 + 1e-15], [1.0, 2.0], 0.0, "1 of 2 predictions differs, by up to 4e-16 relative"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], DOUBLE, "2 predictions for 3 rows"),
        ([1.0], [], DOUBLE, "1 predictions for 0 rows"),
    ],
    ids=str,
)
def test_other_predictions_are_not_the_same(
    given: list[object], expected: list[object], allowed: float, text: str
) -> None:
    """A millionth is too much; a label, a type, NaN, infinity and the number of rows count as they are."""
    agreement = Agreement.of(given, expected, allowed)
    assert not agreement.same
    assert str(agreement) == text
    assert text in agreement.problem("the server")


def test_only_numbers_have_a_tolerance() -> None:
    """A classifier's labels have none, even if they are numbers; 32 bits have a wider one."""
    assert tolerance(np.zeros(1).dtype, labels=False) == DOUBLE
    assert tolerance(np.zeros(1, "f4").dtype, labels=False) == SINGLE
    assert tolerance("float64", labels=True) == tolerance("object", labels=True) == 0


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: type(estimator).__name__)
def test_the_number_of_rows_does_not_change_a_verdict(estimator: BaseEstimator, tmp_path: Path) -> None:
    """From 1 to 100 held-out rows: the server, MLflow without filling, and any rows beside give the same."""
    pipeline, X = fitted(estimator)
    (tmp_path / FILE).parent.mkdir()
    (tmp_path / FILE).write_text(contract(pipeline, X, X, Data(path="x", target="y")).text())
    together = predictions(pipeline.predict, X).tolist()
    for rows in range(1, 101):
        part = X.head(rows)
        expected = Expected(predictions(pipeline.predict, part).tolist(), DOUBLE)
        problem, agreement = served_otherwise(pipeline, tmp_path, "m-1", part, expected)
        assert (problem, agreement.same) == ("", True)
        assert expected.compared(pipeline.predict(part).tolist()).same
        assert expected.compared(together[:rows]).same
        assert not expected.compared([value * (1 + 1e-6) for value in together[:rows]]).same


PREDICT = """
import json, pickle, sys, warnings
warnings.simplefilter("ignore")
models, X = pickle.load(open(sys.argv[1], "rb"))
sizes = (1, 3, 17, 39, 100)
print(json.dumps({name: {n: model.predict(X[:n]).tolist() for n in sizes} for name, model in models.items()}))
"""


@pytest.fixture(scope="module")
def trained_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with a model of each kind, and rows to predict; another process loads it without pandas."""
    file = tmp_path_factory.mktemp("models") / "models.pkl"
    models = {type(estimator).__name__: fitted(estimator)[0] for estimator in ESTIMATORS}
    file.write_bytes(pickle.dumps((models, fitted(Ridge())[1].to_numpy())))
    return file


@pytest.mark.parametrize("core", OTHERS)
def test_a_model_is_the_same_on_another_processor(trained_here: Path, core: str) -> None:
    """BLAS with the kernels of that processor gives the same predictions, for any number of rows."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    if FEATURES[core] not in flags.split():
        pytest.skip(f"this processor does not have {FEATURES[core]}, which the kernels of {core} need")
    there = os.environ | {"OPENBLAS_CORETYPE": core, "NPY_DISABLE_CPU_FEATURES": OTHERS[core]}
    command = [sys.executable, "-I", "-c", PREDICT, str(trained_here)]
    done = subprocess.run(command, env=there, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name, answers in json.loads(done.stdout).items():
        estimator = next(one for one in ESTIMATORS if type(one).__name__ == name)
        pipeline, X = fitted(estimator)
        for rows, given in answers.items():
            expected = predictions(pipeline.predict, X.head(int(rows))).tolist()
            assert Agreement.of(given, expected, DOUBLE).same, (name, rows)


def test_a_model_with_a_golden_row_off_by_a_millionth_is_not_served() -> None:
    """The line counts the rows, and says how much they differ and how much may; a last bit is served, with a line."""
    pipeline, X = fitted(Ridge())
    written = contract(pipeline, X, X, Data(path="x", target="y"))
    other = written.model_copy(update={"predictions": tuple(value * (1 + 1e-6) for value in written.predictions)})
    with pytest.raises(Exception, match=r"20 of 20 predictions differ, by up to 1e-6 relative \(1e-9 is allowed\)"):
        verified(pipeline, other, "m-1")
    near = written.model_copy(update={"predictions": tuple(value * (1 + 1e-14) for value in written.predictions)})
    assert verified(pipeline, near, "m-1").golden.words.startswith("20 of 20 predictions differ, by up to 1e-14")


def linear(project: Project) -> None:
    """Let the project train a linear model on the table."""
    X, y = table()
    X.assign(y=y).to_csv("data/iris.csv", index=False)
    project.edit('target = "species"', 'target = "y"')
    project.edit('"sklearn.ensemble.RandomForestClassifier"', '"sklearn.linear_model.Ridge"')
    project.edit("[model.params]\nn_estimators = 5\n", "")
    project.edit("accuracy > 0.8", "r2 > 0.8")


def test_a_linear_model_passes_the_gate(project: Project) -> None:
    """One of 30 columns, of which the last held-out row was computed in another way by a server without filling."""
    linear(project)
    for stage in ("train", "evaluate"):
        done = project.stage(stage)
        assert done.code == 0, done.out + done.err
    assert re.search("pass +served as logged +the same", done.out), done.out


def test_the_gate_asks_for_every_bit_where_a_key_says_so(project: Project) -> None:
    """Golden rows that differ in a last bit pass with a note; with gate.exact they are refused with it."""
    linear(project)
    assert project.stage("train").code == 0
    [path] = (project.path / ".mlflow/artifacts").rglob("contract.json")
    logged = Contract.model_validate_json(path.read_text())
    near = tuple(value * (1 + 1e-14) for value in logged.predictions)
    path.write_text(logged.model_copy(update={"predictions": near}).text())
    done = project.stage("evaluate")
    assert re.search("pass +served as logged +the same: 20 of 20 predictions differ, by up to 1e-14 relative", done.out)
    project.edit("[registry]", "exact = true\n[registry]")
    done = project.stage("evaluate")
    assert done.code == 3
    assert "bit for bit (gate.exact): 20 of 20 predictions differ, by up to 1e-14 relative" in done.err
