"""Path: which table a pipeline.toml names, also one of another commit, whose other keys may be unknown by now."""

import tomllib
from pathlib import Path

from scripts.core.errors import UserError


def main(file: str) -> None:
    """Print data.path of the pipeline.toml at `file`.

    Raises
    ------
    UserError
        The file cannot be read, is not TOML, or has no data.path.

    """
    try:
        print(tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))["data"]["path"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(file, "names no table", 'path = "data/table.csv" under [data]') from None
