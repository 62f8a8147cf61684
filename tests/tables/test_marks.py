"""Marks: one reading of a number, whatever stands in it and beside it, in features and target."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.read import read_table
from modelmake.tables import numbers
from modelmake.tables.forms import PLAIN
from modelmake.tables.marks import numbers_of

NARROW, NO_BREAK = "\u202f", "\u00a0"
UNIQUE: dict[str, tuple[list[str], list[float]]] = {
    "no-break spaces in a part": ([f"1{NO_BREAK}234,56", "900", "12,5"], [1234.56, 900, 12.5]),
    "narrow spaces": ([f"1{NARROW}234", f"2{NARROW}345{NARROW}678", "7"], [1234, 2_345_678, 7]),
    "apostrophes": (["1'234.50", "12\u2019345.00", "3"], [1234.5, 12_345, 3]),
    "thousands beside small numbers": (["1,234", "900", "12,500"], [1234, 900, 12_500]),
    "thousands and decimals": (["1.234,5", "1.234.567", "12"], [1234.5, 1_234_567, 12]),
    "points of thousands beside small numbers": (["1.500", "900", "12.345"], [1500, 900, 12_345]),
    "decimals of a program": (["1.5", "900", "12.345"], [1.5, 900, 12.345]),
    "three decimals of a program": (["1.234", "900", "12.345"], [1.234, 900, 12.345]),
    "a decimal comma beside large numbers": (["1,234", "2500", "12,500"], [1.234, 2500, 12.5]),
    "K and M": (["1.2K", "3M", "800", "2.5B"], [1200, 3_000_000, 800, 2.5e9]),
    "negatives in brackets": (["(1,234.50)", "900.25", "(7)"], [-1234.5, 900.25, -7]),
    "a minus behind": (["12.50-", "3.25", "7-"], [-12.5, 3.25, -7]),
    "a minus of a word processor": (["\u221212.5", "3"], [-12.5, 3]),
    "a currency in a part": (["$5", "-$1,200.50", "17", "$-3", "($4.25)"], [5, -1200.5, 17, -3, -4.25]),
    "a currency behind": (["5,00 €", "1.200,50 €"], [5, 1200.5]),
    "a code of currency": (["USD 1,000.5", "USD 3"], [1000.5, 3]),
    "one unit": (["3 kg", "4.5kg", "1,000.5 kg"], [3, 4.5, 1000.5]),
    "another unit": (["34 years", "7 years"], [34, 7]),
    "percent": (["3%", "4.5 %", "-1%"], [3, 4.5, -1]),
    "K alone is a unit": (["12K", "3K"], [12, 3]),
    "K beside a currency, in all rows": (["$45.3K", "$50K"], [45_300, 50_000]),
    "spaces around": ([" 12,5 ", "3 "], [12.5, 3]),
    "powers": (["1e3", "2.5E-1", "-3"], [1000, 0.25, -3]),
    "powers of Fortran": (["1.5D+03", "-0.25d-01", ".5D+00"], [1500, -0.025, 0.5]),
    "digits of Arabic": (["\u0663\u066b\u0665", "-\u0661\u0662"], [3.5, -12]),
    "digits of Devanagari": (["\u0967\u0968.\u096b kg", "\u0967 kg"], [12.5, 1]),
    "digits of full width": (["\uff11\uff12\uff0e\uff15", "\uff0d\uff13", "7"], [12.5, -3, 7]),
}


@pytest.mark.parametrize("kind", UNIQUE)
def test_numbers_with_marks_are_read_where_the_reading_is_unique(kind: str) -> None:
    """And a row that is read alone, later, by the form of the column has the same number."""
    texts, values = UNIQUE[kind]
    found = numbers_of(pd.Series(texts, dtype="str"), ".")
    assert (found.doubt, found.values.tolist()) == ("", values)
    for text, value in zip(texts, values, strict=True):
        assert numbers.read(pd.Series([text], dtype="str"), found.form).tolist() == [value]


@pytest.mark.parametrize(
    ("texts", "doubt"),
    [
        (["1,500", "2,250"], "numbers such as '1,500', which can be read in two ways"),
        (["$5", "€7"], "the units '$' and '€'"),
        (["5 kg", "7 lb"], "the units 'kg' and 'lb'"),
        (["5%", "0.7"], "the unit '%' in a part of its rows"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_named(texts: list[str], doubt: str) -> None:
    """With an example, and never read by a guess."""
    assert numbers_of(pd.Series(texts, dtype="str"), ".").doubt == doubt


@pytest.mark.parametrize(
    "texts",
    [
        ["192.168.1.1", "10.0.0.1"],
        ["555 123 456", "171 234 567"],
        ["1.2.3", "2.0.1"],
        ["A1", "B2"],
        ["12 Main", "14 Oak"],
    ],
)
def test_codes_are_no_numbers(texts: list[str]) -> None:
    """Addresses, telephone numbers and versions have marks too."""
    assert numbers_of(pd.Series(texts, dtype="str"), ".").values.isna().all()


def written(folder: Path, texts: list[str]) -> Path:
    """Write a table with the texts as a feature and as the target."""
    rows = [f'"{text}";{index % 7};"{text}"' for index, text in enumerate(texts)]
    (folder / "t.csv").write_text("\n".join(["price;x;y", *rows]) + "\n", encoding="utf-8")
    return folder / "t.csv"


def test_features_and_target_are_read_alike(tmp_path: Path) -> None:
    """By one reader."""
    texts = [f"{1 + index // 10}{NO_BREAK}{index:03},5" if index % 3 else f"{index}" for index in range(60)]
    frame = read_table(Data(path=str(written(tmp_path, texts)), target="y"))
    assert frame["y"].dtype == float
    np.testing.assert_array_equal(frame["price"], frame["y"])


@pytest.mark.parametrize(("text", "value"), [("1.500", 1500), ("1.512", 1.512)])
def test_points_of_thousands_in_a_plain_file_are_named_or_read(tmp_path: Path, text: str, value: float) -> None:
    """A zero at the end says that they are no decimals, also in a column that could be floating-point numbers."""
    rows = [f"{text};{text};{number}" for number in range(30)] + [f"{number};{number};1" for number in range(30)]
    (tmp_path / "t.csv").write_text("\n".join(["a;y;x", *rows]) + "\n")
    frame = read_table(Data(path=str(tmp_path / "t.csv"), target="y"))
    assert (frame["a"].iloc[0], frame["y"].iloc[0], frame["a"].iloc[-1]) == (value, value, 29)


def test_data_numbers_settles_the_reading(tmp_path: Path) -> None:
    """Of all columns, those of plain numbers among them."""
    texts = [f"{index},{100 + index}" for index in range(1, 61)]
    path = str(written(tmp_path, texts))
    with pytest.raises(UserError, match=r'set data.numbers = "1,234.5" or data.numbers = "1.234,5"'):
        read_table(Data(path=path, target="x", decimal="."))
    for numbers_written, first in (("1,234.5", 1101), ("1.234,5", 1.101)):
        frame = read_table(Data.model_validate({"path": path, "target": "x", "numbers": numbers_written}))
        assert frame["price"].iloc[0] == first


@pytest.mark.parametrize(
    ("text", "number"), [("\u0663\u066b\u0665", 3.5), ("1.5D+03", 1500), ("12D34", None), ("5D+2", None)]
)
def test_a_text_of_json_is_the_number_of_a_file(text: str, number: float | None) -> None:
    """Digits of another script, and a power of Fortran, which has a point and a sign: others are codes."""
    assert numbers.number(text, truth=False) == number
    [read] = numbers.read(pd.Series([text], dtype="str"), PLAIN)
    assert read == number or (number is None and np.isnan(read))


def test_codes_in_digits_of_another_script_stay_texts(tmp_path: Path) -> None:
    """With a zero in front, as 01067 does."""
    codes = ["\u0660\u0661\u0660\u0666\u0667", "\u0668\u0660\u0663\u0663\u0661"]
    (tmp_path / "t.csv").write_text("zip,y\n" + "".join(f"{code},1\n{code},2\n" for code in codes))
    assert set(read_table(Data(path=str(tmp_path / "t.csv"), target="y"))["zip"]) == set(codes)
