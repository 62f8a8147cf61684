"""`make init` and the two trees: a project of a user, with modelmake in its folder .modelmake."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.checkout import Checkout

FILES = {
    *(".actrc", ".gitattributes", ".gitignore", ".gitmodules", ".modelmake", "Makefile", "README.md", "pipeline.toml"),
    *(".github/dependabot.yml", "data/iris.csv", "models/__init__.py", "models/example.py", "tests/test_pipeline.py"),
    *(f".github/workflows/{name}.yml" for name in ("mlops-pipeline", "pipeline", "promote", "watch")),
}
# Git fetches from a path only where it is asked to, which a test is.
FROM_PATH = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always"}
WHO = ("-c", "user.name=Test", "-c", "user.email=test@localhost")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder and return what it printed."""
    command = ["git", "-C", str(folder), *WHO, *words]
    done = subprocess.run(command, env=os.environ | FROM_PATH, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout.strip()


def committed(folder: Path) -> None:
    """Commit all files of a folder, which may not be a repository yet."""
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Start")


class Project(Checkout):
    """A project of a user; its stages run bare, as in the image."""

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run make in the project."""
        return super().make(*words, **FROM_PATH, **environment)

    def listed(self) -> set[str]:
        """Return the files that git does not ignore; of .modelmake only the folder."""
        names = git(self.path, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
        return {".modelmake" if name.startswith(".modelmake/") else name for name in names}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository of modelmake, whose files are those of this checkout; it is removed, since it is large."""
    path = tmp_path_factory.mktemp("a product") / "modelmake"
    path.mkdir()
    for name in ("Makefile", "docker", "scripts", ".github", ".actrc", "pipeline.toml", "data", "compose.yaml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, path / name, ignore=shutil.ignore_patterns("__pycache__", "snapshots"))
        else:
            shutil.copy(source, path)
    (path / ".gitignore").write_text("/build/\n__pycache__/\n")
    committed(path)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def product(origin: Path, tmp_path: Path) -> Checkout:
    """A clone of modelmake, from which a user calls `make init`."""
    git(tmp_path, "clone", "-q", str(origin), "a clone")
    return Checkout(tmp_path / "a clone")


@pytest.fixture
def project(product: Checkout, tmp_path: Path) -> Project:
    """A new project, committed."""
    done = product.make("init", "TO=../my churn")
    assert done.returncode == 0, done.stderr
    committed(tmp_path / "my churn")
    return Project(tmp_path / "my churn")


def test_a_project_holds_what_is_the_users(project: Project, product: Checkout) -> None:
    """About a dozen files, and modelmake as a submodule at one commit of its origin."""
    assert project.listed() == FILES
    assert git(project.path, "status", "--porcelain") == ""
    head = git(product.path, "rev-parse", "HEAD")
    assert git(project.path, "ls-tree", "HEAD", ".modelmake").split()[:3] == ["160000", "commit", head]
    url = git(product.path, "remote", "get-url", "origin")
    assert git(project.path, "config", "-f", ".gitmodules", "submodule..modelmake.url") == url
    readme = (project.path / "README.md").read_text()
    assert readme.startswith("# my churn\n")
    assert "@" not in readme


def test_a_plain_clone_fetches_modelmake(project: Project, tmp_path: Path) -> None:
    """`git clone` and `make`, without a flag."""
    git(tmp_path, "clone", "-q", str(project.path), "a plain clone")
    clone = Project(tmp_path / "a plain clone")
    assert not (clone.path / ".modelmake/Makefile").exists()
    done = clone.make("help")
    assert "make TARGET" in done.stdout, done.stderr
    assert git(clone.path, "status", "--porcelain") == ""


def test_init_overwrites_nothing(product: Checkout, tmp_path: Path) -> None:
    """It says what it left alone, and a second time it leaves all alone."""
    path = tmp_path / "theirs"
    path.mkdir()
    (path / "Makefile").write_text("mine:\n\techo mine\n")
    (path / ".gitignore").write_text("*.log")
    committed(path)
    done = product.make("init", "TO=../theirs")
    assert done.returncode == 0, done.stderr
    assert "kept     Makefile\n" in done.stdout
    assert "your Makefile does not include modelmake" in done.stdout
    assert (path / "Makefile").read_text() == "mine:\n\techo mine\n"
    assert (path / ".gitignore").read_text().splitlines()[:2] == ["*.log", "/build/"]
    before = {name: (path / name).stat().st_mtime_ns for name in Project(path).listed()}
    again = product.make("init", "TO=../theirs")
    assert again.returncode == 0, again.stderr
    assert "wrote" not in again.stdout
    assert {name: (path / name).stat().st_mtime_ns for name in Project(path).listed()} == before


def test_without_an_origin_modelmake_is_a_copy(product: Checkout, tmp_path: Path) -> None:
    """Of the commit, whose name is in VERSION; an archive without a history is copied too."""
    git(product.path, "remote", "remove", "origin")
    assert product.make("init", "TO=../copied").returncode == 0
    head = git(product.path, "rev-parse", "HEAD")
    assert (tmp_path / "copied/.modelmake/VERSION").read_text().strip() == head
    assert not (tmp_path / "copied/.modelmake/.git").exists()
    shutil.rmtree(product.path / ".git")
    assert product.make("init", "TO=../unpacked").returncode == 0
    assert Project(tmp_path / "unpacked").make("help").returncode == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["init"], "TO: is not given (make init TO=../churn"),
        (["init", "TO=Makefile"], "TO=Makefile: is a file (name a folder)"),
        (["init", "TO=."], "TO=.: is modelmake itself (name another folder"),
        (["init", "TO=docker"], "TO=docker: is a part of the repository"),
        (["init", "TO=../new", "DATA=nothing.csv"], "DATA=nothing.csv: no such file or folder"),
        (["init", "TO=../new", "DATA=data/iris.csv"], "TARGET: is not given"),
    ],
)
def test_what_init_cannot_do_is_one_line(product: Checkout, words: list[str], expected: str) -> None:
    """Nothing is written."""
    done = product.make(*words)
    assert done.returncode == 2
    assert f"error: {expected}" in done.stderr
    assert git(product.path, "status", "--porcelain") == ""
    assert not (product.path.parent / "new").exists()


OWN = """
## Mine

hello: ## say hello
	@echo "$$MINE $$GREETING $(DEPTH) $(SHELL)"

plain:
	@echo plain
"""


def test_targets_of_the_project_stand_below(project: Project) -> None:
    """They are in the help, with the caller's shell and environment, and variables of their own; typos are named."""
    with (project.path / "Makefile").open("a") as file:
        file.write(
            '\n## Mine\n\nhello: ## say hello\n\t@echo "$$MINE $$GREETING $(DEPTH) $(SHELL)"\n\nplain:\n\t@echo plain\n'
        )
    assert "  hello               say hello\n" in project.make("help").stdout
    done = project.make("hello", "DEPTH=3", MINE="own", GREETING="hi")
    assert done.stdout.splitlines()[-1] == "own hi 3 /bin/sh", done
    assert project.make("plain").stdout.splitlines()[-1] == "plain"
    assert "make helo: no such target (did you mean hello?" in project.make("helo").stderr
    assert "DEPHT: not a variable of modelmake" not in project.make("help", "DEPHT=3").stderr
    assert "RUNER: not a variable of modelmake (did you mean RUNNER?" in project.make("hello", "RUNER=host").stderr


SHADOWS = {
    "scripts/modelmake/core/settings.py": "raise SystemExit('shadowed')\n",
    "docker/run.sh": "exit 1\n",
    "docs/index.md": "# Theirs\n",
    "core/__init__.py": "VALUE = 7\n",
    "config.py": "VALUE = 8\n",
    "tests/conftest.py": "import config\nimport pytest\n\n\n@pytest.fixture\ndef eight():\n    return config.VALUE\n",
    "tests/test_mine.py": "import core\n\n\ndef test_it(eight):\n    assert core.VALUE + eight == 15\n",
    "pyproject.toml": "[project]\nname = 'churn'\nversion = '0'\n[tool.pytest.ini_options]\naddopts = '-q'\n",
}


@pytest.mark.long
def test_names_of_the_user_disturb_nothing(project: Project) -> None:
    """Neither folders and modules that are called like ours, nor a pyproject.toml; and a model is trained."""
    for name, text in SHADOWS.items():
        (project.path / name).parent.mkdir(parents=True, exist_ok=True)
        (project.path / name).write_text(text)
    done = project.make("lint", "test", "train")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   pipeline.toml: 150 rows" in done.stdout
    assert "2 passed" in done.stdout
    provenance = project.receipt("train")["provenance"]
    assert provenance["modelmake.product.commit"] == git(project.path / ".modelmake", "rev-parse", "HEAD")
    assert (provenance["modelmake.product.dirty"], provenance["modelmake.git.dirty"]) == ("false", "true")
    assert project.why()["test"] == "up to date"
    with (project.path / ".modelmake/scripts/modelmake/model/train.py").open("a") as file:
        file.write("# changed\n")
    why = project.why()
    assert why["train"] == "would run: .modelmake/scripts/modelmake/model/train.py changed"
    assert why["test"] == "up to date"


@pytest.mark.long
def test_a_table_that_breaks_its_schema_fails_the_tests(project: Project) -> None:
    """Before pytest starts, and the key is named."""
    with (project.path / "pipeline.toml").open("a") as file:
        file.write("\n[data.schema.petal_width]\nmax = 1\n")
    done = project.make("test")
    assert done.returncode == 2
    assert (
        "pipeline.toml: data.schema" in done.stderr.replace(":", ": ").replace("  ", " ")
        or "data.schema" in done.stderr
    )


def checked_out(project: Project, ref: str, target: str) -> Path:
    """Return the folder that a replay of a commit would see."""
    path = project.path / target
    script = project.path / ".modelmake/docker/replay/checkout.sh"
    settings = project.environment() | FROM_PATH
    settings |= {"MODELMAKE_ROOT": str(project.path), "MODELMAKE_PRODUCT": ".modelmake"}
    done = subprocess.run([str(script), ref, str(path)], env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


def test_a_replay_has_the_modelmake_of_the_commit(project: Project, tmp_path: Path) -> None:
    """Of a submodule, of a folder that is a part of the project, of a symbolic link, and in a linked worktree."""
    replay = checked_out(project, "HEAD", "build/act")
    assert git(replay, "status", "--porcelain") == ""
    assert git(replay / ".modelmake", "rev-parse", "HEAD") == git(project.path / ".modelmake", "rev-parse", "HEAD")

    (project.path / ".modelmake/Makefile").write_text("# edited\n")
    assert (checked_out(project, "HEAD", "build/act") / ".modelmake/Makefile").read_text() != "# edited\n"
    assert (checked_out(project, "worktree", "build/act") / ".modelmake/Makefile").read_text() == "# edited\n"
    git(project.path / ".modelmake", "checkout", "-q", "Makefile")

    git(project.path, "worktree", "add", "-q", "-b", "branch", str(tmp_path / "a tree"))
    git(tmp_path / "a tree", "submodule", "--quiet", "update", "--init")
    replay = checked_out(Project(tmp_path / "a tree"), "HEAD", "build/act")
    assert (replay / ".modelmake/docker/shell").exists()

    real = tmp_path / "elsewhere"
    git(tmp_path, "clone", "-q", str(project.path / ".modelmake"), str(real))
    git(project.path, "rm", "-rqf", "--cached", ".modelmake")
    shutil.rmtree(project.path / ".modelmake")
    (project.path / ".modelmake").symlink_to(Path("../elsewhere"))
    committed(project.path)
    replay = checked_out(project, "HEAD", "build/act")
    assert not (replay / ".modelmake").is_symlink()
    assert (replay / ".modelmake/docker/shell").exists()
    assert project.make("help").returncode == 0

    (project.path / ".modelmake").unlink()
    shutil.copytree(real, project.path / ".modelmake", ignore=shutil.ignore_patterns(".git"))
    committed(project.path)
    replay = checked_out(project, "HEAD", "build/act")
    assert (replay / ".modelmake/docker/shell").exists()
    assert git(replay, "status", "--porcelain") == ""
