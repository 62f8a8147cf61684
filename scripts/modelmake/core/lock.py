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

LOCK = Path("docker/requirements.txt")
VENV = Path(".venv")
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


def pins(*names: str) -> list[str]:
    """Return the lock's `name==version` for each of `names`, in that order."""
    versions = dict(locked(LOCK.read_text(encoding="utf-8")))
    return [f"{name}=={versions[name]}" for name in names]


def check() -> None:
    """Compare the packages of .venv with the lock, if this process runs in .venv; more packages are no difference.

    Raises
    ------
    UserError
        A package has another version or is missing: a run would name versions that it does not have.

    """
    if not (LOCK.exists() and VENV.exists() and VENV.samefile(sys.prefix)):
        return
    folders = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    installed = {_normal(name): version for name, _, version in (folder.stem.rpartition("-") for folder in folders)}
    for name, version in locked(LOCK.read_text(encoding="utf-8")):
        if installed.get(name) != version:
            has = f"has {name} {installed[name]}" if name in installed else f"has no {name}"
            raise UserError(str(VENV), f"{has}, and the lock has {version}", "rm -r .venv, and run make again")


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _applies(marker: str) -> bool:
    """Return whether the condition of a line, such as `sys_platform == 'win32'`, is true on this machine."""
    try:
        return bool(eval(marker, {"__builtins__": {}}, MACHINE))  # noqa: S307  # the lock names code that runs anyway
    except NameError:  # such as python_version, which is not compared as a text
        from packaging.markers import Marker  # noqa: PLC0415  # takes 30 ms

        return Marker(marker).evaluate()
