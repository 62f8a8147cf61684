"""Tests of writing a file whole or not at all."""

from pathlib import Path

import pytest

from modelmake.core import files
from modelmake.core.errors import UserError


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    """Until then the old content is there; afterwards nothing else is in the folder."""
    path = tmp_path / "folder/file.csv.gz"
    files.write(path, "old")
    with files.whole(path) as aside:
        aside.write_text("new")
        assert (aside.name, path.read_text()) == (path.name, "old")
    assert [(one, one.read_text()) for one in path.parent.iterdir()] == [(path, "new")]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_block_that_fails_changes_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    """The file stays as it was, and the part is removed."""
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(error), files.whole(path) as aside:  # noqa: PT012
        aside.write_text("half")
        raise error
    assert [(one, one.read_text()) for one in tmp_path.iterdir()] == [(path, "old")]


def test_a_block_that_leaves_nothing_changes_nothing(tmp_path: Path) -> None:
    """A caller may find that the new content is the old one."""
    path = tmp_path / "file"
    path.write_text("old")
    with files.whole(path) as aside:
        aside.write_text("new")
        aside.unlink()
    assert path.read_text() == "old"


@pytest.mark.parametrize("before", ["nothing", "a folder", "a file"])
def test_a_folder_is_written_whole_too(tmp_path: Path, before: str) -> None:
    """It replaces what has its name."""
    path = tmp_path / "model"
    if before == "a folder":
        files.write(path / "old", b"old")
    if before == "a file":
        path.touch()
    with files.whole(path) as aside:
        files.write(aside / "new", b"new")
    assert [one.relative_to(tmp_path).as_posix() for one in tmp_path.rglob("*")] == ["model", "model/new"]


def test_a_file_does_not_replace_a_folder(tmp_path: Path) -> None:
    """A folder of the user's is not removed because a file was to have its name."""
    files.write(tmp_path / "folder/precious", "kept")
    with pytest.raises(UserError, match="folder: cannot be written: Is a directory"), files.writing("folder"):
        files.write(tmp_path / "folder", "")
    assert (tmp_path / "folder/precious").read_text() == "kept"


def test_an_error_names_the_folder_that_the_user_knows(tmp_path: Path) -> None:
    """Nobody knows the folder in which a file waits."""
    with (
        pytest.raises(UserError, match=r"/data: cannot be written: File name too long \(check"),
        files.writing(tmp_path / "data" / f"{files.PART}1234"),
    ):
        files.write(tmp_path / ("x" * 256), "")
