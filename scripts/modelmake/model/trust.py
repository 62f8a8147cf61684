"""Trust: which types a saved model may contain, and which files MLflow may load it from."""

import ast
import importlib
import json
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import skops.io
import yaml

from modelmake.config.modules import source
from modelmake.core.errors import UserError, few, first_line
from modelmake.model.user_code import CODE, defined

SAVED, EXAMPLE = "model.skops", "input_example.json"  # in the model's folder
PYTHON = {"env", "predict_fn", "python_version"}  # further keys that its flavors may have
SKLEARN = {"extra_files", "sklearn_version"}
IMPORTED = ("ObjectNode", "FunctionNode", "TypeNode", "ConstructorFromReduceNode")  # skops imports these by name
AGAIN = "train it again: make train FORCE=1"

# The estimators of boosting packages. Their models are restored from bytes or text by the package's own library, which
# calls no Python (checked for xgboost 3.2, lightgbm 4.7 and catboost 1.2).
BOOSTING = (
    *(f"xgboost.sklearn.{name}" for name in ("XGBClassifier", "XGBRegressor", "XGBRFClassifier", "XGBRFRegressor")),
    *("xgboost.core.Booster", "collections.OrderedDict", "lightgbm.basic.Booster"),
    *(f"lightgbm.sklearn.{name}" for name in ("LGBMClassifier", "LGBMRegressor")),
    *(f"catboost.core.{name}" for name in ("CatBoostClassifier", "CatBoostRegressor")),
)

# The encoders of dates and texts that the default preprocessing contains. They have no code for loading of their own:
# their attributes are strings, numbers, arrays and scikit-learn's estimators (checked for skrub 0.11).
ENCODERS = tuple(
    f"skrub.{name}"
    for name in """
    _datetime_encoder.DatetimeEncoder _datetime_encoder._CircularEncoder _string_encoder.StringEncoder
    _to_datetime.ToDatetime _to_str.ToStr
    """.split()
)

# Types in fitted scikit-learn estimators that skops does not trust by default: classes and scores that run no code on
# load, and later only their own. `[model] trusted_types` adds the user's own types.
TRUSTED_TYPES = (
    *BOOSTING,
    *ENCODERS,
    "numpy.dtype",
    "scipy._lib.array_api_compat.numpy._aliases.asarray",  # of a BSpline
    "scipy.interpolate._bsplines.BSpline",
    "scipy.sparse._csr.csr_matrix",
    "sklearn._loss.loss.HalfTweedieLossIdentity",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process.kernels.ConstantKernel",
    "sklearn.gaussian_process.kernels.Product",
    "sklearn.gaussian_process.kernels.RBF",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.metrics._scorer._CurveScorer",
    "sklearn.metrics._scorer._PassthroughScorer",
    "sklearn.metrics._scorer._Scorer",
    "sklearn.model_selection._search_successive_halving.HalvingGridSearchCV",
    "sklearn.model_selection._search_successive_halving.HalvingRandomSearchCV",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
    "sklearn.utils._metadata_requests.MetadataRequest",
    "sklearn.utils._metadata_requests.MethodMetadataRequest",
    # Scores of a search and of a selection of columns.
    *(f"sklearn.feature_selection._univariate_selection.{name}" for name in ("chi2", "f_classif", "f_regression")),
    *(f"sklearn.feature_selection._mutual_info.mutual_info_{name}" for name in ("classif", "regression")),
    *(
        f"sklearn.metrics._classification.{name}"
        for name in """
        accuracy_score balanced_accuracy_score brier_score_loss f1_score jaccard_score log_loss matthews_corrcoef
        precision_score recall_score
        """.split()
    ),
    *(f"sklearn.metrics._ranking.{name}_score" for name in ("average_precision", "roc_auc", "top_k_accuracy")),
    *(
        f"sklearn.metrics._regression.{name}"
        for name in """
        explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error mean_gamma_deviance
        mean_poisson_deviance mean_squared_error mean_squared_log_error median_absolute_error r2_score
        root_mean_squared_error root_mean_squared_log_error
        """.split()
    ),
)


@dataclass(frozen=True)
class Saved:
    """One object in a skops file: the name of its class or function, and how skops makes it again."""

    module: str
    name: str
    loader: str

    @property
    def path(self) -> str:
        """The name, as `trusted_types` has it."""
        return f"{self.module}.{self.name}"


def contents(path: Path) -> set[Saved]:
    """Return what a skops file contains.

    Raises
    ------
    UserError
        The file can't be read.

    """
    try:
        with zipfile.ZipFile(path) as archive:
            schema = json.loads(archive.read("schema.json"))
        return set(_saved(schema))
    except Exception as error:  # a tampered archive fails in any way
        raise UserError(SAVED, f"cannot be read: {first_line(error)}", AGAIN) from None


def _saved(state: object) -> Iterator[Saved]:
    """Yield what a part of the file's schema describes; the parts are nested in lists and tables."""
    parts = [state]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            if "__class__" in part and "__module__" in part:
                yield Saved(str(part["__module__"]), str(part["__class__"]), str(part.get("__loader__")))
            parts += part.values()
        elif isinstance(part, list):
            parts += part


def checked_types(path: Path, trusted: Sequence[str], code: Collection[Path] | None = None) -> list[str]:
    """Return the types in a skops file that skops does not trust by default; all of them are trusted here.

    Parameters
    ----------
    path : Path
        The file.
    trusted : sequence of str
        Types that are trusted by name, besides TRUSTED_TYPES.
    code : collection of Path, optional
        The files whose classes and functions are trusted too; by default every module of the user's.

    Raises
    ------
    UserError
        A type is not trusted, or the file can't be read.

    """
    saved = contents(path)
    try:
        types: list[str] = skops.io.get_untrusted_types(file=path)
    except Exception as error:  # a tampered archive fails in any way
        raise UserError(SAVED, f"cannot be read: {first_line(error)}", AGAIN) from None
    if untrusted := sorted(set(types) - {*TRUSTED_TYPES, *trusted} - own_types(saved, code)):
        raise UserError(SAVED, *_untrusted(untrusted, trusted))
    return types


def _untrusted(types: list[str], trusted: Sequence[str]) -> tuple[str, str]:
    """Return what is wrong with untrusted types, all of them, and the line that trusts them."""
    what = f"contains the type '{types[0]}', which is not on the trusted list"
    if len(types) > 1:
        what = f"contains {len(types)} types that are not on the trusted list: {few(types, len(types))}"
    line = json.dumps([*(name for name in trusted if name not in TRUSTED_TYPES), *types])
    return what, f"if you trust {'them' if types[1:] else 'it'}, set trusted_types = {line} under [model]"


def own_types(saved: Collection[Saved], code: Collection[Path] | None = None) -> set[str]:
    """Return the classes and functions that the user's modules define; `code` limits the modules to these files.

    A function only counts where it is stored as one: skops would call it, with values from the file, where the file
    stores it as the class of a value. A name that a module imports does not count.
    """
    names: set[str] = set()
    others: set[str] = set()
    for part in saved:
        path = source(part.module)
        kind = defined(path).get(part.name) if path and (code is None or path in code) else None
        accepted = kind is ast.ClassDef or (kind is ast.FunctionDef and part.loader == "FunctionNode")
        (names if accepted else others).add(part.path)
    return names - others


def unimportable(saved: Collection[Saved]) -> list[str]:
    """Return the names that no other process could import, such as a lambda, or a class in a function."""
    return sorted(part.path for part in saved if part.loader in IMPORTED and not _importable(part))


def _importable(part: Saved) -> bool:
    if part.module == "__main__":
        return False
    try:
        return hasattr(importlib.import_module(part.module), part.name)
    except Exception:  # the user's own module may fail in any way
        return False


def check_loader(folder: Path, model_id: str, trusted: Sequence[str], code: Collection[Path]) -> None:
    """Raise UserError unless MLflow itself would load this model from the checked files, and as skops.

    The keys of each flavor are on a list: one file can be a skops archive and a pickle at once, and MLflow loads it as
    its MLmodel declares. `code` has the checked files of the user's code, which MLflow imports from their folder.
    """
    try:
        model = yaml.safe_load((folder / "MLmodel").read_text(encoding="utf-8"))
        flavors = model["flavors"]
        python, sklearn = dict(flavors["python_function"]), dict(flavors["sklearn"])
        declared = set(sklearn.pop("skops_trusted_types", None) or ())
        example = model["saved_input_example_info"]["artifact_path"]
    except Exception as error:  # a tampered file fails in any way
        raise UserError(f"model {model_id}", f"its MLmodel cannot be read: {first_line(error)}", AGAIN) from None
    sources = [python.pop("loader_module", None), python.pop("model_path", None)]
    sources += [sklearn.pop("pickled_model", None), sklearn.pop("serialization_format", None), example]
    sources += [python.pop(CODE, None), sklearn.pop(CODE, None)]
    place = CODE if code else None
    expected = ["mlflow.sklearn", SAVED, SAVED, "skops", EXAMPLE, place, place]
    unexpected = set(python) - PYTHON | set(sklearn) - SKLEARN | set(flavors) - {"python_function", "sklearn"}
    if sources != expected or unexpected:
        raise UserError(f"model {model_id}", f"its MLmodel makes MLflow load something other than {SAVED}", AGAIN)
    if untrusted := sorted(declared - {*TRUSTED_TYPES, *trusted, *own_types(contents(folder / SAVED), code)}):
        what = f"its MLmodel trusts the type '{untrusted[0]}', which is not on the trusted list"
        raise UserError(f"model {model_id}", what, AGAIN)
