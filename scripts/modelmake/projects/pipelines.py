"""Pipelines: list pipeline.toml and the files in pipelines/, and print the result of each."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from modelmake.config import config as configuration
from modelmake.config import receipt
from modelmake.core import errors, files, settings
from modelmake.core.errors import UserError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
OUTCOMES = {ending.exit_code: ending.outcome for ending in (errors.UserError, errors.TrackingError)}


def present() -> list[Path]:
    """Return the files of the pipelines in the order in which they run, or only the one that PIPELINE names.

    Raises
    ------
    UserError
        There is none, or a name is one that make cannot use, or two have the same name.

    """
    if named := settings.make().pipeline:
        return [named]
    paths = [path for path in [files.MAIN, *sorted(Path("pipelines").glob("*.toml"))] if path.is_file()]
    if not paths:
        raise UserError(str(files.MAIN), "no such file, and none in pipelines/", "make new DATA=… TARGET=… writes one")
    for path in paths:
        if not NAME.fullmatch(path.stem):
            raise UserError(str(path), "the name has characters other than letters, digits, - and _", "rename it")
        if path != files.MAIN and path.stem.lower() == files.MAIN.stem:
            raise UserError(str(path), f"has the name of {files.MAIN}", "rename it")
    # A file system may ignore case.
    for before, path in _repeated({path: path.stem.lower() for path in paths}):
        raise UserError(str(path), f"has the name of {before}", "rename one of them")
    return paths


def models(paths: list[Path]) -> dict[Path, str]:
    """Return the name under which each pipeline registers its model; "" for a file that is not valid.

    Raises
    ------
    UserError
        Two pipelines register under one name: each would be compared with the champion of the other.

    """
    names = {path: model(path) for path in paths}
    for before, path in _repeated({path: name for path, name in names.items() if name}):
        what = f"'{names[path]}' is also the name in {before}"
        raise UserError(f"{path}: registry.name", what, "give each pipeline a name of its own")
    return names


def model(path: Path) -> str:
    """Return the name under which a pipeline registers its model; "" for a file that is not valid."""
    try:
        return configuration.load(path).registry.name
    except UserError:
        return ""


def _repeated(names: dict[Path, str]) -> Iterator[tuple[Path, Path]]:
    """Yield each file whose name an earlier file has, after that file."""
    first: dict[str, Path] = {}
    for path, name in names.items():
        if (before := first.setdefault(name, path)) != path:
            yield before, path


def result(path: Path, code: int) -> tuple[str, ...]:
    """Return a row on a pipeline whose stages ended with this exit code: its file, the outcome and the details."""
    folder = files.build(path)
    if code not in (0, errors.GateRefusal.exit_code):
        return str(path), OUTCOMES.get(code, "failed"), "see its output above"
    evaluate = receipt.Evaluate.read(folder)
    metric = f"{evaluate.metric} {evaluate.value:.4f}"
    if code:
        return str(path), errors.GateRefusal.outcome, metric
    register = receipt.Register.read(folder)
    version = f"version {register.version} of {register.name}, alias {register.alias}"
    return str(path), version if register.version else f"nothing registered: {evaluate.verdict}", metric


def main(*results: str) -> None:
    """Print a line for each pipeline: its model, or, for `results` such as pipelines/churn.toml=3, its result."""
    if results:
        ended = (word.rsplit("=", 1) for word in results)
        print(receipt.aligned([result(Path(path), int(code)) for path, code in ended]))
        return
    paths = present()
    print(receipt.aligned([(str(path), name or "not valid") for path, name in models(paths).items()]))
    receipt.hand_on(pipelines=json.dumps([path.stem for path in paths]))
