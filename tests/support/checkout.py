"""Copies of the checkout that tests drive make in, as a user does."""

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from tests.conftest import EXAMPLE, ROOT
from tests.support.warm import python

if TYPE_CHECKING:
    import docker


class Checkout:
    """A copy of the checkout under a path with a space in it."""

    tree: ClassVar[tuple[str, ...]] = ("Makefile", "pyproject.toml", "docker", "scripts")

    def __init__(self, path: Path) -> None:
        """Keep the path."""
        self.path = path

    def fill(self, store: Path) -> Self:
        """Copy what make reads, and give it a git history and a store."""
        path = self.path
        shutil.copytree(EXAMPLE, path)
        for name in self.tree:
            source = ROOT / name
            if source.is_dir():  # other workers write bytecode at this moment
                shutil.copytree(source, path / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, path / name)
        (path / ".gitignore").write_text("/build/\n/.mlflow/\n/.serve/\n/.dashboard/\n/backups/\n*.key\n__pycache__/\n")
        (path / ".mlflow").mkdir()
        shutil.copy(store, path / ".mlflow/mlflow.db")
        self.adapt()
        identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "Start"]):
            subprocess.run(["git", *words], cwd=path, check=True)
        return self

    def adapt(self) -> None:
        """Change what the tests of a kind of checkout do not need, before it is committed."""

    runner: ClassVar[str] = "image"  # bare, as in the image: with the Python that runs the tests

    def environment(self) -> dict[str, str]:
        """Return a user's environment, without what an outer make left in it."""
        outer = ("MLFLOW_", "MODELMAKE_", "MAKE", "MFLAGS", "GITHUB_", "CI", "ACT")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        path = f"{python().parent}:{Path(sys.executable).parent}:{kept['PATH']}"
        return kept | {"PATH": path, "MODELMAKE_RUNNER": self.runner, "PYTHONDONTWRITEBYTECODE": "1"}

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run make and return what it printed."""
        settings = self.environment() | environment
        return subprocess.run(
            ["make", *words], cwd=self.path, env=settings, capture_output=True, text=True, check=False
        )

    def why(self, **environment: str) -> dict[str, str]:
        """Return what `make why` says of each stage."""
        done = self.make("why", **environment)
        assert done.returncode == 0, done.stderr
        return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace text in a file; it must be there."""
        path = self.path / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new, 1))

    def receipt(self, stage: str) -> dict[str, object]:
        """Read a stage's receipt."""
        return json.loads((self.path / f"build/{stage}.json").read_text())


def free_port() -> int:
    """Return a port without a listener."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack(Checkout):
    """A checkout with a server of its own, on an engine."""

    tree = (*Checkout.tree, "compose.yaml")
    runner = "docker"

    def __init__(self, path: Path, port: int) -> None:
        """Keep path and port; the server is started by `make up`."""
        super().__init__(path)
        self.port = port

    def adapt(self) -> None:
        """Start one worker in place of two: a test asks for one thing at a time."""
        self.edit("compose.yaml", "MLFLOW_WORKERS:-2", "MLFLOW_WORKERS:-1")

    def environment(self) -> dict[str, str]:
        """Return a user's environment: with the engine, on this stack's port."""
        return super().environment() | {"MLFLOW_PORT": str(self.port)}

    def run(self, access: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the image as the Makefile does."""
        words = [str(self.path / "docker/run.sh"), *access.split(), "--", *command]
        return subprocess.run(words, env=self.environment(), capture_output=True, text=True, check=False)

    @property
    def project(self) -> str:
        """The compose project's name, from the path of the checkout."""
        path = f"{self.path.resolve()}\n".encode()
        done = subprocess.run(["git", "hash-object", "--stdin"], input=path, capture_output=True, check=True)
        return f"modelmake-{done.stdout.decode()[:8]}"

    def left(self, engine: "docker.DockerClient") -> set[str]:
        """Return the names of the containers, networks and volumes on the engine that are this checkout's."""
        checkouts = (self, *(Stack(self.path / "build" / each, 0) for each in ("reproduce", "parity/direct")))
        projects = [each.project for each in checkouts]
        found = [
            *engine.containers.list(ignore_removed=True, all=True),
            *engine.networks.list(),
            *engine.volumes.list(),
        ]
        labelled = engine.containers.list(
            ignore_removed=True, all=True, filters={"label": f"modelmake.act={self.project}-act"}
        )
        return {each.name for each in found if any(name in each.name for name in projects)} | {
            each.name for each in labelled
        }

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://localhost:{self.port}"


# The replay's own tests: what a job can reach.
INSIDE = f'''\
"""What a job of the replay can reach."""

import os
from pathlib import Path


def test_the_job_is_closed() -> None:
    """No engine's socket, and the caller's id."""
    assert not Path("/var/run/docker.sock").exists()
    assert os.getuid() in ({os.getuid()}, 10001)
'''


class Repository(Stack):
    """A user's repository, with a workflow and a short test."""

    tree = (*Stack.tree, ".actrc", ".ci", ".github", ".yamllint")

    def adapt(self) -> None:
        """Lint by two linters and run no example: each replay repeats both, and other tests test them."""
        super().adapt()
        self.edit("pyproject.toml", 'testpaths = ["tests", "scripts"]', 'testpaths = ["tests"]')
        two = '{name: linters[name] for name in ("ruff check", "workflow schema")}'
        both = "    return linters | _github(schema)\n"
        self.edit("scripts/modelmake/checks/lint.py", both, f"    linters |= _github(schema)\n    return {two}\n")

    def fill(self, store: Path) -> Self:
        """Copy what make and lint read, with a short test instead of ours."""
        super().fill(store)
        (self.path / "tests").mkdir()
        (self.path / "tests/__init__.py").touch()
        (self.path / "tests/test_inside.py").write_text(INSIDE)
        self.commit("A short test")
        return self

    def commit(self, message: str) -> str:
        """Commit all files of the tree, and return the commit."""
        identity = ("-c", "user.name=Test", "-c", "user.email=test@localhost")
        for words in (["add", "-A"], [*identity, "commit", "-qm", message, "--allow-empty"]):
            subprocess.run(["git", *words], cwd=self.path, check=True)
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.path, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def act(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Replay the workflow, with make's `variables`."""
        return self.make("act", *(f"{name}={value}" for name, value in variables.items()))

    @property
    def replayed(self) -> "Repository":
        """The replay's own checkout."""
        return Repository(self.path / "build/act", self.port)

    @property
    def replayed_by_parity(self) -> "Repository":
        """The checkout of parity's replay."""
        return Repository(self.path / "build/parity/act", self.port)
