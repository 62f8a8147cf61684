"""The lock: what runs in .venv has its versions, or nothing runs."""

import ast
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from modelmake.core import lock
from modelmake.core.errors import UserError
from tests.conftest import ROOT

LOCKED = """\
numpy==2.4.6 \\
    --hash=sha256:00
    # via pandas
scikit-learn==1.9.1 \\
    --hash=sha256:00
colorama==0.4.6 ; sys_platform == 'win32' \\
    --hash=sha256:00
uvicorn[standard]==0.40.0 ; sys_platform != 'win32' \\
    --hash=sha256:00
backport==1.0 ; python_version < '3.9' \\
    --hash=sha256:00
"""
INSTALLED = ("numpy-2.4.6", "scikit_learn-1.9.1", "uvicorn-0.40.0")


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The site-packages of a .venv that has what the lock says, in which this process seems to run."""
    site = tmp_path / ".venv/lib/python3/site-packages"
    for name in INSTALLED:
        module = name.partition("-")[0]
        (site / module).mkdir(parents=True)
        (site / module / "__init__.py").touch()
        (site / f"{name}.dist-info").mkdir()
        record = f"../../../bin/{module},,\n{name}.dist-info/METADATA,,\n{module}/__init__.py,,\n"
        (site / f"{name}.dist-info/RECORD").write_text(record)
    (tmp_path / "docker").mkdir()
    (tmp_path / lock.lockfile()).write_text(LOCKED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(sysconfig, "get_path", lambda _name: str(site))
    return site


def test_what_the_lock_says_passes(venv: Path) -> None:
    """Packages for other systems and other versions of Python may be missing, and more packages may be there."""
    (venv / "ipython-9.0.0.dist-info").mkdir()
    lock.check()


@pytest.mark.parametrize(
    ("package", "other", "message"),
    [
        ("scikit_learn-1.9.1", "scikit_learn-1.8.0", "has scikit-learn 1.8.0, and the lock has 1.9.1"),
        ("numpy-2.4.6", "numpy-2.3.5", "has numpy 2.3.5, and the lock has 2.4.6"),
        ("uvicorn-0.40.0", "uvicorn-0.40.0.post1", "has uvicorn 0.40.0.post1, and the lock has 0.40.0"),
        ("scikit_learn-1.9.1", None, "has no scikit-learn, and the lock has 1.9.1"),
        ("uvicorn-0.40.0", None, "has no uvicorn, and the lock has 0.40.0"),
    ],
)
def test_the_first_package_that_differs_is_named(venv: Path, package: str, other: str | None, message: str) -> None:
    """Another version, older or newer, and a package that was removed."""
    folder = venv / f"{package}.dist-info"
    if other:
        folder.rename(venv / f"{other}.dist-info")
    else:
        shutil.rmtree(folder)
    with pytest.raises(UserError, match=message) as raised:
        lock.check()
    assert (raised.value.where, raised.value.exit_code) == (".venv", 2)


def test_a_package_without_its_files_is_named(venv: Path) -> None:
    """Its folder was deleted by hand, and what says its version is still there."""
    shutil.rmtree(venv / "numpy")
    with pytest.raises(UserError, match=r"has numpy .* without its files") as raised:
        lock.check()
    assert (raised.value.where, raised.value.fix) == (".venv", lock.FIX)


def test_the_lock_of_a_project_is_the_one_that_counts(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has packages of its own; the lock of modelmake beside it is not asked."""
    Path("requirements.txt").write_text(f"# modelmake: the lock\n{LOCKED}s3fs==2026.9.0\n")
    lock.check()
    monkeypatch.setenv("MODELMAKE_LOCK", "requirements.txt")
    with pytest.raises(UserError, match=r"has no s3fs, and the lock has 2026\.9\.0"):
        lock.check()
    assert lock.pins("s3fs", "numpy") == ["s3fs==2026.9.0", "numpy==2.4.6"]


def test_another_environment_is_not_compared(venv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The image has the lock by its name, and a Python of the user's own is the user's."""
    shutil.rmtree(venv / "numpy-2.4.6.dist-info")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    lock.check()


def test_the_packages_that_run_the_tests_are_those_of_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real lock with the real packages, however their names are written."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(lock, "VENV", Path(sys.prefix))
    lock.check()


def test_it_needs_the_standard_library_alone() -> None:
    """Any package may be the missing one."""
    for module in ("core/lock.py", "core/errors.py"):
        tree = list(ast.walk(ast.parse((ROOT / "scripts/modelmake" / module).read_text())))
        names = {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
        names |= {str(node.module) for node in tree if isinstance(node, ast.ImportFrom)}
        assert {name.partition(".")[0] for name in names} - sys.stdlib_module_names <= {"modelmake", "packaging"}


def test_pins_are_the_locks_versions(venv: Path) -> None:
    """In the order of the names."""
    assert lock.pins("uvicorn", "numpy") == ["uvicorn==0.40.0", "numpy==2.4.6"]


def test_uv_sync_leaves_the_environment_as_it_is(tmp_path: Path) -> None:
    """It would resolve pyproject.toml anew, and put other versions than those of the lock into .venv."""
    if not (uv := shutil.which("uv")):
        pytest.skip("the image has no uv")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for words in (["sync"], ["lock"], ["add", "six"]):
        command = [uv, "--offline", "--directory", str(tmp_path), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 2
        assert "error: The project is marked as unmanaged" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]
