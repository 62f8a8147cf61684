"""The rules of the house that no linter knows."""

import ast
import itertools
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from modelmake.__main__ import MODULES
from modelmake.config import config
from modelmake.core import stages
from tests.conftest import ROOT
from tests.support.checkout import Checkout

# The way data flows.
ROOMS = (
    *("core", "config", "tracking", "tables", "data", "source", "projects", "scores", "model", "serving", "batch"),
    *("report", "gate", "search", "registry", "repeat", "watch", "github", "server", "checks"),
)
CODE = ROOT / "scripts/modelmake"
MAKEFILE = (ROOT / "Makefile").read_text()
SHELL = [*(ROOT / "docker").rglob("*.sh"), ROOT / "docker/shell", ROOT / ".ci/run"]


@cache
def imported(path: Path) -> set[str]:
    """Return every module that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_downwards_only(room: str) -> None:
    """A module imports from its own room and from those before it, and none from the entry."""
    below = (*ROOMS[: ROOMS.index(room)], room)
    for path in (CODE / room).rglob("*.py"):
        for name in (name.split(".") for name in imported(path) if name.startswith("modelmake.")):
            assert name[1] in below, f"{path}: {'.'.join(name)}"


def test_every_file_has_a_room() -> None:
    """No corridor: what is not in a room is the entry; and no room holds more than a sixth of the lines."""
    assert {path.name for path in CODE.glob("*.py")} == {"__main__.py", "__init__.py"}
    rooms = {path.name for path in CODE.iterdir() if [*path.glob("*.py")]}  # a removed one may keep its bytecode
    assert rooms == set(ROOMS)
    lines = {
        room: sum(len(p.read_text().splitlines()) for p in (CODE / room).rglob("*.*") if p.suffix != ".pyc")
        for room in ROOMS
    }
    assert max(lines.values()) <= sum(lines.values()) / 6, lines


def test_make_knows_the_stages_of_the_table() -> None:
    """`make docs` writes docker/stages.mk; it is committed, so that a fresh checkout needs no Python for it."""
    assert (ROOT / "docker/stages.mk").read_text() == stages.include()


def test_a_verb_is_a_file_with_a_main() -> None:
    """`python -m modelmake verb` runs the main of the file of that name, in whichever room it is."""
    for verb, module in MODULES.items():
        root = ROOT if module.startswith("tests.") else ROOT / "scripts"
        path = root / Path(*module.split(".")).with_suffix(".py")
        assert path.stem == verb
        assert "\ndef main(" in path.read_text()


def test_only_the_doors_import_mlflow() -> None:
    """Runs, versions and leases; models; and what works on a server's whole state."""
    found = {p for p in CODE.rglob("*.py") if any(n.startswith("mlflow") for n in imported(p))}
    doors = {str(path.relative_to(CODE)) for path in found}
    models = {"model/store.py", "gate/answers.py"}
    assert {door for door in doors if not door.startswith(("tracking/", "server/"))} == models


def test_nothing_about_the_example_stands_in_the_code() -> None:
    """The data and the estimator are the user's; our code names neither."""
    for path in [*CODE.rglob("*.*"), *(ROOT / "docker").rglob("*.sh"), ROOT / "Makefile"]:
        if path.suffix != ".pyc" and path.name != "names.json":  # the types that skops knows
            assert not re.search(r"iris|species|RandomForest", path.read_text(), re.I), path


def test_every_target_is_explained_and_declared(empty_store: Path, tmp_path: Path) -> None:
    """A target that a user may type has its line in `make help`; that line also makes it phony (docker/runner.mk)."""
    helped = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))
    assert set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M)) == helped
    wanted = (
        "all lint format test train evaluate register up down logs image lock doctor clean shell why engine base bench"
    )
    assert set(wanted.split()) <= helped
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    for name in helped:
        (checkout.path / name).touch(exist_ok=True)
    assert "is up to date" not in checkout.make("-n", "sbom", "clean", "docs", "help").stdout


def test_recipes_are_short() -> None:
    """More than three lines are a script."""
    blocks = re.findall(r"(?:^\t.*\n)+", MAKEFILE, re.M)
    assert blocks
    assert max(block.count("\n") for block in blocks) <= 3


def test_lines_are_not_wide() -> None:
    """Shell, make files, compose and Dockerfile keep the limit that ruff checks for Python."""
    others = [ROOT / name for name in ("Makefile", "compose.yaml", "docker/image/Dockerfile")]
    for path in [*SHELL, *(ROOT / "docker").glob("*.mk"), *others]:
        wide = [line for line in path.read_text().splitlines() if len(line) > 120]
        assert not wide, path


def test_files_are_small() -> None:
    """Modules of a few hundred lines at most."""
    for path in CODE.rglob("*.py"):
        assert path.stat().st_size <= 12_000, path


def test_the_readme_names_only_targets_that_exist() -> None:
    """Every `make …` that the README shows can be typed; docs/reference/commands.md has all of them."""
    helped = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))
    readme = (ROOT / "README.md").read_text()
    code = re.findall(r"`([^`\n]+)`", readme) + re.findall(r"^```sh\n(.*?)^```", readme, re.M | re.S)
    lines = [line for text in code for line in text.splitlines()]
    shown = {
        word for line in lines for words in re.findall(r"\bmake((?: [a-z-]+\b(?!=))+)", line) for word in words.split()
    }
    assert {"all", "test"} <= shown <= helped


def test_the_readmes_five_lines_are_a_pipeline(tmp_path: Path) -> None:
    """What the README puts into pipeline.toml is accepted unchanged."""
    [snippet] = re.findall(r"^```toml\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    (tmp_path / "pipeline.toml").write_text(snippet)
    assert config.load(tmp_path / "pipeline.toml").data.target


def test_nothing_that_a_run_leaves_is_committed() -> None:
    """MLflow creates a database where it knows no server; it does not belong into the history."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert [name for name in listed if name.endswith((".db", ".skops", ".pkl")) or "mlruns" in name] == []


# An engine that answers, has every image, and prints what it is asked to run.
ENGINE = """\
#!/bin/sh
case "$*" in
  version*) echo engine=1.0 ;;
  "image inspect"*) echo sha256:0 ;;
  run*) printf '%s\\n' "$@" ;;
  info*) echo engine now ;;
esac
"""


@pytest.fixture
def with_engine(empty_store: Path, tmp_path: Path) -> Checkout:
    """Return a checkout with a target that names no access, and a docker that prints the words of `docker run`."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    (checkout.path / "extra.mk").write_text("targets := probe\nprobe: ; @$(RUN) true\n")
    docker = checkout.path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(ENGINE)
    docker.chmod(0o755)
    return checkout


def probe(checkout: Checkout, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the target that names no access, with the docker of the checkout."""
    path = f"{checkout.path / 'bin'}:{checkout.environment()['PATH']}"
    return checkout.make("-f", "extra.mk", "-f", "Makefile", "probe", "RUNNER=docker", *words, PATH=path, **environment)


def test_a_target_that_says_nothing_about_access_has_no_network(with_engine: Checkout) -> None:
    """Its command runs sealed, which the engine understands as a container without a network."""
    assert "./docker/run.sh -- true" in probe(with_engine, "--dry-run").stdout.splitlines()
    words = probe(with_engine).stdout.splitlines()
    assert words[words.index("--network") + 1] == "none"
    assert words.count("--network") == 1
    assert words[-1] == "true"


def test_words_of_access_add_up(with_engine: Checkout) -> None:
    """In any order: each adds what it names and nothing else; a misspelt one is an error, and no container runs."""
    path, makefile = with_engine.path, (with_engine.path / "extra.mk").read_text()

    def words(access: str) -> list[str]:
        (path / "extra.mk").write_text(f"{makefile}probe: access = {access}\n")
        return probe(with_engine, MODELMAKE_OUT="build/out.csv", GITHUB_TOKEN="t").stdout.splitlines()  # noqa: S106

    for access in ("outside checkout", "checkout outside"):
        found = words(access)
        assert found[found.index("--network") + 1] == "bridge"
        assert f"{path}:/src:rw" in found
        assert not {"GITHUB_TOKEN", f"{path / 'build'}:/out", f"{path}/.serve:/src/.serve"} & set(found)
    found = words("github output log")
    assert {"GITHUB_TOKEN", f"{path / 'build'}:/out", f"{path}/.serve:/src/.serve", f"{path}:/src:ro"} <= set(found)
    assert found.index("MODELMAKE_OUT") < found.index("MODELMAKE_OUT=/out/out.csv")  # the last one counts
    assert "true" not in words("outsyde")


def test_credentials_of_a_bucket_reach_a_stage_that_can_use_them(with_engine: Checkout) -> None:
    """Of a server of the user, with the package for it in the lock; those of databases are for make fetch alone."""
    path, environment = with_engine.path, with_engine.environment()
    words = ["./docker/shell", "-c", ". docker/lib.sh && bucket"]

    def named(uri: str) -> str:
        given = environment | {"MLFLOW_TRACKING_URI": uri}
        return subprocess.run(words, cwd=path, env=given, capture_output=True, text=True, check=True).stdout

    assert named("http://mlflow.example.com") == ""
    with (path / "docker/requirements.txt").open("a") as lock:
        lock.write("boto3==1.0\n")
    assert named("") == ""
    assert "AWS_SECRET_ACCESS_KEY" in named("http://mlflow.example.com")
    (path / "extra.mk").write_text("targets := probe\nprobe: access = mlflow\nprobe: ; @$(RUN) true\n")
    secrets = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "DATABASE_URL": "c"}
    found = probe(with_engine, MLFLOW_TRACKING_URI="http://mlflow.example.com", **secrets).stdout.splitlines()
    assert {name for name in found if name in secrets} == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def test_a_container_says_that_the_engine_has_other_files(with_engine: Checkout, tmp_path: Path) -> None:
    """An engine of another machine, or of the host of this container, has not the checkout at its path."""
    words = probe(with_engine).stdout.splitlines()
    command = words[words.index("sh") :]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: docker: the engine does not see the folder {with_engine.path} (mount it at")
    assert subprocess.run(command, cwd=with_engine.path, check=False).returncode == 0
    (tmp_path / "Makefile").touch()  # no folder that a container could write, as with a rootless engine
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.partition(" (")[0]) == (
        2,
        "error: docker: a container cannot write build/, as with a rootless engine",
    )


def test_what_the_terminal_shows_reaches_the_container(with_engine: Checkout) -> None:
    """NO_COLOR, TERM and COLUMNS of the caller."""
    words = probe(with_engine, NO_COLOR="1", TERM="dumb", COLUMNS="60").stdout.splitlines()
    options = {after for word, after in itertools.pairwise(words) if word == "-e"}
    assert {"NO_COLOR", "TERM", "COLUMNS"} <= options


def test_a_variable_on_makes_command_line_reaches_the_container(with_engine: Checkout) -> None:
    """Every one that `make help` shows and that is set; those that are not set stay out."""
    names = re.findall(r"^([A-Z_]+) \?=", MAKEFILE, re.M)
    own = [name for name in names if not name.startswith("MLFLOW_") and name != "RUNNER"]
    assert len(own) > 10
    passed = {f"MODELMAKE_{name}" for name in own}
    values = dict.fromkeys(own, "1") | {"PIPELINE": "pipeline.toml", "ENGINE": "dask", "ACT_TRACKING": "local"}
    words = probe(with_engine, *(f"{name}={value}" for name, value in values.items())).stdout.splitlines()
    options = {after for word, after in itertools.pairwise(words) if word == "-e"}
    assert passed <= options
    assert not passed & set(probe(with_engine).stdout.splitlines())
