"""Findings about a table: row numbers, ids, copies, leaks, groups, time, rare classes and gaps."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import datasets

from modelmake.config.data import Data
from modelmake.data.finding import Finding
from modelmake.data.findings import findings
from modelmake.data.read import identified, read_table
from tests.conftest import EXAMPLE

N = 400


def look(columns: dict[str, object], *, classifier: bool = True, **keys: object) -> list[str]:
    """Return the sentences about a table of two honest features, a noisy target and more columns."""
    return list(map(str, found(columns, classifier=classifier, **keys)))


def found(columns: dict[str, object], *, classifier: bool = True, **keys: object) -> list[Finding]:
    """Return the findings of such a table."""
    rng = np.random.default_rng(1)
    width = rng.normal(size=N).round(1)
    label = np.where(width + rng.normal(size=N) > 0, "yes", "no") if classifier else width + rng.normal(size=N)
    honest = {"width": width, "kind": rng.choice(["a", "b", "c"], N), "label": label}
    frame = identified(pd.DataFrame({**honest, **columns}))
    return findings(frame, Data(path="t.csv", target="label", **keys), classifier=classifier)


def sentences(frame: pd.DataFrame, config: Data, *, classifier: bool) -> list[str]:
    """Return the findings of a table as sentences."""
    return list(map(str, findings(frame, config, classifier=classifier)))


def label(classifier: bool = True) -> np.ndarray:
    """Return the target of `look`."""
    rng = np.random.default_rng(1)
    width = rng.normal(size=N).round(1)
    noisy = width + rng.normal(size=N)
    return np.where(noisy > 0, "yes", "no") if classifier else noisy


RNG = np.random.default_rng(7)
PERSONS, YEARS = np.repeat(RNG.permutation(10_000)[:50], 8), np.tile(np.arange(1980, 1988), 50)
DAYS = pd.date_range("2020-01-01", periods=N)
SUGGESTED: dict[str, tuple[dict[str, object], str, dict[str, object]]] = {
    "row numbers": (
        {"Unnamed: 0": range(1, N + 1)},
        "column 'Unnamed: 0' has no name in the file and counts the rows; leave it out: data.drop = [\"Unnamed: 0\"]",
        {"drop": ["Unnamed: 0"]},
    ),
    "row numbers in another order": (
        {"nr": RNG.permutation(N)},
        "column 'nr' counts the rows; leave it out: data.drop = [\"nr\"]",
        {"id": "nr"},
    ),
    "ids": (
        {"code": [f"K-{i * 37}" for i in range(N)]},
        "column 'code' has another value in every row, as an id has; leave it out: data.drop = [\"code\"]",
        {"id": "code"},
    ),
    "numbered ids": (
        {"client_id": RNG.permutation(10**6)[:N]},
        "column 'client_id' has another value in every row, as an id has; leave it out: data.drop = [\"client_id\"]",
        {"drop": ["client_id"]},
    ),
    "a constant": (
        {"source": ["web"] * N},
        "column 'source' is the same in every row; leave it out: data.drop = [\"source\"]",
        {"drop": ["source"]},
    ),
    "constants": (
        {f"c{i}": [i] * N for i in range(5)},
        "columns 'c0', 'c1', 'c2' and 2 more are the same in every row; "
        'leave them out: data.drop = ["c0", "c1", "c2", "c3", "c4"]',
        {"drop": [f"c{i}" for i in range(5)]},
    ),
    "nothing": (
        {"note": [np.nan] * N},
        "column 'note' has no value at all; leave it out: data.drop = [\"note\"]",
        {"drop": ["note"]},
    ),
    "gaps": (
        {"fax": [1.5, 2.5, None, None, None] * (N // 5)},
        "column 'fax' is 60% empty; check that these gaps are meant",
        {"drop": ["fax"]},
    ),
    "a copy": (
        {"breadth": np.random.default_rng(1).normal(size=N).round(1)},
        "column 'breadth' is a copy of 'width'; leave it out: data.drop = [\"breadth\"]",
        {"drop": ["breadth"]},
    ),
    "a panel": (
        {"nr": PERSONS, "year": YEARS},
        "column 'nr' has 50 values with 8 rows each on average; if rows of one value belong together, "
        'set data.group = "nr", so that they are all trained on or all held out',
        {"group": "nr"},
    ),
    "repeated persons": (
        {"patient": [f"P{i}" for i in PERSONS]},
        "column 'patient' has 50 values with 8 rows each on average; if rows of one value belong together, "
        'set data.group = "patient", so that they are all trained on or all held out',
        {"group": "patient"},
    ),
    "dates in order": (
        {"day": DAYS},
        "the rows are in the order of column 'day'; if the model is for later rows, "
        'set data.time = "day", so that the last rows are held out',
        {"time": "day"},
    ),
    "years in order": (
        {"time": np.arange(N) / 12 + 1949},
        "the rows are in the order of column 'time'; if the model is for later rows, "
        'set data.time = "time", so that the last rows are held out',
        {"time": "time"},
    ),
}


@pytest.mark.parametrize("kind", SUGGESTED)
def test_a_finding_is_a_sentence_that_a_key_answers(kind: str) -> None:
    """It names the column and the key; with the key in pipeline.toml it is not repeated."""
    columns, sentence, answer = SUGGESTED[kind]
    assert look(columns) == [sentence]
    assert look(columns, **answer) == []


@pytest.mark.parametrize(
    ("name", "values"),
    [("Kundennr", np.random.default_rng(1).permutation(10**6)[:N]), ("customer", 10_000 + 7 * np.arange(N)[::-1])],
    ids=["by its name", "by equal steps"],
)
def test_a_number_of_the_row_is_no_measurement(name: str, values: np.ndarray) -> None:
    """Whatever it counts from and by, and in other languages."""
    [sentence] = look({name: values})
    assert sentence.endswith(f'leave it out: data.drop = ["{name}"]')


@pytest.mark.parametrize("values", [np.arange(N), [f"u{number * 7919 % 10_007:05}" for number in range(N)]], ids=str)
def test_copies_of_rows_hide_no_id(values: object) -> None:
    """A copy of a row has its id."""
    frame = pd.DataFrame({"no": values, "width": RNG.normal(size=N), "label": ["no", "yes"] * (N // 2)})
    frame = identified(pd.concat([frame, frame.head(3)], ignore_index=True))
    [sentence] = sentences(frame, Data(path="t.csv", target="label"), classifier=True)
    assert sentence.endswith('leave it out: data.drop = ["no"]')


def test_numbers_that_estimators_round_are_named() -> None:
    """Above 2^53 floating-point numbers skip some."""
    large = 2**60 + np.random.default_rng(1).permutation(10**6)[:N]
    [sentence] = look({"nanos": large})
    assert sentence.startswith("column 'nanos' has whole numbers above 2^53, which estimators round; leave it out")
    assert look({"nanos": large - 2**60}) == []


@pytest.mark.parametrize("classifier", [True, False])
def test_a_leak_is_named(classifier: bool) -> None:
    """A feature that is the target in other words: a code of a class, a scaled number, a text of each class."""
    target = label(classifier)
    leak = np.where(target == "yes", 3, 7) if classifier else np.exp(target)
    [sentence] = look({"outcome": leak}, classifier=classifier)
    score = "balanced accuracy 1.0000" if classifier else "r2 0."
    assert sentence.startswith(f"column 'outcome' alone predicts the target ({score}")
    assert sentence.endswith('if it is known only after the target, leave it out: data.drop = ["outcome"]')


def test_the_advice_on_a_leak_of_two_columns_names_the_key_of_each() -> None:
    """Only one of them has to go, and which one is a question to the user."""
    rate, real = RNG.normal(5, 2, N).round(2), RNG.normal(2, 1, N).round(2)
    frame = identified(pd.DataFrame({"rate": rate, "real": real, "label": rate - real}))
    [sentence] = sentences(frame, Data(path="t.csv", target="label"), classifier=False)
    assert sentence.endswith(
        "if one of them is known only after the target, leave that column out: "
        'data.drop = ["rate"] or data.drop = ["real"]'
    )


def test_gaps_that_follow_the_target_are_named() -> None:
    """A lifeboat has a number for those who survived."""
    rng = np.random.default_rng(4)
    boats = np.where((label() == "yes") & (rng.random(N) > 0.04), rng.choice(["3", "5a", "C"], N), None)
    sentence = look({"boat": boats})[-1]
    assert sentence.startswith("the gaps of column 'boat' alone predict the target (accuracy 0.9")


def test_trends_do_not_leak_into_each_other() -> None:
    """Any two numbers that grow with the years predict each other at random rows."""
    target = np.arange(N) + RNG.normal(size=N)
    frame = identified(pd.DataFrame({"day": DAYS, "people": np.arange(N) ** 2, "label": target}))
    assert sentences(frame, Data(path="t.csv", target="label", time="day"), classifier=False) == []


def test_a_rare_class_is_named() -> None:
    """With the metrics in which it counts, and the key that spreads it."""
    rng = np.random.default_rng(3)
    frame = identified(pd.DataFrame({"a": rng.normal(size=1000), "label": ["no"] * 985 + ["yes"] * 15}))
    [sentence] = sentences(frame, Data(path="t.csv", target="label"), classifier=True)
    assert sentence.startswith("class 'yes' has 15 of 1000 rows (0.015); ask the gate for a metric")
    assert sentence.endswith("and set data.stratify = true")


def test_no_advice_that_would_not_work() -> None:
    """One row can't be on both sides."""
    frame = pd.DataFrame({"a": RNG.normal(size=1000), "label": ["no"] * 500 + ["yes"] * 499 + ["maybe"]})
    [sentence] = sentences(identified(frame), Data(path="t.csv", target="label"), classifier=True)
    assert sentence.startswith("class 'maybe' has 1 of 1000 rows")
    assert "stratify" not in sentence


@pytest.mark.parametrize("name", ["load_wine", "load_breast_cancer", "load_diabetes"])
def test_honest_tables_are_quiet(name: str) -> None:
    """Measurements that separate the classes well are not leaks."""
    frame = getattr(datasets, name)(as_frame=True).frame
    keys = Data(path="t.csv", target="target")
    assert sentences(identified(frame), keys, classifier=name != "load_diabetes") == []


def test_the_example_is_quiet() -> None:
    """Four measurements of flowers."""
    keys = Data(path=str(EXAMPLE / "data/iris.csv"), target="species")
    assert sentences(read_table(keys), keys, classifier=True) == []


@pytest.mark.parametrize(
    "values",
    [
        lambda rng: rng.integers(18, 90, N),
        lambda rng: rng.integers(10_000, 99_999, N),
        lambda rng: pd.Series(rng.integers(1, 10**9, N)),
        lambda rng: [" ".join(rng.choice(["the", "film", "was", "good", "bad", "long"], 14)) for _ in range(N)],
        lambda rng: pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.permutation(N), unit="D"),
        lambda rng: rng.choice(["yes", "no", None], N),
    ],
)
def test_measurements_texts_and_dates_are_no_ids(values: Callable[[np.random.Generator], object]) -> None:
    """Amounts that all differ, free text, and dates in no order stay features, without a message."""
    assert look({"feature": values(np.random.default_rng(5))}) == []


def test_findings_cost_little_on_many_rows_and_columns() -> None:
    """Each feature of a wide table is not tried one by one, and the leak is found all the same."""
    rng = np.random.default_rng(2)
    frame = pd.DataFrame(rng.normal(size=(N, 800)).round(6), columns=[f"x{i}" for i in range(800)])
    frame["label"] = np.where(frame["x700"] > 0, "yes", "no")
    [sentence] = sentences(identified(frame), Data(path="t.csv", target="label"), classifier=True)
    assert sentence.startswith("column 'x700' alone predicts the target")


LEAK = np.where(label() == "yes", 3, 7)
HOSTILE = (
    "serif italic; leave it out if it is one",
    'data.drop = ["x"]',
    "; leave ",
    "as an id has",
    "a|b",
    '"',
    "'",
    "(",
)


@given(st.lists(st.lists(st.sampled_from(HOSTILE), min_size=1).map("".join), min_size=3, max_size=3, unique=True))
def test_what_a_finding_says_does_not_depend_on_the_name_of_its_column(names: list[str]) -> None:
    """A program reads the fields: a name that looks like one of our sentences changes none of them."""
    counter, constant, leak = names
    columns: dict[str, object] = {counter: range(N), constant: ["web"] * N, leak: LEAK}
    assert [(each.value, each.certain, each.identifies) for each in found(columns) if each.key == "drop"] == [
        ([counter], True, True),
        ([constant], True, False),
        ([leak], False, False),
    ]
