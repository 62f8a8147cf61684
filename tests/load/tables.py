"""Tables: the cost of reading, preparing and drawing other people's tables, as ratios from one run."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from modelmake.config.config import Config
from modelmake.model.preprocess import pipeline
from tests.load.figure import Figure

ROWS, COLUMNS = 5_000_000, 20
TRAINED, WIDE = 5_000, (400, 800)  # rows of the comparison of preprocessings; rows and columns of a wide table
ROUNDS = 7
PEAK = "import resource; print(time.monotonic() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
# What a stage does with a table beside the fit and the prediction.
OURS = """
from modelmake.config.data import Data
from modelmake.data.read import read_table
from modelmake.tables.location import fingerprint
from modelmake.data.split import hold_out
import time; began = time.monotonic()
config = Data(path="table.parquet", target="y")
split = hold_out(read_table(config), config, seed=1, classifier=False)
split.X_train, split.X_test
"""
PANDAS = "import time\nimport pandas as pd\nbegan = time.monotonic()\nframe = pd.read_parquet('table.parquet')\n"


def read() -> list[Figure]:
    """Read and split a Parquet file of five million rows, and read it once with pandas."""
    with tempfile.TemporaryDirectory() as scratch:
        rng = np.random.default_rng(1)
        numbers = {f"x{number:02}": rng.normal(size=ROWS) for number in range(COLUMNS - 1)}
        frame = pd.DataFrame(numbers | {"y": rng.normal(size=ROWS)})
        frame.to_parquet(Path(scratch, "table.parquet"))
        size = frame.memory_usage().sum() / 1e9
        del frame, numbers
        runs = [(_child(PANDAS, scratch), _child(OURS, scratch)) for _ in range(3)]
    plain, ours = (statistics.median(run[place][0] for run in runs) for place in (0, 1))
    peak = max(run[1][1] for run in runs)
    how = f"{ours:.1f} s / {plain:.1f} s, medians of 3, {ROWS} x {COLUMNS}"
    return [
        Figure("reading and splitting / pandas' reading", ours / plain, 1.3, how),
        Figure("memory of that / the frame", peak / size, 3.0, f"{peak:.1f} GB / {size:.1f} GB"),
    ]


def _child(code: str, folder: str) -> tuple[float, float]:
    """Return the seconds and the gigabytes of a process of its own."""
    alone = os.environ | {"PYTHONPATH": str(Path("scripts").absolute())}
    words = [str(Path(sys.executable).absolute()), "-c", code + PEAK]
    done = subprocess.run(words, cwd=folder, env=alone, capture_output=True, text=True, check=True)
    seconds, peak = map(float, done.stdout.split())
    return seconds, peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def preprocessing() -> list[Figure]:
    """Fit and predict with the default preprocessing, and with scikit-learn's parts put together by hand."""
    X, y = _mixed()
    figures = []
    numbers, words = ["a", "b", "c", "d"], ["town", "plan"]
    by_hand: tuple[tuple[BaseEstimator, list[tuple[str, object, list[str]]]], ...] = (
        (
            LogisticRegression(max_iter=500),
            [
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
                ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
            ],
        ),
        (
            HistGradientBoostingClassifier(max_iter=30),
            [
                ("numbers", "passthrough", numbers),
                ("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), words),
            ],
        ),
    )
    for estimator, parts in by_hand:
        hand = Pipeline([("columns", ColumnTransformer(parts)), ("estimator", estimator)])
        default = pipeline(_config(), clone(estimator), X, y)
        name = type(estimator).__name__
        runs: dict[str, Callable[[Pipeline], object]] = {
            "fit": lambda model: model.fit(X, y),
            "one row": lambda model: [model.predict(X.head(1)) for _ in range(100)],
        }
        for what, run in runs.items():
            a, b = _paired(partial(run, default), partial(run, hand))
            how = f"{a:.2f} s / {b:.2f} s of CPU, the least of {ROUNDS}, {name}"
            figures.append(Figure(f"{what}, default preprocessing / by hand", a / b, 1.2, how))
    return figures


def _mixed() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(2)
    X = pd.DataFrame({name: rng.normal(size=TRAINED) for name in "abcd"})
    X = X.mask(rng.random(X.shape) < 0.03)
    X["town"], X["plan"] = rng.choice([f"t{n}" for n in range(20)], TRAINED), rng.choice(["x", "y"], TRAINED)
    return X, pd.Series(np.where(X["a"].fillna(0) + rng.normal(size=TRAINED) > 0, "yes", "no"))


def _config() -> Config:
    gate, registry = {"rules": ["accuracy > 0.5"]}, {"name": "bench"}
    model = {"estimator": "sklearn.linear_model.LogisticRegression"}
    data = {"path": "table.csv", "target": "y"}
    return Config.model_validate({"experiment": "b", "data": data, "model": model, "gate": gate, "registry": registry})


def _paired(ours: Callable[[], object], plain: Callable[[], object]) -> tuple[float, float]:
    """Return the least seconds of CPU of two functions that run in turns: threads that wait for a core count too."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for run, seconds in zip((ours, plain), spent, strict=True):
            began = time.process_time()
            run()
            seconds.append(time.process_time() - began)
    return min(spent[0]), min(spent[1])


def wide() -> Figure:
    """Evaluate a model of 800 columns, and one of iris."""
    rng = np.random.default_rng(3)
    rows, columns = WIDE
    frame = pd.DataFrame(rng.normal(size=WIDE).round(2), columns=[f"x{number:03}" for number in range(columns)])
    frame["y"] = np.where(frame["x000"] + frame["x001"] > 0, "a", "b")
    small, large = Path("data/iris.csv"), frame.to_csv(index=False)
    durations = [_evaluated(large, "y"), _evaluated(small.read_text(encoding="utf-8"), "species")]
    how = f"{durations[0]:.1f} s / {durations[1]:.1f} s, {rows} x {columns}"
    return Figure("evaluate on a wide table / on iris", durations[0] / durations[1], 3.0, how)


def _evaluated(table: str, target: str) -> float:
    """Return the seconds of `evaluate` on a table, in a scratch project with a store of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree("docker", Path(scratch, "docker"))
        Path(scratch, "table.csv").write_text(table, encoding="utf-8")
        Path(scratch, "pipeline.toml").write_text(
            f'experiment = "b"\ndata = {{ path = "table.csv", target = "{target}" }}\n'
            'model = { estimator = "sklearn.ensemble.RandomForestClassifier" }\n'
            'gate = { rules = ["accuracy > 0.1"], on_refusal = "skip" }\nregistry = { name = "b" }\n'
        )
        outer = ("MLFLOW_", "MODELMAKE_", "RUN_ID")
        alone = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        alone |= {"PYTHONPATH": str(Path("scripts").absolute()), "MLFLOW_DISABLE_TELEMETRY": "true"}
        words = [str(Path(sys.executable).absolute()), "-m", "modelmake"]
        subprocess.run([*words, "train"], cwd=scratch, env=alone, capture_output=True, check=True)
        began = time.monotonic()
        subprocess.run([*words, "evaluate"], cwd=scratch, env=alone, capture_output=True, check=True)
        return time.monotonic() - began
