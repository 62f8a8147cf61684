"""A project with a champion, and models of several kinds of columns, which the tests of the scoring server have too."""

from tests.serving.conftest import kinds, served  # noqa: F401  # fixtures
