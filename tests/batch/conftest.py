"""Models of several kinds of columns, which the tests of the scoring server have too."""

from tests.serving.conftest import kinds  # noqa: F401  # a fixture
