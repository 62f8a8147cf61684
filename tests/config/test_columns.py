"""Columns: a key that names a column which the table does not have is one line, with the column that it may mean."""

import re

import pytest

from modelmake.config import config as configuration
from modelmake.config.config import Serve, Watch
from modelmake.config.gate import Rule
from modelmake.core.errors import UserError
from modelmake.model.train import prepare
from tests.conftest import Project

TREES = 'sklearn.ensemble.RandomForestClassifier"\n[model.params]\nn_estimators = 5'
HISTOGRAM = 'sklearn.ensemble.HistGradientBoostingClassifier"\n[model.params]\n'
RULES = 'rules = ["accuracy > 0.8"'


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("data.target", 'target = "species"', 'target = "specie"'),
        ("data.drop", 'target = "species"', 'target = "species"\ndrop = ["petal_width", "petal_lenght"]'),
        ("data.id", 'target = "species"', 'target = "species"\nid = "petal_lenght"'),
        ("data.group", 'target = "species"', 'target = "species"\ngroup = "petal_lenght"'),
        ("data.time", 'target = "species"', 'target = "species"\ntime = "petal_lenght"'),
        ("data.schema.petal_lenght", "[model]", "[data.schema.petal_lenght]\nmin = 0\n[model]"),
        ("gate.rules: accuracy > 0.5 by petal_lenght", RULES, 'rules = ["accuracy > 0.5 by petal_lenght"'),
        ("model.params.monotonic_cst", TREES, f"{HISTOGRAM}monotonic_cst = {{ petal_lenght = 1 }}"),
        ("model.params.categorical_features", TREES, f'{HISTOGRAM}categorical_features = ["petal_lenght"]'),
        ("serve.private", "[gate]", '[serve]\nprivate = ["petal_width", "petal_lenght"]\n[gate]'),
        ("watch.ignore", "[gate]", '[watch]\nignore = ["petal_lenght"]\n[gate]'),
    ],
)
def test_a_misspelt_column_is_one_line(project: Project, key: str, before: str, after: str) -> None:
    """Before the fit, whatever key names it, with the line that has it."""
    project.edit(before, after)
    lines = (project.path / "pipeline.toml").read_text().splitlines()
    [number] = [number for number, line in enumerate(lines, start=1) if re.search('petal_lenght|specie"', line)]
    with pytest.raises(UserError) as stopped:
        prepare(configuration.load())
    assert stopped.value.where == f"pipeline.toml:{number}: {key}"
    assert stopped.value.fix == f"did you mean '{'species' if key == 'data.target' else 'petal_length'}'?"


def test_a_column_may_be_written_with_letters_and_accents_apart() -> None:
    """A key has the name as a table has it, where both are one character."""
    typed, name = "gro\u0308\u00dfe", "gr\u00f6\u00dfe"
    assert Rule.model_validate(f"accuracy > 0.5 by {typed}").by == name
    assert (Serve(private=[typed]).private, Watch(ignore=[typed]).ignore) == ([name], [name])
