"""provenance: which processes are surely gone, and which nobody here can tell of."""

import os
import subprocess

import pytest

from scripts.core import provenance


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
    assert not provenance.gone(first)  # nobody asked the engine
    monkeypatch.setenv("MODELMAKE_CONTAINERS", "2100-01-01T00:00:00.123456789Z first other ")
    assert not provenance.gone(first)
    monkeypatch.setenv("MODELMAKE_CONTAINERS", "2100-01-01T00:00:00.123456789Z other ")
    assert provenance.gone(first)
    assert not provenance.gone(first | {"modelmake.container": "none"})
    monkeypatch.setenv("MODELMAKE_CONTAINERS", "2000-01-01T00:00:00Z other")
    assert not provenance.gone(first)
