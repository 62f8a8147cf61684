"""The image: what can be imported in it; and with a registry, whether it is pulled, or built and pushed, or kept."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from tests.conftest import ROOT
from tests.support.checkout import Stack, free_port

if TYPE_CHECKING:
    import docker

pytestmark = [pytest.mark.stack, pytest.mark.long]
# Prints the packages of the lock that are not there, and the modules that their wheels list and that are not there.
ABSENT = r"""
import csv, importlib.metadata, re, sys
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

lines = [line.rstrip(" \\\n") for line in sys.stdin if line[:1].isalnum()]
wanted = [one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate()]
installed = {canonicalize_name(one.name): one for one in importlib.metadata.distributions()}
module = re.compile(r"(?!\.\.).*(\.py|\.abi3\.so|\.cpython-.*\.so)")
for name in (canonicalize_name(one.name) for one in wanted):
    if name not in installed:
        print(name)
        continue
    record = csv.reader(installed[name].read_text("RECORD").splitlines())
    files = [file for file, *_ in record if module.fullmatch(file)]
    print("".join(f"{file}\n" for file in files if not installed[name].locate_file(file).exists()), end="")
    print(len(files), file=sys.stderr)
"""
IMPORTED = """
dask.array dask.bag dask.dataframe joblib.test pandas.tests pyarrow.flight schemathesis
sklearn.tests sqlalchemy.testing tornado.test wtforms.i18n zensical
"""
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


def inside(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python code in the image, with the lock on standard input."""
    asked = ["docker/image/image.sh", "name"]
    name = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    command = ["docker", "run", "--rm", "--interactive", "--network", "none", name, "python", "-c", code, *words]
    lock = (ROOT / "docker/requirements.txt").read_text()
    return subprocess.run(command, input=lock, capture_output=True, text=True, check=False)


def test_the_image_has_every_module_of_the_lock(engine: "docker.DockerClient") -> None:
    """The host and the image have one lock: no package and no module of a package is left out of the image."""
    done = inside(ABSENT)
    assert (done.returncode, done.stdout) == (0, ""), done
    assert sum(map(int, done.stderr.split())) > 10_000, "modules that were looked for"


def test_what_imports_on_the_host_imports_in_the_image(engine: "docker.DockerClient") -> None:
    """Modules that no run imports, so that an image without them would go unnoticed."""
    done = inside("import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name)", *IMPORTED.split())
    assert done.returncode == 0, done.stderr


def test_a_project_has_its_system_packages_in_its_image(checkout: Stack, engine: "docker.DockerClient") -> None:
    """`make add APT=` and the next run: the program is there; the image of modelmake is another one without it."""
    project = Stack(checkout.path.parent / "a project", free_port())
    project.path.mkdir()
    checkout.path.rename(project.path / ".modelmake")
    (project.path / "Makefile").write_text("include .modelmake/Makefile\n")
    assert project.make("add", "APT=tree").returncode == 0
    done = project.make("image", "IMAGE_REPO=modelmake-tree")
    assert done.returncode == 0, done.stderr
    [made] = [one for one in engine.images.list() if any(tag.startswith("modelmake-tree:") for tag in one.tags)]
    try:
        assert engine.containers.run(made.id, ["tree", "--version"], remove=True).startswith(b"tree v")
        # A script of modelmake knows there which folder is the project, and its name: `make lock` needs both.
        (project.path / "build").mkdir(exist_ok=True)
        (project.path / "build/probe.sh").write_text(
            '. .modelmake/docker/lib.sh\necho "root $root $MODELMAKE_FOLDER"\n'
        )
        settings = {"MODELMAKE_ROOT": str(project.path), "MODELMAKE_PRODUCT": ".modelmake"}
        settings |= project.environment() | {"MODELMAKE_IMAGE_REPO": "modelmake-tree"}
        command = [".modelmake/docker/run.sh", "--", "bash", "build/probe.sh"]
        done = subprocess.run(command, cwd=project.path, env=settings, capture_output=True, text=True, check=False)
        assert "root /src a project\n" in done.stdout, done
    finally:
        for tag in engine.images.get(made.id).tags:
            engine.images.remove(tag, force=True)
    (project.path / "apt.txt").write_text("no-such-package-here\n")
    done = project.make("image", "IMAGE_REPO=modelmake-tree")
    assert done.returncode == 2
    assert "no package 'no-such-package-here' in Debian" in done.stderr


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return a way to start a real registry on loopback, which accepts only the user `ci`."""
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


# In place of GitHub's own program, which talks to no other address.
GH = """\
#!/bin/sh
[ "$2" != view ] || exit 1
printf '%s\\n' "$GITHUB_TOKEN" "$@" >"$(dirname "$0")/asked"
"""


def pushed(repository: str, machine: str, home: Path) -> str:
    """Push an image without content, as one of that processor, and return its digest."""
    docker, name = ["docker", "--config", str(home)], f"{repository}:{machine}"
    words = ["docker", "buildx", "build", "--load", "--platform", f"linux/{machine}", "-t", name, "-"]
    subprocess.run(words, input=b"FROM scratch\nLABEL of=release\n", capture_output=True, check=True)
    login = [*docker, "login", repository.partition("/")[0], "--username", "ci", "--password-stdin"]
    subprocess.run(login, input=b"s3cret", capture_output=True, check=True)
    done = subprocess.run([*docker, "push", name], capture_output=True, text=True, check=True)
    return done.stdout.rpartition("digest: ")[2].split()[0]


def test_a_release_is_one_name_for_both_processors(
    checkout: Stack, engine: "docker.DockerClient", serve: Serve, tmp_path: Path
) -> None:
    """From the digests that the jobs have left; `make image` finds each by its own name, GitHub the bundles."""
    repository, folder = serve().lower(), checkout.path / "build/release"
    folder.mkdir(parents=True)
    digests = {machine: pushed(repository, machine, tmp_path / "home") for machine in ("amd64", "arm64")}
    settings = {
        "MODELMAKE_IMAGE_REPO": repository,
        "MODELMAKE_VERSION": "v0.1.0",
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "a/b",
        "GITHUB_TOKEN": "t0ken",
        "REGISTRY_USERNAME": "ci",
        "REGISTRY_PASSWORD": "s3cret",
        "PATH": f"{tmp_path / 'bin'}:{checkout.environment()['PATH']}",
    }
    for name, machine in (("x86_64", "amd64"), ("aarch64", "arm64")):
        assert "no images of both processors" in checkout.make("release-publish", **settings).stderr
        (folder / f"{name}.image").write_text(f"{repository}:of-{name} {repository}@{digests[machine]}\n")
        (folder / f"modelmake-0.1.0-{name}.run").write_text("a bundle")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(GH)
    (tmp_path / "bin/gh").chmod(0o755)
    done = checkout.make("release-publish", **settings)
    assert done.returncode == 0, done.stderr
    host, _, path = repository.partition("/")
    kind = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json"
    manifests = {}
    for tag in ("0.1.0", "of-x86_64", "of-aarch64"):
        url = f"http://{host}/v2/{path}/manifests/{tag}"
        answer = requests.get(url, auth=("ci", "s3cret"), headers={"Accept": kind}, timeout=5)
        manifests[tag] = answer.json()["manifests"]
    found = {tag: {one["platform"]["architecture"]: one["digest"] for one in each} for tag, each in manifests.items()}
    assert found["0.1.0"] == digests
    assert (found["of-x86_64"], found["of-aarch64"]) == tuple({machine: digests[machine]} for machine in digests)
    token, *asked = (tmp_path / "bin/asked").read_text().splitlines()
    assert token == "t0ken"  # noqa: S105
    assert asked[:5] == ["release", "create", "v0.1.0", "--repo", "a/b"]
    assert [word for word in asked if word.endswith(".run")] == [
        f"build/release/modelmake-0.1.0-{name}.run" for name in ("aarch64", "x86_64")
    ]


def test_a_release_needs_the_pinned_base(checkout: Stack, serve: Serve) -> None:
    """An image on the base from Debian's packages is for machines that reach no registry; it is never published."""
    base = (ROOT / "docker/image/Dockerfile").read_text().partition("FROM ")[2].split()[0]
    if subprocess.run(["docker", "pull", "-q", base], capture_output=True, check=False).returncode == 0:
        pytest.skip("the pinned base can be pulled here")
    settings = {"MODELMAKE_IMAGE_REPO": serve(), "MODELMAKE_VERSION": "v0.1.0"}
    done = checkout.make("release-image", **settings)
    assert done.returncode == 2
    assert "error: image: the pinned base can't be pulled (a release needs it)" in done.stderr
    assert "no registry" in checkout.make("release-image", **settings | {"MODELMAKE_IMAGE_REPO": "modelmake"}).stderr
