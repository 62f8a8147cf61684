"""The user's own code: the modules of this repository that a model needs, and the copy that is logged with it."""

import ast
import shutil
import sys
from collections.abc import Collection, Iterable
from pathlib import Path

from modelmake.config.modules import imports, parsed, reserved, source
from modelmake.core.errors import UserError
from modelmake.core.provenance import sha256

CODE = "code"  # in the model's folder; MLflow puts it on the path before it loads the model
NO_CACHE = "__pycache__"  # an empty file of this name beside each module: Python can't keep compiled code there


class OtherCode(UserError):
    """The code of a model is not the code of this checkout."""


def defined(path: Path) -> dict[str, type[ast.AST]]:
    """Return the classes and functions at the top level of a file, which are defined there and not imported."""
    kinds = (ast.ClassDef, ast.FunctionDef)
    return {node.name: type(node) for node in parsed(path).body if isinstance(node, kinds)}


def installed(paths: Iterable[Path]) -> set[str]:
    """Return the top-level modules that files import and that are neither the user's nor Python's own."""
    names = {name.partition(".")[0] for path in paths for name in imports(path)}
    local = {path.parts[0].removesuffix(".py") for path in paths}
    return {name for name in names if name and name not in sys.stdlib_module_names} - local - set(reserved())


def copied(paths: Collection[Path], folder: Path) -> None:
    """Copy the user's modules to `folder`, with their packages, and leave Python no place for compiled code.

    The model's folder then contains what was logged, also after the model was loaded from there.
    """
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / path)
        (folder / path).with_name(NO_CACHE).touch()


def logged(folder: Path, model_id: str) -> set[Path]:
    """Return the files of the code logged with a model; each is byte for byte the file of this checkout.

    Raises
    ------
    OtherCode
        A file is not one of the user's modules, or differs from it.

    """
    code = folder / CODE
    paths = {path.relative_to(code) for path in code.rglob("*") if path.is_symlink() or not path.is_dir()}
    for path in sorted(paths):
        if not _same(code / path, path):
            what = f"the file '{path}' of its code is not the same in this checkout"
            fix = "check out the commit that it was trained from, or train it again: make train FORCE=1"
            raise OtherCode(f"model {model_id}", what, fix)
    return {path for path in paths if path.name != NO_CACHE}


def _same(copy: Path, path: Path) -> bool:
    """Whether a logged file is the user's module at `path`, or the empty file that keeps compiled code away."""
    if copy.is_symlink():
        return False
    if path.name == NO_CACHE:
        return copy.stat().st_size == 0
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    return source(module) == path and sha256(copy) == sha256(path)
