"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from scripts.core import config
from tests.conftest import ROOT

ORDER = (
    "errors",
    "settings",
    "address",
    "connection",
    "config",
    "provenance",
    "data",
    "model",
    "ranking",
    "metrics",
    "intervals",
    "gate",
    "profile",
    "plots",
    "report",
    "tracking",
    "lock",
    "logged_model",
    "registry",
    "evidence",
    "promotion",
    "receipt",
)
MAKEFILE = (ROOT / "Makefile").read_text()
PIPELINE = sorted((ROOT / "scripts/pipeline").glob("[a-z]*.py"))


@cache
def imported(path: Path) -> set[str]:
    """Return every module that a file imports, at whatever depth."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@cache
def parts(path: Path) -> set[str]:
    """Return the files of the pipeline that a file needs, directly or through others."""
    direct = {name for name in ORDER if f"scripts.pipeline.{name}" in imported(path)}
    return direct.union(*(parts(ROOT / f"scripts/pipeline/{name}.py") for name in direct))


@pytest.mark.parametrize("path", PIPELINE, ids=lambda path: path.stem)
def test_the_pipeline_imports_upwards_only(path: Path) -> None:
    """A file imports what stands above it in the order of the data's flow, and no stage."""
    above = ORDER[: ORDER.index(path.stem)]
    ours = {name for name in imported(path) if name.startswith("scripts")}
    assert all(name == "scripts.pipeline" or name.split(".")[2] in above for name in ours), ours


def test_only_the_doors_import_mlflow() -> None:
    """There is one to runs, one to models, one to the registry and its lock; four work on a server's whole state."""
    importers = {p.stem for p in (ROOT / "scripts").rglob("*.py") if any(n.startswith("mlflow") for n in imported(p))}
    assert importers == {"tracking", "logged_model", "registry", "lock", "gc", "login", "verify", "clients"}


@pytest.mark.parametrize("stage", ["train", "evaluate", "register"])
def test_make_knows_what_a_stage_reads(stage: str) -> None:
    """The Makefile's list of a stage's inputs is what the stage imports, no more and no less."""
    [(templates, listed)] = re.findall(
        rf"^{stage}_inputs := scripts/{stage}\.py (.*)\$\(call parts,(.*)\)$", MAKEFILE, re.M
    )
    assert set(listed.split()) == parts(ROOT / f"scripts/{stage}.py")
    beside = {str(path.relative_to(ROOT)) for path in (ROOT / "scripts/pipeline").glob("report.[hm]*")}
    assert set(templates.split()) == (beside if "report" in listed.split() else set())


def test_nothing_about_the_example_stands_in_the_code() -> None:
    """The data and the estimator are the user's; the code knows neither flowers nor forests."""
    for path in [*(ROOT / "scripts").rglob("*.*"), *(ROOT / "docker").glob("*.sh"), ROOT / "Makefile"]:
        if path.suffix != ".pyc":
            assert not re.search(r"iris|species|RandomForest", path.read_text(), re.I), path


def test_every_target_is_explained_and_declared() -> None:
    """A target that a user may type has its .PHONY above it and its line in `make help`."""
    declared = re.findall(r"^\.PHONY: (.+)\n(\S+):.*$", MAKEFILE, re.M)
    assert all(name == target for name, target in declared)
    helped = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))
    assert {name for name, _ in declared} == helped | {"FORCE", "claims"}
    wanted = (
        "all lint format test train evaluate register up down logs image lock doctor clean shell why engine base bench"
    )
    assert set(wanted.split()) <= helped


def test_recipes_are_short() -> None:
    """More than three lines are a script."""
    blocks = re.findall(r"(?:^\t.*\n)+", MAKEFILE, re.M)
    assert blocks
    assert max(block.count("\n") for block in blocks) <= 3


def test_files_are_small() -> None:
    """Modules of a few hundred lines at most."""
    for path in (ROOT / "scripts").rglob("*.py"):
        assert path.stat().st_size <= 12_000, path


def test_the_readme_names_only_targets_that_exist() -> None:
    """Every `make …` that the README shows can be typed, and every target is in it."""
    helped = set(re.findall(r"^([a-z-]+):.*## ", MAKEFILE, re.M))
    readme = (ROOT / "README.md").read_text()
    code = re.findall(r"`([^`\n]+)`", readme) + re.findall(r"^```sh\n(.*?)^```", readme, re.M | re.S)
    lines = [line for text in code for line in text.splitlines()]
    shown = {
        word for line in lines for words in re.findall(r"\bmake((?: [a-z-]+\b(?!=))+)", line) for word in words.split()
    }
    assert shown <= helped
    assert set(re.findall(r"^\| `make ([a-z-]+)", readme, re.M)) >= helped - {"help"}


def test_the_readmes_five_lines_are_a_pipeline(tmp_path: Path) -> None:
    """What the README tells people to put into pipeline.toml is taken as it stands."""
    [snippet] = re.findall(r"^```toml\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    (tmp_path / "pipeline.toml").write_text(snippet)
    assert config.load(tmp_path / "pipeline.toml").data.target


def test_nothing_that_a_run_leaves_is_committed() -> None:
    """MLflow makes a database wherever nobody tells it of a server; it has no place in the history."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert [name for name in listed if name.endswith((".db", ".skops", ".pkl")) or "mlruns" in name] == []


def test_the_build_context_is_small() -> None:
    """The engine is sent what the Dockerfile needs and nothing else: well under 1 MB."""
    first, *rest = (ROOT / ".dockerignore").read_text().split()
    assert first == "*"
    assert sum((ROOT / line.removeprefix("!")).stat().st_size for line in rest) < 1_000_000
