"""The estimator, its pipeline and the logged model."""

from multiprocessing import current_process

from modelmake.model import names

TRIALS = "trials"  # the name of a process of `make tune`, which needs neither skops nor MLflow, and starts without them

if current_process().name != TRIALS:
    names.give()
    import skops.io  # noqa: F401  # before MLflow: skops searches all loaded modules for each of 1,900 names
