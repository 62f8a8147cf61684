"""The bundle: what a machine with an engine and no network makes of it."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.checkout import Repository, free_port

if TYPE_CHECKING:
    import docker

pytestmark = [pytest.mark.stack, pytest.mark.long]
# A machine without a route: an engine of its own, in a network namespace that holds loopback and nothing else.
AIRGAPPED = """
set -euo pipefail
ip link set lo up
short=$(mktemp -d) # a socket's path has 108 characters at most
export DOCKER_HOST="unix://$short/engine.sock"
here=$PWD
start() {
  dockerd --data-root "$here/data" --exec-root "$short" --pidfile "$short/pid" \\
    --host "$DOCKER_HOST" >>"$here/log" 2>&1 &
  engine=$!
  for _ in $(seq 60); do docker version >/dev/null 2>&1 && break; sleep 0.5; done
  docker version >/dev/null 2>&1 || { tail "$here/log"; exit 92; }
}
stop() {
  kill "$engine"
  wait "$engine" || true
}
start
trap 'stop; rm -rf "$short" "$here/data"' EXIT
[ -z "$(ip route show default)" ] || exit 90
[ -z "$(docker images -q)" ] || exit 91
sha256sum -c modelmake-bundle.run.sha256
./modelmake-bundle.run "a modelmake"
cd "a modelmake"
make all act RUNNER=docker
stop
start
server=$(docker ps -q --filter name=mlflow-1)
health() { docker inspect -f '{{.State.Health.Status}}' "$server"; }
for _ in $(seq 120); do [ "$(health)" != healthy ] || break; sleep 0.5; done
echo "after a restart of the engine: $(health)"
make registry RUNNER=docker
make distclean
docker ps -aq
"""


@pytest.fixture(scope="module")
def bundle(engine: "docker.DockerClient", tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Path:
    """Return a bundle of a short repository."""
    assert engine.ping()
    repository = Repository(tmp_path_factory.mktemp("bundle") / "a repo sitory", free_port()).fill(empty_store)
    done = repository.make("bundle")
    assert done.returncode == 0, done.stdout + done.stderr
    return repository.path / "build/modelmake-bundle.run"


def test_everything_works_without_a_network(bundle: Path, tmp_path: Path) -> None:
    """Load it, `make all act`: every stage and the whole replay, with no route out; then a restart of the engine."""
    missing = [name for name in ("dockerd", "ip", "unshare") if not shutil.which(name)]
    if os.getuid() or missing:
        pytest.skip("needs root, to cut the network" if os.getuid() else f"needs {missing[0]}, to cut the network")
    for name in ("modelmake-bundle.run", "modelmake-bundle.run.sha256"):
        shutil.copy(bundle.parent / name, tmp_path)
    settings = {name: os.environ[name] for name in ("PATH", "HOME")}
    words = ["unshare", "--net", "--mount", "bash", "-c", AIRGAPPED]
    done = subprocess.run(words, cwd=tmp_path, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "modelmake-bundle.run: OK" in done.stdout
    assert "registered  version 1 of" in done.stdout
    assert done.stdout.count("🏁  Job succeeded") == 3
    _, after = done.stdout.split("after a restart of the engine: ")
    assert after.startswith("healthy")
    assert re.search(r"^1 +@staging +pass ", after, re.M), after


def test_three_commands_do_the_same(bundle: Path, tmp_path: Path) -> None:
    """What the README says to do by hand gives image and sources."""
    unpack = "sed '1,/^__PAYLOAD__$/d' \"$1\" | tar -xf -"
    subprocess.run(["bash", "-c", unpack, "bash", str(bundle)], cwd=tmp_path, check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"image.tar.gz", "modelmake"}
    assert (tmp_path / "modelmake/docker/requirements.txt").exists()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path / "modelmake", capture_output=True, check=True)
    assert len(head.stdout.strip()) == 40


@pytest.mark.parametrize("where", ["head", "payload"])
def test_a_damaged_bundle_is_refused(bundle: Path, tmp_path: Path, where: str) -> None:
    """Before anything is loaded or unpacked."""
    copy = tmp_path / bundle.name
    shutil.copy(bundle, copy)
    with copy.open("r+b") as file:
        file.seek(-1_000_000 if where == "payload" else -copy.stat().st_size + 4000, os.SEEK_END)
        file.write(b"x" * 100)
    done = subprocess.run([str(copy)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert not (tmp_path / "modelmake").exists()
    if where == "payload":
        assert "the checksum does not match" in done.stderr
