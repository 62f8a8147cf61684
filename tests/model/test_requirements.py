"""requirements: MLflow compares them with what is installed, without a list of every file of every package."""

import importlib_metadata
import pytest
from mlflow.utils import requirements_utils

from modelmake.model.store import packages_named


def test_mlflow_asks_for_no_list_of_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that it gets are where MLflow looks: it finds a version that differs, and lists nothing."""
    monkeypatch.setattr(requirements_utils, "_MODULES_TO_PACKAGES", None)
    monkeypatch.setattr(importlib_metadata, "packages_distributions", lambda: pytest.fail("lists every package"))
    with packages_named():
        assert "numpy" in str(requirements_utils._check_requirement_satisfied("numpy==0.1"))
        assert requirements_utils._check_requirement_satisfied("scikit-learn>=1") is None
    assert requirements_utils._MODULES_TO_PACKAGES is None
