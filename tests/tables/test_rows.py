"""Tables that would be read wrong: each is read right, or refused with its line, and the key that settles it."""

import datetime as dt
import io
import json
import re
import tomllib
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modelmake.config.data import Data
from modelmake.core.errors import UserError
from modelmake.data.read import read_table
from modelmake.tables.table import opened

LABELS = ("no", "yes")
ROWS = "".join(f"{i * 1.5},{i},{LABELS[i % 2]}\n" for i in range(30))
HEADER = "x,y,label\n"


def table(tmp_path: Path, content: str | bytes, name: str = "t.csv", **keys: object) -> Data:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Data(**{"path": str(path), "target": "label", **keys})


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("x,label\n" + "".join(f"{i % 7},{i % 10},no\n" for i in range(400)), 2),
        ("x,label\n" + "".join(f"{i},{i % 10},no\n" for i in range(400)), 2),
        ("x,label\n" + "1,a\n" * 30 + "1,2,b\n" + "1,b\n" * 30, 32),
        ("x,label\n" + '"a\nb",a\n' * 20 + "1,2,b\n" + "1,b\n" * 30, 42),
        ("x,label\n" + "1,a\n" * 90_000 + "1,2,b\n", 90_002),
    ],
    ids=["decimal comma", "that counts", "one row", "behind rows of two lines", "far below"],
)
def test_a_row_wider_than_the_header_is_named(tmp_path: Path, content: str, line: int) -> None:
    """Never taken for an index, by training or by a stream of rows."""
    settings = table(tmp_path, content)
    for read in (lambda: read_table(settings), lambda: list(opened(settings).chunks(7))):
        with pytest.raises(UserError, match=f"line {line} has 3 fields, and the header has 2"):
            read()


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("x\ty\tlabel\n" + "a b\t1\tno\n" * 20, ["a b", 1, "no"]),
        ("| x | y | label |\n|---|---|---|\n" + "| a b | 1 | no |\n" * 20, ["a b", 1, "no"]),
        (" x | y | label \n---+---+-------\n" + " a | 1 | no\n" * 20 + "(20 rows)\n", ["a", 1, "no"]),
        ("x,y,label\n" + "a\\,b,1,no\n" * 20, ["a,b", 1, "no"]),
    ],
    ids=["tabs and spaces", "Markdown", "psql", "delimiter behind a backslash"],
)
def test_a_delimiter_is_the_one_by_which_all_rows_have_the_width_of_the_header(
    tmp_path: Path, content: str, fields: list[object]
) -> None:
    """A space within a field is none; a line of dashes and a note are no rows."""
    lines = [line for line, text in enumerate(content.splitlines(), 1) if "--" in text or "(20" in text]
    if lines:
        with pytest.raises(UserError, match=re.escape(f"data.skip_lines = {lines}")):
            read_table(table(tmp_path, content))
    assert read_table(table(tmp_path, content, skip_lines=lines or None)).iloc[0].tolist() == fields


def test_an_encoding_that_cannot_be_is_refused_and_tables_of_others_are_read(tmp_path: Path) -> None:
    """A model that was trained on cp1251 gets the same texts from UTF-8."""
    content = "city,x,label\n" + "Ждань,1,a\nЯлта,2,b\n" * 9  # noqa: RUF001
    with pytest.raises(UserError, match=r"data.encoding: .*t.csv is UTF-8, and not cp1251"):
        read_table(table(tmp_path, content, encoding="cp1251"))
    settings = table(tmp_path, content.encode("cp1251"), encoding="cp1251")
    frame, reading = opened(settings).read()
    for other in (content.encode(), content.encode("cp1251")):
        chunk = next(opened(table(tmp_path, other, encoding="cp1251"), reading, ["city", "x"]).chunks(99))
        assert chunk.frame["city"].tolist() == frame["city"].tolist()


@pytest.mark.parametrize("quote", ['"', ""])
def test_row_names_are_texts_or_count_from_1(tmp_path: Path, quote: str) -> None:
    """As R writes them."""
    rows = "".join(f"{quote}{i + 1}{quote},{i % 7},no\n" for i in range(40))
    assert list(read_table(table(tmp_path, f"x,label\n{rows}")).columns) == ["x", "label"]


def test_quotation_marks_behind_a_backslash_are_of_the_field(tmp_path: Path) -> None:
    """As MySQL writes them; a path that ends in a backslash is no such field."""
    escaped = table(tmp_path, 'note,label\n"He said \\"hi\\", ok",a\n"no \\"b\\" q",b\n' * 1)
    assert read_table(escaped)["note"].tolist() == ['He said "hi", ok', 'no "b" q']
    paths = table(tmp_path, 'note,label\n"C:\\dir\\",a\n"D:\\x\\",b\n')
    assert read_table(paths)["note"].tolist() == ["C:\\dir\\", "D:\\x\\"]


def test_a_quotation_mark_without_an_end_is_named(tmp_path: Path) -> None:
    """It would swallow the rest of the file."""
    with pytest.raises(UserError, match="a quotation mark has no end: that of the row that begins in line 32"):
        read_table(table(tmp_path, HEADER + ROWS + '"1,2,no\n' + ROWS))


def test_a_header_may_be_several_lines(tmp_path: Path) -> None:
    """A record, and not a line, names the columns; with a title and a blank line above."""
    header = 'A report\n\n"first\nname","age\r\nin years",label\n'
    frame = read_table(table(tmp_path, header + "x,1,a\ny,2,b\n" * 20))
    assert list(frame.columns) == ["first\nname", "age\nin years", "label"]
    assert frame.iloc[0].tolist() == ["x", 1, "a"]


@pytest.mark.parametrize("title", ["label\n", "Iris label\n\n", "the label, 2024\n", "sepals,label\n"])
def test_a_title_is_not_the_header(tmp_path: Path, title: str) -> None:
    """Also where it is the name of the target."""
    assert read_table(table(tmp_path, title + HEADER + ROWS)).shape == (30, 3)


@pytest.mark.parametrize(
    ("content", "lines", "what"),
    [
        (HEADER + ROWS + HEADER + ROWS, [32], "line 32 repeats the header"),
        (HEADER + "mm,%,\n" + ROWS, [2], "line 2 has 'mm' where the rows below have numbers"),
        (HEADER + "cm,cm,name\n" + ROWS, [2], "line 2 has 'cm' where"),
        (
            HEADER + "Length,Count,Class\nmm,items,\n" + ROWS,
            [2, 3],
            "line 2 has 'Length' where .*; line 3 has 'mm' where",
        ),
        (HEADER + ROWS + "Total,435,\n", [32], "line 32 has 'Total', as a total"),
        (HEADER + "mm,kg,\n" + ROWS + "Total,435,\n", [2, 33], "line 2 has 'mm' where .*; line 33 has 'Total'"),
        (
            HEADER + ROWS + "Gesamt:,435,\n,,\nSource: me,,\n",
            [32, 33, 34],
            "line 32 has 'Gesamt:'.*line 34 has one field",
        ),
    ],
    ids=[
        "header again",
        "units",
        "units and a text",
        "two more headers",
        "total",
        "units and a total",
        "total and a note",
    ],
)
def test_rows_that_are_not_data_are_named(tmp_path: Path, content: str, lines: list[int], what: str) -> None:
    """With their lines and the key that leaves them out, which works, also beside fields of several lines."""
    for text in (content, content.replace("15.0,10,", '"15.0\n",10,')):
        with pytest.raises(UserError, match=what if text == content else "not data") as error:
            read_table(table(tmp_path, text))
        [stated] = re.findall(r"data.skip_lines = (\[\d[^\]]*\])", error.value.fix)
        assert text != content or json.loads(stated) == lines
        frame = read_table(table(tmp_path, text, skip_lines=json.loads(stated)))
        assert len(frame) == (60 if "repeats" in what else 30)
        assert set(frame["label"]) == set(LABELS)


@pytest.mark.parametrize(
    "content",
    [
        "name,y,label\n" + "".join(f"{('Total', 'Sum')[i % 3 == 0]},{i},no\n" for i in range(30)),
        "x,y,label\n" + "".join(f"{'xz'[i % 2]},{i},{('label', 'b')[i % 5 > 0]}\n" for i in range(30)),
        "x,y,label\n" + "?,1,a\n2,?,b\n" + "".join(f"{i},{i},a\n" for i in range(30)),
        "x,label\n" + "unknown,a\n" + "".join(f"{i},a\n" for i in range(9)),
    ],
    ids=["a value Total", "values of names", "gaps", "one text"],
)
def test_rows_of_odd_values_are_data(tmp_path: Path, content: str) -> None:
    """No row of them is called a total, a header or units."""
    settings = table(
        tmp_path, content, missing=["?", "unknown"], schema={"x": {"type": "category"}} if "x," in content else None
    )
    assert len(read_table(settings)) == content.count("\n") - 1


def test_names_are_compared_without_spaces_and_with_composed_accents(tmp_path: Path) -> None:
    """In each format."""
    names = [" age ", "Gro\u0308\u00dfe", "label "]
    rows = [[1, 2, "a"], [3, 4, "b"]] * 9
    frame = pd.DataFrame(rows, columns=names)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True)
    for name in ("t.csv", "t.parquet", "t.xlsx", "t.jsonl"):
        settings = Data(path=str(tmp_path / name), target="label")
        assert list(read_table(settings).columns) == ["age", "Größe", "label"]
        assert list(next(opened(settings).chunks(5)).frame.columns) == ["age", "Größe", "label"]


def test_a_name_that_two_columns_have_is_refused_for_the_target_and_said_for_a_feature(tmp_path: Path) -> None:
    """The first of two targets may be another thing."""
    with pytest.raises(UserError, match="2 columns have the name 'label', which is the target"):
        read_table(table(tmp_path, "x,label,label\n1,a,b\n2,b,a\n"))
    settings = table(tmp_path, "x,x,label\n1,2,b\n2,3,a\n")
    assert str(opened(settings)) == "another column 'x' as 'x.1'"


def test_moments_of_int96_are_those_that_were_written(tmp_path: Path) -> None:
    """In microseconds, by training and by a stream of rows."""
    moments = [dt.datetime(9999, 12, 31), dt.datetime(1500, 1, 1)] * 5
    columns = {"day": pa.array(moments, pa.timestamp("us")), "label": list("ab") * 5}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", use_deprecated_int96_timestamps=True)
    settings = Data(path=str(tmp_path / "t.parquet"), target="label")
    for frame in (read_table(settings), next(opened(settings).chunks(10)).frame):
        assert frame["day"].tolist() == moments


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_column_in_the_path_and_in_the_file_has_one_value(tmp_path: Path, kind: str) -> None:
    """Equal: it is one column. Different: both values are named."""

    def settings(inside: int) -> Data:
        folder = tmp_path / f"{inside}/year=2020"
        folder.mkdir(parents=True)
        frame = pd.DataFrame({"year": [2020, inside] * 5, "x": range(10), "label": ["a", "b"] * 5})
        getattr(frame, f"to_{kind}")(folder / f"p.{kind}", index=False)
        return Data(path=str(folder.parent), target="label")

    same, other = settings(2020), settings(2021)
    assert read_table(same)["year"].tolist() == [2020] * 10
    assert list(next(opened(same).chunks(3)).frame.columns) == ["year", "x", "label"]
    for read in (read_table, lambda data: list(opened(data).chunks(3))):
        with pytest.raises(UserError, match=r"column 'year' is '2020' in the path, and '?2021'? in row 2 of the file"):
            read(other)


def workbook(rows: list[list[object]]) -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def test_formulas_without_values_are_named(tmp_path: Path) -> None:
    """A program that does not calculate writes them."""
    rows = [["x", "y", "label"], *([i, f"=A{i + 2}*2", LABELS[i % 2]] for i in range(20))]
    with pytest.raises(UserError, match=r"column 'y' has formulas without values, such as =A2\*2 in row 2"):
        read_table(table(tmp_path, workbook(rows), "t.xlsx"))


def test_a_workbook_has_rows_that_are_not_data_and_wrong_dimensions(tmp_path: Path) -> None:
    """Its cells count, whatever it says of them; the rows of the sheet are the lines of the key."""
    rows = [
        ["My title"],
        [],
        [" x ", "y", "label"],
        ["mm", "%", None],
        *([i * 1.5, i, LABELS[i % 2]] for i in range(20)),
    ]
    content, changed = workbook([*rows, ["Total", 190, None]]), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as book, zipfile.ZipFile(changed, "w") as other:
        for name in book.namelist():
            other.writestr(name, re.sub(rb'<dimension ref="[^"]+"', b'<dimension ref="A1"', book.read(name)))
    with pytest.raises(UserError, match=r"data.skip_lines = \[4, 25\]"):
        read_table(table(tmp_path, changed.getvalue(), "t.xlsx"))
    frame = read_table(table(tmp_path, changed.getvalue(), "t.xlsx", skip_lines=[4, 25]))
    assert (frame.shape, frame["x"].tolist()[:2]) == ((20, 3), [0.0, 1.5])


RECORDS = [{"x": i, "label": LABELS[i % 2]} for i in range(20)]
FEATURES = [{"type": "Feature", "properties": record, "geometry": None} for record in RECORDS]


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"type": "FeatureCollection", "features": FEATURES}, r"is GeoJSON.*jq -c '.features\[\].properties'"),
        ({"count": 20, "data": RECORDS}, r"""they are under the key 'data' .*jq -c '."data"\[\]' t.json > t.jsonl"""),
        ({"x": [1, 2], "label": ["a", "b"]}, "it has an object, or columns"),
    ],
    ids=["GeoJSON", "under a key", "columns"],
)
def test_json_that_is_not_records_is_named(tmp_path: Path, value: object, message: str, indent: int | None) -> None:
    """On one line or on many, with what makes records of it."""
    with pytest.raises(UserError, match=message):
        read_table(table(tmp_path, json.dumps(value, indent=indent), "t.json"))


def test_a_line_that_is_not_json_is_named(tmp_path: Path) -> None:
    """By its number in the file."""
    lines = "".join(json.dumps(record) + "\n" for record in RECORDS)
    with pytest.raises(UserError, match="line 21 is not JSON"):
        read_table(table(tmp_path, lines + "{oops\n", "t.jsonl"))


def test_records_in_records_are_named_with_a_way_out(tmp_path: Path) -> None:
    """The way is to make columns of them."""
    lines = "".join(json.dumps({"a": record, "label": record["label"]}) + "\n" for record in RECORDS)
    with pytest.raises(UserError, match=r"records in records.*split it into several columns, as pandas.json_normalize"):
        read_table(table(tmp_path, lines, "t.jsonl"))


def test_all_rows_decide_what_is_a_code(tmp_path: Path) -> None:
    """The first one with a zero may be behind thousands without."""
    rows = "".join(f"{80_000 + i},{i},no\n" for i in range(5_000)) + "01067,1,yes\n"
    for text in (f"zip,n,label\n{rows}", "zip,n,label\n" + "".join(reversed(rows.splitlines(keepends=True)))):
        assert "01067" in read_table(table(tmp_path, text))["zip"].tolist()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("label,x,y\nno,1,2\n" * 1 + "yes,1\nno,3,4\nyes\n" * 3, "6 rows have fewer .*the first: t.csv, line 3"),
        ('label,x,y\n"n\no",1,2\nyes,1\nno,1,2\n', "1 row has fewer .*the first: t.csv, line 4"),
        ("# a note\nlabel;x;y\nno;1;2\nyes;1\nno;1;2\n", "1 row has .* line 4"),
        ("label,x,y,\nno,1,2,\nyes,1,2\nno,1,2,\n", ""),
        ("label,x,y\nno,1,2\nyes,,\n\nno,1,\n", ""),
    ],
    ids=["fields left out", "behind a row of two lines", "comments", "trailing delimiter", "empty fields"],
)
def test_rows_shorter_than_the_header_are_counted_and_the_first_is_named(
    tmp_path: Path, content: str, said: str
) -> None:
    """By training and by a stream of rows, however often the file is read; trailing empty fields may be left out."""
    whole, streamed = opened(table(tmp_path, content)), opened(table(tmp_path, content))
    for _ in range(2):
        whole.frame()
        assert list(streamed.chunks(2))
    assert re.search(said, whole.short) if said else not whole.short
    assert streamed.short == whole.short


def test_a_name_in_a_key_is_the_name_of_a_column_however_its_accents_are_written(tmp_path: Path) -> None:
    """The key in NFD, the table in NFC, and the other way round."""
    composed, decomposed = "gr\u00f6\u00dfe", "gro\u0308\u00dfe"
    for key, name in ((composed, decomposed), (decomposed, composed)):
        content = f"{name},g{name},x\n" + "a,1,2\nb,2,3\n" * 9
        schema = {f"g{key}": {"type": "number"}}
        settings = table(tmp_path, content, target=key, drop=[f"g{key}"], schema=schema)
        assert [*read_table(settings).columns] == [composed, f"g{composed}", "x"]
        assert (settings.drop, [*(settings.columns or {})]) == ([f"g{composed}"], [f"g{composed}"])


UNITS_AND_TOTAL = (
    "width,height,label\n(cm),(mm),\n" + "".join(f"{n}.5,{n},{'ab'[n % 2]}\n" for n in range(40)) + "Total,,\n"
)


def test_rows_of_a_folder_that_are_not_data_are_left_out_file_by_file(tmp_path: Path) -> None:
    """By the line that the error names; a file that is not named is still looked at."""
    folder = tmp_path / "t"
    (folder / "late").mkdir(parents=True)
    for name in ("a.csv", "late/b.csv"):
        (folder / name).write_text(UNITS_AND_TOTAL)
    keys = {"path": str(folder), "target": "label"}
    with pytest.raises(UserError, match=r"a\.csv, line 2 has .*; a\.csv, line 43 .*; late/b\.csv, line 2") as error:
        read_table(Data.model_validate(keys))
    [stated] = re.findall(r"^leave them out: (.*); if all", error.value.fix)
    assert stated == 'data.skip_lines = { "a.csv" = [2, 43], "late/b.csv" = [2, 43] }'
    skip = tomllib.loads(stated)["data"]["skip_lines"]
    for lines in (skip, [2, 43]):
        frame = read_table(Data.model_validate(keys | {"skip_lines": lines}))
        assert (len(frame), frame["width"].dtype) == (80, "float64")
    with pytest.raises(UserError, match=r"late/b\.csv, line 2 has") as error:
        read_table(Data.model_validate(keys | {"skip_lines": {"a.csv": [2, 43]}}))
    with pytest.raises(UserError, match=r"data\.skip_lines.*: no file 'b\.csv' in the folder"):
        read_table(Data.model_validate(keys | {"skip_lines": {"b.csv": [2]}}))


def test_a_second_header_of_texts_alone_is_named(tmp_path: Path) -> None:
    """Texts that no other row has, where each other text is in many rows; a first row of such texts is one."""
    rows = [
        f"{'red blue'.split()[n % 2]},{'small large'.split()[n // 2 % 2]},{'yes no'.split()[n % 2]}" for n in range(60)
    ]
    for first, line in (
        ("Farbe,Größe,Antwort", "line 2 has 'Antwort'"),
        ("red,Größe,Antwort", ""),
        ("red,large,yes", ""),
    ):
        given = table(tmp_path, "\n".join(["color,size,label", first, *rows, ""]))
        if not line:
            assert len(read_table(given)) == 61
            continue
        with pytest.raises(UserError, match=line):
            read_table(given)
        assert len(read_table(given.model_copy(update={"skip_lines": [2]}))) == 60
        assert len(read_table(given.model_copy(update={"skip_lines": []}))) == 61
