import sys

# skops loads scikit-learn's helpers for tests, which import pytest if they can: 8 MB in each worker of the server.
sys.modules.setdefault("pytest", None)  # type: ignore[arg-type]
