"""Drafts: the keys that a table suggests run as they are, and what is a guess is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelmake.core.errors import UserError
from modelmake.projects.draft import Draft, draft
from modelmake.projects.new import target, written

N = 200
RNG = np.random.default_rng(2)
Write = Callable[[dict[str, Any]], Draft]


@pytest.fixture
def drafted(tmp_path: Path) -> Write:
    """A way to draft a pipeline for a CSV of some columns."""

    def run(columns: dict[str, Any]) -> Draft:
        pd.DataFrame(columns).to_csv(tmp_path / "table.csv", index=False)
        return draft(str(tmp_path / "table.csv"), "y")

    return run


def test_rows_without_a_target_are_left_out_and_named(drafted: Write) -> None:
    """A number needs no other advice; a text may be a class, which is a guess."""
    y = pd.Series(RNG.normal(size=N)).mask(np.arange(N) == 16)
    made = drafted({"x": RNG.normal(size=N), "y": y})
    assert (made.data.drop_missing_target, len(made.frame)) == (True, N - 1)
    assert made.why["drop_missing_target"] == "1 row has no 'y': the field is empty, in row 17"
    y = ["no", "yes"] * (N // 2)
    made = drafted({"x": RNG.normal(size=N), "y": ["NA", "NA", *y[2:]]})
    assert "if one is a class, set data.missing = []" in made.why["drop_missing_target"]


def test_a_text_of_many_rows_of_the_target_is_a_class(drafted: Write) -> None:
    """None is one of three grades; the other texts of this kind stay gaps."""
    made = drafted({"x": [1.5, None] * (N // 2), "y": ["None", "Mild", "Severe", "Mild"] * (N // 4)})
    assert (len(made.frame), set(made.target), made.data.drop_missing_target) == (N, {"None", "Mild", "Severe"}, None)
    assert ("NA" in made.data.missing, "None" in made.data.missing) == (True, False)
    assert made.frame["x"].dtype == float


def test_a_rare_class_is_on_both_sides(drafted: Write) -> None:
    """Three rows are enough for it."""
    y = ["a"] * 100 + ["b"] * 97 + ["c"] * 3
    made = drafted({"x": RNG.normal(size=N), "y": y})
    assert made.data.stratify
    made = drafted({"x": RNG.normal(size=N), "y": [*y[:-1], "d"]})
    assert not made.data.stratify
    assert (
        "data.stratify is not set: it needs 2 rows of each class; add rows of 'd', or delete such rows" in made.warnings
    )


def test_the_only_feature_stays(drafted: Write) -> None:
    """Though it looks like an id: without it there is no model."""
    made = drafted({"x": RNG.permutation(N), "y": RNG.normal(size=N)})
    assert (made.data.drop, "drop" in made.why) == (None, False)
    assert [line for line in made.warnings if "drop" in line or "'x'" in line] == [
        'data.drop = ["x"] is not set: the only column is the target without it, '
        "but a row number or an id predicts nothing; add features"
    ]
    made = drafted({"source": "web", "x": RNG.permutation(N), "y": RNG.normal(size=N)})
    assert (made.data.drop, made.why["drop"]) == (["source"], "column 'source' is the same in every row")


def test_a_key_that_fails_is_named_once(drafted: Write) -> None:
    """No line says why a key is not set while another line says to set it."""
    made = drafted({"customer_id": [f"C{number}" for number in np.repeat(range(100, 140), 5)], "y": RNG.normal(size=N)})
    assert made.data.group is None
    [line] = made.warnings
    assert line.startswith('data.group = "customer_id" is not set: ')


def test_a_key_with_gaps_is_not_set(drafted: Write) -> None:
    """Each row needs a time, or a group."""
    days = pd.Series(pd.date_range("2026-01-01", periods=N)).mask(np.arange(N) == 50)
    made = drafted({"day": days, "x": RNG.normal(size=N), "y": RNG.normal(size=N)})
    assert made.data.time is None
    assert any(line.endswith("so that the last rows are held out, once its 1 gap is filled") for line in made.warnings)
    ids = pd.Series(np.repeat(range(100, 140), 5)).mask(np.arange(N) == 50)
    made = drafted({"customer_id": ids.map("C{:.0f}".format, na_action="ignore"), "y": RNG.normal(size=N)})
    assert (made.data.group, made.data.time) == (None, None)


def test_a_table_that_cannot_be_split_is_refused(drafted: Write) -> None:
    """Nothing is written for it."""
    with pytest.raises(UserError, match="the only column is the target"):
        drafted({"x": 1, "y": RNG.normal(size=N)})


def test_lines_that_are_not_data_are_in_the_file(tmp_path: Path) -> None:
    """Without the key that `make new` prints, `make all` would stop."""
    rows = "".join(f"{RNG.normal():.3f},{RNG.normal():.3f}\n" for _ in range(N))
    (tmp_path / "more").mkdir()
    for name in ("table.csv", "more/a.csv", "more/b.csv"):
        (tmp_path / name).write_text(f"a,y\n(cm),(kg)\n{rows}")
    made = draft(str(tmp_path / "table.csv"), "y")
    assert "skip_lines = [2]" in written(made, "t", "").splitlines()
    made = draft(str(tmp_path / "more"), "y")
    assert 'skip_lines = { "a.csv" = [2], "b.csv" = [2] }' in written(made, "t", "").splitlines()


def test_a_target_is_composed_as_the_names_of_a_table_are(tmp_path: Path) -> None:
    """A keyboard that writes accents as characters of their own names the same column."""
    (tmp_path / "t.csv").write_text("a,Gr\u00f6\u00dfe\n1,2\n3,4\n", encoding="utf-8")
    assert target(tmp_path / "t.csv", " Gro\u0308\u00dfe ") == "Gr\u00f6\u00dfe"
