"""Location: the files that data.path names, one or those of a folder, and why there are none."""

import difflib
import hashlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core.errors import UserError, suggestion
from modelmake.core.provenance import sha256
from modelmake.tables.content import named

HIDDEN = (".", "_")  # first letters of files that other tools leave in a folder of tables: _SUCCESS, .part-0.crc


def files(config: Data) -> list[Path]:
    """Return the files of the table: one, or all of a folder and of the folders in it, in the order of their names.

    Raises
    ------
    UserError
        There is no such file or folder, the file is empty, or the folder has no file.

    """
    path = Path(config.path)
    if path.is_dir():
        return _skipping(_members(path), config)
    if not path.is_file():
        raise _absent(path, config)
    if path.stat().st_size == 0:
        raise UserError(config.path, "the file is empty", "add a header line and rows")
    return [path]


def _skipping(paths: list[Path], config: Data) -> list[Path]:
    """Return the files of a folder; raises UserError where data.skip_lines names another one."""
    names = list(map(config.member, paths))
    if others := [name for name in config.skip_lines or [] if isinstance(name, str) and name not in names]:
        what = f"no file '{others[0]}' in the folder '{config.path}'"
        raise UserError(entry("data.skip_lines"), what, suggestion(others[0], names))
    return paths


def fingerprint(config: Data, digests: Mapping[Path, str] = MappingProxyType({})) -> str:
    """Return the SHA-256 of the data file, or of the names and contents of the files in a folder.

    `digests` has those of files that were read already.
    """
    folder = Path(config.path)
    of_files = {path: digests.get(path) or sha256(path) for path in files(config)}
    if not folder.is_dir():
        return of_files[folder]
    lines = [f"{digest} {path.relative_to(folder).as_posix()}\n" for path, digest in of_files.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _members(folder: Path) -> list[Path]:
    if (folder / "_delta_log").is_dir():
        fix = "write its current rows to a Parquet file, and name that file"
        raise UserError(entry("data.path"), f"'{folder}' is a Delta table, which keeps deleted rows too", fix)
    members = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size and _shown(path, folder)]
    tables = [path for path in members if named(path)]
    tables = tables or [path for path in members if not path.suffix]
    if not tables:
        raise UserError(
            entry("data.path"),
            f"the folder '{folder}' has no table",
            "name a file, or a folder of Parquet or CSV files",
        )
    return sorted(tables, key=lambda path: path.relative_to(folder).as_posix())


def _shown(path: Path, folder: Path) -> bool:
    return not any(part.startswith(HIDDEN) for part in path.relative_to(folder).parts)


def _absent(path: Path, config: Data) -> UserError:
    if config.source:
        return UserError(entry("data.source"), "no snapshot has been taken yet", "run make fetch")
    what, fix = f"no file '{config.path}'", "name a path relative to the Makefile, or an absolute path"
    if "://" in config.path:
        return UserError(
            entry("data.path"), f"'{config.path}' is an address", "write source = … in its place, and run make fetch"
        )
    if config.path.startswith("~"):
        return UserError(entry("data.path"), f"{what}: ~ is not expanded", "write the absolute path")
    if any(sign in path.name for sign in "*?["):
        return UserError(entry("data.path"), f"{what}: patterns are not expanded", f"name the folder: {path.parent}/")
    *parents, missing = (folder for folder in (path, *path.parents) if not folder.exists())
    if near := _near(missing):
        fix = f"did you mean '{Path(near, *(folder.name for folder in reversed(parents)))}'?"
    elif parents:
        what += f", and no folder '{missing}'"
    return UserError(entry("data.path"), what, fix)


def _near(path: Path) -> Path | None:
    """Return what beside `path` has its name in other letters, or with a suffix, or a name that is close."""
    names = sorted(entry.name for entry in path.parent.iterdir()) if path.parent.is_dir() else []
    lower = path.name.lower()
    same = [name for name in names if name.lower() == lower or name.lower().startswith(f"{lower}.")]
    same += [name for name in names if Path(name).stem.lower() == path.stem.lower()]
    close = same or difflib.get_close_matches(path.name, names, n=1, cutoff=0.75)
    return path.parent / close[0] if close else None
