"""The mistakes in a pipeline's file: all at once, with their lines, in our words."""

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmake.config import config
from modelmake.core.errors import UserError

FILE = """\
experiment = "flowers"
seed = 42
[data]
path = "data/iris.csv"
target = "species"
test_size = 0.2
stratify = false
[model]
estimator = "sklearn.ensemble.RandomForestClassifier"
params = { n_estimators = 5 }
[gate]
rules = [
  "accuracy > 0.8",
  "f1_macro > 0.5",
]
min_test_rows = 30
champion = "not_worse"
[registry]
name = "flower_classifier"
alias = "staging"
"""
LINES = FILE.splitlines()
KEYS = [number for number, line in enumerate(LINES, 1) if " = " in line and not line.endswith("[")]
FOREIGN = re.compile(r"Input should|String should|[Pp]ydantic|valid |toml\.io|correct the value|expected|literal")


def mistakes(folder: Path, text: str) -> list[str]:
    """Return the lines that a file gives, without its folder; none for a correct one."""
    path = folder / "pipeline.toml"
    path.write_text(text, encoding="utf-8")
    try:
        config.load(path)
    except UserError as error:
        return [str(each).removeprefix(f"{folder}/") for each in (error, *error.others)]
    return []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("seed = 42", "seed = None", "2: TOML has no None (leave the key out, for its default)"),
        ("stratify = false", "stratify = False", "7: False is not a value (write false)"),
        ("stratify = false", "stratify = yes", "7: yes is not a value (write true)"),
        ('"species"', "\u201cspecies\u201d", '5: the quotes are not those of TOML (write "…" with the plain quotes'),
        ('"f1_macro > 0.5"', "\u201cf1_macro > 0.5\u201d", "14: the quotes are not those of TOML"),
        ('"species"', "species", '5: a text without quotes (write target = "species")'),
        ('"accuracy > 0.8"', "accuracy > 0.8", "13: a text without quotes"),
        ('"species"', '"species', "5: the quotes are not closed"),
        ('target = "species"', 'target: "species"', '5: a colon after the key (write target = "species")'),
        ("seed = 42", "seed = 42\nseed = 43", "3: seed is in the file twice (keep one of the two)"),
        ("[gate]", "[data]", "11: [data] is in the file twice"),
        ("[gate]", "[gate", "11: the bracket is not closed (write [gate])"),
        ("]\nmin_test_rows", "min_test_rows", "12: the bracket is not closed, or a comma is missing"),
        ("0.2", "0,2", "6: a comma in a number (write 0.2)"),
        ("0.2", ".2", "6: a number begins with the point (write 0.2)"),
        ("0.2", "20%", "6: a number with %"),
        ("seed = 42", "seed = 042", '2: a number begins with 0 (write 42, or the text "042")'),
        ("seed = 42", "seed =", "2: the key has no value"),
        ("seed = 42", "seed = 42,", "2: , after the value (leave it out)"),
        ("seed = 42", "import os", "2: neither key = value nor [table]"),
        ('"data/iris.csv"', '"C:\\data\\iris.csv"', "4: a backslash in double quotes"),
        ("seed = 42", 'seed = "42"', '2: seed: "42" is not a whole number (write 42 without quotes)'),
        ("seed = 42", "seed = nan", "2: seed: nan is not a whole number"),
        ("stratify = false", 'stratify = "true"', '7: data.stratify: "true" is not true or false (write true without'),
        ("0.2", "1.5", "6: data.test_size: 1.5 is not below 1"),
        ("30", "0", "16: gate.min_test_rows: 0 is less than 1 (use 1 or more)"),
        ('"not_worse"', '"worse"', "17: gate.champion: \"worse\" is unknown (did you mean 'not_worse'?)"),
        ('"species"', '"species"\ndrop = "id"', '6: data.drop: "id" is not a list (write a list: ["id"])'),
        ('"species"', '"species"\nschema.a.max = true', "6: data.schema.a.max: true is not a number or a text"),
        ("seed = 42", 'seed = 42\ntarget = "x"', "3: target: unknown key (it belongs under [data])"),
        ("[registry]", "[registery]", "18: registery: unknown key (did you mean 'registry'?)"),
        ('"flower_classifier"', '"a/b"', "19: registry.name: 'a/b' contains / or :"),
        ('name = "flower_classifier"', "", "18: registry.name: missing (add it)"),
        ("n_estimators = 5", "n_estimators = 2026-01-01", "10: model.params.n_estimators: 2026-01-01 is not a text, a"),
    ],
)
def test_a_mistake_has_its_line_and_its_fix(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """One line for one mistake."""
    [line] = mistakes(tmp_path, FILE.replace(old, new, 1))
    assert line.startswith(f"pipeline.toml:{expected}")


def test_a_missing_table_is_named_without_a_line(tmp_path: Path) -> None:
    """It has none."""
    assert mistakes(tmp_path, "\n".join(LINES[:17])) == ["pipeline.toml: registry: missing (add [registry])"]


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    """Such as that of an old editor."""
    (tmp_path / "pipeline.toml").write_bytes(FILE.replace("species", "Größe").encode("latin-1"))
    with pytest.raises(UserError, match=r"pipeline\.toml:5: the file is not UTF-8 \(save it as UTF-8\)"):
        config.load(tmp_path / "pipeline.toml")


WRONG = (
    *('"x"', '""', "-1", "1e400", "true", "[]", "{}", "[1]", "{ x = 1 }", "2026-01-01", "nan", "None", "True", "x y"),
    *('"a\\b', "\u201cx\u201d", "", "07", "1,5", '"a" "b"', "[", '["x", 1, []]', "'''", "@", "= 1", '"a/b:c"', "\\"),
)


def test_no_spoiled_file_speaks_another_language(tmp_path: Path) -> None:
    """Each key with each wrong value: its line is named, in our words."""
    files = 0
    for number, value in itertools.product(KEYS, WRONG):
        key = LINES[number - 1].partition(" = ")[0]
        found = mistakes(tmp_path, "\n".join([*LINES[: number - 1], f"{key} = {value}", *LINES[number:]]))
        files += bool(found)
        assert not [line for line in found if FOREIGN.search(line) or "\n" in line], (key, value, found)
        assert all(line.startswith("pipeline.toml:") for line in found), (key, value, found)
        if found and value not in ("[", "'''"):  # these change what the next lines are
            assert found[0].startswith(f"pipeline.toml:{number}: "), (key, value, found)
    assert files >= 100


@given(st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), min_size=2, max_size=4, unique_by=lambda one: one[0]))
def test_all_mistakes_are_named_at_once(
    tmp_path_factory: pytest.TempPathFactory, spoiled: list[tuple[int, bool]]
) -> None:
    """In the order of the lines: those of values, or, where the file is not TOML, those of its text."""
    folder, lines = tmp_path_factory.getbasetemp(), LINES.copy()
    for number, unreadable in spoiled:
        lines[number - 1] = f"{LINES[number - 1].partition(' = ')[0]} = {'None' if unreadable else '2026-01-01'}"
    found = [int(line.split(":")[1]) for line in mistakes(folder, "\n".join(lines))]
    text = sorted({number for number, unreadable in spoiled if unreadable})
    assert found == (text or sorted({number for number, _ in spoiled}))
