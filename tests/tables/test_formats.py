"""Reading tables of other formats, dialects and types."""

import bz2
import datetime as dt
import decimal
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.hashes import row_hashes
from modelmake.data.read import read_table
from modelmake.tables.location import fingerprint
from modelmake.tables.table import opened

ROWS = [(i, i * 0.5, "xy"[i % 2]) for i in range(40)]
PLAIN = "a,b,label\n" + "".join(f"{a},{b},{label}\n" for a, b, label in ROWS)
EUROPEAN = "a;b;label\n" + "".join(f"{a};{b:.1f};{label}\n".replace(".", ",") for a, b, label in ROWS)
TABLE = pd.DataFrame(ROWS, columns=["a", "b", "label"]).astype({"label": "str"})


def config(path: Path, **keys: object) -> Data:
    return Data(**{"path": str(path), "target": "label", **keys})


def written(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def zstd(content: bytes) -> bytes:
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, "zstd") as file:
        file.write(content)
    return stream.getvalue().to_pybytes()


def column(tmp_path: Path, values: list[object], **keys: object) -> pd.Series:
    """Return column `c` of a CSV, as it is read."""
    lines = "".join(f"{value},{place},{'xy'[place % 2]}\n" for place, value in enumerate(values))
    return read_table(config(written(tmp_path, "c.csv", f"c,n,label\n{lines}"), **keys))["c"].reset_index(drop=True)


def stored(tmp_path: Path, values: object, **keys: object) -> pd.Series:
    """Return column `c` of a Parquet file, as it is read."""
    rows = {"c": values, "n": list(range(len(values))), "label": ["x", "y"] * (len(values) // 2)}
    pandas = isinstance(values, pd.Series)
    table = pa.Table.from_pandas(pd.DataFrame(rows)) if pandas else pa.table(rows)
    pq.write_table(table, tmp_path / "c.parquet")
    return read_table(config(tmp_path / "c.parquet", **keys))["c"].reset_index(drop=True)


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("plain.csv", PLAIN, ""),
        ("semicolon.csv", EUROPEAN, "semicolon-separated, decimal comma"),
        ("tab.tsv", PLAIN.replace(",", "\t"), "tab-separated"),
        ("pipe.txt", PLAIN.replace(",", "|"), "separated by |"),
        ("space.data", PLAIN.replace(",", "  "), "space-separated"),
        ("mark.csv", "\ufeff" + EUROPEAN, "semicolon-separated, decimal comma"),
        ("comment.csv", "# made, by hand\n#\n" + PLAIN + "# end\n", "without the comment lines (#)"),
        ("header.csv", "#" + PLAIN, "without the comment lines (#)"),
        ("title.csv", "My report\nof, things\n\n" + PLAIN, "without the 3 lines before the header"),
        ("spaces.csv", PLAIN.replace(",", ", "), ""),
        ("trailing.csv", PLAIN.replace("\n", ",\n"), ""),
        ("trailing rows.csv", PLAIN.replace("\n", ",\n").replace("label,", "label", 1), ""),
        ("gz.csv.gz", gzip.compress(EUROPEAN.encode()), "semicolon-separated, decimal comma, gzip"),
        ("renamed.csv", gzip.compress(PLAIN.encode()), "gzip"),
        ("bz2.csv.bz2", bz2.compress(PLAIN.encode()), "bzip2"),
        ("xz.csv.xz", lzma.compress(PLAIN.encode()), "xz"),
        ("zst.csv.zst", zstd(PLAIN.encode()), "zstd"),
        ("wide.csv", PLAIN.encode("utf-16"), "utf-16"),
        ("lines.jsonl", TABLE.to_json(orient="records", lines=True), ""),
        ("list.json", TABLE.to_json(orient="records", indent=1), ""),
    ],
)
def test_a_table_is_read_by_what_it_is(tmp_path: Path, name: str, content: str | bytes, line: str) -> None:
    """The same table comes out of each, and one line says how it is written."""
    settings = config(written(tmp_path, name, content))
    pd.testing.assert_frame_equal(read_table(settings).reset_index(drop=True), TABLE, check_index_type=False)
    assert str(opened(settings)) == line


def test_binary_formats_are_read_alike(tmp_path: Path) -> None:
    """Arrow, a workbook, an archive, and a Parquet file under another name have the same rows as the CSV."""
    TABLE.to_feather(tmp_path / "t.feather")
    table = pa.Table.from_pandas(TABLE)
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    TABLE.to_excel(tmp_path / "t.xlsx", index=False, startrow=2)
    TABLE.to_parquet(tmp_path / "t.csv")
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("t.csv", PLAIN)
    expected = read_table(config(written(tmp_path, "plain.csv", PLAIN)))
    for name in ("t.feather", "t.arrow", "t.xlsx", "t.csv", "t.zip"):
        pd.testing.assert_frame_equal(read_table(config(tmp_path / name)), expected)


@pytest.mark.parametrize(("encoding", "text"), [("latin-1", "größe"), ("cp1252", "“größe”")])
def test_an_encoding_that_is_a_guess_is_asked_for(tmp_path: Path, encoding: str, text: str) -> None:
    """A byte that is no UTF-8 may be anywhere in the file; what is proposed works."""
    path = written(tmp_path, "t.csv", "a,label\n" + "1,x\n" * 100_000 + f"2,{text}\n", encoding)
    with pytest.raises(UserError, match=rf'column .label. has .{text}. .*set data.encoding = "{encoding}"'):
        read_table(config(path))
    assert read_table(config(path, encoding=encoding))["label"].iloc[-1] == text
    assert str(opened(config(path))) == encoding


@pytest.mark.parametrize(("encoding", "shown"), [("cp1251", "Ìîñêâà"), ("gbk", "±±¾©"), ("cp1250", "£ódŸ")])
def test_texts_that_no_one_can_be_sure_of_are_shown(tmp_path: Path, encoding: str, shown: str) -> None:
    """The same rows in UTF-8 would get other answers; a dropped column, and a stated encoding, are no question."""
    city = {"cp1251": "Москва", "gbk": "北京", "cp1250": "Łódź"}[encoding]
    path = written(tmp_path, "t.csv", "city,a,label\n" + f"{city},1,x\n{city},2,y\n" * 9, encoding)
    with pytest.raises(UserError, match=f"which is a guess, column 'city' has '{shown}'"):
        read_table(config(path))
    assert len(read_table(config(path, drop=["city"]))) == 18
    assert read_table(config(path, encoding=encoding))["city"].iloc[0] == city


def test_a_wrong_byte_in_a_file_of_utf_8_is_named_with_its_place(tmp_path: Path) -> None:
    """Not taken for another encoding, which would change every other text."""
    good = "city,label\n" + "Köln,x\nMünchen,y\n" * 20
    path = written(tmp_path, "t.csv", good.encode() + b"Tr\xe8ves,x\n")
    with pytest.raises(UserError, match=r"a byte is not UTF-8: line 42, column 3 \(the only one; 40 other characters"):
        read_table(config(path))


def test_a_number_sign_within_a_row_is_no_comment(tmp_path: Path) -> None:
    """Colours and house numbers stay what they are."""
    path = written(tmp_path, "t.csv", "colour,note,label\n" + "#ff0000,room #5,x\n#00ff00,room #6,y\n" * 9)
    assert read_table(config(path)).iloc[0].tolist() == ["#ff0000", "room #5", "x"]


def test_row_names_of_r_are_no_feature(tmp_path: Path) -> None:
    """R's write.table has a name less in the header than fields in a row."""
    rows = "".join(f'"{place}" {a} {b} "{label}"\n' for place, (a, b, label) in enumerate(ROWS))
    settings = config(written(tmp_path, "t.txt", f'"a" "b" "label"\n{rows}'))
    assert list(read_table(settings).columns) == ["a", "b", "label"]
    assert str(opened(settings)) == "space-separated, without the row names"


def test_keys_win_over_sniffing(tmp_path: Path) -> None:
    """A column of texts with commas in a file with another delimiter needs the keys."""
    path = written(tmp_path, "t.parquet", "a:label\n%\n1,5:x\n2,5:y\n")
    frame = read_table(config(path, format="csv", delimiter=":", decimal=",", comment="%", encoding="ascii"))
    assert frame["a"].tolist() == [1.5, 2.5]


def test_a_sheet_is_chosen_by_its_key_or_by_the_target(tmp_path: Path) -> None:
    """A workbook often starts with a page of notes."""
    with pd.ExcelWriter(tmp_path / "t.xlsx") as book:
        pd.DataFrame({"note": ["hello"]}).to_excel(book, sheet_name="Read me", index=False)
        TABLE.to_excel(book, sheet_name="Data", index=False)
    settings = config(tmp_path / "t.xlsx")
    assert len(read_table(settings)) == 40
    assert str(opened(settings)) == "sheet 'Data' of 2"
    with pytest.raises(UserError, match=r"data.sheet: no sheet 'Date' .*did you mean 'Data'"):
        read_table(config(tmp_path / "t.xlsx", sheet="Date"))


def test_a_folder_of_parquet_files_is_one_table(tmp_path: Path) -> None:
    """Folders with a key and a value are columns; what other tools leave there is not read."""
    for year in (2020, 2021):
        (tmp_path / f"t/year={year}/kind=a").mkdir(parents=True)
        TABLE.to_parquet(tmp_path / f"t/year={year}/kind=a/part-0.parquet")
    written(tmp_path, "t/_SUCCESS", "done")
    written(tmp_path, "t/README.md", "notes")
    frame = read_table(config(tmp_path / "t"))
    assert frame.shape == (80, 5)
    assert frame["year"].value_counts().to_dict() == {2020: 40, 2021: 40}
    assert str(opened(config(tmp_path / "t"))) == "2 files in a folder"


def test_files_of_a_folder_have_the_same_columns(tmp_path: Path) -> None:
    """In any order; a column that is text in one file is text in all; the fingerprint is of names and contents."""
    written(tmp_path, "t/1.csv", "a,label\n1,x\n2,y\n")
    second = written(tmp_path, "t/2.csv", "label,a\nx,foo\ny,bar\n")
    assert read_table(config(tmp_path / "t"))["a"].tolist() == ["1", "2", "foo", "bar"]
    before = fingerprint(config(tmp_path / "t"))
    second.rename(tmp_path / "t/3.csv")
    assert fingerprint(config(tmp_path / "t")) != before
    written(tmp_path, "t/4.csv", "label,b\nx,1\n")
    with pytest.raises(UserError, match=r"4.csv: its columns are not those of '1.csv': adds 'b'; lacks 'a'"):
        read_table(config(tmp_path / "t"))


BINARY = b"\0" * 300


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.xls", b"\xd0\xcf\x11\xe0" + BINARY, "an .xls workbook, or one with a password .save it as .xlsx"),
        ("t.pkl", b"\x80\x04" + BINARY, "a pickle, which can run code .convert it to .csv"),
        ("t.h5", b"\x89HDF" + BINARY, "an HDF5 file .convert"),
        ("t.orc", b"ORC" + BINARY, "an ORC file .convert"),
        ("t.dta", BINARY, "cannot read '.dta' files .convert"),
        ("t.sas7bdat", BINARY, "cannot read '.sas7bdat' files .convert"),
        ("t.csv", "<!DOCTYPE html><html>", "an HTML page.*download the table"),
        ("t.csv", "version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer.*git lfs pull"),
        ("t.csv.gz", gzip.compress(PLAIN.encode())[:-20], "damaged, or its end is missing"),
        ("t.csv.zst", zstd(PLAIN.encode())[:-20], "damaged, or its end is missing"),
        ("t.csv", "", "the file is empty"),
        ("t.csv", "\n\n", "the file is empty"),
        ("t.data", "5.1,3.5,setosa\n" * 9, "no column 'label' in .*: its first line is a row .*add a header line"),
        ("t.json", '{"a": {"0": 1}, "label": {"0": 2}}', "its JSON is not a list of records"),
        ("t.csv", bytes(range(256)) * 4, "neither text nor of a format that can be read"),
    ],
)
def test_what_cannot_be_read_is_named_with_a_way_out(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    """One line says what the file is, and what to convert it to."""
    with pytest.raises(UserError, match=message):
        read_table(config(written(tmp_path, name, content)))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("T.csv", r"no file '.*T\.csv' \(did you mean '.*t\.csv'"),
        ("t", r"no file '.*t' \(did you mean '.*t\.csv'"),
        ("absent/t.csv", "no folder '.*absent'"),
        ("*.csv", "patterns are not expanded .name the folder"),
        ("empty", "the folder '.*empty' has no table"),
        ("mixed", "files of several formats .1 csv and 1 parquet."),
    ],
)
def test_a_path_without_a_table_is_named(tmp_path: Path, path: str, message: str) -> None:
    """The line names what is there in its place."""
    written(tmp_path, "t.csv", PLAIN)
    written(tmp_path, "empty/README.md", "notes")
    TABLE.to_parquet(written(tmp_path, "mixed/1.csv", PLAIN).with_name("2.parquet"))
    with pytest.raises(UserError, match=rf"data\.path: .*{message}"):
        read_table(config(tmp_path / path))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"drop": ["A"]}, "data.drop: no column 'A' in .*did you mean 'a'"),
        ({"id": "row"}, "data.id: no column 'row'"),
        ({"group": "label"}, "data.group: 'label' is the target"),
        ({"drop": ["label"]}, "data.drop: 'label' is the target"),
        ({"drop": ["a", "b"]}, "the only column is the target"),
        ({"delimiter": ";"}, "data.delimiter: ';' is not in the header 'a,b,label'"),
    ],
)
def test_a_key_that_names_no_column_is_named(tmp_path: Path, keys: dict[str, object], message: str) -> None:
    """With the name that it may mean."""
    with pytest.raises(UserError, match=message):
        read_table(config(written(tmp_path, "t.csv", PLAIN), **keys))


MORNING = dt.datetime(2020, 1, 1, 7)
MONTHS = pd.period_range("2020-01", periods=40, freq="M")
PLAIN_TYPES: dict[str, tuple[object, list[object]]] = {
    "decimal": ([decimal.Decimal("1.25"), decimal.Decimal("2.50")] * 20, [1.25, 2.5] * 20),
    "whole decimal": (pa.array([decimal.Decimal(1), decimal.Decimal(2)] * 20, pa.decimal128(9, 0)), [1, 2] * 20),
    "uint64": (pa.array([1, 2] * 20, pa.uint64()), [1, 2] * 20),
    "nullable boolean": (pd.Series([True, None] * 20, dtype="boolean"), ["True", ""] * 20),
    "nullable integer": (pd.Series([1, None] * 20, dtype="Int64"), [1, ""] * 20),
    "nullable text": (pd.Series(["u", None] * 20, dtype="string"), ["u", ""] * 20),
    "categories": (pd.Series(["u", "v"] * 20, dtype="category"), ["u", "v"] * 20),
    "numbered categories": (pd.Series([1, 2] * 20, dtype="category"), [1, 2] * 20),
    "days": ([dt.date(2020, 1, 1), None] * 20, ["2020-01-01", ""] * 20),
    "times of day": ([dt.time(1), dt.time(13, 30), None, dt.time(23)] * 10, ["01:00", "13:30", "", "23:00"] * 10),
    "months": (pd.Series(MONTHS), list(MONTHS)),
    "zone": (pa.array([MORNING] * 40, pa.timestamp("ns", "Europe/Kyiv")), ["2020-01-01T09:00:00+02:00"] * 40),
    "nothing": (pa.array([None] * 40), [""] * 40),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLAIN_TYPES)
def test_types_are_the_same_in_parquet_and_csv(tmp_path: Path, kind: str) -> None:
    """Nullable types, decimals, dates and categories make the model that the texts of a CSV make."""
    values, fields = PLAIN_TYPES[kind]
    pd.testing.assert_series_equal(stored(tmp_path, values), column(tmp_path, list(fields)))


def test_booleans_with_gaps_are_numbers(tmp_path: Path) -> None:
    """JSON clients can say 1, 0 and null for them; without gaps they stay booleans."""
    assert column(tmp_path, ["True", "", "False", "True"]).fillna(-1).tolist() == [1, -1, 0, 1]
    assert column(tmp_path, ["True", "False"]).dtype == bool
    lines = "".join(json.dumps({"c": value, "label": "x"}) + "\n" for value in (True, None, False))
    assert read_table(config(written(tmp_path, "t.jsonl", lines)))["c"].fillna(-1).tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([dt.timedelta(1)] * 4, "durations.*total_seconds"),
        ([b"a", b"b"] * 2, "bytes.*decode"),
        ([[1], [2]] * 2, "lists.*split it"),
        ([{"a": 1}] * 4, "records in records.*split it"),
        (pd.Series(pd.interval_range(0, 4)), "intervals.*midpoints"),
        ([np.inf, 1.0] * 2, "2 infinite values"),
        (pa.array([1, 2**63] * 2, pa.uint64()), r"whole numbers of 2\^63 and more, such as 9223372036854775808"),
        (pa.array([decimal.Decimal(10**25)] * 4, pa.decimal128(38, 0)), r"2\^63 and more, such as 10{25} "),
        (["01", "02"] * 2, "has 4 numbers as text, such as '01'"),
    ],
)
def test_what_cannot_be_a_feature_is_named_with_its_cast(tmp_path: Path, values: object, message: str) -> None:
    """Unless the column is dropped: then it never matters."""
    with pytest.raises(UserError, match=f"column 'c' .*{message}"):
        stored(tmp_path, values)
    assert len(stored(tmp_path, values, drop=["c"])) == 4


QUESTION: list[object] = [*range(39), "?"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (QUESTION, r"has 39 numbers and 1 × '\?' .*set data.missing = \[\"\?\"\]"),  # noqa: RUF001
        ([*range(28), *["none yet"] * 12], r"has 28 numbers and 12 × 'none yet'"),  # noqa: RUF001
        (
            [*range(300), *(f"{i}A" for i in range(9))],
            "has 300 numbers and 1 × .*if it has ids, leave it out",  # noqa: RUF001
        ),
        ([10**25, 3] * 20, r"whole numbers of 2\^63 and more"),
        (['"1,500"', '"2,250"'] * 20, r"has numbers such as '1,500', .* two ways .set data.numbers = \"1,234.5\" or "),
        (["$15.50", "9.25 €"] * 20, r"has the units '\$' and '€' .write one of them in all rows"),
        ([*(f"{number}.5 kg" for number in range(39)), "7"], "has the unit 'kg' in a part of its rows"),
        ([*(f"{number}%" for number in range(39)), "0.7"], "has the unit '%' in a part of its rows"),
        ([*["2020-01-01"] * 39, "unknown"], "has 39 dates and 1 × 'unknown'"),  # noqa: RUF001
        (["33:10:20", "1:02:03"] * 20, "durations such as '33:10:20' .write them as seconds"),
        (["1/2/2020", "3/4/2020"] * 20, "day and month could be exchanged.*YYYY-MM-DD"),
    ],
)
def test_numbers_and_dates_in_part_are_named(tmp_path: Path, values: list[object], message: str) -> None:
    """A column is never one-hot encoded in silence when most of it are numbers; a declared category is."""
    with pytest.raises(UserError, match=f"column 'c' {message}" if message.startswith("has") else message):
        column(tmp_path, values)
    declared = column(tmp_path, values, schema={"c": {"type": "category"}})
    assert declared.dtype == "str"


def test_a_minus_of_a_word_processor_is_one(tmp_path: Path) -> None:
    """U+2212 in place of a hyphen."""
    assert column(tmp_path, ["\u22120.5", "0.25", "\u22121"] * 20).tolist()[:3] == [-0.5, 0.25, -1]


@pytest.mark.parametrize(
    ("values", "kept"),
    [
        ([f"{number:05}" for number in range(1000, 99_000, 700)], True),
        ([*(f"{number:05}" for number in range(1000, 99_000, 700)), "NA"], True),
        (["123", "042", "007"] * 20, True),
        ([f"{number:02}" for number in range(1, 13)] * 5, False),
        ([f"{number}" for number in range(9_000, 12_000, 70)], False),
        (["0123", "4.5", "17"] * 20, False),
    ],
    ids=["postcodes", "with gaps", "three digits", "months", "numbers", "sometimes a zero"],
)
def test_codes_keep_their_zeros(tmp_path: Path, values: list[str], kept: bool) -> None:
    """Where all have one length and some begin with a zero, which a number would lose."""
    made = column(tmp_path, values)
    assert (made.dtype == "str") is kept
    assert made[0] == (values[0] if kept else float(values[0]))


def test_a_few_sizes_are_categories(tmp_path: Path) -> None:
    """A unit behind a handful of numbers is a name as good as any."""
    assert column(tmp_path, ["64 GB", "128 GB", "256 GB"] * 20).dtype == "str"


def test_a_number_with_signs_is_no_gap(tmp_path: Path) -> None:
    """Of a column that is declared as numbers, no real number is proposed as a missing value."""
    schema = {"c": {"type": "number"}}
    assert column(tmp_path, [*range(39), "$40"], schema=schema).max() == 40
    with pytest.raises(UserError, match=r"'40 kg' .write all numbers alike"):
        column(tmp_path, [*range(39), "40 kg"], schema=schema)
    with pytest.raises(UserError, match=r'data.missing = \["none"\]'):
        column(tmp_path, [*range(39), "$40", "none"], schema=schema)


def test_missing_makes_numbers_of_them(tmp_path: Path) -> None:
    """What the message suggests works, and so does the type."""
    assert column(tmp_path, QUESTION, missing=["?"]).dtype == float
    assert column(tmp_path, [10**25, 3] * 20, schema={"c": {"type": "number"}}).max() == 1e25


def test_columns_with_gaps_of_the_same_kind_are_named_at_once(tmp_path: Path) -> None:
    """One run says all that data.missing needs."""
    rows = "".join(f"{i},{i},x\n" for i in range(30)) + "?,-,y\n"
    with pytest.raises(UserError, match=r"column 'a' .*; column 'b' .*data.missing = \[\"\?\", \"-\"\]"):
        read_table(config(written(tmp_path, "t.csv", f"a,b,label\n{rows}")))


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (["2020-01-05", "2020-12-31"], "2020-01-05"),
        (["2020-01", "2020-12"], "2020-01-01"),
        (["2020-01-05 10:00", "2020-12-31 11:30:05.5"], "2020-01-05 10:00"),
        (["1/5/2020", "12/31/2020"], "2020-01-05"),
        (["1/31/2020", "3/31/2020"], "2020-01-31"),
        (["5/1/2020", "31/12/2020"], "2020-01-05"),
        (["5.1.2020", "1.2.2020"], "2020-01-05"),
        (["05-Jan-2020", "31-Dec-2020"], "2020-01-05"),
        (['"January 5, 2020"', '"December 31, 2020"'], "2020-01-05"),
        (["Jan 2020", "Dec 2020"], "2020-01-01"),
    ],
)
def test_dates_are_read_where_they_are_certain(tmp_path: Path, values: list[object], first: str) -> None:
    """A day above 12 tells day and month apart."""
    assert column(tmp_path, values * 9)[0] == pd.Timestamp(first)


@pytest.mark.parametrize(
    "values", [["20-30", "30-40"], ["1.2.3", "10.0.1"], ["555-1234"], ["2010-11", "2012-13"], ["10:75"]]
)
def test_codes_are_no_dates_and_no_numbers(tmp_path: Path, values: list[object]) -> None:
    """Ranges, versions, phone numbers and seasons stay text."""
    assert column(tmp_path, values * 12).dtype == "str"


def test_thousands_are_read_where_they_are_certain(tmp_path: Path) -> None:
    """1.234,50 can be nothing else; 1,500 could be."""
    assert column(tmp_path, ['"1.234,50"', '"99,75"'] * 9)[0] == 1234.5
    assert column(tmp_path, ['"1,234.50"', "99.75"] * 9)[0] == 1234.5


def test_a_text_late_in_a_file_makes_texts_of_the_numbers_before(tmp_path: Path) -> None:
    """A file is read in parts, and each part of it could have another type."""
    values = [*(f"0{i}" for i in range(200_000)), *"abcdef" * 9_000]
    assert column(tmp_path, values, schema={"c": {"type": "category"}})[0] == "00"


def test_row_numbers_do_not_hide_copies(tmp_path: Path) -> None:
    """The hash of a row leaves out the columns of drop and id, and is that of a file without them."""
    numbered = TABLE.assign(number=range(40), key=[f"k{i}" for i in range(40)])
    numbered.to_csv(tmp_path / "numbered.csv", index=False)
    expected = read_table(config(written(tmp_path, "plain.csv", PLAIN)))
    frame = read_table(config(tmp_path / "numbered.csv", drop=["number"], id="key"))
    assert list(frame.columns) == ["a", "b", "label", "number", "key"]
    assert frame.index.equals(expected.index)


def hash_of_pandas(frame: pd.DataFrame) -> np.ndarray:
    numbers = {name: float for name, dtype in frame.dtypes.items() if dtype.kind in "biuf"}
    return pd.util.hash_pandas_object(frame[sorted(frame.columns)].astype(numbers), index=False).to_numpy()


@pytest.mark.parametrize("rows", [0, 1, 3, 70_001])
def test_hashes_are_those_of_pandas(rows: int) -> None:
    """So the rows that were held out before stay held out."""
    rng = np.random.default_rng(rows)
    frame = pd.DataFrame(
        {
            "z": rng.normal(size=rows).round(1),
            "whole": rng.integers(-3, 3, rows),
            "text": pd.Series(rng.choice(["a", "b", None], rows), dtype="str"),
            "flag": rng.random(rows) > 0.5,
            "day": pd.to_datetime("2020-01-01") + pd.to_timedelta(rng.integers(0, 9, rows), unit="D"),
        }
    )
    frame.loc[frame.index[::3], "z"] = -np.nan
    assert (row_hashes(frame) == hash_of_pandas(frame)).all()


@pytest.mark.parametrize("save", [pd.DataFrame.to_parquet, pd.DataFrame.to_feather])
def test_a_named_index_is_a_column(tmp_path: Path, save: Callable[..., None]) -> None:
    """As it is in the CSV that pandas writes of the same frame; our own row hashes are not."""
    save(TABLE.set_index(pd.Index(range(100, 140), name="person")), tmp_path / "t")
    assert read_table(config(tmp_path / "t", group="person"))["person"].iloc[0] == 100


def test_a_text_of_a_workbook_that_stands_for_a_gap_stays_in_its_cell(tmp_path: Path) -> None:
    """Its value is missing, and the table that `make predict` writes again has the text, as that of a CSV has."""
    frame = pd.DataFrame({"kind": ["a", "NA", None, "b"], "size": [1.5, "NA", 2, 3], "y": ["u", "v", "u", "v"]})
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    [chunk] = opened(Data(path=str(tmp_path / "t.xlsx"), target="y")).chunks(10)
    assert chunk.frame["kind"].isna().tolist() == [False, True, True, False]
    assert chunk.table.column("kind").to_pylist() == ["a", "NA", None, "b"]
    assert chunk.table.column("size").to_pylist() == [1.5, None, 2, 3]
