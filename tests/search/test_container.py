"""`make tune` in the image, on local processes and on the cluster that `make cluster` starts."""

import os
import shutil
from collections.abc import Iterator

import pytest

import docker
from modelmake.search.local import ALIKE
from tests.search.conftest import SEARCH
from tests.support.checkout import Stack, free_port

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def stack(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, empty_store: None) -> Iterator[Stack]:
    """A checkout with a search and a cluster; nothing of it is left afterwards."""
    found = Stack(tmp_path_factory.mktemp("search") / "a check out", free_port()).fill(empty_store)
    text = (found.path / "pipeline.toml").read_text()
    (found.path / "pipeline.toml").write_text(text + SEARCH.replace("trials = 12", "trials = 8"))
    done = found.make("cluster", "WORKERS=2")
    assert done.returncode == 0, done.stdout + done.stderr
    yield found
    found.make("distclean")
    assert found.left(engine) == set()
    assert not (found.path / ".cluster").exists()


def journal(stack: Stack) -> list[str]:
    """Return the lines of the journal."""
    [path] = (stack.path / "build/search").glob("*.jsonl")
    return path.read_text().splitlines()


def test_a_cluster_of_containers_gives_what_processes_give(stack: Stack, engine: docker.DockerClient) -> None:
    """Also if a worker is killed in the middle; and `make train` uses it."""
    done = stack.make("tune", "WORKERS=2", "FORCE=1")  # another test may have put its journal aside
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = journal(stack)
    assert stack.make("tune").stdout.endswith("tune: up to date (FORCE=1 runs it anyway)\n")
    shutil.rmtree(stack.path / "build")
    workers = engine.containers.list(ignore_removed=True, filters={"name": f"{stack.project}-cluster-worker"})
    assert len(workers) == 2
    workers[0].kill()
    done = stack.make("tune", "ENGINE=dask", "FORCE=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert journal(stack) == wanted
    done = stack.make("train")
    assert "tuned   trial " in done.stdout, done.stdout + done.stderr


def test_a_cluster_of_your_own(stack: Stack, engine: docker.DockerClient) -> None:
    """It is reached beside the local server, whose network has no way out; one that listens here only is refused."""
    shutil.rmtree(stack.path / "build", ignore_errors=True)
    names = {name: f"/tls/tls.{end}" for name, end in (("ca-file", "crt"), ("cert", "crt"), ("key", "key"))}
    options = {
        "user": f"{os.getuid()}:{os.getgid()}",
        "environment": {**ALIKE, "PYTHONPATH": "/src/scripts:/src"},
        "volumes": [f"{stack.path}:/src:ro", f"{stack.path / '.cluster'}:/tls:ro"],
        "working_dir": "/src",
        "detach": True,
    }
    image = engine.containers.list(ignore_removed=True, filters={"name": f"{stack.project}-cluster-worker"})[0].image
    tls = [f"--tls-{name}={path}" for name, path in names.items()]
    started = [engine.containers.run(image, ["dask", "scheduler", "--protocol=tls", "--no-dashboard", *tls], **options)]
    try:
        started[0].reload()
        address = f"tls://{started[0].attrs['NetworkSettings']['IPAddress']}:8786"
        worker = ["dask", "worker", address, "--nthreads=1", "--no-dashboard", "--local-directory=/tmp", *tls]
        started.append(engine.containers.run(image, worker, **options))
        folder = stack.path / ".cluster"
        given = {"CA_FILE": "tls.crt", "CLIENT__CERT": "tls.crt", "CLIENT__KEY": "tls.key"}
        files = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(folder / file) for name, file in given.items()}
        done = stack.make("tune", "ENGINE=dask", "FORCE=1", **files, DASK_SCHEDULER_ADDRESS=address)
        assert done.returncode == 0, done.stdout + done.stderr + started[0].logs().decode()
        assert len(journal(stack)) == 8
        done = stack.make("tune", "ENGINE=dask", "FORCE=1", **files, DASK_SCHEDULER_ADDRESS="tls://127.0.0.1:8786")
        assert "a container cannot reach a scheduler that listens to this machine only" in done.stderr
    finally:
        for container in started:
            container.remove(force=True)


def test_the_cluster_is_closed(stack: Stack, engine: docker.DockerClient) -> None:
    """No way out of its network, no published port, no root, nothing writable but /tmp."""
    members = engine.containers.list(
        ignore_removed=True, filters={"label": f"modelmake.cluster={stack.project}-cluster"}
    )
    assert members
    for member in members:
        assert not member.attrs["HostConfig"]["PortBindings"]
        assert member.attrs["HostConfig"]["ReadonlyRootfs"]
        assert member.attrs["HostConfig"]["CapDrop"] == ["ALL"]
        assert member.attrs["Config"]["User"].split(":")[0] != ""
        [network] = member.attrs["NetworkSettings"]["Networks"]
        assert engine.networks.get(network).attrs["Internal"]


def test_nobody_without_the_certificate(stack: Stack) -> None:
    """A client that talks plainly, or with a certificate of its own, is not answered."""
    key = stack.path / ".cluster/tls.key"
    assert key.stat().st_mode & 0o077 == 0
    text = key.read_text()
    other = stack.path / "build/other"
    other.mkdir(parents=True, exist_ok=True)
    script = (
        f'MODELMAKE_CLEAN=$$; . docker/lib.sh && certificate "$(docker/image/image.sh name)" "{other}" DNS:scheduler'
    )
    import subprocess

    subprocess.run(["bash", "-c", script], cwd=stack.path, env=stack.environment(), check=True, capture_output=True)
    before = (stack.path / ".cluster/tls.crt").read_text()
    try:
        for name in ("tls.key", "tls.crt"):
            shutil.copy(other / name, stack.path / ".cluster" / name)
        done = stack.make("tune", "ENGINE=dask", "FORCE=1")
    finally:
        key.write_text(text)
        (stack.path / ".cluster/tls.crt").write_text(before)
    assert done.returncode == 2  # make's own
    assert "refuses the certificate" in done.stderr
    assert "stopped: finished trials are kept" in done.stderr
