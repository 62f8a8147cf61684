"""The image and a registry: pulled, or built and pushed, or built and kept."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.support.checkout import Stack, free_port

if TYPE_CHECKING:
    import docker

pytestmark = [pytest.mark.stack, pytest.mark.long]
CONFIG = """\
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  maintenance:
    readonly: {{enabled: {readonly}}}
http: {{addr: "127.0.0.1:{port}"}}
auth: {{htpasswd: {{realm: test, path: {folder}/users}}}}
"""
USERS = "ci:$2b$05$cio0epg0lwjQrPRKWBkyWevb3xx8GFA5GdmD476plRa67x2AOYiYy\n"  # bcrypt of s3cret
Serve = Callable[..., str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a way to start a real registry on loopback, which lets nobody in but `ci`."""
    if not shutil.which("docker-registry"):
        pytest.skip("no docker-registry here (on Debian and Ubuntu: apt-get install docker-registry)")
    started = []

    def start(*, readonly: bool = False) -> str:
        port, folder = free_port(), tmp_path / "registry"
        folder.mkdir(exist_ok=True)
        (folder / "users").write_text(USERS)
        config = tmp_path / "config.yml"
        config.write_text(CONFIG.format(folder=folder, port=port, readonly=str(readonly).lower()))
        started.append(subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL))
        for _ in range(100):
            try:
                assert requests.get(f"http://127.0.0.1:{port}/v2/", timeout=2).status_code == 401
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        return f"127.0.0.1:{port}/Team/Model"

    yield start
    for process in started:
        process.terminate()
        process.wait()


@pytest.fixture
def checkout(engine: "docker.DockerClient", tmp_path: Path, empty_store: Path) -> Iterator[Stack]:
    """Return a checkout; the images that it leaves under a registry's name are removed."""
    yield Stack(tmp_path / "a check out", free_port()).fill(empty_store)
    forget(engine)


def forget(engine: "docker.DockerClient") -> list[str]:
    """Remove the images under a registry's name, and return what they were called."""
    found = {tag: image.id for image in engine.images.list() for tag in image.tags if "/team/model" in tag}
    for image_id in found.values():
        engine.images.remove(image_id, force=True)
    return list(found)


def image(checkout: Stack, repository: str, password: str = "s3cret", **environment: str) -> str:  # noqa: S107
    """Run `make image` with credentials, and return what it says."""
    known = {"MODELMAKE_IMAGE_REPO": repository, "REGISTRY_USERNAME": "ci", "REGISTRY_PASSWORD": password, "CI": ""}
    done = checkout.make("image", **(known | environment))
    assert done.returncode == 0, done.stderr
    assert password not in done.stdout + done.stderr
    return done.stderr


def test_ci_pushes_what_it_had_to_build_and_others_pull_it(
    checkout: Stack, engine: "docker.DockerClient", serve: Serve, tmp_path: Path
) -> None:
    """A push that touches no dependency builds nothing; the name is in lower case; no credentials are kept."""
    repository, home = serve(), tmp_path / "home"
    said = image(checkout, repository, CI="true", DOCKER_CONFIG=str(home))
    assert "pulling" in said
    assert "building" in said
    assert "▸ image · pushing" in said
    [name] = forget(engine)
    assert name.startswith(repository.lower())
    said = image(checkout, repository, CI="true", DOCKER_CONFIG=str(home))
    assert "pulling" in said
    assert "building" not in said
    assert "pushing" not in said
    assert not (home / "config.json").exists()
    assert image(checkout, repository) == ""


def test_a_laptop_pushes_nothing(checkout: Stack, engine: "docker.DockerClient", serve: Serve) -> None:
    """Only CI fills the registry."""
    assert "pushing" not in image(checkout, serve())


@pytest.mark.parametrize("why", ["readonly", "password", "gone"])
def test_a_registry_that_does_not_take_it_is_no_failure(checkout: Stack, serve: Serve, why: str) -> None:
    """A fork's token may not push: the image is built, it says so, and the work goes on."""
    repository = "127.0.0.1:9/team/model" if why == "gone" else serve(readonly=why == "readonly")
    said = image(checkout, repository, password="wr0ng" if why == "password" else "s3cret", CI="true")
    assert "not in the registry; building it" in said
    assert "not pushed; this is not an error" in said
    assert ("refuses the login" in said) == (why != "readonly")
    assert os.environ.get("DOCKER_CONFIG") is None
