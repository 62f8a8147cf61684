"""make add: packages from an index of the test's own, into pyproject.toml and the lock, or one line and no change."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from modelmake.checks import add, lint, manifest
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
WITH_OLD = (("alpha", "0.9", ()), ("epsilon", "1", ("alpha<1",)))


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

    def __init__(self, path: Path) -> None:
        """Keep the files that `make add` writes."""
        self.index = path / "simple"
        self.checkout = Checkout(path / "a check out")
        self.project, self.lock = self.checkout.path / "pyproject.toml", self.checkout.path / "docker/requirements.txt"

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run make with the index, and no proxy between."""
        return self.checkout.make(*words, UV_DEFAULT_INDEX=self.index.as_uri())


class Theirs(Added):
    """A project of a user, which has modelmake with that list of packages in its folder .modelmake."""

    def __init__(self, path: Path) -> None:
        """Put modelmake, with its lock, into the project."""
        super().__init__(path)
        for package in WITH_OLD:
            wheel(self.index, *package)
        project = path / "My Churn"
        project.mkdir()
        self.checkout.path.rename(project / ".modelmake")
        (project / "Makefile").write_text("include .modelmake/Makefile\n")
        self.product = project / ".modelmake/docker/requirements.txt"
        self.checkout = Checkout(project)
        self.project, self.lock, self.apt = (
            project / name for name in ("pyproject.toml", "requirements.txt", "apt.txt")
        )

    def files(self) -> dict[str, bytes]:
        """Return what is in the files that `make add` writes."""
        paths = (self.project, self.lock, self.apt, self.product, self.product.parents[1] / "pyproject.toml")
        return {str(path): path.read_bytes() for path in paths if path.exists()}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """Lock the short list, once."""
    if not shutil.which("uv"):
        pytest.skip("the image has no uv, which it would install from the index; these tests run on the host")
    path = tmp_path_factory.mktemp("locked")
    for package in PACKAGES:
        wheel(path / "simple", *package)
    made = Added(path)
    made.checkout.fill(empty_store)
    made.project.write_text(PROJECT)
    made.lock.write_text("")
    done = made.make("lock")
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def added(template: Path, tmp_path: Path) -> Added:
    """Return the checkout with its lock."""
    shutil.copytree(template, tmp_path / "copy")
    return Added(tmp_path / "copy")


@pytest.fixture
def theirs(template: Path, tmp_path: Path) -> Theirs:
    """Return the project without packages of its own."""
    shutil.copytree(template, tmp_path / "copy")
    return Theirs(tmp_path / "copy")


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


CREATED = """\
[project]
name = "my-churn"
version = "0"
requires-python = ">=3.11,<3.14"
dependencies = [
    "beta>=2.0.1",
]
"""


def test_a_project_has_its_packages_and_its_lock(theirs: Theirs) -> None:
    """Modelmake's lock and theirs in one resolution, without addresses; what modelmake has changes nothing."""
    before = theirs.files()
    done = theirs.make("add", "PKG=alpha")
    assert (done.returncode, theirs.files()) == (0, before), done.stderr
    assert "alpha: already in the lock, as alpha 1.0; nothing to add" in done.stdout

    done = theirs.make("add", "PKG=beta")
    assert done.returncode == 0, done.stderr
    assert "locked   beta 2.0.1\n" in done.stdout
    assert theirs.project.read_text().startswith(CREATED)
    lock, pins = theirs.lock.read_text(), theirs.product.read_text().splitlines()
    assert lock.startswith("# modelmake: the lock of this project, written by make lock ")
    assert {line for line in pins if "via" not in line and "#  " not in line} <= set(lock.splitlines())
    assert "    # via my-churn (pyproject.toml)" in lock
    assert "://" not in lock
    assert list(lint.disagreements(theirs.project.read_text(), lock)) == []
    assert before.items() <= theirs.files().items()
    done = theirs.make("lock")
    assert (done.returncode, theirs.lock.read_text()) == (0, lock), done.stderr
    assert done.stdout.splitlines()[-1] == "lock: no package changed"


@pytest.mark.parametrize(
    ("packages", "expected"),
    [
        ("alpha<1", "PKG=alpha<1: takes alpha 0.9, and modelmake needs alpha>=1; nothing has changed"),
        ("epsilon", "PKG=epsilon: takes alpha 0.9, and modelmake needs alpha>=1; nothing has changed"),
        ("betta", "PKG=betta: no package 'betta' in the index; nothing has changed (check the spelling)"),
    ],
)
def test_a_conflict_names_both_sides(theirs: Theirs, packages: str, expected: str) -> None:
    """The package itself, or what it needs; nothing is written, also from pyproject.toml by `make lock`."""
    before = theirs.files()
    done = theirs.make("add", f"PKG={packages}")
    assert (done.returncode, theirs.files()) == (2, before)
    assert f"error: {expected}" in done.stderr
    theirs.project.write_text(f'[project]\nname = "x"\ndependencies = ["{packages}"]\n')
    done = theirs.make("lock")
    assert (done.returncode, theirs.lock.exists()) == (2, False)
    assert f"error: {expected.replace(f'PKG={packages}', 'pyproject.toml')}" in done.stderr


def test_a_list_that_someone_wrote_is_not_replaced(theirs: Theirs) -> None:
    """One line says the way out."""
    theirs.lock.write_text("beta==1.2\n")
    for words in (("add", "PKG=beta"), ("lock",)):
        if words == ("lock",):
            theirs.project.write_text(CREATED)
        before = theirs.files()
        done = theirs.make(*words)
        assert (done.returncode, theirs.files()) == (2, before)
        assert (
            "error: requirements.txt: is not from make lock, which would replace it (move its packages" in done.stderr
        )


@pytest.mark.long
def test_a_lock_of_another_modelmake_is_refused_until_it_is_locked_again(theirs: Theirs) -> None:
    """Theirs stay at their versions, modelmake's are its new ones; UPGRADE=1 takes the newest of theirs alone."""
    assert theirs.make("add", "PKG=beta").returncode == 0
    for name in ("beta", "gamma", "gamma"):
        wheel(theirs.index, name, {"beta": "2.1", "gamma": "2.6"}[name])
    wheel(theirs.index, "gamma", "2.7")
    text = theirs.product.read_text()
    start, end = text.index("gamma"), text.index("    # via", text.index("gamma"))
    theirs.product.write_text(f"{text[:start]}gamma==2.6 \\\n    --hash=sha256:{'0' * 64}\n{text[end:]}")
    behind = "requirements.txt: was made from another lock of modelmake than that in .modelmake (make lock)"
    for target in ("train", "lint", "shell", "add"):
        done = theirs.make(target)
        assert done.returncode == 2
        assert "▸" not in done.stdout
        assert behind in done.stderr
    assert f"miss lock      {behind}" in theirs.make("doctor").stdout
    done = theirs.make("lock")
    assert done.returncode == 0, done.stderr
    assert "changed  gamma 2.5 → 2.6\n" in done.stdout
    assert "beta" not in done.stdout
    assert behind not in theirs.make("doctor").stdout + theirs.make("train").stderr
    assert "changed  beta 2.0.1 → 2.1\n" in theirs.make("lock", "UPGRADE=1").stdout
    assert "gamma==2.6" in theirs.lock.read_text()


def test_without_packages_of_its_own_a_project_has_the_lock_of_modelmake(theirs: Theirs) -> None:
    """Also after the last one was taken out of pyproject.toml."""
    done = theirs.make("lock")
    assert "pyproject.toml names no packages, so modelmake's lock counts" in done.stdout, done
    assert theirs.make("add", "PKG=beta").returncode == 0
    theirs.project.write_text("[tool.ruff]\nline-length = 99\n")
    assert list(lint.disagreements(theirs.project.read_text(), theirs.lock.read_text())) == [
        "beta is locked but not in pyproject.toml"
    ]
    done = theirs.make("lock")
    assert done.stdout.splitlines()[-1] == "removed  requirements.txt"
    assert not theirs.lock.exists()


def test_system_packages_are_lines_of_a_file(theirs: Theirs) -> None:
    """Each is there once; what is not a name is refused, and doctor names what this machine does not have."""
    theirs.apt.write_text("# for the plots\ngraphviz # dot")
    done = theirs.make("add", "APT=tree graphviz")
    assert done.returncode == 0, done.stderr
    assert "graphviz: already in apt.txt\nadded    tree to apt.txt\n" in done.stdout
    assert theirs.apt.read_text() == "# for the plots\ngraphviz # dot\ntree\n"
    before = theirs.files()
    for word in ("foo; rm", "-o", "tree-", "Tree", "a=1", "$(id)"):
        done = theirs.make("add", f"APT=libx1 {word}".replace("$", "$$"))
        assert (done.returncode, theirs.files()) == (2, before), word
        assert "is not the name of a Debian package (write names, such as libgomp1)" in done.stderr
    theirs.apt.write_text("bash\nno-such-package-here\n")
    line = next(line for line in theirs.make("doctor").stdout.splitlines() if "apt.txt" in line)
    if shutil.which("dpkg-query"):
        assert line == "miss apt.txt   RUNNER=host needs: apt-get install no-such-package-here"
    else:
        assert "no dpkg here" in line
    theirs.apt.write_text("bash;\n")
    assert "miss apt.txt   'bash;' is not the name" in theirs.make("doctor").stdout


def test_doctor_without_dpkg_says_that_it_cannot_look(theirs: Theirs, tmp_path: Path) -> None:
    """As on a Mac."""
    theirs.apt.write_text("bash\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("make", "bash", "sh", "awk", "env", "sed", "git", "cut", "grep", "cat", "dirname", "df", "head"):
        (programs / name).symlink_to(str(shutil.which(name)))
    assert "info apt.txt   no dpkg here" in theirs.checkout.make("doctor", PATH=str(programs)).stdout


def test_modelmake_itself_has_no_list_of_system_packages(added: Added) -> None:
    """Its Dockerfile names them."""
    done = added.make("add", "APT=tree")
    assert done.returncode == 2
    assert "error: APT=tree: modelmake has its system packages in docker/image/Dockerfile" in done.stderr
    assert not (added.checkout.path / "apt.txt").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[project]\nname = "a"\ndependencies = []\n', '[project]\nname = "a"\ndependencies = [\n    "c",\n]\n'),
        ('[project]\nname = "a"\n[x]\n', '[project]\ndependencies = [\n    "c",\n]\nname = "a"\n[x]\n'),
        (
            "[e.f]\ndependencies = [\n]\n[project]\ndependencies = [\n  'b' # last\n]\n",
            "[e.f]\ndependencies = [\n]\n[project]\ndependencies = [\n  'b', # last\n    \"c\",\n]\n",
        ),
    ],
)
def test_other_tables_stay_as_they_are(text: str, expected: str) -> None:
    """A list that is empty or missing becomes one of a line for each package."""
    assert manifest.inserted(text, ["c"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '[project]\ndependencies = ["a @ git+https://x/a"]\n',
            "pyproject.toml: 'a @ git+https://x/a': has an address",
        ),
        ('[project]\ndependencies = ["A"]\n[tool.uv.sources]\na = { path = "a" }\n', "'A': has an address"),
        ('[project]\ndependencies = ["a b"]\n', "pyproject.toml: 'a b': "),
        ('[dependency-groups]\ndev = [{ include-group = "x" }]\n', "pyproject.toml: dependency-groups: "),
        ("[project\n", "pyproject.toml: not TOML: "),
    ],
)
def test_a_line_that_the_lock_cannot_have_is_named(text: str, expected: str) -> None:
    """An address, a source beside the index, and what is not a requirement."""
    with pytest.raises(UserError) as raised:
        manifest.wanted(text)
    assert expected in str(raised.value)


def test_the_group_of_the_tests_is_locked_too() -> None:
    """With the groups that it includes, and no others."""
    groups = '[dependency-groups]\nx = ["c"]\ny = ["d"]\ndev = ["b", { include-group = "x" }]\n'
    assert manifest.wanted(f'[project]\ndependencies = ["a"]\n{groups}') == ["a", "b", "c"]


def test_a_list_on_one_line_is_left_to_the_user() -> None:
    """Nothing is guessed about a file that looks otherwise."""
    with pytest.raises(UserError, match="not one package a line"):
        manifest.inserted('[project]\ndependencies = ["a", "b"]\n', ["c"])
