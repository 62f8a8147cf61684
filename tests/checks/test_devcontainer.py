"""The development container: the pinned image, as the caller, and nothing that a network would have to bring."""

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import ROOT
from tests.support.checkout import Stack, free_port

if TYPE_CHECKING:
    import docker

FILE = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())


def test_it_is_the_pinned_image_and_nothing_else() -> None:
    """No feature, no script of the network; `make image` on the host pulls or builds the image under this name."""
    assert (FILE["initializeCommand"], FILE["image"]) == ("make image", "modelmake:latest")
    assert not {"features", "build", "dockerComposeFile", "postCreateCommand", "customizations"} & set(FILE)
    dockerfile = (ROOT / "docker/image/Dockerfile").read_text()
    assert re.search(rf"^ && useradd .* {FILE['remoteUser']} ", dockerfile, re.M)
    assert (FILE["capDrop"], FILE["securityOpt"]) == (["ALL"], ["no-new-privileges"])


# What the tool that starts development containers does: the user gets the ids of the caller.
ADAPTED = """\
FROM {image}
USER root
RUN sed -i -e 's/^modelmake:x:10001:10001:/modelmake:x:1234:1234:/' /etc/passwd
USER modelmake
"""


@pytest.mark.stack
@pytest.mark.long
def test_a_pipeline_runs_in_it_without_a_network(
    engine: "docker.DockerClient", empty_store: Path, tmp_path: Path
) -> None:
    """Bare, as in the image: make finds the runner by itself, and the files belong to the caller."""
    checkout = Stack(tmp_path / "churn", free_port()).fill(empty_store)
    assert checkout.make("image").returncode == 0
    subprocess.run(["chown", "-R", "1234:1234", str(checkout.path)], check=True)
    for parent in checkout.path.parents[:3]:
        parent.chmod(0o755)
    build = ["docker", "build", "-q", "-"]
    text = ADAPTED.format(image=FILE["image"])
    made = subprocess.run(build, input=text, capture_output=True, text=True, check=True).stdout.strip()
    options = ["--rm", "--init", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    place = f"/workspaces/{checkout.path.name}"
    mount = ["-u", FILE["remoteUser"], "-v", f"{checkout.path}:{place}", "-w", place]
    command = ["docker", "run", *options, *mount, made, "make", "train", "evaluate", "register"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    engine.images.remove(made, force=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "runner: image (this is the image)" in done.stdout
    assert "version 1 of iris_classifier_rf" in done.stdout
    assert {path.stat().st_uid for path in (checkout.path / "build").rglob("*")} == {1234}
