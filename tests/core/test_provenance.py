"""provenance: the tags of a run, and which processes have certainly ended."""

import os
import subprocess

import pytest

from modelmake.core import provenance
from modelmake.core.provenance import Provenance

TAGS = {
    "modelmake.git.commit": "c0ffee",
    "modelmake.git.dirty": "true",
    "modelmake.image.id": "sha256:1",
    "modelmake.run_url": "https://github.com/a/b/actions/runs/1",
}


def test_provenance_is_read_back_from_its_tags() -> None:
    """Each field has its tag, and a field without a value has none; other tags do not count."""
    origin = Provenance.from_tags({**TAGS, "modelmake.verdict": "pass", "mlflow.user": "ada"})
    assert (origin.git_commit, origin.git_dirty, origin.image_id, origin.image) == ("c0ffee", "true", "sha256:1", "")
    assert origin.tags() == TAGS


def test_a_version_has_the_tags_by_which_people_filter() -> None:
    """A run without such a tag is registered with `unknown`; what only people read is in the description."""
    assert Provenance.from_tags(TAGS).tags("version", unknown="unknown") == {
        "modelmake.git.commit": "c0ffee",
        "modelmake.git.dirty": "true",
        **{f"modelmake.{name}": "unknown" for name in ("data", "runner")},
    }


def test_the_likeliest_cause_comes_first() -> None:
    """Other data explain other results better than an image that was built again; each cause is a compared field."""
    causes = list(provenance.causes())
    assert (causes[0], causes[-1]) == ("data", "image.id")
    assert set(causes) == set(provenance.names("reproduce")) - {"git.commit"}


@pytest.fixture
def ended() -> str:
    """The id of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return str(process.pid)


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The tags of this process, on the host."""
    for name in ("MODELMAKE_HOST", "MODELMAKE_CONTAINER", "MODELMAKE_CONTAINERS"):
        monkeypatch.delenv(name, raising=False)
    return provenance.process()


def test_on_the_host_a_process_is_known_by_its_id(tags: dict[str, str], ended: str) -> None:
    """One lives, the other has ended."""
    assert not provenance.gone(tags)
    assert provenance.gone(tags | {"modelmake.pid": ended})
    assert not provenance.gone(tags | {"modelmake.pid": "1"}) or os.getuid() == 0


@pytest.mark.parametrize("name", ["host", "container", "pid", "since"])
def test_what_is_not_known_is_not_gone(tags: dict[str, str], ended: str, name: str) -> None:
    """A run of another machine, or one that another program made."""
    dead = tags | {"modelmake.pid": ended}
    assert provenance.gone(dead)
    assert not provenance.gone(dead | {f"modelmake.{name}": ""})
    assert not provenance.gone(dead | {"modelmake.host": "another"})
    assert not provenance.gone({})


def test_a_container_is_gone_once_the_engine_does_not_list_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process id says nothing in another container; one that began after the list was made is not judged."""
    monkeypatch.setenv("MODELMAKE_HOST", "engine")
    monkeypatch.setenv("MODELMAKE_CONTAINER", "first")
    first = provenance.process()
    monkeypatch.setenv("MODELMAKE_CONTAINER", "second")
    assert not provenance.gone(first)  # the engine was not asked
    monkeypatch.setenv("MODELMAKE_CONTAINERS", "2100-01-01T00:00:00.123456789Z first other ")
    assert not provenance.gone(first)
    monkeypatch.setenv("MODELMAKE_CONTAINERS", "2100-01-01T00:00:00.123456789Z other ")
    assert provenance.gone(first)
    assert not provenance.gone(first | {"modelmake.container": "none"})
    monkeypatch.setenv("MODELMAKE_CONTAINERS", "2000-01-01T00:00:00Z other")
    assert not provenance.gone(first)
