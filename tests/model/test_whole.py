"""Whole: a logged model loads and predicts where nothing of this repository is, and what can't is named early."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelmake.config import modules
from modelmake.core.errors import UserError
from modelmake.model import probe, store, user_code
from modelmake.model.requirements import distributions, requirements
from modelmake.model.trust import checked_types, contents, own_types
from modelmake.tracking.runs import Tracking
from tests.conftest import Outcome, Project

pytestmark = pytest.mark.outside
Check = Callable[[Outcome, int], str]
FOREST = '"sklearn.ensemble.RandomForestClassifier"'
PARAMS = "[model.params]\nn_estimators = 5\n"
ELSEWHERE = """\
import json, sys
import mlflow.pyfunc, pandas as pd
loaded = mlflow.pyfunc.load_model(sys.argv[1], suppress_warnings=True)
print(json.dumps(loaded.predict(pd.read_csv(sys.argv[2])).tolist()))
"""
RATIO = """\
from sklearn.base import BaseEstimator, TransformerMixin
{imports}

class Ratio(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.columns_ = list(X.columns)
        return self

    def transform(self, X):
        return {function}(X[self.columns_])
"""
SHARE = "def share(X):\n    return X.div(X.sum(axis=1), axis=0)\n"


def forget_own() -> None:
    """Forget the modules of another test's project that have the same names."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("models", "mine", "words")]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def importable(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the project's own modules be found, as `python -m modelmake` does, and forgotten."""
    monkeypatch.syspath_prepend(str(project.path))
    forget_own()
    yield
    forget_own()


def estimator(project: Project, path: str, more: str = "") -> None:
    """Name another estimator, with more keys of `[model]`."""
    project.edit(FOREST, f'"{path}"')
    project.edit(PARAMS, more)


def logged(project: Project) -> Path:
    """Return the folder of the only model."""
    [about] = (project.path / ".mlflow/artifacts").rglob("MLmodel")
    return about.parent


def required(project: Project) -> set[str]:
    """Return the names of the packages that the only model requires."""
    return {line.split("==")[0] for line in (logged(project) / "requirements.txt").read_text().split()}


def elsewhere(project: Project, folder: Path) -> list[object]:
    """Return the predictions of a process in another folder, which gets the model and the rows."""
    command = [sys.executable, "-I", "-W", "ignore", "-c", ELSEWHERE, str(logged(project)), str(folder / "rows.csv")]
    pd.read_csv("data/iris.csv").drop(columns="species").to_csv(folder / "rows.csv", index=False)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def predicted(project: Project) -> list[object]:
    """Return the predictions of the same rows, from here."""
    Tracking()
    pipeline, example = store.load(project.receipt("train")["model_id"], ())
    return pipeline.predict(pd.read_csv("data/iris.csv")[example.columns]).tolist()


def plain(project: Project) -> None:
    """Use a transformer of a module beside the Makefile, which imports a second module."""
    (project.path / "mine.py").write_text(RATIO.format(imports="import words", function="words.share"))
    (project.path / "words.py").write_text(SHARE)
    estimator(project, "sklearn.naive_bayes.GaussianNB", 'raw = true\nsteps = [{ estimator = "mine.Ratio" }]\n')


def package(project: Project) -> None:
    """Use a transformer of a package, which imports a module of the same package."""
    (project.path / "models").mkdir()
    (project.path / "models/__init__.py").touch()
    (project.path / "models/mine.py").write_text(RATIO.format(imports="from .words import share", function="share"))
    (project.path / "models/words.py").write_text(SHARE)
    estimator(project, "sklearn.naive_bayes.GaussianNB", 'raw = true\nsteps = [{ estimator = "models.mine.Ratio" }]\n')


def nested(project: Project) -> None:
    """Use an estimator of the user's inside one of scikit-learn's, from a folder that is not a package."""
    (project.path / "models").mkdir()
    text = "import lightgbm\n\nclass Mine(lightgbm.LGBMClassifier):\n    pass\n"
    (project.path / "models/mine.py").write_text(text)
    inner = '{ estimator = "models.mine.Mine", params = { n_estimators = 3, verbose = -1 } }'
    estimator(project, "sklearn.ensemble.BaggingClassifier", f"params = {{ n_estimators = 2, estimator = {inner} }}\n")


def xgboost(project: Project) -> None:
    """Use XGBoost on text labels."""
    estimator(project, "xgboost.XGBClassifier", "params = { n_estimators = 3 }\n")


def lightgbm(project: Project) -> None:
    """Use LightGBM."""
    estimator(project, "lightgbm.LGBMClassifier", "params = { n_estimators = 3, verbose = -1 }\n")


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "packages", "code"),
    [
        (package, set(), {"models/__init__.py", "models/mine.py", "models/words.py"}),
        (plain, set(), {"mine.py", "words.py"}),
        (nested, {"lightgbm"}, {"models/mine.py"}),
        (xgboost, {"xgboost-cpu"}, set()),
        (lightgbm, {"lightgbm"}, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_logged_model_predicts_the_same_in_another_folder(
    project: Project, tmp_path: Path, kind: Callable[[Project], None], packages: set[str], code: set[str]
) -> None:
    """Its requirements name what it uses, the user's code is in it, nothing is asked for, and the gate passes."""
    kind(project)
    trained = project.stage("train")
    assert trained.code == 0, trained
    assert required(project) == {"mlflow", "numpy", "pandas", "scikit-learn", "skops"} | packages
    folder = logged(project) / "code"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.py")} == code
    assert elsewhere(project, tmp_path) == predicted(project)
    project.edit("accuracy > 0.8", "accuracy > 0.4")
    evaluated = project.stage("evaluate")
    assert evaluated.code == 0, evaluated


@pytest.mark.long
def test_a_model_that_does_not_load_outside_is_refused(project: Project, error_line: Check) -> None:
    """Its module reads a file that only this repository has; the gate says so in one line."""
    (project.path / "words.txt").write_text("a b")
    (project.path / "mine.py").write_text(
        "from pathlib import Path\nfrom sklearn.naive_bayes import GaussianNB\n\n"
        "WORDS = Path('words.txt').read_text()\n\nclass Mine(GaussianNB):\n    pass\n"
    )
    estimator(project, "mine.Mine")
    assert project.stage("train").code == 0
    line = error_line(project.stage("evaluate"), 3)
    assert "can't be loaded outside of this repository: [Errno 2] No such file or directory: 'words.txt'" in line


LISTED = """\
from fractions import Fraction
from decimal import Decimal
from sklearn.naive_bayes import GaussianNB

class Mine(GaussianNB):
    def fit(self, X, y):
        self.first_, self.second_ = Decimal(1), Fraction(1)
        {more}
        return super().fit(X, y)
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("pass", 'set trusted_types = ["decimal.Decimal", "fractions.Fraction"] under [model]'),
        ("self.f = lambda x: x", "contains 'mine.<lambda>', which no other process can import"),
        ("self.f = type('Inner', (), {})()", "contains 'mine.Inner', which no other process can import"),
        ("self.f = open('pipeline.toml')", "Mine.f: cannot be saved: cannot pickle 'TextIOWrapper'"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_cannot_be_saved_is_named_before_the_fit(
    project: Project, error_line: Check, more: str, expected: str
) -> None:
    """All types at once, ready to paste, or what skops can't save; there is no run and no receipt."""
    (project.path / "mine.py").write_text(LISTED.format(more=more))
    estimator(project, "mine.Mine")
    assert expected in error_line(project.stage("train"), 2)
    assert project.receipts == set()
    assert project.client.get_experiment_by_name("flowers") is None


def test_the_line_that_trusts_keeps_what_is_trusted(tmp_path: Path) -> None:
    """It is pasted over the line that is there."""
    skops.io.dump({"a": __import__("decimal").Decimal(1)}, tmp_path / "model.skops")
    with pytest.raises(UserError, match=r'set trusted_types = \["my.Type", "decimal.Decimal"\] under'):
        checked_types(tmp_path / "model.skops", ["my.Type"])


def test_what_a_module_imports_is_not_the_users_own(project: Project) -> None:
    """A file may name any function that a trusted module imports, and skops would call it with values of the file."""
    (project.path / "mine.py").write_text("from os import system\n\ndef mine(x):\n    pass\n\nclass Mine:\n    pass\n")
    part = lambda name, loader: probe.Saved("mine", name, loader)  # noqa: E731  # short
    assert own_types({part("Mine", "ObjectNode"), part("mine", "FunctionNode")}) == {"mine.Mine", "mine.mine"}
    assert own_types({part("system", "FunctionNode"), part("system", "ListNode")}) == set()
    assert own_types({part("mine", "FunctionNode"), part("mine", "ListNode")}) == set()
    assert own_types({part("Mine", "ObjectNode")}, code=[]) == set()
    assert own_types({probe.Saved("modelmake.core.files", "replace", "FunctionNode")}) == set()


def test_a_function_of_the_users_own_is_trusted(project: Project, tmp_path: Path) -> None:
    """Inside a FunctionTransformer, for example."""
    (project.path / "mine.py").write_text("def same(X):\n    return X\n")
    import mine

    probe.save(make_pipeline(FunctionTransformer(mine.same), GaussianNB()), tmp_path / "model.skops")
    assert "mine.same" in checked_types(tmp_path / "model.skops", ())
    assert modules.files(part.module for part in contents(tmp_path / "model.skops")) == {Path("mine.py")}


def test_imports_are_followed_through_the_users_modules(project: Project) -> None:
    """Absolute and relative ones, modules and names, with the packages above; installed packages are named."""
    for path, text in {
        "models/__init__.py": "",
        "models/a/__init__.py": "from . import b\n",
        "models/a/b.py": "from ..c import x\nimport lightgbm.sklearn, json\n",
        "models/c.py": "def f():\n    from d import y\n",
        "d.py": "import numpy as np\n",
        "unused.py": "",
    }.items():
        (project.path / path).parent.mkdir(parents=True, exist_ok=True)
        (project.path / path).write_text(text)
    files = modules.files(["models.a", "sklearn.tree"])
    assert {path.as_posix() for path in files} == {
        *("models/__init__.py", "models/a/__init__.py", "models/a/b.py", "models/c.py", "d.py")
    }
    assert user_code.installed(files) == {"lightgbm", "numpy"}


def test_a_package_may_have_another_name_than_its_module() -> None:
    """And one that is not in the lock is pinned to what is installed; Python's own modules need no package."""
    assert distributions("sklearn") == ["scikit-learn"]
    assert distributions("xgboost") == ["xgboost-cpu"]
    assert distributions("json") == distributions("builtins") == []
    assert [pin.split("==")[0] for pin in requirements(["lightgbm", "sklearn"])][-1] == "lightgbm"


def test_a_probe_leaves_the_random_numbers_as_they_are(project: Project) -> None:
    """The fit on all rows draws the same ones with and without it."""
    import lightgbm

    X, y = pd.DataFrame({"a": np.arange(400.0)}), pd.Series(["x", "y"] * 200)
    np.random.seed(1)
    expected = np.random.rand()
    np.random.seed(1)
    assert probe.fitted_to_few(make_pipeline(lightgbm.LGBMClassifier(verbose=-1, n_estimators=2)), X, y) is not None
    assert np.random.rand() == expected


def test_a_probe_that_cannot_be_fitted_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Too few rows for it, or too slow: the fit on all rows tells."""
    X, y = pd.DataFrame({"a": np.arange(30.0)}), pd.Series(range(30))
    assert probe.fitted_to_few(make_pipeline(GaussianNB(priors=[2])), X, y) is None
    assert capsys.readouterr() == ("", "")


FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "gap": [1.0, None, 3.0],
        "real": [0.5, None, 2.0],
        "true": [True, False, True],
        "text": ["a", None, "b"],
        "date": [pd.Timestamp("2020-01-01"), None, pd.Timestamp("2021-06-01 12:30:00.5")],
    }
)


def test_the_signature_refuses_no_gap_and_no_whole_number() -> None:
    """Every column is required; MLflow converts none of those where its conversion changes or refuses values."""
    types = {spec.name: str(getattr(spec.type, "name", spec.type)) for spec in store.signature(FRAME).inputs}
    numbers = {"whole": "Any", "gap": "Any", "real": "double", "true": "Any"}
    assert types == numbers | {"text": "string", "date": "datetime"}
    assert all(spec.required for spec in store.signature(FRAME).inputs)


@pytest.mark.parametrize("date", ["1066-10-14", "9999-12-31"])
def test_a_date_that_mlflow_does_not_have_is_passed_on(date: str) -> None:
    """Its dates have nanoseconds, which end in 1677 and in 2262."""
    dates = pd.Series(np.array(["2020-01-01", date, "NaT"], dtype="datetime64[us]"))
    types = [
        str(getattr(spec.type, "name", spec.type)) for spec in store.signature(pd.DataFrame({"until": dates})).inputs
    ]
    assert types == ["Any"]
