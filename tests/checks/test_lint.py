"""lint: the lock and pyproject.toml agree, the user's code keeps its own style, and problems are named."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelmake.checks import lint
from tests.conftest import ROOT, Outcome, Project

PROJECT = '[project]\ndependencies = ["alpha>=1"]\n[dependency-groups]\ndev = ["beta"]\n'
MINE = """\
import sys, os
from sklearn.tree import DecisionTreeClassifier
import json

def Make(depth = 3, X=None, *unused):
  result=DecisionTreeClassifier( max_depth=depth )
  if depth==1: return result
  else:
    for i in range(0,depth):
        try:
            print( i,os.name, sys.path,json.dumps( {} ) ); x = list([1,2])
            assert x
        except Exception: pass
  return result

class shouting_model( DecisionTreeClassifier ):
  password = 'secret'
  def FIT( self, X, y ) :
        lambda_ = lambda a: a + 1
        return self.fit(X, [lambda_( v ) for v in y])
"""
LOCK = """\
alpha==1.2 \\
    --hash=sha256:00
    # via modelmake (pyproject.toml)
beta==3.0 ; sys_platform != 'win32' \\
    --hash=sha256:00
    # via
    #   modelmake (pyproject.toml:dev)
    #   alpha
gamma==1.0 \\
    --hash=sha256:00
    # via alpha
"""


def test_the_shipped_lock_agrees() -> None:
    """Each dependency is locked, with a hash and without a download address."""
    lock = (ROOT / "docker/requirements.txt").read_text()
    assert list(lint.disagreements((ROOT / "pyproject.toml").read_text(), lock)) == []
    assert "://" not in lock
    assert lock.count("--hash=") > lock.count("==")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"beta"', '"beta", "delta"', "delta is in pyproject.toml but not locked"),
        ("alpha>=1", "alpha>=2", "alpha>=2 is in pyproject.toml but 1.2 is locked"),
        ('["beta"]', "[]", "beta is locked but not in pyproject.toml"),
        ('["beta"]', '["beta", "gamma"]', "gamma is in pyproject.toml but not locked"),
    ],
)
def test_a_disagreement_is_named(old: str, new: str, expected: str) -> None:
    """A dependency added, raised or dropped without `make lock` is seen."""
    assert list(lint.disagreements(PROJECT, LOCK)) == []
    assert list(lint.disagreements(PROJECT.replace(old, new), LOCK)) == [expected]


def test_a_linter_with_a_problem_is_named(
    project: Project, error_line: Callable[[Outcome, int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its output is shown, the exit code is 2, and there is no receipt."""
    Path("pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    Path("bad.py").write_text("import os\n")
    monkeypatch.setattr(lint, "commands", lambda: {"ruff check": ["ruff", "check", "--no-cache", "bad.py"]})
    outcome = project.stage("lint")
    assert "F401" in outcome.out
    assert "problems in: ruff check" in error_line(outcome, 2)
    assert project.receipts == set()


@pytest.fixture
def users(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with modules and a test of the user's, also where modelmake has its own."""
    monkeypatch.setenv("MODELMAKE_PRODUCT", ".modelmake")
    monkeypatch.setenv("MODELMAKE_LOCK", ".modelmake/docker/requirements.txt")
    for name in ("docker", "pyproject.toml"):
        Path(".modelmake").mkdir(exist_ok=True)
        Path(".modelmake", name).symlink_to(ROOT / name)
    for path in ("mine.py", "scripts/mine.py", "core/config.py", "tests/test_mine.py"):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(MINE)
    return project


def test_the_users_style_is_the_users(users: Project) -> None:
    """No docstrings, no annotations, unsorted imports and odd formatting leave lint green."""
    outcome = users.stage("lint")
    assert outcome.code == 0, outcome.out
    assert users.receipts == {"lint"}


@pytest.mark.parametrize("path", ["mine.py", "tests/test_mine.py"])
@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("print(undefined)", "F821"),
        ("import re", "F401"),
        ("def f(): unread = 1", "F841"),
        ("def f(x=[]): return x", "B006"),
    ],
)
def test_a_bug_of_the_users_is_found(
    users: Project, error_line: Callable[[Outcome, int], str], path: str, line: str, rule: str
) -> None:
    """An undefined name, an unused import or variable, or a mutable default makes lint red."""
    Path(path).write_text(f"{MINE}\n{line}\n")
    outcome = users.stage("lint")
    assert rule in outcome.out
    assert "problems in: ruff check" in error_line(outcome, 2)


def test_rules_of_the_project_replace_ours(users: Project, error_line: Callable[[Outcome, int], str]) -> None:
    """[tool.ruff] in its pyproject.toml, or a ruff.toml."""
    Path("pyproject.toml").write_text('[tool.ruff.lint]\nselect = ["D100"]\n')
    outcome = users.stage("lint")
    assert "D100" in outcome.out
    assert "problems in: ruff check" in error_line(outcome, 2)


def test_our_own_code_keeps_every_rule(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same text is refused by the linter and by the formatter in modelmake itself."""
    Path("pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    Path("scripts").mkdir()
    Path("scripts/mine.py").write_text(MINE)
    ruff = [command for name, command in lint.commands().items() if name.startswith("ruff")]
    assert [lint.run("ruff", command).problems == "" for command in ruff] == [False, False]


def test_every_path_of_the_linters_exists(monkeypatch: pytest.MonkeyPatch) -> None:
    """A linter that names a file that has moved would check nothing."""
    monkeypatch.chdir(ROOT)
    words = {word for command in lint.commands().values() for word in command[1:]}
    paths = {word for word in words if ("/" in word or word in ("scripts", "docker")) and not word.startswith("-")}
    assert {path for path in paths if not Path(path).exists()} == set()
    shell = {str(path) for path in Path("docker").rglob("*.sh")} | {"docker/shell", "docker/image/Dockerfile"}
    assert shell <= words


def test_a_workflow_is_checked_beyond_its_schema(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output of a step that does not exist is valid YAML of a valid form; GitHub takes it as an empty text."""
    workflows = tmp_path / ".github/workflows"
    workflows.mkdir(parents=True)
    (tmp_path / ".github/zizmor.yml").touch()
    step = "runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ steps.gone.outputs.id }}\n"
    (workflows / "a.yml").write_text(f"on: push\njobs:\n  a:\n    {step}")
    monkeypatch.chdir(tmp_path)
    commands = lint.commands()
    assert lint.run("workflow schema", commands["workflow schema"]).problems == ""
    assert 'property "gone" is not defined' in lint.run("actionlint", commands["actionlint"]).problems
