"""`make update` in a project with a real submodule: to a newer version of modelmake, and back."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import EXAMPLE, ROOT, Once
from tests.support.checkout import Checkout

IDENTITY = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
PROMOTE, WATCH, NIGHTLY = (f".github/workflows/{name}.yml" for name in ("promote", "watch", "nightly"))


def git(path: Path, *words: str) -> str:
    """Run git in a folder, and return what it prints."""
    command = ["git", "-C", str(path), *IDENTITY, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip()


def commit(path: Path, tag: str = "") -> None:
    """Commit all files of a repository, and name the commit."""
    git(path, "add", "-A")
    git(path, "commit", "-qm", tag or "Change")
    if tag:
        git(path, "tag", tag)


def edit(path: Path, old: str, new: str) -> None:
    """Replace text in a file; it must be there."""
    text = path.read_bytes().decode()
    assert old in text
    path.write_bytes(text.replace(old, new, 1).encode())


def versions(origin: Path) -> None:
    """Make a repository with this modelmake as v0.9.0, and with a v0.10.0 that has another template."""
    shutil.copytree(EXAMPLE, origin)
    for name in ("docker", ".github"):
        shutil.copytree(ROOT / name, origin / name)
    for name in ("Makefile", "pyproject.toml", ".actrc", ".gitignore", ".gitattributes"):
        shutil.copy(ROOT / name, origin)
    (origin / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n\n## [0.9.0]\n\n- The first.\n")
    git(origin, "init", "-q", "-b", "main")
    git(origin, "commit", "-qm", "Start", "--allow-empty")
    git(origin, "tag", "v0.8.0")
    commit(origin, "v0.9.0")
    edit(origin / PROMOTE, "name: promote", "name: promotion")
    shutil.copy(origin / WATCH, origin / NIGHTLY)
    edit(origin / "docker/host/template.sh", "promote watch;", "promote nightly;")
    edit(origin / "docker/project/gitignore", "/backups/", "/kept/")
    edit(origin / "docker/project/Makefile", "lists the targets", "shows the targets")
    edit(origin / "docker/requirements.txt", "mlflow==", "mlflow==9")
    edit(origin / "CHANGELOG.md", "## [0.9.0]", "## [0.10.0]\n\n### Added\n\n- A nightly run.\n\n## [0.9.0]")
    commit(origin, "v0.10.0")
    git(origin, "tag", "v1.0.0-rc.1")
    edit(origin / "CHANGELOG.md", "## [Unreleased]\n", "## [Unreleased]\n\n- Not released.\n")
    commit(origin)


class Project(Checkout):
    """A user's repository, with modelmake at v0.9.0."""

    def update(self, *words: str, code: int = 0) -> str:
        """Run `make update`, and return what it prints; it has committed and staged nothing."""
        before = git(self.path, "rev-parse", "HEAD"), git(self.path, "diff", "--cached")
        done = self.make("update", *words)
        assert done.returncode == code, done.stdout + done.stderr
        assert (git(self.path, "rev-parse", "HEAD"), git(self.path, "diff", "--cached")) == before
        return done.stdout if code == 0 else done.stdout + done.stderr

    @property
    def version(self) -> str:
        """The version of modelmake that is there."""
        return git(self.path / ".modelmake", "describe", "--tags")

    @property
    def changed(self) -> set[str]:
        """The files that differ from the last commit, and those that are new."""
        return {line[3:] for line in git(self.path, "status", "--porcelain", "-uall").splitlines()}

    @property
    def files(self) -> dict[Path, bytes]:
        """The files of the project, with those of modelmake, by path."""
        paths = [path for path in self.path.rglob("*") if path.is_file() and ".git" not in path.parts]
        return {path: path.read_bytes() for path in paths}

    def text(self, file: str) -> str:
        """Return the text of a file."""
        return (self.path / file).read_text()


@pytest.fixture
def origin(once: Once) -> Path:
    """The repository of modelmake."""
    return once("modelmake", versions)


@pytest.fixture
def project(once: Once, origin: Path, tmp_path: Path) -> Project:
    """A committed project that `make init` has made from a clone of v0.9.0."""

    def make(folder: Path) -> None:
        folder.mkdir()
        git(folder, "clone", "-q", str(origin), "product")
        git(folder / "product", "checkout", "-q", "v0.9.0")
        done = Checkout(folder / "product").make("init", f"TO={folder}/churn")
        assert done.returncode == 0, done.stderr
        commit(folder / "churn")

    template = once("update", make)
    shutil.copytree(template / "churn", tmp_path / "a project", symlinks=True)
    return Project(tmp_path / "a project")


@pytest.mark.long
def test_there_and_back(project: Project) -> None:
    """The newest version by SemVer, whose changes are shown and brought over; back, and each file is as it was."""
    before = project.files
    printed = project.update()
    assert project.version == "v0.10.0"
    assert [line.split(" (")[0] for line in printed.splitlines() if line] == [
        "▸ update · modelmake v0.9.0 → v0.10.0",
        "  ## [0.10.0]",
        "  ### Added",
        "  - A nightly run.",
        "added     .github/workflows/nightly.yml",
        "updated   .github/workflows/promote.yml",
        "removed   .github/workflows/watch.yml",
        "updated   .gitignore",
        "updated   Makefile",
        next(line for line in printed.splitlines() if line.startswith("state     MLflow ")).split(" (")[0],
        "next      make all, git diff, git add -A && git commit",
    ]
    assert "name: promotion\n" in project.text(PROMOTE)
    assert "./.modelmake/.github/actions/" in project.text(NIGHTLY)
    assert project.changed == {".modelmake", PROMOTE, WATCH, NIGHTLY, ".gitignore", "Makefile"}
    assert project.update() == "update: .modelmake is at v0.10.0 already\n"
    project.update("TO=v0.9.0")
    assert project.changed == set()
    assert project.files == before


@pytest.mark.long
def test_ten_kinds_of_changes_of_a_user_survive(project: Project) -> None:
    """Through an update and back, committed, staged or neither; what git cannot merge has the lines of both."""
    path = project.path
    own = "# own\n"
    edit(path / PROMOTE, "name: promote\n", "name: release\n")  # the same line
    (path / NIGHTLY).write_text(own)  # a workflow of the name of a new one
    (path / ".github/workflows/own.yml").write_text(own)
    edit(path / WATCH, "name: watch\n", "name: watch\n" + own)  # no longer in the template
    (path / ".github/workflows/pipeline.yml").rename(path / ".github/workflows/train.yml")
    (path / "Makefile").write_text(project.text("Makefile").replace("\n", "\r\n") + "own:\r\n\techo own\r\n")
    (path / "Makefile").chmod(0o755)
    edit(path / ".gitignore", "/build/\n", "/build/\n/own/\n")
    (path / ".actrc").rename(path / "actrc")
    (path / ".actrc").symlink_to("actrc")
    (path / "README.md").unlink()
    commit(path)
    (path / "staged.txt").write_text(own)
    git(path, "add", "staged.txt")
    (path / "unstaged.txt").write_text(own)
    edit(path / "Makefile", "echo own", "echo mine")  # after its commit

    printed = project.update(code=2)
    lines = {" ".join(line.split()[:2]) for line in printed.splitlines() if ".github/" in line or "Makefile" in line}
    assert lines >= {f"conflict {PROMOTE}", f"kept {NIGHTLY}", f"kept {WATCH}", "merged Makefile"}
    assert f"error: {PROMOTE}: has conflict markers (choose what stays, then make all, " in printed
    assert "<<<<<<< yours\nname: release\n=======\nname: promotion\n>>>>>>> v0.10.0\n" in project.text(PROMOTE)
    assert project.text(NIGHTLY) == project.text(".github/workflows/own.yml") == own
    assert own in project.text(WATCH)
    assert not (path / ".github/workflows/pipeline.yml").exists()
    assert b"shows the targets" in (path / "Makefile").read_bytes()
    assert (path / "Makefile").read_bytes().endswith(b"own:\r\n\techo mine\r\n")
    assert (path / "Makefile").stat().st_mode & 0o111
    ignored = project.text(".gitignore").splitlines()
    assert {"/own/", "/kept/"} <= set(ignored)
    assert "/backups/" not in ignored
    assert (path / ".actrc").is_symlink()
    assert project.changed == {".modelmake", PROMOTE, ".gitignore", "Makefile", "staged.txt", "unstaged.txt"}

    before = project.files
    assert f"error: {PROMOTE}: has conflict markers" in project.update("TO=v0.9.0", code=2)
    assert project.files == before
    text = project.text(PROMOTE).replace("<<<<<<< yours\nname: release\n=======\n", "")
    (path / PROMOTE).write_text(text.replace(">>>>>>> v0.10.0\n", ""))
    assert f"updated   {PROMOTE}\n" in project.update("TO=v0.9.0")
    assert "\nname: promote\n" in project.text(PROMOTE)
    assert project.changed == {PROMOTE, ".gitignore", "Makefile", "staged.txt", "unstaged.txt"}
    assert (path / "Makefile").read_bytes().endswith(b"own:\r\n\techo mine\r\n")
    assert b"lists the targets" in (path / "Makefile").read_bytes()
    assert {"/own/", "/backups/"} <= set(project.text(".gitignore").splitlines())


def hidden(project: Project) -> None:
    """Let the origin of modelmake be nowhere."""
    git(project.path / ".modelmake", "remote", "set-url", "origin", str(project.path / "nowhere"))


def plain(project: Project) -> None:
    """Leave only the files of modelmake."""
    (project.path / ".modelmake/.git").unlink()


def edited(project: Project) -> None:
    """Change a file of modelmake."""
    edit(project.path / ".modelmake/Makefile", "help:", "help :")


def linked(project: Project) -> None:
    """Let modelmake be elsewhere."""
    (project.path / ".modelmake").rename(project.path / "elsewhere")
    (project.path / ".modelmake").symlink_to("elsewhere")


def unmerged(project: Project) -> None:
    """Stop in a merge."""
    git(project.path, "checkout", "-qb", "other")
    for branch, text in (("other", "1\n"), ("main", "2\n")):
        git(project.path, "checkout", "-q", branch)
        (project.path / "README.md").write_text(text)
        commit(project.path)
    subprocess.run(["git", *IDENTITY, "merge", "-q", "other"], cwd=project.path, capture_output=True, check=False)


def unchanged(_: Project) -> None:
    """Leave all as it is."""


@pytest.mark.parametrize(
    ("change", "words", "line"),
    [
        (hidden, [], "error: the origin of .modelmake: '{path}/nowhere' does not appear to be a git repository (TO="),
        (hidden, ["TO=v9"], "error: the origin of .modelmake: '{path}/nowhere' does not appear to be a git repository"),
        (unchanged, ["TO=v9"], "error: TO=v9: no such version of modelmake (one of: v1.0.0-rc.1 v0.10.0 v0.9.0 "),
        (unchanged, ["TO=v0.8.0"], "error: TO=v0.8.0: has no template for projects that make update knows (choose a"),
        (unchanged, ["TO=--help"], "error: TO=--help: no such version of modelmake (one of: "),
        (edited, [], "error: .modelmake: has uncommitted changes: Makefile (git -C .modelmake stash -u, or commit"),
        (
            plain,
            [],
            "error: .modelmake: is a plain copy, without the history of modelmake (see .modelmake/docs/howto/up",
        ),
        (linked, [], "error: .modelmake: is a symbolic link (update the clone that it points to: git pull)"),
        (unmerged, [], "error: README.md: is not merged (resolve it, git add it, then make update again)"),
    ],
    ids=["no origin", "no origin, unknown", "unknown", "too old", "option", "dirty", "plain", "link", "unmerged"],
)
@pytest.mark.long
def test_what_cannot_be_updated_stays_as_it_is(
    project: Project, change: Callable[[Project], None], words: list[str], line: str
) -> None:
    """One line says why, with what to do."""
    change(project)
    before = project.files
    printed = project.update(*words, code=2)
    [error] = [each for each in printed.splitlines() if each.startswith("error: ")]
    assert error.startswith(line.format(path=project.path))
    assert project.files == before


@pytest.mark.long
def test_without_git_there_is_one_line(project: Project, tmp_path: Path) -> None:
    """On a PATH that has all the rest."""
    for tool in ("make", "bash", "sh", "awk", "env", "cat", "sed", "grep", "dirname", "tr", "cut", "sort"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    done = project.make("update", PATH=str(tmp_path))
    assert done.returncode == 2
    assert "error: git: is not installed (install it)" in done.stderr.splitlines()


@pytest.mark.long
def test_a_version_that_is_here_needs_no_network(project: Project) -> None:
    """A tag, or a commit; the default, the newest version, asks the origin."""
    git(project.path / ".modelmake", "fetch", "-q", "--tags")
    hidden(project)
    project.update("TO=v0.10.0")
    assert project.version == "v0.10.0"
    project.update(f"TO={git(project.path / '.modelmake', 'rev-parse', 'v0.9.0')[:9]}")
    assert project.version == "v0.9.0"


@pytest.mark.long
def test_a_branch_and_an_origin_without_versions(project: Project, origin: Path) -> None:
    """A branch is taken as the origin has it now; without a version the newest commit of its default branch is."""
    project.update("TO=main")
    head = git(origin, "rev-parse", "main")
    assert git(project.path / ".modelmake", "rev-parse", "HEAD") == head
    assert project.update().startswith("update: .modelmake is at v0.10.0-1-g")  # newer than the newest version
    project.update("TO=v0.9.0")
    bare = project.path.parent / "without versions"
    git(origin, "clone", "-q", "--bare", str(origin), str(bare))
    git(bare, "tag", "-d", "v0.8.0", "v0.9.0", "v0.10.0", "v1.0.0-rc.1")
    git(project.path / ".modelmake", "remote", "set-url", "origin", str(bare))
    project.update()
    assert git(project.path / ".modelmake", "rev-parse", "HEAD") == head


@pytest.mark.long
def test_an_update_that_breaks_off_can_be_repeated(project: Project) -> None:
    """Modelmake is at its old version again, and the next update does what is left."""
    obstacle = project.path / "Makefile.part"
    obstacle.mkdir()
    assert "error: Makefile: cannot be written (" in project.update(code=2)
    assert project.version == "v0.9.0"
    obstacle.rmdir()
    assert "updated   Makefile\n" in project.update()
    assert project.changed == {".modelmake", PROMOTE, WATCH, NIGHTLY, ".gitignore", "Makefile"}


@pytest.mark.long
def test_a_version_that_something_else_took_is_made_up_for(project: Project) -> None:
    """Dependabot moves the submodule alone; back and forth brings the template over."""
    git(project.path / ".modelmake", "checkout", "-q", "v0.10.0")
    assert project.update() == "update: .modelmake is at v0.10.0 already\n"
    project.update("TO=v0.9.0")
    assert project.changed == set()
    project.update()
    assert project.changed == {".modelmake", PROMOTE, WATCH, NIGHTLY, ".gitignore", "Makefile"}


@pytest.mark.long
def test_a_shallow_clone_is_updated(project: Project, origin: Path) -> None:
    """A workflow on GitHub has only the last commit."""
    modelmake = project.path / ".modelmake"
    shutil.rmtree(modelmake)
    git(project.path, "clone", "-q", "--depth", "1", "--branch", "v0.9.0", origin.as_uri(), str(modelmake))
    project.update()
    assert project.version == "v0.10.0"
    project.update("TO=v0.9.0")
    assert project.version == "v0.9.0"


@pytest.mark.long
def test_a_copy_of_the_whole_tree_becomes_a_project(tmp_path: Path, origin: Path) -> None:
    """By the lines of the how-to: what is the user's stays, with its history, and what was modelmake's is gone."""
    git(tmp_path, "clone", "-q", str(origin), "churn")
    path = tmp_path / "churn"
    for file in ("models/churn.py", "tests/test_churn.py", ".mlflow/mlflow.db"):
        (path / file).parent.mkdir(exist_ok=True)
        (path / file).write_text("# own\n")
    edit(path / PROMOTE, "timeout-minutes: 30", "timeout-minutes: 60")
    edit(path / "pipeline.toml", "seed", "# own\nseed")
    commit(path)
    pipeline = (path / "pipeline.toml").read_bytes()
    page = (ROOT / "docs/howto/upgrade.md").read_text()
    [lines] = re.findall("^## From a copy of the whole tree\n.*?```sh\n(.*?)```", page, re.M | re.S)
    script = lines.replace("<the address of modelmake>", str(origin))
    environment = Checkout(path).environment()
    done = subprocess.run(["sh", "-ec", script], cwd=path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "-    timeout-minutes: 60\n" in done.stdout
    assert {each.name for each in path.iterdir()} == {
        *(".git", ".gitmodules", ".modelmake", ".github", ".actrc", ".gitignore", ".gitattributes", ".mlflow"),
        *("Makefile", "README.md", "pipeline.toml", "data", "models", "tests"),
    }
    assert (path / "pipeline.toml").read_bytes() == pipeline
    assert (path / "models/churn.py").read_text() == (path / "tests/test_churn.py").read_text() == "# own\n"
    assert git(path, "status", "--porcelain", "--", "models/churn.py", "tests/test_churn.py", ".mlflow") == ""


@pytest.mark.long
def test_own_commits_and_an_own_lock(project: Project) -> None:
    """A commit that only this clone has stays as a branch, and a project with packages of its own locks them again."""
    (project.path / "requirements.txt").write_text("# modelmake: packages of this project\n")
    modelmake = project.path / ".modelmake"
    (modelmake / "own").touch()
    commit(modelmake)
    own = git(modelmake, "rev-parse", "HEAD")
    printed = project.update()
    assert f"it stays as the branch before-update-{own[:9]}\n" in printed
    assert git(modelmake, "rev-parse", f"before-update-{own[:9]}") == own
    assert "next      make lock, make all, " in printed


def test_modelmake_itself_is_pulled() -> None:
    """Its own checkout is no project."""
    done = Checkout(ROOT).make("update")
    assert done.returncode == 2
    assert "error: make update: is for a project; this folder is modelmake itself (git pull)\n" in done.stderr
