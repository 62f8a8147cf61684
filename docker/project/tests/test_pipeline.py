"""Tests of this project. `make test` also checks the file, the modules and the table of each pipeline."""

from modelmake.config.config import load
from modelmake.data.read import read_table


def test_the_target_varies():
    """A model can learn something from this table."""
    data = load().data
    assert read_table(data)[data.target].nunique() > 1
