"""make add: packages from an index of the test's own, into pyproject.toml and the lock, or one line and no change."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from modelmake.checks import add
from modelmake.core.errors import UserError
from tests.support.checkout import Checkout

PROJECT = """\
[project]
name = "model"
version = "1"
requires-python = ">=3.11,<3.14"
dependencies = [
    "alpha>=1", # the first one
    "gamma[fast]>=2",
]
[dependency-groups]
dev = ["alpha"]
[tool.uv.pip]
universal = true
python-version = "3.11"
generate-hashes = true
no-header = true
emit-index-url = false
"""
PACKAGES = (
    ("alpha", "1.0", ()),
    ("beta", "1.2", ()),
    ("beta", "2.0.1", ("alpha<2",)),
    ("gamma", "2.5", ()),
    ("delta", "1", ("alpha>=9",)),
)


def wheel(folder: Path, name: str, version: str, needs: tuple[str, ...] = ()) -> None:
    """Put a package without files into an index."""
    (folder / name).mkdir(parents=True, exist_ok=True)
    info, needed = f"{name}-{version}.dist-info", "".join(f"Requires-Dist: {need}\n" for need in needs)
    with zipfile.ZipFile(folder / name / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needed}Provides-Extra: fast\n",
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    links = "".join(f'<a href="{path.name}">{path.name}</a>' for path in (folder / name).glob("*.whl"))
    (folder / name / "index.html").write_text(f"<!DOCTYPE html><html><body>{links}</body></html>")


class Added:
    """A checkout with a short list of packages, and an index."""

    def __init__(self, path: Path, store: Path) -> None:
        """Lock what the project has."""
        self.index = path / "simple"
        for package in PACKAGES:
            wheel(self.index, *package)
        self.checkout = Checkout(path / "a check out").fill(store)
        self.project, self.lock = self.checkout.path / "pyproject.toml", self.checkout.path / "docker/requirements.txt"
        self.project.write_text(PROJECT)
        self.lock.write_text("")
        done = self.make("lock")
        assert done.returncode == 0, done.stderr

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run make with the index, and no proxy between."""
        return self.checkout.make(*words, UV_DEFAULT_INDEX=self.index.as_uri())


@pytest.fixture
def added(tmp_path: Path, empty_store: Path) -> Added:
    """Return the checkout with its lock."""
    if not shutil.which("uv"):
        pytest.skip("the image has no uv, which it would install from the index; these tests run on the host")
    return Added(tmp_path, empty_store)


def test_a_lock_that_is_right_stays_as_it_is(added: Added) -> None:
    """So that nothing is installed again."""
    before = added.lock.stat().st_mtime_ns
    done = added.make("lock")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "lock: no package changed")
    assert added.lock.stat().st_mtime_ns == before


def test_a_package_is_added_and_locked(added: Added) -> None:
    """In its place in the list, with the locked version as its bound; the comments stay; twice is once."""
    before = added.lock.read_text()
    done = added.make("add", "PKG=beta")
    assert done.returncode == 0, done.stderr
    assert '    "alpha>=1", # the first one\n    "beta>=2.0.1",\n    "gamma[fast]>=2",\n' in added.project.read_text()
    assert "locked   beta 2.0.1" in done.stdout
    assert "note:" not in done.stdout
    lock = added.lock.read_text()
    assert set(before.splitlines()) <= {*lock.splitlines(), "    # via model (pyproject.toml:dev)"}
    assert "    # via model (pyproject.toml)" in lock
    again = added.make("add", "PKG=beta")
    assert again.returncode == 0
    assert "beta: already in pyproject.toml, as 'beta>=2.0.1'" in again.stdout
    assert added.lock.read_text() == lock


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ("betta", "PKG=betta: no package 'betta' in the index; nothing has changed (check the spelling)"),
        ("delta", "nothing has changed (check the network, or ask for other versions)"),
        ("gamma>=3", "pyproject.toml: 'gamma[fast]>=2': the package is there already"),
        ("beta delta!", "PKG=beta delta!: "),
        ("beta@file:///beta.whl", "is an address, and the lock has packages of the index"),
        ("", "PKG: is not given (make add PKG=lightgbm)"),
    ],
)
def test_what_cannot_be_added_is_one_line_and_changes_nothing(added: Added, packages: str, expected: str) -> None:
    """A misspelt name, a conflict, a package with other versions, and a text that does not name a package."""
    before = added.project.read_text(), added.lock.read_text()
    done = added.make("add", f"PKG={packages}")
    assert done.returncode == 2
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert expected in line
    assert (added.project.read_text(), added.lock.read_text()) == before


def test_the_newest_version_is_named_where_another_is_locked(added: Added) -> None:
    """A resolver goes back for years rather than fail, and that is said."""
    wheel(added.index, "alpha", "2.0")
    added.project.write_text(PROJECT.replace('"alpha>=1"', '"alpha>=2"'))
    done = added.make("add", "PKG=beta")
    assert done.returncode == 0, done.stderr
    assert "note: beta 1.2 is locked, not 2.0.1: another package needs the older one" in done.stdout
    assert '"beta>=1.2",' in added.project.read_text()


def test_several_packages_keep_their_extras_and_versions() -> None:
    """Only a package without versions gets a bound; names are compared without case, - and _."""
    assert add.bounded(Requirement("dask[distributed]"), "2026.8.0") == "dask[distributed]>=2026.8.0"
    assert add.bounded(Requirement("s3fs>=2026"), "2026.9.0") == "s3fs>=2026"
    assert add.bounded(Requirement("torch"), "2.9.1+cpu") == "torch>=2.9.1"
    assert add.missing([Requirement("Gamma"), Requirement("x"), Requirement("X")], PROJECT) == [Requirement("X")]


def test_a_package_that_is_locked_already_is_not_added(capsys: pytest.CaptureFixture[str]) -> None:
    """So nothing is built again; other versions or extras than the locked ones are another wish."""
    lock = "beta==1.2 \\\n    --hash=sha256:00\n"
    assert add.missing([Requirement("Beta")], PROJECT, lock) == []
    assert capsys.readouterr().out == "Beta: already in the lock, as beta 1.2; nothing to add\n"
    others = [Requirement("beta>=2"), Requirement("beta[fast]")]
    assert [add.missing([other], PROJECT, lock) for other in others] == [[other] for other in others]


def test_a_list_on_one_line_is_left_to_the_user() -> None:
    """Nothing is guessed about a file that looks otherwise."""
    with pytest.raises(UserError, match="not one package a line"):
        add.inserted('[project]\ndependencies = ["a", "b"]\n', ["c"])
