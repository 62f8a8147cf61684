"""Workbooks of Excel: one sheet."""

import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core.errors import UserError, suggestion
from modelmake.tables import rows
from modelmake.tables.arrow import array, slices
from modelmake.tables.codes import are_codes
from modelmake.tables.dialect import PREAMBLE
from modelmake.tables.file import CONVERT, File
from modelmake.tables.kinds.kind import Kind
from modelmake.tables.names import clean

if TYPE_CHECKING:
    from openpyxl import Workbook


def _read(file: File, config: Data) -> pd.DataFrame:
    options = {"keep_default_na": False, "na_values": [*config.gaps]}
    sheet, header = _sheet(_sheets(file), file, config)
    cells = pd.read_excel(file.path, sheet_name=sheet, header=header, engine="openpyxl", dtype=object, **options)
    _check_formulas(file, sheet, header, cells)
    fields = pa.table({clean(name): _texts(column) for name, column in cells.items()})
    rows.check([rows.Part(file.path, fields, lambda places: [header + 2 + place for place in places])], config)
    left_out = [line - header - 2 for line in config.skipped(file.path) or [] if line > header + 1]
    frame = cells.drop(index=left_out, errors="ignore").reset_index(drop=True).infer_objects()
    texts = {name for name, stated in (config.columns or {}).items() if stated.type in ("text", "category")}
    mixed = {str(name): column for name, column in frame.items() if column.dtype.kind == "O" and name not in texts}
    return frame.assign(**{name: _numbers(column) for name, column in mixed.items()})


def _check_formulas(file: File, sheet: str, header: int, cells: pd.DataFrame) -> None:
    """Raise UserError for a column whose formulas have no values, as a program writes that does not calculate."""
    gaps = cells.isna()
    if not gaps.to_numpy().any():
        return
    formulas: dict[str, list[tuple[int, str]]] = {}
    with closing(_workbook(file)) as workbook:
        for place, row in enumerate(workbook[sheet].iter_rows(min_row=header + 2, values_only=True)):
            for name, value in zip(cells.columns, row, strict=False):
                if isinstance(value, str) and value.startswith("="):
                    formulas.setdefault(name, []).append((place, value))
    for name, found in formulas.items():
        place, formula = found[0]
        if gaps[name].iloc[[place for place, _ in found if place < len(gaps)]].all():
            what = f"column '{name}' has formulas without values, such as {formula:.40} in row {header + 2 + place}"
            fix = "open the workbook in a spreadsheet program and save it, or save the sheet as CSV there"
            raise UserError(str(file.path), what, fix)


def _texts(column: pd.Series) -> pa.Array:
    return pa.array([None if pd.isna(value) else str(value) for value in column], pa.string())


def _numbers(column: pd.Series) -> pd.Series:
    """Return a column with numbers that are written as texts as numbers, unless they are codes such as 01067."""
    present = column.dropna()
    if are_codes(pd.Index([value for value in present if isinstance(value, str)], dtype="str")):
        return column
    try:
        return pd.to_numeric(column)
    except (TypeError, ValueError):  # it has other texts, or dates
        return column


def _stream(file: File, config: Data, size: int) -> Iterator[pa.Table]:
    """Yield the rows; a text that stands for a missing value stays in a column of texts, as in the cells."""
    frame = _read(file, config)
    if gaps := [name for name in frame.columns if frame[name].dtype == "str" and frame[name].isna().any()]:
        keys = {"missing": [], "skip_lines": config.skipped(file.path) or []}
        cells = _read(file, config.model_copy(update=keys))
        frame = frame.assign(**{str(name): cells[name] for name in gaps if cells[name].dtype == "str"})
    yield from slices(pa.table({str(name): array(frame[name]) for name in frame.columns}), size)


def _about(file: File, config: Data) -> str:
    sheets = _sheets(file)
    return f"sheet '{_sheet(sheets, file, config)[0]}' of {len(sheets)}" if len(sheets) > 1 else ""


def _sheet(sheets: dict[str, list[list[str]]], file: File, config: Data) -> tuple[str, int]:
    """Return the sheet and the row of its header: of the key, or the first one that names the target, or the first."""
    if config.sheet is not None and config.sheet not in sheets:
        what = f"no sheet '{config.sheet}' in {file.path}"
        raise UserError(entry("data.sheet"), what, suggestion(config.sheet, sheets))
    asked = [config.sheet] if config.sheet is not None else list(sheets)
    named = ((name, row) for name in asked for row, values in enumerate(sheets[name]) if config.target in values)
    return next(named, (asked[0], 0))


def _sheets(file: File) -> dict[str, list[list[str]]]:
    """Return the first rows of each sheet of a workbook, as texts."""
    with closing(_workbook(file)) as workbook:
        return {
            sheet.title: [
                [clean(value) for value in row] for row in sheet.iter_rows(max_row=PREAMBLE, values_only=True)
            ]
            for sheet in workbook.worksheets
        }


def _workbook(file: File) -> "Workbook":
    from openpyxl import load_workbook  # noqa: PLC0415  # slow, and few tables need it

    workbook = load_workbook(file.path, read_only=True)
    for sheet in workbook.worksheets:
        sheet.reset_dimensions()  # a program may state others than those of the cells
    return workbook


def is_workbook(path: Path) -> bool:
    """Return whether a zip archive is a workbook; a damaged one, and one of another program, is an error."""
    try:
        names = zipfile.ZipFile(path).namelist()
    except zipfile.BadZipFile:
        raise UserError(str(path), "the file is damaged or its end is missing", "download or copy it again") from None
    if "content.xml" in names or any(name.endswith(".npy") for name in names) or "xl/workbook.bin" in names:
        raise UserError(str(path), f"cannot read '{path.suffix}' files", CONVERT)
    return "xl/workbook.xml" in names


KIND = Kind("xlsx", "an Excel workbook", (".xlsx",), _stream, _read, gaps=True, about=_about)
