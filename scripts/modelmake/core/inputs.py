"""Inputs: what each stage reads, for Make, which compares their hashes (docker/host/hash.sh), and for `make why`.

Python lists the settings of pipeline.toml and the imports of modelmake. hash.sh lists the rest, the user's own modules.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from modelmake.core import config as configuration
from modelmake.core.errors import UserError
from modelmake.core.files import TUNED, build, pipeline, place, replace
from modelmake.core.provenance import LOCK

CHAIN = {
    "train": "scripts/modelmake/model/train.py",
    "evaluate": "scripts/modelmake/gate/evaluate.py",
    "register": "scripts/modelmake/registry/register.py",
}
TUNE = {"tune": "scripts/modelmake/search/tune.py"}  # it runs before the chain, where the config has a search
ENTRY = "scripts/modelmake/__main__.py"


@cache
def imported(path: Path, root: Path = Path()) -> frozenset[Path]:
    """Return the file, its templates, and every file of modelmake that it imports, directly or through another file.

    `path` and what is returned are relative to `root`, the folder that has scripts/.
    """
    file = root / path
    paths = {path, *(one.relative_to(root) for one in file.parent.glob(f"{path.stem}.[hm]*"))}
    for name in _modules(ast.parse(file.read_text(encoding="utf-8"))):
        module = Path("scripts", *name.split(".")).with_suffix(".py")
        if (root / module).exists() and module != path:
            paths |= imported(module, root)
    return frozenset(paths)


def _modules(tree: ast.Module) -> Iterator[str]:
    """Yield the modules of modelmake that a module's code imports; an imported name may be a module too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("modelmake"):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def settings(stage: str) -> str:
    """Return "hash name" of the settings of pipeline.toml that a stage reads; of the whole text if it is not valid."""
    path = pipeline()
    try:
        keys = configuration.READ_BY[stage]
        values = configuration.load(path).model_dump(mode="json", include=set(keys), exclude_none=True)
        text, name = json.dumps(values, sort_keys=True), f"{path}[{', '.join(keys)}]"
    except UserError:
        text, name = path.read_text(encoding="utf-8", errors="replace") if path.exists() else "", str(path)
    return f"{hashlib.sha256(text.encode()).hexdigest()} {name}"


def files(stage: str) -> set[str]:
    """Return the files that a stage reads: code, lock, and from a valid pipeline.toml data and own estimator."""
    paths = {ENTRY, str(LOCK), *map(str, imported(Path((CHAIN | TUNE)[stage])))}
    try:
        config = configuration.load()
    except UserError:
        return paths
    if config.search is not None and stage != "tune":
        paths.add(str(place(TUNED)))
    own = Path(*config.model.estimator.split(".")[:-1])
    return paths | {config.data.path, str(own.with_suffix(".py")), str(own / "__init__.py")}


def _searches() -> bool:
    try:
        return configuration.load().search is not None
    except UserError:
        return True


def main() -> None:
    """Write <stage>.reads for each stage of the chain and `tune`: the hash of its settings, and its files, one a line.

    Where the config is valid and has no search, that of `tune` is empty.
    """
    for stage in CHAIN | TUNE:
        if stage == "tune" and not _searches():
            replace("tune.reads", "")
            continue
        lines = [f"settings {settings(stage)}", *(f"file {name}" for name in sorted(files(stage)))]
        replace(f"{stage}.reads", "\n".join(lines) + "\n")
    (build() / "reads").touch()
