"""Lock: the packages that a run names, and whether .venv has them.

It imports nothing but the standard library, since any package may be missing.
"""

import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from modelmake.core.errors import UserError

VENV = Path(".venv")
FIX = "rm -r .venv, and run make again"
LINE = re.compile(r"([a-z0-9][a-z0-9.-]*)(?:\[[^]]*\])?==([^\s;\\]+)(?: *; *([^\\]*[^\\ ]))?")
MACHINE = {  # the names that markers have
    "implementation_name": sys.implementation.name,
    "os_name": os.name,
    "platform_machine": platform.machine(),
    "platform_python_implementation": platform.python_implementation(),
    "platform_system": platform.system(),
    "sys_platform": sys.platform,
}


def locked(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of each package in a lock that is for this machine."""
    for line in text.splitlines():
        if (match := LINE.match(line)) and (not match[3] or _applies(match[3])):
            yield match[1], match[2]


def lockfile() -> Path:
    """Return the lock: the project's, if it has packages of its own, or modelmake's (docker/shell)."""
    return Path(os.environ.get("MODELMAKE_LOCK") or "docker/requirements.txt")


def pins(*names: str) -> list[str]:
    """Return the lock's `name==version` for each of `names`, in that order."""
    versions = dict(locked(lockfile().read_text(encoding="utf-8")))
    return [f"{name}=={versions[name]}" for name in names]


def check() -> None:
    """Compare the packages of .venv with the lock, if this process runs in .venv; more packages are no difference.

    Raises
    ------
    UserError
        A package has another version, is missing, or has lost its files: a run would name what it does not have.

    """
    if not (lockfile().exists() and VENV.exists() and VENV.samefile(sys.prefix)):
        return
    folders = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    installed = {
        _normal(name): (version, folder) for folder in folders for name, _, version in [folder.stem.rpartition("-")]
    }
    for name, version in locked(lockfile().read_text(encoding="utf-8")):
        present, folder = installed.get(name, ("", VENV))
        if present != version:
            has = f"has {name} {present}" if present else f"has no {name}"
            raise UserError(str(VENV), f"{has}, and the lock has {version}", FIX)
        if (gone := _first_file(folder)) and not gone.exists():
            raise UserError(str(VENV), f"has {name} {version} without its files, such as {gone.name}", FIX)


def _first_file(folder: Path) -> Path | None:
    """Return the first module or library that a package lists, or the list if it is gone; None if all are programs.

    To look for every file takes a second; a package whose folder was deleted has none of them.
    """
    record = folder / "RECORD"
    if not record.exists():
        return record
    with record.open(encoding="utf-8") as lines:
        names = (line.rsplit(",", 2)[0].strip('"') for line in lines)
        code = (name for name in names if name.endswith((".py", ".so")))  # the image has no headers
        name = next((name for name in code if not name.startswith((folder.name, "..", "/"))), None)
    return folder.parent / name if name else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _applies(marker: str) -> bool:
    """Return whether the condition of a line, such as `sys_platform == 'win32'`, is true on this machine."""
    try:
        return bool(eval(marker, {"__builtins__": {}}, MACHINE))  # noqa: S307  # the lock names code that runs anyway
    except NameError:  # such as python_version, which is not compared as a text
        from packaging.markers import Marker  # noqa: PLC0415  # takes 30 ms

        return Marker(marker).evaluate()
