"""Measures: texts with a number or a moment that is not read as one are named, and codes and words are not."""

import tomllib
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from modelmake.config.data import Data
from modelmake.data.measures import measures, notation
from modelmake.data.read import read_table
from tests.conftest import ROOT

RNG, N = np.random.default_rng(0), 300
A, B, C = RNG.integers(1, 60, N), RNG.integers(0, 60, N), RNG.integers(100, 4000, N)
NAMED: dict[str, Callable[[int, int, int], str]] = {
    "a coordinate": lambda a, b, _: f"{a}.{b}°N",
    "a number with its error": lambda a, b, _: f"{a / 10} ± {b / 10}",
    "a hexadecimal number": lambda _a, _b, c: f"0x{c:X}",
    "a duration": lambda a, b, _: f"{a % 24}h {b}m",
    "feet and inches": lambda a, b, _: f"{4 + a % 3}'{b % 12}\"",
    "a fraction": lambda a, b, _: f"{a}/{b + 1}",
    "a ratio": lambda a, _b, _c: f"1 in {a}",
    "a range": lambda a, _b, _c: f"{a - a % 10}-{a - a % 10 + 10}%",
    "a bound": lambda a, _b, _c: f"<{a}.5",
    "a power": lambda a, b, _: f"{a / 10}\u00d710^{b % 7}",
    "a number": lambda _a, _b, c: f"{c} CC",
    "a date or a time": lambda a, b, _: f"about {a % 24:02}:{b:02}",
}
MORE: dict[str, Callable[[int, int, int], str]] = {
    "a duration": lambda a, b, _: f"{a} {['days', 'weeks', 'months', 'years'][b % 4]}",
    "a coordinate": lambda a, b, _: f"{a}°{b}'{b}\"{'NS'[a % 2]}",
    "a range": lambda a, b, _: f"{a}-{a + b}",
    "a date or a time": lambda a, b, _: f"Week of 2024-{1 + a % 12:02}-{1 + b % 28:02}",
    "a number": lambda a, b, c: f"{c}Nm@ {a * 100 + b}rpm",
    "a ratio": lambda a, _b, _c: f"{a / 10:.1f}/10",
}
UNNAMED: dict[str, Callable[[int, int, int], str]] = {
    "a code": lambda a, _b, _c: f"A{a}",
    "a seat": lambda a, b, _: f"{a}{'ABCDEF'[b % 6]}",
    "an id": lambda _a, _b, c: f"CUST-{c:05}",
    "a version": lambda a, b, c: f"{a % 4}.{b}.{c}",
    "an address of the network": lambda a, b, _: f"{a}.{b}.{a}.{b}",
    "an address": lambda a, b, c: f"{c} {['Oak', 'Elm', 'Main', 'High'][a % 4]} {['St', 'Rd', 'Ave', 'Ln'][b % 4]}",
    "a telephone number": lambda a, b, c: f"({100 + a}) {100 + b}-{c:04}",
    "an international one": lambda a, b, c: f"+1 {100 + a} {100 + b} {c:04}",
    "a diagnosis": lambda a, b, _: f"E{a}.{b % 10}",
    "a file": lambda _a, _b, c: f"img_{c:04}.png",
    "a case of a year": lambda a, _b, _c: f"{a}/2024",
    "an article": lambda a, _b, c: f"{c}-{'ABCDEFGHIJ'[a % 10]}",
    "a plate": lambda a, _b, c: f"{'AB CD EF'.split()[a % 3]} {c} {'KLM'[a % 3]}",
    "a band": lambda a, _b, _c: ["18-25", "26-35", "36-50", "66+"][a % 4],
    "free text": lambda a, b, c: f"{['storm', 'coast', 'mayor'][a % 3]} hits {c} {['homes', 'ships', 'cars'][b % 3]}",
    "a result": lambda a, b, _: f"{a % 5}-{b % 5}",
}


def texts(write: Callable[[int, int, int], str]) -> pd.Series:
    return pd.Series([write(*map(int, row)) for row in zip(A, B, C, strict=True)], dtype="str")


@pytest.mark.parametrize(("kind", "write"), [*NAMED.items(), *MORE.items()])
def test_a_number_that_is_not_read_is_named(kind: str, write: Callable[[int, int, int], str]) -> None:
    """Also where one row in twenty has something else."""
    column = texts(write)
    assert notation(column) == kind
    column[::20] = "unknown"
    assert notation(column) == kind


@pytest.mark.parametrize("what", UNNAMED)
def test_codes_addresses_and_words_are_not_named(what: str) -> None:
    """Though all of them have digits."""
    assert notation(texts(UNNAMED[what])) == ""


def test_columns_of_a_notation_are_named_in_one_line_until_a_type_is_stated() -> None:
    """With an example, what is made of them, and what to do."""
    frame = pd.DataFrame({"out": texts(NAMED["a duration"]), "back": texts(NAMED["a duration"])})
    [one] = measures(frame, Data(path="t.csv", target="y"))
    assert one.text == f"columns 'out', 'back' have a duration in texts such as {frame['out'][0]!r}"
    assert one.advice.startswith("it is used as text or as categories, not as a number or a date: write one number")
    assert one.advice.endswith('if it is text, set type = "text" under [data.schema.out]')
    stated = {"path": "t.csv", "target": "y", "schema": {name: {"type": "text"} for name in frame}}
    assert list(measures(frame, Data.model_validate(stated))) == []


def test_the_examples_are_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has a table whose texts are words."""
    monkeypatch.chdir(ROOT)
    examples = sorted((ROOT / "examples").glob("*/pipeline.toml"))
    for example in examples:
        keys = Data.model_validate(tomllib.loads(example.read_text(encoding="utf-8"))["data"])
        assert list(measures(read_table(keys), keys)) == []
    assert len(examples) > 5
