"""Modules: the files of the user's modules and of modelmake, and what they import, read without running them."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from modelmake.core import settings
from modelmake.core.errors import UserError, first_line


def reserved() -> tuple[str, ...]:
    """Return the folders of the project whose modules are not the user's."""
    return ("scripts", "tests", "docker", "build") if settings.is_product() else ("build",)


def source(module: str) -> Path | None:
    """Return the file of one of the user's modules, relative to the Makefile; None for every other module."""
    *packages, name = module.split(".")
    if [*packages, name][0] in reserved() or not all(part.isidentifier() for part in (*packages, name)):
        return None
    paths = Path(*packages, name, "__init__.py"), Path(*packages, f"{name}.py")
    return next((path for path in paths if path.is_file()), None)


def files(modules: Iterable[str]) -> set[Path]:
    """Return the files of the user's modules among `modules`, of their packages, and of all that they import."""
    paths: set[Path] = set()
    queue = list(modules)
    while queue:
        parts = queue.pop().split(".")
        for end in range(len(parts)):
            path = source(".".join(parts[: end + 1]))
            if path is not None and path not in paths:
                paths.add(path)
                queue += imports(path)
    return paths


def imports(path: Path) -> Iterator[str]:
    """Yield the absolute names of the modules that a file imports, anywhere in it; an imported name may be a module."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = path.parent.parts[: len(path.parent.parts) - node.level + 1] if node.level else ()
            name = ".".join([*package, *([node.module] if node.module else [])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def parsed(path: Path) -> ast.Module:
    """Return the code of a file as a tree."""
    try:
        return ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise UserError(str(path), f"is not valid Python: {first_line(error)}", "correct it") from None


@cache
def imported(path: Path, root: Path = Path()) -> frozenset[Path]:
    """Return the file, its templates, and every file of modelmake that it imports, directly or through another file.

    `path` and what is returned are relative to `root`, the folder that has scripts/.
    """
    file = root / path
    paths = {path, *(one.relative_to(root) for one in file.parent.glob(f"{path.stem}.[hm]*"))}
    modules = {Path("scripts", *name.split(".")) for name in imports(file) if name.startswith("modelmake.")}
    if path.stem == "__init__" and "import_module(" in file.read_text(encoding="utf-8"):
        modules |= {one.relative_to(root).with_suffix("") for one in file.parent.glob("[!_]*.py")}
    for module in modules:
        for code in (module.with_suffix(".py"), module / "__init__.py"):
            if (root / code).exists() and code != path:
                paths |= imported(code, root)
    return frozenset(paths)
