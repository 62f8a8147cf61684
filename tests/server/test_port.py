"""The port of the MLflow server: what the doctor says is what `make up` does."""

import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.checkout import free_port


def doctor(port: int) -> str:
    """Return the line about the port."""
    environment = {"PATH": "/usr/bin:/bin", "MLFLOW_PORT": str(port)}
    words = ["bash", "docker/host/doctor.sh"]
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return next(line for line in done.stdout.splitlines() if " port " in line)


def test_a_port_of_another_program_is_missed() -> None:
    """With one that is free; `make up` would refuse it too."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        line = doctor(port)
    assert line.startswith(f"miss port      port {port} is taken or not valid: make up MLFLOW_PORT=")
    assert doctor(free := free_port()) == f"ok   port      {free} is free"


@pytest.mark.parametrize("port", [5000, 3000])
def test_the_port_that_is_proposed_is_no_other_servers(tmp_path: Path, port: int) -> None:
    """5001 is the scoring server's own."""
    script = tmp_path / "ask.sh"
    script.write_text(f'. "{ROOT}/docker/lib.sh"\nlistening() {{ [ "$1" = 5002 ]; }}\nnext_port "$1"\n')
    done = subprocess.run(["bash", script, str(port)], capture_output=True, text=True, check=True)
    assert done.stdout == {5000: "5003\n", 3000: "3001\n"}[port]


def test_logs_in_a_file_have_no_control_sequences(tmp_path: Path) -> None:
    """Compose writes them whatever its output is."""
    (tmp_path / "docker").write_text("#!/bin/sh\nprintf '\\033[2Kmlflow-1  | \\033[31mhello\\033[0m\\n'\n")
    (tmp_path / "docker").chmod(0o755)
    script = tmp_path / "ask.sh"
    script.write_text(f'. "{ROOT}/docker/lib.sh"\nfiles=() project=p\ncompose_logs --tail 20\n')
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(["bash", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "mlflow-1  | hello\n"
