"""A workspace of the tracking server: what is written goes there, what is read comes from there, or nothing happens."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from modelmake.core.errors import TrackingError
from modelmake.tracking.readers import registry
from modelmake.tracking.runs import Tracking
from tests.support.checkout import free_port

pytestmark = pytest.mark.long
NAME = "flowers"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Two servers of MLflow's: one with the workspace `team`, one without workspaces."""
    started, addresses = [], {}
    for name, options in (("team", ["--enable-workspaces"]), ("plain", [])):
        folder, port = tmp_path_factory.mktemp(name), free_port()
        store = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
        words = [sys.executable, "-m", "mlflow", "server", *store, "--port", str(port), "--workers", "1", *options]
        lean = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with Path(folder, "log").open("wb") as log:
            started.append(subprocess.Popen(words, env=os.environ | lean, stdout=log, stderr=log))
        addresses[name] = f"http://127.0.0.1:{port}"
    for address in addresses.values():
        while True:
            try:
                requests.get(f"{address}/version", timeout=60)
                break
            except requests.RequestException:
                assert all(server.poll() is None for server in started)
                time.sleep(0.1)
    made = requests.post(f"{addresses['team']}/api/3.0/mlflow/workspaces", json={"name": "team"}, timeout=30)
    assert made.ok, made.text
    yield addresses
    for server in started:
        server.terminate()
        server.wait()


def test_what_is_written_is_in_the_workspace(servers: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A run, a registered model and an alias; the default workspace has nothing of it."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", servers["team"])
    monkeypatch.setenv("MLFLOW_WORKSPACE", "team")
    tracking = Tracking()
    run = tracking.create_run("flowers", {})
    tracking.log_files(run, "trained", {"rows": b"1"})
    tracking.client.create_registered_model(NAME)
    version = tracking.client.create_model_version(NAME, f"runs:/{run.run_id}/model", run.run_id)
    tracking.client.set_registered_model_alias(NAME, "champion", version.version)
    assert run.url.endswith(f"{run.run_id}?workflowType=machine_learning&workspace=team")
    assert registry().at(NAME, "champion").run_id == run.run_id
    monkeypatch.delenv("MLFLOW_WORKSPACE")
    assert Tracking().search("flowers") == []
    assert registry().at(NAME, "champion") is None


@pytest.mark.parametrize(
    ("server", "workspace", "reason"),
    [("plain", "team", "workspaces"), ("team", "gone", "orkspace 'gone' not found|no such workspace")],
)
def test_a_workspace_that_is_not_there_is_named(
    servers: dict[str, str], monkeypatch: pytest.MonkeyPatch, server: str, workspace: str, reason: str
) -> None:
    """For a stage and for the scoring server alike, before anything is written or read."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", servers[server])
    monkeypatch.setenv("MLFLOW_WORKSPACE", workspace)
    for ask in (Tracking, lambda: registry().at(NAME, "champion")):
        with pytest.raises(TrackingError, match=reason) as raised:
            ask()
        assert "MLFLOW_WORKSPACE" in raised.value.fix
