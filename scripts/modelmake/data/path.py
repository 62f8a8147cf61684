"""Path: which table a pipeline.toml names, also one of another commit, whose other keys may be unknown by now."""

import tomllib
from pathlib import Path

from modelmake.config.data import snapshot
from modelmake.core.errors import UserError


def main(file: str) -> None:
    """Print data.path of the pipeline.toml at `file`, or the path of the snapshot of its data.source.

    Raises
    ------
    UserError
        The file cannot be read, is not TOML, or has neither of these keys.

    """
    try:
        data = tomllib.loads(Path(file).read_text(encoding="utf-8-sig"))["data"]
        print(snapshot(data) if "source" in data else data["path"])
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(file, "names no table", 'path = "data/table.csv" under [data]') from None
