"""The tutorial of serving, word for word."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import docker
from tests.conftest import ROOT
from tests.support.checkout import Stack, free_port

pytestmark = pytest.mark.stack


@pytest.fixture
def clone(engine: docker.DockerClient, tmp_path: Path, empty_store: Path) -> Iterator[Stack]:
    """A clone with the example, of which nothing is left afterwards."""
    found = Stack(tmp_path / "a check out", free_port()).fill(empty_store)
    yield found
    found.make("distclean")
    assert found.left(engine) == set()


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("curl"), reason="no curl, which the tutorial calls")
def test_the_tutorial_ends_with_another_model(clone: Stack) -> None:
    """Each block of shell runs, and shows what the page says."""
    port = free_port()
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs/serving.md").read_text(), re.M | re.S)
    printed = []
    for block in blocks:
        text = block.replace("localhost:5001", f"localhost:{port}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=clone.path,
            env=clone.environment() | {"MODELMAKE_SERVE_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    served, predicted, refused, quiet, moved, _, health, _ = printed
    assert "answers are correct" in served
    assert len(json.loads(predicted)["predictions"]) == 150
    assert json.loads(refused) | {"request_id": ""} == {
        "error": "a value is not a number",
        "column": "petal_length",
        "row": 0,
        "request_id": "",
    }
    assert "150 rows" in quiet
    assert "No drift" in quiet
    assert "'petal_length'" in moved
    assert "one window is not an alert" in moved
    assert json.loads(health)["version"] == "2"
