"""make demo: the whole story in one command, and a step that fails is named."""

import re
import subprocess
from pathlib import Path

import pytest

import docker
from modelmake.report import recording
from tests.conftest import ROOT
from tests.support.checkout import Checkout, Stack, free_port

TITLES = re.findall(r'^step "(.*)"$', (ROOT / "docker/replay/demo.sh").read_text(), re.MULTILINE)
PICTURES = ROOT / "docs"


class Shown(Checkout):
    """A checkout with the table of the demo."""

    tree = (*Checkout.tree, "examples")


class ShownOnEngine(Stack):
    """The same on an engine."""

    tree = (*Stack.tree, "examples")


def check(checkout: Checkout, done: subprocess.CompletedProcess[str]) -> None:
    """Every step is shown, as in the picture of the README, and nothing is left except what build/ has of it."""
    assert done.returncode == 0, done.stdout + done.stderr
    steps = re.findall(r"^\d of \d · (.*)$", done.stdout, re.MULTILINE)
    assert steps == TITLES
    assert recording.terminal((checkout.path / "build/demo.txt").read_text()) == (PICTURES / "demo.svg").read_text()
    assert not (checkout.path / "build/demo").exists()
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=checkout.path, capture_output=True, text=True, check=True
    )
    assert status.stdout == ""


@pytest.mark.long
def test_the_demo_shows_each_step_and_leaves_nothing(empty_store: Path, tmp_path: Path) -> None:
    """Without an engine; OUT names the folder of the pictures."""
    checkout = Shown(tmp_path / "a check out").fill(empty_store)
    done = checkout.make("demo", "OUT=build/pictures")
    check(checkout, done)
    made = {path.name: path.read_text() for path in (checkout.path / "build/pictures").iterdir()}
    assert made["demo.svg"] == (PICTURES / "demo.svg").read_text()
    assert re.sub(r"[\d.]+", "0", made["report.svg"]) == re.sub(r"[\d.]+", "0", (PICTURES / "report.svg").read_text())


@pytest.mark.stack
def test_the_demo_runs_on_an_engine(engine: docker.DockerClient, empty_store: Path, tmp_path: Path) -> None:
    """It leaves no container, network or volume."""
    checkout = ShownOnEngine(tmp_path / "a check out", free_port()).fill(empty_store)
    check(checkout, checkout.make("demo"))
    folders = ("build/demo", "build/demo/build/reproduce")
    for project in [ShownOnEngine(checkout.path / folder, 0).project for folder in folders]:
        named = {"name": project}
        assert engine.containers.list(ignore_removed=True, all=True, filters=named) == []
        assert engine.networks.list(filters=named) == []
        assert engine.volumes.list(filters=named) == []


def test_a_step_that_fails_is_named(empty_store: Path, tmp_path: Path) -> None:
    """With the exit code of its command and the line of the error; the rest does not run."""
    checkout = Shown(tmp_path / "a check out").fill(empty_store)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "make").write_text(
        '#!/bin/sh\ncase "$*" in *" evaluate "*) echo "error: the gate: no" >&2 && exit 3 ;; esac\n'
        'printf "read     x\\nrule     x\\nwrote    x\\n"\nmkdir -p "$2/pipelines"\n'
    )
    (tools / "make").chmod(0o755)
    environment = checkout.environment()
    environment["PATH"] = f"{tools}:{environment['PATH']}"
    words = [str(checkout.path / "docker/replay/demo.sh")]
    done = subprocess.run(words, cwd=checkout.path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done
    where = f"step 2, {TITLES[1].removesuffix('.')}"
    assert done.stderr == f"error: demo: {where}: the gate: no (build/demo.log has all output)\n"
    assert "3 of" not in done.stdout
    assert not (checkout.path / "build/demo").exists()


def test_a_picture_of_a_report_has_its_verdict_and_no_run() -> None:
    """The part with ids and dates is left out, and the picture is well-formed."""
    head = "<html><head><style>body { margin: 0; }</style></head>"
    parts = (
        "<header><h1>Pass &amp; go</h1></header><h2>Checks</h2><div class='scroll'>accuracy</div><h2>Metrics</h2>"
        "<div class='plots'><figure>a</figure><figure>b</figure><figure>c</figure></div><h2>Origin</h2><p>run 1f2e</p>"
    )
    picture = recording.page(f"{head}<body>{parts}</body></html>")
    assert picture.startswith("<svg ")
    assert "Pass &amp; go" in picture
    assert "accuracy" in picture
    assert "<figure>b</figure>" in picture
    assert ".body { margin: 0; }" in picture
    for left_out in ("Metrics", "<figure>c", "1f2e", "<html"):
        assert left_out not in picture


def test_the_picture_shows_the_steps_of_the_demo() -> None:
    """A change of the demo needs `make demo OUT=docs`."""
    picture = (PICTURES / "demo.svg").read_text()
    assert re.findall(r">\d of \d · (.*)</text>", picture) == TITLES
