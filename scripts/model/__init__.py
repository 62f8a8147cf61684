"""The estimator, its pipeline and the logged model."""

import skops.io  # noqa: F401  # before MLflow: skops searches all loaded modules for each of 1,900 names
