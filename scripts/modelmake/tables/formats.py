"""Formats: read a table from whatever file or folder it is in."""

import io
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pandas as pd

from modelmake.core.config import Data
from modelmake.core.errors import UserError, few, suggestion
from modelmake.tables import location
from modelmake.tables.codes import ROWS, with_zeros
from modelmake.tables.content import Content, content
from modelmake.tables.delimited import parsed, written
from modelmake.tables.dialect import PREAMBLE

CHUNK = 50_000  # lines of JSON
ROW_HASHES = "row"  # the name of the index that `read_table` adds, which is no column
UNNAMED = re.compile(r"Unnamed: \d+")
HIVE = re.compile(r"([^=/]+)=([^=/]*)")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def load(config: Data) -> pd.DataFrame:
    """Return the table as its file or folder has it, with the types of the file.

    Raises
    ------
    UserError
        There is no table, its format is not one that is read, or files of a folder differ.

    """
    contents = files_of(config)
    kind = contents[0].kind
    if kind == "csv":
        return _named(_csv(contents, config))
    frames = [_with_partitions(READERS[kind](part, config), part.path, config) for part in contents]
    return _named(_joined(frames, contents))


def dialect(config: Data) -> str:
    """Return how the table is written, as one line, "" for a plain CSV or Parquet file."""
    contents = files_of(config)
    kind = contents[0].kind
    parts = [str(written(contents[0], config)) if kind == "csv" else "", contents[0].compression]
    if kind == "xlsx":
        sheets = _sheets(contents[0])
        parts.insert(0, f"sheet '{_sheet(contents[0], config)[0]}' of {len(sheets)}" if len(sheets) > 1 else "")
    if Path(config.path).is_dir():
        parts.insert(0, f"{len(contents)} file{'s' * (len(contents) > 1)} in a folder")
    return ", ".join(part for part in parts if part)


def decimal(config: Data) -> str:
    """Return the decimal mark of the table."""
    first = files_of(config)[0]
    return written(first, config).decimal if first.kind == "csv" else config.decimal or "."


def texts(config: Data, column: str) -> pd.Series | None:
    """Return the fields of a column as the file has them, None where the file is no text."""
    contents = files_of(config)
    if contents[0].kind != "csv":
        return None
    frames = [parsed(part, config, dtype=str, usecols=[column], na_values=[], raw=True) for part in contents]
    return pd.concat(frames, ignore_index=True)[column].fillna("")


def files_of(config: Data) -> list[Content]:
    """Return the files of the table, which are of one kind."""
    contents = [content(path, config) for path in location.files(config)]
    kinds = sorted({part.kind for part in contents})
    if len(kinds) > 1:
        counts = " and ".join(f"{sum(part.kind == kind for part in contents)} {kind}" for kind in kinds)
        what = f"the folder '{config.path}' has files of several formats ({counts})"
        raise UserError(location.KEY, what, "name one file, or keep files of one format in the folder")
    return contents


def _joined(frames: list[pd.DataFrame], contents: list[Content]) -> pd.DataFrame:
    """Return the rows of all files, whose columns have the same names in whatever order."""
    if len(frames) == 1:
        return frames[0]
    first = list(frames[0].columns)
    for frame, part in zip(frames, contents, strict=True):
        check_columns(part.path, list(frame.columns), contents[0].path, first)
    return pd.concat([frame[first] for frame in frames], ignore_index=True)


def check_columns(path: Path, columns: list[str], first_path: Path, first: list[str]) -> None:
    """Raise UserError for a file whose columns do not have the names of the first file's, in whatever order."""
    more, fewer = [sorted(set(a) - set(b), key=str) for a, b in ((columns, first), (first, columns))]
    if more or fewer:
        what = "; ".join(f"{word} {few(names)}" for word, names in (("adds", more), ("lacks", fewer)) if names)
        fix = "give all files of the folder the same columns"
        raise UserError(str(path), f"its columns are not those of '{first_path.name}': {what}", fix)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with texts as names; what has neither a name nor a value is a trailing delimiter."""
    frame.columns = [str(name) for name in frame.columns]
    empty = [name for name in frame.columns if UNNAMED.fullmatch(name) and frame[name].isna().to_numpy().all()]
    return frame.drop(columns=empty) if empty else frame


def _with_partitions(frame: pd.DataFrame, path: Path, config: Data) -> pd.DataFrame:
    """Add the columns that folders name, such as year=2026."""
    for name, text in partitions(path, config).items():
        whole = text is not None and re.fullmatch(r"-?(0|[1-9]\d{0,17})", text)
        frame[name] = int(text) if whole and text else text
    return frame


def partitions(path: Path, config: Data) -> dict[str, str | None]:
    """Return the columns that the folders of a file name, such as year=2026, with their value."""
    if not Path(config.path).is_dir():
        return {}
    pairs = [pair for part in path.relative_to(config.path).parts[:-1] if (pair := HIVE.fullmatch(part))]
    values = {unquote(name): unquote(value) for name, value in (pair.groups() for pair in pairs)}
    return {name: None if text == NO_VALUE else text for name, text in values.items()}


def _csv(contents: list[Content], config: Data) -> pd.DataFrame:
    """Read text files; what is text in a part of a file, or in one of the files, is text in all of them."""
    head = parsed(contents[0], config, dtype=str, nrows=ROWS, na_values=[], raw=True)
    codes = dict.fromkeys(with_zeros(head, config.target), "str")
    frame = _texts_joined(contents, config, codes)
    objects = [name for name, dtype in frame.dtypes.items() if dtype.kind == "O" and dtype != "str"]
    mixed = [name for name in objects if pd.api.types.infer_dtype(frame[name], skipna=True).startswith("mixed")]
    return _texts_joined(contents, config, codes | dict.fromkeys(mixed, "str")) if mixed else frame


def _texts_joined(contents: list[Content], config: Data, dtype: dict[str, str]) -> pd.DataFrame:
    frames = [_with_partitions(parsed(part, config, dtype=dtype), part.path, config) for part in contents]
    return _joined(frames, contents)


def _parquet(part: Content, config: Data) -> pd.DataFrame:
    import pyarrow as pa  # noqa: PLC0415  # a CSV does not need it
    import pyarrow.parquet as pq  # noqa: PLC0415

    from modelmake.tables.arrow import to_frame  # noqa: PLC0415

    if not part.compression:
        return to_frame(pq.read_table(part.path, partitioning=None), config, ROW_HASHES)
    with part.open() as file:
        return to_frame(pq.read_table(pa.BufferReader(file.read())), config, ROW_HASHES)


def _feather(part: Content, config: Data) -> pd.DataFrame:
    import pyarrow as pa  # noqa: PLC0415  # a CSV does not need it
    from pyarrow import feather  # noqa: PLC0415

    from modelmake.tables.arrow import to_frame  # noqa: PLC0415

    stream = part.head().startswith(b"\xff\xff\xff\xff")
    with part.open() as file:
        source = pa.BufferReader(file.read())
    table = pa.ipc.open_stream(source).read_all() if stream else feather.read_table(source)
    return to_frame(table, config, ROW_HASHES)


def _jsonl(part: Content, config: Data) -> pd.DataFrame:
    """Read a list of records, or a record a line."""
    with io.TextIOWrapper(part.open(), encoding=config.encoding or "utf-8-sig") as file:
        first = file.read(1 << 10).lstrip()[:1]
        file.seek(0)
        records = iter(json.load(file) if first == "[" else (json.loads(line) for line in file if line.strip()))
        frames = []
        while chunk := list(itertools.islice(records, CHUNK)):
            if not all(isinstance(record, dict) for record in chunk) or _is_one_object(chunk):
                raise UserError(str(part.path), "its JSON is not a list of records", 'write {"column": value, …} a row')
            frames.append(pd.DataFrame.from_records(chunk))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _is_one_object(records: list[dict[str, object]]) -> bool:
    """Return whether the whole table is in one object, by columns or under a key."""
    return len(records) == 1 and all(isinstance(value, (dict, list)) for value in records[0].values())


def _xlsx(part: Content, config: Data) -> pd.DataFrame:
    options = {} if config.missing is None else {"keep_default_na": False, "na_values": ["", *config.missing]}
    sheet, header = _sheet(part, config)
    return pd.read_excel(part.path, sheet_name=sheet, header=header, engine="openpyxl", **options)


def _sheet(part: Content, config: Data) -> tuple[str, int]:
    """Return the sheet and the row of its header: of the key, or the first one that names the target, or the first."""
    sheets = _sheets(part)
    if config.sheet is not None and config.sheet not in sheets:
        what = f"no sheet '{config.sheet}' in {part.path}"
        raise UserError("pipeline.toml: data.sheet", what, suggestion(config.sheet, sheets))
    asked = [config.sheet] if config.sheet is not None else list(sheets)
    named = ((name, row) for name in asked for row, values in enumerate(sheets[name]) if config.target in values)
    return next(named, (asked[0], 0))


def _sheets(part: Content) -> dict[str, list[list[str]]]:
    """Return the first rows of each sheet of a workbook, as texts."""
    from openpyxl import load_workbook  # noqa: PLC0415  # slow, and few tables need it

    workbook = load_workbook(part.path, read_only=True)
    try:
        return {
            sheet.title: [[str(value) for value in row] for row in sheet.iter_rows(max_row=PREAMBLE, values_only=True)]
            for sheet in workbook.worksheets
        }
    finally:
        workbook.close()


READERS: dict[str, Callable[[Content, Data], pd.DataFrame]] = {
    "parquet": _parquet,
    "feather": _feather,
    "jsonl": _jsonl,
    "xlsx": _xlsx,
}
