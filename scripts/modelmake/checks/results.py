"""Results: which files each linter has passed, so that it reads again only those that have changed.

A linter that judges each file alone names its files on its command line. What it also reads, such as its own version
and its configuration, is its context; where that has changed, it reads all files again. A linter of Python code reads
all of it if any of it has changed.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from modelmake.core import files, settings
from modelmake.core.lock import lockfile

PASSED = files.BUILD / ".lint"  # JSON: by linter and file, the hash of what it has read
ALWAYS = ("make",)  # it reads more than the files on its command line
PYTHON = ("mypy", "ruff check", "ruff format")
CODE = (".py", ".pyi", ".ipynb", ".toml", ".ini", ".cfg")  # what these read
CONFIGURED = (Path(".yamllint"), Path("pyproject.toml"))
SOURCED = re.compile(r"^\s*\. .*?([\w-]+\.sh)\b", re.M)  # in a shell script, which shellcheck reads along

Passed = dict[str, str]


def read() -> Passed:
    """Return what the linters have passed; nothing after FORCE=1, or where a file that says it is not valid."""
    try:
        passed = {} if settings.make().force else json.loads(PASSED.read_bytes())
    except (OSError, ValueError):
        return {}
    return passed if isinstance(passed, dict) else {}


def write(now: Passed, fine: set[str]) -> None:
    """Keep what the linters named in `fine` have read, which is what they have passed."""
    passed = {key: digest for key, digest in now.items() if key.partition(": ")[0] in fine}
    files.write(PASSED, json.dumps(passed, indent=0))


def current(commands: Mapping[str, list[str]]) -> Passed:
    """Return, by linter and file, the hash of what each linter reads now; without those that read everything."""
    context = [path for path in (lockfile(), *CONFIGURED) if path.exists()]
    named = {name: _named(command) for name, command in commands.items() if name not in (*ALWAYS, *PYTHON)}
    code = _hash(*(f"{path} {_content(path)}" for path in (*context, *_code(Path()))))
    python = {f"{name}: ": _hash(*commands[name], code) for name in PYTHON if name in commands}
    return python | {
        f"{name}: {word}": _hash(*_options(commands[name]), *map(_content, (*context, *_sourced(words), Path(word))))
        for name, words in named.items()
        for word in words
    }


def changed(name: str, command: list[str], passed: Passed, now: Passed) -> list[str]:
    """Return the command for the files that have changed since the linter passed them; nothing if none has."""
    if name in ALWAYS:
        return command
    if name in PYTHON:
        return [] if passed.get(f"{name}: ") == now[f"{name}: "] else command
    same = {word for word in _named(command) if passed.get(f"{name}: {word}") == now[f"{name}: {word}"]}
    rest = [word for word in command if word not in same]
    return rest if _named(rest) else []


def _named(command: list[str]) -> list[str]:
    """Return the files and folders on a command line."""
    return [word for word in command[1:] if not word.startswith("-") and Path(word).exists()]


def _options(command: list[str]) -> list[str]:
    """Return the rest of a command line, and the hash of each file that an option such as --config=FILE names."""
    rest = [word for word in command[1:] if word not in _named(command)]
    paths = [Path(word.partition("=")[2]) for word in rest if "=" in word]
    return [*rest, *(_content(path) for path in paths if path.is_file())]


def _code(folder: Path) -> Iterator[Path]:
    """Yield the Python code under a folder, and what configures its linters, without hidden folders and build/."""
    for path in sorted(folder.iterdir()):
        if path.suffix in CODE:
            yield path
        elif path.is_dir() and path != files.BUILD and not path.name.startswith((".", "__")):
            yield from _code(path)


def _sourced(words: Iterable[str]) -> list[Path]:
    """Return the scripts among the files that another one of them sources."""
    scripts = [Path(word) for word in words if Path(word).suffix == ".sh"]
    names = {name for script in scripts for name in SOURCED.findall(script.read_text(encoding="utf-8"))}
    return [script for script in scripts if script.name in names]


def _content(path: Path) -> str:
    """Return the hash of a file, or of the files of a folder and their names."""
    if path.is_dir():
        inside = filter(Path.is_file, sorted(path.rglob("*")))
        return _hash(*(f"{file} {_content(file)}" for file in inside))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _hash(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()
