"""The cache of verified models: whole or not at all."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelmake.core.errors import UserError
from modelmake.serving.cache import KEPT, Cache
from modelmake.tracking.readers import Named
from tests.conftest import ROOT


def fetch(text: str = "model") -> object:
    return lambda folder: (folder / "file").write_text(text)


def named(number: int) -> Named:
    return Named("name", str(number), f"run-{number}", f"m-{number}")


def test_a_model_is_there_once_it_is_verified(tmp_path: Path) -> None:
    """While it is verified it is in another folder."""
    cache = Cache(tmp_path / "cache")

    def verify(folder: Path) -> str:
        assert cache.model("m-1") is None
        return (folder / "file").read_text()

    assert cache.add("m-1", fetch(), verify) == "model"
    assert (cache.model("m-1") / "file").read_text() == "model"


def test_a_model_that_is_refused_leaves_nothing(tmp_path: Path) -> None:
    """Neither at its place nor aside."""
    cache = Cache(tmp_path)

    def verify(_folder: Path) -> None:
        raise UserError("model", "is refused", "train it again")

    with pytest.raises(UserError, match="is refused"):
        cache.add("m-1", fetch(), verify)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_model_is_noticed(tmp_path: Path) -> None:
    """A changed, a missing and a further file; the model is then fetched again."""
    cache = Cache(tmp_path)
    damages = (lambda f: f.write_text("other"), lambda f: f.unlink(), lambda f: f.with_name("new").touch())
    for damage in damages:
        cache.add("m-1", fetch(), lambda _: None)
        cache.serve(named(1))
        assert cache.current() == named(1)
        damage(cache.model("m-1") / "file")
        assert cache.model("m-1") is None
        assert cache.current() is None


def test_an_interrupted_download_is_swept_away(tmp_path: Path) -> None:
    """By the process that may download."""
    cache = Cache(tmp_path)
    (tmp_path / ".part-1").mkdir()
    cache.sweep()
    assert list(tmp_path.iterdir()) == []


def test_the_oldest_models_go(tmp_path: Path) -> None:
    """The served one stays, at any age."""
    import os

    cache = Cache(tmp_path)
    for number in range(KEPT + 2):
        cache.add(f"m-{number}", fetch(), lambda _: None)
        os.utime(tmp_path / f"m-{number}", (number, number))
    cache.serve(named(0))
    assert cache.current() == named(0)
    assert len(list(tmp_path.glob("m-*"))) == KEPT


def test_a_volume_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    """Without the path."""
    cache = Cache(tmp_path / "cache")
    (tmp_path / "cache").rmdir()
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match="the cache of models: cannot be written"):
        cache.add("m-1", fetch(), lambda _: None)


def test_a_pointer_that_is_torn_names_nothing(tmp_path: Path) -> None:
    """The registry is asked again."""
    cache = Cache(tmp_path)
    (tmp_path / "current.json").write_text('{"name": ')
    assert cache.current() is None


PATHS = ("../victim", "..", ".", "", "a/b", "/victim", "models:/m-1/1", "m 1", "-rf", "m\n")


@pytest.mark.parametrize("model_id", PATHS)
def test_a_path_is_no_id(tmp_path: Path, model_id: str) -> None:
    """The registry names it: nothing outside of the cache is written, removed or read."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim/precious").write_text("kept")
    (tmp_path / "victim/files.json").write_text("{}")
    cache = Cache(tmp_path / "cache")
    with pytest.raises(UserError, match="is not the id of a logged model"):
        cache.add(model_id, fetch(), lambda _: None)
    assert cache.model(model_id) is None
    (tmp_path / "cache/current.json").write_text(json.dumps(named(1).__dict__ | {"model_id": model_id}))
    assert cache.current() is None
    assert (tmp_path / "victim/precious").read_text() == "kept"


@pytest.mark.parametrize(
    "text", ['{"model_id": 7}', "[]", "null", '{"name": 1, "version": 2, "run_id": 3, "model_id": 4}']
)
def test_a_pointer_of_other_types_names_nothing(tmp_path: Path, text: str) -> None:
    """It is as good as torn."""
    cache = Cache(tmp_path)
    (tmp_path / "current.json").write_text(text)
    assert cache.current() is None


def test_a_model_that_somebody_removed_can_be_added_again(tmp_path: Path) -> None:
    """Its folder, the whole cache, or its folder for a file of that name."""
    cache = Cache(tmp_path / "cache")
    place = tmp_path / "cache/m-1"
    for remove in (
        lambda: shutil.rmtree(place),
        lambda: shutil.rmtree(tmp_path / "cache"),
        lambda: (shutil.rmtree(place), place.write_text("")),
    ):
        cache.add("m-1", fetch(), lambda _: None)
        remove()
        assert cache.model("m-1") is None
        cache.add("m-1", fetch(), lambda _: None)
        assert cache.model("m-1") is not None


def test_a_killed_download_is_no_model_and_is_swept_away(tmp_path: Path) -> None:
    """A process that is killed while it fetches leaves a part that is taken neither for a model nor for a pointer."""
    code = """
import os, pathlib, signal, sys
from modelmake.serving.cache import Cache

def fetch(folder):
    (folder / "file").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

Cache(pathlib.Path(sys.argv[1])).add("m-1", fetch, lambda _: None)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    (tmp_path / ".part-pointer").write_text("{")
    assert len(list(tmp_path.iterdir())) == 2
    cache = Cache(tmp_path)
    assert (cache.model("m-1"), cache.current()) == (None, None)
    cache.sweep()
    assert list(tmp_path.iterdir()) == []
