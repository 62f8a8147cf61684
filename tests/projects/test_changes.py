"""What `make update` does with a file of the template that has changed, whatever the user has done to the project's."""

import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

OLD = "name: ci\non: push\njobs:\n  test:\n    steps:\n      - run: make all\n      - run: make up\n"
NEW = OLD.replace("on: push", "on: [push]")
FILE = ".github/workflows/ci.yml"
COMMAND = 'die() { echo "error: $*" >&2; exit 2; }; set -euo pipefail; . "$0"; bring_changes "$1" "$2" v1 v2'


class Folders:
    """A project, and the folders with the files of two versions of the template."""

    def __init__(self, path: Path) -> None:
        """Make them, empty."""
        self.old, self.new, self.project = (path / name for name in ("old", "new", "project"))
        for folder in (self.old, self.new, self.project):
            folder.mkdir()

    def fill(self, old: str | None, yours: str | None, new: str | None, name: str = FILE) -> Path:
        """Write a file of the template and of the project, and return the project's."""
        for folder, text in ((self.old, old), (self.project, yours), (self.new, new)):
            if text is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(text.encode())
        return self.project / name

    def bring(self, code: int = 0) -> list[str]:
        """Bring the changes over, and return what is said."""
        words = ["bash", "-c", COMMAND, str(ROOT / "docker/host/changes.sh"), str(self.old), str(self.new)]
        done = subprocess.run(words, cwd=self.project, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        return (done.stdout + done.stderr).splitlines()


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A project without files."""
    return Folders(tmp_path)


BACKUP = "      - run: make backup\n"
OWN = OLD + BACKUP
STAYS = "(it stays deleted; it has changed from v1 to v2)"
BINARY = "\0" + OWN


@pytest.mark.parametrize(
    ("versions", "result", "line"),
    [
        pytest.param((OLD, OLD, NEW), NEW, f"updated {FILE}", id="unchanged"),
        pytest.param((OLD, OWN, OLD), OWN, None, id="only yours has changed"),
        pytest.param((OLD, OWN, NEW), NEW + BACKUP, f"merged {FILE}", id="both, elsewhere"),
        pytest.param((OLD, NEW, NEW), NEW, f"same {FILE}", id="both, in the same way"),
        pytest.param((OLD, None, NEW), None, f"deleted {FILE} {STAYS}", id="gone"),
        pytest.param((OLD, None, None), None, None, id="gone on both sides"),
        pytest.param((None, None, NEW), NEW, f"added {FILE}", id="new"),
        pytest.param((None, OWN, NEW), OWN, f"kept {FILE} (yours)", id="new, of a name that you have"),
        pytest.param((None, NEW, NEW), NEW, f"same {FILE}", id="new, and you have it"),
        pytest.param((OLD, OLD, None), None, f"removed {FILE} (not in v2)", id="no longer there"),
        pytest.param((OLD, OWN, None), OWN, f"kept {FILE} (yours has changes; not in v2)", id="only yours is there"),
        pytest.param((OLD, BINARY, NEW), BINARY, f"kept {FILE} (git cannot merge it with v2)", id="binary"),
    ],
)
def test_a_file_is_brought_over_and_yours_stays(
    folders: Folders, versions: tuple[str | None, str | None, str | None], result: str | None, line: str | None
) -> None:
    """What the template changed is there, what the user changed is there, and one line says which file it was."""
    path = folders.fill(*versions)
    assert folders.bring() == ([line] if line else [])
    assert (path.read_text() if path.exists() else None) == result
    assert {each for each in folders.project.rglob("*") if each.is_file()} == ({path} if result else set())


def test_a_conflict_has_the_lines_of_both(folders: Folders) -> None:
    """Between the markers of git, with the names of the versions."""
    path = folders.fill(OLD, OLD.replace("on: push", "on: pull_request"), NEW)
    assert folders.bring() == [f"conflict {FILE} (at each <<<<<<< yours, choose what stays)"]
    conflict = "<<<<<<< yours\non: pull_request\n=======\non: [push]\n>>>>>>> v2\n"
    assert path.read_text() == OLD.replace("on: push\n", conflict)


@pytest.mark.parametrize("own", ["", BACKUP], ids=["unchanged", "merged"])
def test_ends_of_lines_and_mode_stay(folders: Folders, own: str) -> None:
    """Git on Windows may write CRLF, and a user may make a file executable."""
    path = folders.fill(OLD, (OLD + own).replace("\n", "\r\n"), NEW)
    path.chmod(0o755)
    assert folders.bring() == [f"{'merged' if own else 'updated'} {FILE}"]
    assert path.read_bytes().decode() == (NEW + own).replace("\n", "\r\n")
    assert path.stat().st_mode & 0o111


@pytest.mark.parametrize("place", [FILE, ".github/workflows", ".github"])
def test_nothing_is_written_through_a_symbolic_link(folders: Folders, tmp_path: Path, place: str) -> None:
    """What it points to may be another project's."""
    path = folders.fill(OLD, OLD, NEW)
    linked = folders.project / place
    linked.rename(tmp_path / "elsewhere")
    linked.symlink_to(tmp_path / "elsewhere")
    assert folders.bring() == [f"kept {FILE} (yours is not a plain file)"]
    assert linked.is_symlink()
    assert path.read_text() == OLD


@pytest.mark.parametrize("place", [FILE, ".github"])
def test_a_folder_or_a_file_in_the_way_stays(folders: Folders, place: str) -> None:
    """A folder of the name of a file, or a file of the name of its folder."""
    folders.fill(None, None, NEW)
    (folders.project / place).parent.mkdir(exist_ok=True, parents=True)
    (folders.project / place).mkdir() if place == FILE else (folders.project / place).touch()
    assert folders.bring() == [f"kept {FILE} (yours is not a plain file)"]


@pytest.mark.parametrize(
    ("yours", "result", "word"),
    [
        ("/build/\n/old/\n", "/build/\n/new/\n", "updated"),
        ("/secret/\n/old/\n/build/", "/secret/\n/build/\n/new/\n", "updated"),
        ("/secret/\r\n/old/\r\n", "/secret/\r\n/new/\r\n", "updated"),
        ("", "/new/\n", "updated"),
        ("/new/\n\n# own\n", "/new/\n\n# own\n", "same"),
    ],
    ids=["unchanged", "own lines, no end", "crlf", "all removed", "there already"],
)
def test_lines_of_gitignore_come_and_go_among_yours(folders: Folders, yours: str, result: str, word: str) -> None:
    """A line that the user removed stays removed; their own stay, in their order."""
    path = folders.fill("/build/\n/old/\n", yours, "/build/\n/new/\n", ".gitignore")
    assert folders.bring() == [f"{word} .gitignore"]
    assert path.read_bytes().decode() == result


def test_a_file_that_cannot_be_written_is_one_line(folders: Folders) -> None:
    """It has what it had."""
    path = folders.fill(OLD, OLD, NEW)
    Path(f"{path}.part").mkdir()
    assert folders.bring(2) == [f"error: {FILE} cannot be written check the space and the permissions of its folder"]
    assert path.read_text() == OLD
