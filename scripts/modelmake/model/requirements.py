"""Requirements: the packages that a model needs where it is loaded, as the lock pins them."""

import re
import sys
from collections.abc import Iterable
from importlib import metadata

from modelmake.core.lock import pins

ALWAYS = ("mlflow", "numpy", "pandas", "scikit-learn", "skops")
MODULES = {"mlflow": "mlflow", "numpy": "numpy", "pandas": "pandas", "sklearn": "scikit-learn", "skops": "skops"}


def requirements(modules: Iterable[str]) -> list[str]:
    """Return `name==version` of each package that a model with these top-level modules needs, sorted.

    The packages that these depend on are not listed: pip installs them too.
    """
    names = {name for module in modules for name in distributions(module)}
    return [pin(name) for name in (*ALWAYS, *sorted(names - set(ALWAYS)))]


def distributions(module: str) -> list[str]:
    """Return the names of the packages that install a top-level module: `xgboost` may be of `xgboost-cpu`."""
    if module in MODULES:
        return [MODULES[module]]
    if module in sys.stdlib_module_names:
        return []
    try:
        return [normalized(metadata.distribution(module).name)]
    except metadata.PackageNotFoundError:  # slower: it opens the metadata of every package
        return sorted({normalized(name) for name in metadata.packages_distributions().get(module, [])})


def normalized(name: str) -> str:
    """Return the name of a package as the lock writes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pin(name: str) -> str:
    """Return the lock's pin of a package; a package that is not in the lock is pinned to its installed version."""
    try:
        return pins(name)[0]
    except KeyError:
        return f"{name}=={metadata.version(name)}"
