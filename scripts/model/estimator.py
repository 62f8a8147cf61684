"""From the config to an unfitted scikit-learn Pipeline."""

import importlib
import re
from collections.abc import Callable

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

from scripts.core.config import Model
from scripts.core.errors import UserError, first_line, suggestion

# What skops finds in fitted scikit-learn estimators and does not trust by itself: classes and scores that run no code
# on load, and could run none but their own after it. `[model] trusted_types` adds the user's own.
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
    # What a search or a selection of columns is scored by.
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


def build(config: Model, *, seed: int) -> BaseEstimator:
    """Return the unfitted estimator that `config` names; every `random_state` left open becomes `seed`.

    Raises
    ------
    UserError
        It can't be imported, refuses a parameter, or is no scikit-learn estimator.

    """
    factory = _imported(config.estimator)
    try:
        made = factory(**config.params)
    except (TypeError, ValueError) as error:
        raise UserError("pipeline.toml: model.params", first_line(error), f"see {config.estimator}") from None
    if not (isinstance(made, BaseEstimator) and hasattr(made, "fit") and hasattr(made, "predict")):
        raise _no_estimator(config.estimator)
    unseeded = [name for name, value in made.get_params().items() if name.endswith("random_state") and value is None]
    return made.set_params(**dict.fromkeys(unseeded, seed))


def pipeline(unfitted: BaseEstimator, X: pd.DataFrame) -> Pipeline:
    """Return `unfitted` behind what the columns of `X` ask for: text is one-hot encoded, numbers pass.

    Parameters
    ----------
    unfitted : estimator
        As `build` returns it.
    X : pandas.DataFrame of shape (n_rows, n_features)
        Only its column types are looked at.

    """
    text = [column for column, dtype in X.dtypes.items() if dtype.kind not in "biuf"]
    if not text:
        return Pipeline([("estimator", unfitted)])
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("text", one_hot, text)], remainder="passthrough", verbose_feature_names_out=False)
    return Pipeline([("columns", columns), ("estimator", unfitted)])


def parameters(unfitted: BaseEstimator, **more: object) -> dict[str, str]:
    """Return every parameter of an estimator, and `more`, as text that is the same in each process.

    A function is shown without its address in memory; MLflow takes 6,000 characters.
    """
    found = unfitted.get_params() | more
    return {name: re.sub(r" at 0x[0-9a-f]+", "", str(value))[:6000] for name, value in found.items()}


def dummy(X: pd.DataFrame, y: pd.Series, *, classifier: bool) -> BaseEstimator:
    """Return scikit-learn's Dummy estimator, fitted: it knows the classes' shares, or the mean, and nothing else."""
    return (DummyClassifier(strategy="prior") if classifier else DummyRegressor()).fit(X, y)


def fit(unfitted: Pipeline, X: pd.DataFrame, y: pd.Series) -> Pipeline:
    """Fit in place and return the fitted pipeline.

    Raises
    ------
    UserError
        scikit-learn refuses the parameters or the values in the data.

    """
    try:
        return unfitted.fit(X, y)
    except (TypeError, ValueError) as error:
        name = type(unfitted[-1]).__name__
        raise UserError(f"{name}.fit", first_line(error), "see model.params in pipeline.toml, and the data") from None


def _imported(path: str) -> Callable[..., BaseEstimator]:
    """Return what `path` names."""
    where = "pipeline.toml: model.estimator"
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's own module may fail in any way
        raise UserError(where, f"cannot import '{module_name}': {first_line(error)}", "an installed module") from None
    if not hasattr(module, name):
        known = [each for each in dir(module) if each[0].isupper()]
        raise UserError(where, f"no '{name}' in {module_name}", suggestion(name, known))
    found = getattr(module, name)
    if not callable(found):
        raise _no_estimator(path)
    return found


def _no_estimator(path: str) -> UserError:
    return UserError("pipeline.toml: model.estimator", f"'{path}' makes no scikit-learn estimator", "fit and predict")
