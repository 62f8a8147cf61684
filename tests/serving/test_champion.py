"""Following the alias: a promotion is served once it is verified, and what can't be served changes nothing."""

import json
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import skops.io
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from modelmake.core.errors import UserError
from modelmake.serving import champion
from modelmake.serving.champion import Follower
from modelmake.tracking import readers
from tests.conftest import Once, Project, copy, forget
from tests.serving.conftest import promoted
from tests.support.checkout import free_port

NAME = "flower_classifier"


@pytest.fixture
def two(once: Once, empty_store: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two versions, of which the first is the champion, and a follower that does not wait long."""
    copy(promoted(once, empty_store, 2), project.path)
    forget()
    monkeypatch.setattr(champion, "EVERY", 0.05)
    monkeypatch.setattr(champion, "AGAIN", 0.3)
    return project


@pytest.fixture
def followers(tmp_path: Path) -> Iterator[Callable[..., Follower]]:
    """A way to start followers on one volume, which end with the test."""
    started: list[Follower] = []

    def begin(private: Sequence[str] = ()) -> Follower:
        follower = Follower(tmp_path / "volume", NAME, (), private, lambda _line: None)
        follower.start()
        started.append(follower)
        return follower

    yield begin
    for follower in started:
        follower.stop()


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that has to happen."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def version(follower: Follower) -> str | None:
    return follower.model and follower.model.named.version


def point(project: Project, number: str) -> None:
    project.client.set_registered_model_alias(NAME, "champion", number)


def logged(project: Project, number: str) -> Path:
    """Return the folder of a version's model on the server."""
    model_id = project.client.get_model_version(NAME, number).source.removeprefix("models:/")
    return project.path / ".mlflow/artifacts" / next((project.path / ".mlflow/artifacts").rglob(model_id)) / "artifacts"


def test_a_promotion_and_a_rollback_are_served(two: Project, followers: Callable[[], Follower]) -> None:
    """The version before it stays in memory, so a rollback loads nothing."""
    follower = followers()
    until(lambda: version(follower) == "1")
    first = follower.model.scorer
    point(two, "2")
    until(lambda: version(follower) == "2")
    point(two, "1")
    until(lambda: version(follower) == "1")
    assert follower.model.scorer is first
    assert follower.state.problem == ""


def test_a_private_column_that_the_model_does_not_have_is_no_reason_to_log_another(
    two: Project, followers: Callable[..., Follower]
) -> None:
    """Nothing is served, from the registry or from the cache, and the state says why; a further start serves again."""
    for private in (["petal_lenght"], ["sepal_width", "petal_lenght"]):
        follower = followers(private)
        until(lambda follower=follower: "did you mean 'petal_length'?" in follower.state.problem)
        assert (version(follower), follower.state.refused) == (None, "1")
        assert follower.state.problem.startswith(
            "pipeline.toml: serve.private: no column 'petal_lenght' in version 1 of"
        )
        follower.stop()
        again = followers(["petal_length", "species"])
        until(lambda again=again: version(again) == "1")
        until(lambda again=again: again.state.problem == "")
        again.stop()


def tampered(folder: Path) -> None:
    path = folder / "extra_files/contract.json"
    contract = json.loads(path.read_text())
    contract["predictions"][0] = "virginica" if contract["predictions"][0] == "setosa" else "setosa"
    path.write_text(json.dumps(contract))


def shortened(folder: Path) -> None:
    path = folder / "extra_files/contract.json"
    contract = json.loads(path.read_text())
    contract["predictions"].pop()
    path.write_text(json.dumps(contract))


def foreign(folder: Path) -> None:
    skops.io.dump(make_pipeline(FunctionTransformer(os.system)), folder / "model.skops")


def truncated(folder: Path) -> None:
    path = folder / "model.skops"
    path.write_bytes(path.read_bytes()[:1000])


def emptied(folder: Path) -> None:
    shutil.rmtree(folder)


def distrusted(folder: Path) -> None:
    path = folder / "MLmodel"
    path.write_text(path.read_text().replace("pickled_model: model.skops", "pickled_model: model.pkl"))


@pytest.mark.parametrize("damage", [tampered, shortened, foreign, truncated, emptied, distrusted])
def test_a_version_that_is_damaged_is_not_served(
    two: Project, followers: Callable[[], Follower], damage: Callable[[Path], None]
) -> None:
    """The old one is, and the state says why."""
    follower = followers()
    until(lambda: version(follower) == "1")
    damage(logged(two, "2"))
    point(two, "2")
    until(lambda: follower.state.refused == "2")
    assert follower.state.problem
    assert version(follower) == "1"
    point(two, "1")
    until(lambda: follower.state.problem == "")
    assert version(follower) == "1"


def test_a_version_that_is_mended_is_served(two: Project, followers: Callable[[], Follower]) -> None:
    """It is tried again after a while."""
    follower = followers()
    until(lambda: version(follower) == "1")
    folder = logged(two, "2")
    aside = folder.with_name("aside")
    folder.rename(aside)
    point(two, "2")
    until(lambda: follower.state.refused == "2")
    aside.rename(folder)
    until(lambda: version(follower) == "2")


def test_a_registry_that_is_gone_changes_nothing(
    two: Project, followers: Callable[[], Follower], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server goes on with what it has, and a new one starts from the cache before it asks anybody."""
    follower = followers()
    until(lambda: version(follower) == "1")
    follower.stop()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    other = followers()
    assert version(other) == "1"
    until(lambda: not other.state.up)
    assert "no answer" in other.state.problem
    assert other.state.checked > 0
    assert version(other) == "1"


def test_an_alias_that_is_gone_changes_nothing(two: Project, followers: Callable[[], Follower]) -> None:
    """The state says what to do."""
    follower = followers()
    until(lambda: version(follower) == "1")
    two.client.delete_registered_model_alias(NAME, "champion")
    until(lambda: "make promote" in follower.state.problem)
    assert (version(follower), follower.state.up) == ("1", True)


def test_damaged_files_of_the_cache_are_fetched_again(two: Project, followers: Callable[[], Follower]) -> None:
    """A server that starts from them notices."""
    first = followers()
    until(lambda: version(first) == "1")
    first.stop()
    truncated(first.cache.model(first.model.named.model_id))
    second = followers()
    until(lambda: version(second) == "1")
    assert second.cache.model(second.model.named.model_id) is not None


def test_one_of_two_asks_and_both_serve(two: Project, followers: Callable[[], Follower]) -> None:
    """When the one that asks has ended, the other one asks."""
    first, second = followers(), followers()
    until(lambda: version(first) == version(second) == "1")
    asking = [follower for follower in (first, second) if follower._lock]
    assert len(asking) == 1
    [other] = [follower for follower in (first, second) if follower not in asking]
    asking[0].stop()
    point(two, "2")
    until(lambda: version(other) == "2")


def test_no_version_is_a_state(project: Project, followers: Callable[[], Follower]) -> None:
    """Not an error: a server may be started before the first promotion."""
    follower = followers()
    until(lambda: "no version has the alias @champion" in follower.state.problem)
    assert follower.model is None


def test_the_registry_is_read_as_mlflow_wrote_it(two: Project, tmp_path: Path) -> None:
    """The version, its run and its files; and says that files are gone."""
    registry = readers.registry()
    named = registry.at(NAME, "champion")
    written = two.client.get_model_version(NAME, "1")
    assert (named.version, named.run_id) == ("1", written.run_id)
    registry.fetch(named.model_id, tmp_path / "files")
    assert {path.name for path in (tmp_path / "files").iterdir()} >= {"MLmodel", "model.skops", "extra_files"}
    assert registry.at(NAME, "no_such_alias") is None
    assert registry.at("no_such_model", "champion") is None
    with pytest.raises(UserError, match="files no longer exist"):
        registry.fetch("m-none", tmp_path / "none")


def test_a_database_that_is_gone_changes_nothing(two: Project, followers: Callable[[], Follower]) -> None:
    """The state says that something is wrong; a new server starts from the cache; then all is well again."""
    first = followers()
    until(lambda: version(first) == "1" and first.state.problem == "")
    database = two.path / ".mlflow/mlflow.db"
    database.rename(two.path / "gone.db")
    until(lambda: first.state.problem != "")
    second = followers()
    assert (version(first), version(second)) == ("1", "1")
    (two.path / "gone.db").rename(database)
    until(lambda: first.state.problem == "")


@pytest.mark.parametrize(
    "text", [b"[]", b"7", b"<html>", b'{"model_version": {"version": []}}', b'{"model_version": 1}']
)
def test_a_server_that_answers_nonsense_changes_nothing(
    two: Project, followers: Callable[[], Follower], monkeypatch: pytest.MonkeyPatch, text: bytes
) -> None:
    """Another program may listen on the registry's port."""
    first = followers()
    until(lambda: version(first) == "1" and first.state.problem == "")
    first.stop()

    class Nonsense(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Nonsense) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        second = followers()
        until(lambda: second.state.problem != "")
        assert version(second) == "1"
        second.stop()
        server.shutdown()


def test_a_cache_that_somebody_empties_is_filled_again(two: Project, followers: Callable[[], Follower]) -> None:
    """While the model is in memory: the next server may start without a registry."""
    first = followers()
    until(lambda: version(first) == "1" and first.state.problem == "")
    for place in (first.cache.folder / first.model.named.model_id, first.cache.folder):
        place.rename(two.path / place.name)  # at once, since the follower writes meanwhile
        until(lambda: first.cache.current() is not None)
    first.stop()
    (two.path / ".mlflow/mlflow.db").unlink()
    assert version(followers()) == "1"


def test_a_volume_that_cannot_be_written_keeps_the_old_version(two: Project, followers: Callable[[], Follower]) -> None:
    """And the state says so; when there is room, the new version is served."""
    follower = followers()
    until(lambda: version(follower) == "1")
    while not follower.cache.folder.is_file():  # the follower creates it again
        shutil.rmtree(follower.cache.folder, ignore_errors=True)
        with suppress(OSError):
            follower.cache.folder.write_text("no folder")
    point(two, "2")
    until(lambda: follower.state.refused == "2")
    assert "cannot be written" in follower.state.problem
    assert version(follower) == "1"
    follower.cache.folder.unlink()
    until(lambda: version(follower) == "2" and follower.state.problem == "")


def test_a_source_that_is_a_path_is_refused(two: Project, followers: Callable[[], Follower]) -> None:
    """A name from the registry is not used as a path: nothing outside of the cache is changed."""
    follower = followers()
    until(lambda: version(follower) == "1")
    victim = follower.folder / "victim"
    victim.mkdir()
    (victim / "precious").write_text("kept")
    with closing(sqlite3.connect(two.path / ".mlflow/mlflow.db")) as database, database:
        source = database.execute("SELECT source FROM model_versions WHERE version = 2").fetchone()[0]
        database.execute("UPDATE model_versions SET source = 'models:/../victim' WHERE version = 2")
        changed = "UPDATE logged_models SET model_id = '../victim' WHERE model_id = ?"
        database.execute("PRAGMA foreign_keys=OFF")
        assert database.execute(changed, (source.removeprefix("models:/"),)).rowcount == 1
    point(two, "2")
    until(lambda: follower.state.refused == "2")
    assert "is not the id of a logged model" in follower.state.problem
    assert (version(follower), (victim / "precious").read_text()) == ("1", "kept")


def test_many_workers_follow_each_move(two: Project, followers: Callable[[], Follower]) -> None:
    """One asks; each serves a model that is what its name says, at any time."""
    workers = [followers() for _ in range(4)]
    wrong, done = [], threading.Event()
    until(lambda: all(version(each) == "1" for each in workers))
    known = {each.model.named.model_id: each.model.scorer.contract for each in workers}

    def look() -> None:
        while not done.is_set():
            models = [each.model for each in workers]  # each is read once, as a request reads it
            served = [(model.named.model_id, model.scorer.contract) for model in models]
            wrong.extend(model_id for model_id, contract in served if known.setdefault(model_id, contract) != contract)

    watching = threading.Thread(target=look)
    watching.start()
    for number in ("2", "1", "2", "1", "2"):
        point(two, number)
        until(lambda number=number: all(version(each) == number for each in workers))
    done.set()
    watching.join()
    assert wrong == []
    assert len(known) == 2
    assert len([each for each in workers if each._lock]) == 1


def test_a_state_that_is_torn_is_none(two: Project, followers: Callable[[], Follower]) -> None:
    """Nobody fails on it, and it is written again."""
    follower = followers()
    until(lambda: follower.state.checked > 0)
    for text in ("{", "[]", "null", '{"other": 1}'):
        (follower.folder / champion.STATE).write_text(text)
        until(lambda: follower.state.checked > 0)
