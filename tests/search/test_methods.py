"""Each method of search is listed, and a pipeline file that its method cannot work with is refused."""

from pathlib import Path

import pytest

from modelmake.config import config
from modelmake.core.errors import UserError
from modelmake.search import methods
from modelmake.search.methods import METHODS

GRID = """
experiment = "a"
[data]
path = "a.csv"
target = "y"
[model]
estimator = "sklearn.svm.SVC"
[gate]
rules = ["accuracy > 0.9"]
[registry]
name = "a"
[search]
method = "grid"
"""
POINTS = "space.C.choices = [1, 10]\n"


def test_each_module_is_a_method() -> None:
    """What `search.method` allows is what there is."""
    assert {path.stem for path in Path(methods.__file__).parent.glob("*.py")} == {*METHODS, "method", "__init__"}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("space.C = { low = 0.1, high = 1.0 }", "search: space.C: a grid needs single values"),
        (f"{POINTS}trials = 9", "search: a grid has as many trials as it has points"),
        (
            f"{POINTS}budget = {{ parameter = 'rows', low = 0.1, high = 1.0 }}",
            "search: a grid tries each point in full",
        ),
    ],
)
def test_a_grid_that_is_not_one_is_refused_wherever_the_file_is_loaded(lines: str, says: str, tmp_path: Path) -> None:
    """A range without points, a number of trials and a budget are named, also by stages that do not search."""
    path = tmp_path / "pipeline.toml"
    path.write_text(GRID + POINTS)
    assert config.load(path).search
    path.write_text(GRID + lines)
    with pytest.raises(UserError) as raised:
        config.load(path)
    assert says in str(raised.value)
