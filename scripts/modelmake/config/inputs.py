"""Inputs: what each stage reads, as hashes of files, values of pipeline.toml, and facts such as the image.

docker/host/why.sh hashes the files, also where no Python is; Python says which files these are, since it alone reads
pipeline.toml and imports.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from modelmake.config import config as configuration
from modelmake.config import modules
from modelmake.core import files, settings
from modelmake.core.errors import UserError
from modelmake.core.lock import lockfile
from modelmake.core.stages import PROJECT, Stage

Inputs = dict[str, str]  # the hash of a file, or the value of a key or of a fact, by its name
ENTRY = Path("scripts/modelmake/__main__.py")
LISTED = files.BUILD / "files"  # the files of the checkout that git does not ignore, one a line
NAMES = "names"  # the files that are hashed, one a line
HASHES = "hashes"  # "hash name" of each file, and "value (name)" of each fact
LOST = "lost"  # the stages whose run or version the tracking server no longer has
INPUTS = "inputs.json"  # the inputs of each stage
FACTS = ("image", "tracking server")
ADDRESS = re.compile("://|::")  # what may have a password or a signature in it


def config() -> configuration.Config | None:
    """Return the config of the pipeline; None where it is not valid, which the stage itself says."""
    try:
        return configuration.load()
    except UserError:
        return None


def values(keys: tuple[str, ...], given: configuration.Config) -> Inputs:
    """Return the values of the config under `keys`, as JSON, by their key."""
    dump = given.model_dump(mode="json", include=set(keys), exclude_none=True, by_alias=True)
    return {f"{files.pipeline()}: {key}": _text(value) for key, value in _flat(dump)}


def _flat(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Yield the values of tables, and of lists of tables, each with its key."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list) and any(isinstance(inner, dict) for inner in value):
        for number, inner in enumerate(value):
            yield from _flat(inner, f"{key}[{number}]")
    else:
        yield key, value


def _text(value: object) -> str:
    """Return a value as JSON; an address and a long text only as their hash."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    if len(text) > 500 or ADDRESS.search(text):
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return text


def lines(path: Path) -> list[str]:
    """Return the lines of a file; none where it does not exist."""
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []


def hashes() -> Inputs:
    """Return the hash of each file that exists, and the value of each fact, by name."""
    return {name: digest for digest, name in (line.split(" ", 1) for line in lines(files.place(HASHES)))}


def names(stage: Stage, given: configuration.Config | None) -> set[str]:
    """Return the files that a stage reads, whether they exist or not; the table may be a folder."""
    found = taken(stage, given)
    product = settings.product()
    if pattern := stage.files and (stage.files if settings.is_product() else PROJECT):
        found |= {name for name in lines(LISTED) if re.fullmatch(pattern, name, re.VERBOSE)}
    if stage.keys or (stage.files and not settings.is_product()):
        code = Path("scripts", *stage.module.split(".")).with_suffix(".py")
        found |= {str(lockfile()), *(str(product / path) for path in (ENTRY, *modules.imported(code, product)))}
    if stage.files and not settings.is_product():
        found |= set(_tables())
    if stage.keys and given is None:
        return {*found, str(files.pipeline())}
    if stage.keys and given:
        found |= {given.data.path, *_of_user(path.rpartition(".")[0] for path in estimators(given))}
    return found


def _tables() -> Iterator[str]:
    """Yield the table of each pipeline of the project, which git may ignore."""
    for path in [files.MAIN, *sorted(Path("pipelines").glob("*.toml"))]:
        with suppress(UserError):  # the stage itself says what is wrong
            yield configuration.load(path).data.path


def taken(stage: Stage, given: configuration.Config | None) -> set[str]:
    """Return the files under build/ that a stage reads; without a search no tuned parameters."""
    searches = given is not None and given.search is not None
    return {str(files.place(name)) for name in stage.takes if name != files.TUNED or searches}


def _of_user(named: Iterable[str]) -> set[str]:
    """Return the files of the user's modules that have these names, and of all they import."""
    found: set[Path] = set()
    for name in named:
        with suppress(UserError):  # it is not valid Python, which the stage itself says
            found |= modules.files([name])
        found |= {path for path in [modules.source(name)] if path}
    return set(map(str, found))


def estimators(given: configuration.Config) -> list[str]:
    """Return the import path of each estimator and transformer that the config names, also in the space."""
    found: dict[str, None] = {}

    def look(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(path := value.get("estimator"), str) and "." in path:
                found[path] = None
            value = list(value.values())
        for inner in value if isinstance(value, list) else ():
            look(inner)

    look(given.model.model_dump(mode="json"))
    space = given.search.space if given.search else {}
    look([parameter.choices for parameter in space.values()])
    if "estimator" in space:
        found |= dict.fromkeys(one for one in space["estimator"].choices or [] if isinstance(one, str) and "." in one)
    return list(found)


def of(stage: Stage, given: configuration.Config | None, hashed: Inputs) -> Inputs:
    """Return the inputs of a stage: of a folder those of its files, and no file that does not exist."""
    read = names(stage, given)
    folders = tuple(f"{name.rstrip('/')}/" for name in read if name not in hashed and stage.keys)
    found = {name: digest for name, digest in hashed.items() if name in read or name.startswith(folders)}
    facts = FACTS if stage.keys else FACTS[:1]
    found |= {name: hashed[f"({name})"] for name in facts if f"({name})" in hashed}
    return found | (values(stage.keys, given) if given and stage.keys else {})


def write(found: Mapping[str, Inputs]) -> None:
    """Write the inputs of each stage, which the stage then puts into its receipt."""
    files.replace(INPUTS, json.dumps(found, indent=0, ensure_ascii=False))


def read() -> dict[str, Inputs]:
    """Return the inputs of each stage, as make has seen them last."""
    path = files.place(INPUTS)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


_seen: dict[str, Inputs] = {}


def see(stage: str) -> None:
    """Keep the inputs of a stage that begins: it takes minutes, and meanwhile another make may look at other ones."""
    _seen[stage] = read().get(stage, {})


def seen(stage: str) -> Inputs:
    """Return the inputs of a stage as they were when it began."""
    return _seen.get(stage, {})


def blob(path: Path) -> str:
    """Return the hash of a file as git has it, "" where it does not exist."""
    if not path.is_file():
        return ""
    text = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(text) + text, usedforsecurity=False).hexdigest()
