"""Trust: which types a saved model may contain, and which file MLflow may load it from."""

from collections.abc import Sequence
from pathlib import Path

import skops.io
from mlflow.models import Model

from scripts.core.errors import UserError, first_line

SAVED, EXAMPLE = "model.skops", "input_example.json"  # in the model's folder
PYTHON = {"env", "predict_fn", "python_version"}  # further keys that its flavors may have
SKLEARN = {"code", "extra_files", "sklearn_version"}
AGAIN = "train it again: make train FORCE=1"

# Types in fitted scikit-learn estimators that skops does not trust by default: classes and scores that run no code on
# load, and later only their own. `[model] trusted_types` adds the user's own types.
TRUSTED_TYPES = (
    "numpy.dtype",
    "scipy.interpolate._bsplines.BSpline",
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


def checked_types(path: Path, trusted: Sequence[str]) -> list[str]:
    """Return the types in a skops file that skops does not trust by default; all of them are in `trusted`.

    Raises
    ------
    UserError
        A type is not in `trusted`, or the file can't be read.

    """
    try:
        types: list[str] = skops.io.get_untrusted_types(file=path)
    except Exception as error:  # a tampered archive fails in any way
        raise UserError("model.skops", f"cannot be read: {first_line(error)}", AGAIN) from None
    if untrusted := sorted(set(types) - set(trusted)):
        what = f"contains the type '{untrusted[0]}', which is not on the trusted list"
        raise UserError("model.skops", what, "if you trust it, add it to [model] trusted_types")
    return types


def check_loader(folder: Path, model_id: str, trusted: Sequence[str]) -> None:
    """Raise UserError unless MLflow itself would load this model from the checked file, and as skops.

    The keys of each flavor are on a list: one file can be a skops archive and a pickle at once, and MLflow loads it as
    its MLmodel declares.
    """
    try:
        model = Model.load(folder)
        python, sklearn = dict(model.flavors["python_function"]), dict(model.flavors["sklearn"])
        declared = set(sklearn.pop("skops_trusted_types", None) or ())
        example = (model.saved_input_example_info or {})["artifact_path"]
    except Exception as error:  # a tampered file fails in any way
        raise UserError(f"model {model_id}", f"its MLmodel cannot be read: {first_line(error)}", AGAIN) from None
    sources = [python.pop("loader_module", None), python.pop("model_path", None)]
    sources += [sklearn.pop("pickled_model", None), sklearn.pop("serialization_format", None), example]
    expected = ["mlflow.sklearn", SAVED, SAVED, "skops", EXAMPLE]
    unexpected = set(python) - PYTHON | set(sklearn) - SKLEARN | set(model.flavors) - {"python_function", "sklearn"}
    if sources != expected or unexpected or sklearn.get("code"):
        raise UserError(f"model {model_id}", f"its MLmodel makes MLflow load something other than {SAVED}", AGAIN)
    if untrusted := sorted(declared - set(trusted)):
        what = f"its MLmodel trusts the type '{untrusted[0]}', which is not on the trusted list"
        raise UserError(f"model {model_id}", what, AGAIN)
