"""The stack for real: image, compose and the server, driven by make from a path with a space in it."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import mlflow
import pytest
import requests

import docker
from tests.conftest import ROOT
from tests.support.checkout import Stack, free_port

pytestmark = pytest.mark.stack
KNOCK = """
import json, socket, sys, time
def reached(pause):
    time.sleep(pause)
    try:
        socket.create_connection((sys.argv[1], 5000), timeout=2).close()
    except OSError:
        return False
    return True
print(json.dumps([reached(pause) for pause in (0, 1, 1)]))
"""
SLOW = """
import time
from sklearn.dummy import DummyClassifier

class Slow(DummyClassifier):
    def fit(self, X, y):
        print("fitting now", flush=True)
        time.sleep(120)
"""


@pytest.fixture(scope="module")
def stack(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Stack:
    """Return a checkout whose server is up; nothing of it is left afterwards."""
    found = Stack(tmp_path_factory.mktemp("stack") / "a check out", free_port()).fill(empty_store)
    done = found.make("up")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == found.url
    yield found
    found.make("distclean")
    assert found.left(engine) == set()


@pytest.fixture(scope="module")
def registered(stack: Stack) -> Stack:
    """Return the stack after `make register`, which did all that comes before it."""
    done = stack.make("register")
    assert done.returncode == 0, done.stdout + done.stderr
    return stack


def status(url: str, host: str | None = None) -> int:
    """Return what the server's API answers to a client that calls it by the name `host`."""
    query = f"{url}/api/2.0/mlflow/experiments/search?max_results=1"
    return requests.get(query, headers={"Host": host} if host else {}, timeout=10).status_code


def test_up_returns_once_the_api_answers_by_every_name(stack: Stack) -> None:
    """By localhost, by 127.0.0.1 and by the compose name from a container; a strange Host is turned away."""
    assert status(stack.url) == 200
    assert status(f"http://127.0.0.1:{stack.port}") == 200
    assert status(stack.url, host="evil.example:5000") == 403
    probe = "import urllib.request as r; print(r.urlopen('http://mlflow:5000/version').status)"
    assert stack.run("mlflow", "python", "-c", probe).stdout.strip() == "200"


def test_the_server_is_closed_by_default(stack: Stack, engine: docker.DockerClient) -> None:
    """Loopback only, no root, nothing writable but its volume, no capabilities."""
    server = engine.containers.get(f"{stack.project}-mlflow-1")
    assert server.attrs["NetworkSettings"]["Ports"]["5000/tcp"] == [
        {"HostIp": "127.0.0.1", "HostPort": str(stack.port)}
    ]
    host = server.attrs["HostConfig"]
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["Privileged"]) == (True, ["ALL"], False)
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert server.exec_run("id -u").output.strip() == b"10001"


def test_the_database_writes_ahead(stack: Stack, engine: docker.DockerClient) -> None:
    """From the first start on, and an answer still waits for the disk."""
    ask = """import sqlite3
database = sqlite3.connect("/mlflow/mlflow.db")
for setting in ("journal_mode", "synchronous"):
    print(*database.execute(f"PRAGMA {setting}").fetchone())"""
    server = engine.containers.get(f"{stack.project}-mlflow-1")
    assert server.exec_run(["python", "-c", ask]).output.split() == [b"wal", b"2"]  # 2 is FULL


def test_the_pipeline_runs_in_the_image(registered: Stack, engine: docker.DockerClient) -> None:
    """The run names the image that it ran in, and its artifacts go through the server."""
    receipt = registered.receipt("register")
    client = mlflow.MlflowClient(registered.url)
    run = client.get_run(receipt["run_id"])
    image = engine.images.get(run.data.tags["modelmake.image"])
    assert image.id == run.data.tags["modelmake.image.id"]
    assert run.data.tags["modelmake.python"].startswith("3.13")
    assert len(run.data.tags["modelmake.git.commit"]) == 40
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    assert receipt["url"].startswith("http://localhost:")
    version = client.get_model_version_by_alias(receipt["name"], "staging")
    assert (version.run_id, version.current_stage) == (receipt["run_id"], "Staging")
    files = {item.path for item in client.list_logged_model_artifacts(registered.receipt("train")["model_id"])}
    assert "model.skops" in files


def test_a_workflow_step_hands_on_from_the_container(registered: Stack, tmp_path: Path) -> None:
    """On GitHub a stage runs in a container too: its outputs and its summary reach the runner's files all the same."""
    output, summary = tmp_path / "out put", tmp_path / "summary"
    for path in (output, summary):
        path.touch()
    settings = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "GITHUB_ACTIONS": "true"}
    settings |= {"GITHUB_SERVER_URL": "https://example.com", "GITHUB_REPOSITORY": "a/b", "GITHUB_RUN_ID": "7"}
    done = registered.make("train", "FORCE=1", "REASON=because", **settings)
    assert done.returncode == 0, done.stderr
    run_id = registered.receipt("train")["run_id"]
    assert output.read_text() == f"run_id={run_id}\n"
    assert run_id in summary.read_text()
    tags = mlflow.MlflowClient(registered.url).get_run(run_id).data.tags
    assert (tags["modelmake.runner"], tags["modelmake.reason"]) == ("github", "because")
    assert tags["modelmake.run_url"] == "https://example.com/a/b/actions/runs/7"


def test_host_and_image_agree_to_the_last_bit(registered: Stack) -> None:
    """The same commit, lock and data give the same metrics on the host's Python and in the image."""
    in_image = registered.receipt("evaluate")["metrics"]
    host = registered.make("evaluate", "RUNNER=image", MLFLOW_TRACKING_URI=registered.url)
    assert host.returncode == 0, host.stderr
    assert registered.receipt("evaluate")["metrics"] == in_image


def test_state_survives_down(registered: Stack) -> None:
    """A stopped server keeps its state, and starts on the port that it is told."""
    run_id = registered.receipt("register")["run_id"]
    assert registered.make("down").returncode == 0
    with pytest.raises(requests.ConnectionError):
        status(registered.url)
    registered.port = free_port()
    assert registered.make("up").returncode == 0
    assert mlflow.MlflowClient(registered.url).get_run(run_id).info.status == "FINISHED"


def test_every_worker_reads_the_secret_of_a_webhook(stack: Stack) -> None:
    """With one key beside the state, also after a restart; each worker would make its own."""
    api = f"{stack.url}/api/2.0/mlflow/webhooks"
    events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
    hook = {"name": "told", "url": "https://93.184.216.34/hook", "events": events, "secret": "s3cret"}
    made = requests.post(api, json=hook, timeout=30)
    assert made.ok, made.text

    def answers() -> set[int]:
        return {requests.get(api, timeout=30, headers={"Connection": "close"}).status_code for _ in range(20)}

    assert answers() == {200}
    assert stack.make("down").returncode == 0
    assert stack.make("up").returncode == 0
    assert answers() == {200}


def test_a_backup_comes_back_on_another_machine(registered: Stack, tmp_path: Path, empty_store: Path) -> None:
    """Runs, version, alias and artifacts come along; a damaged archive is refused and changes nothing."""
    run_id = registered.receipt("register")["run_id"]
    archive = tmp_path / "back up.tar.gz"
    assert registered.make("backup", f"TO={archive}").returncode == 0
    other = Stack(tmp_path / "another clone", free_port()).fill(empty_store)
    try:
        done = other.make("restore", f"FROM={archive}")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == other.url
        client = mlflow.MlflowClient(other.url)
        assert client.get_model_version_by_alias("iris_classifier_rf", "staging").run_id == run_id
        done = other.make("evaluate", "register", "FORCE=1", f"RUN_ID={run_id}")
        assert done.returncode == 0, done.stderr
        archive.write_bytes(archive.read_bytes()[:-1000])
        done = other.make("restore", f"FROM={archive}")
        assert done.returncode != 0
        assert "not a complete backup" in done.stderr
        assert "the state is unchanged" in done.stderr
        assert client.get_run(run_id).info.status == "FINISHED"  # it was not even stopped for that
    finally:
        other.make("distclean")


def test_files_belong_to_the_caller(stack: Stack) -> None:
    """Whoever calls make owns what lands in build/, and the source can't be written at all."""
    assert stack.run("", "touch", "build/mine").returncode == 0
    assert (stack.path / "build/mine").stat().st_uid == os.getuid()
    refused = stack.run("", "touch", "Makefile")
    assert refused.returncode != 0
    assert "Read-only file system" in refused.stderr


def test_lint_and_test_have_no_network(stack: Stack, engine: docker.DockerClient) -> None:
    """A sealed container has loopback and nothing else; one of a stage reaches the server and not the world."""
    interfaces = "import socket; print([name for _, name in socket.if_nameindex()])"
    assert stack.run("", "python", "-c", interfaces).stdout.strip() == "['lo']"
    server = engine.containers.get(f"{stack.project}-mlflow-1")
    address = {name: each["IPAddress"] for name, each in server.attrs["NetworkSettings"]["Networks"].items()}
    reached = {
        name: json.loads(stack.run("mlflow", "python", "-c", KNOCK, address[f"{stack.project}_{name}"]).stdout)
        for name in ("stages", "published")
    }
    # A busy engine (20.10) once let a single connection through; a route that is open lets all through.
    assert (reached["stages"], sum(reached["published"]) < 2) == ([True] * 3, True), (address, reached)


def test_a_taken_port_is_one_line_and_harms_no_other_clone(stack: Stack, tmp_path: Path, empty_store: Path) -> None:
    """A second clone gets an error for the same port; the server of the first one stays up."""
    second = Stack(tmp_path / "another clone", stack.port).fill(empty_store)
    assert second.project != stack.project
    done = second.make("up")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    second.make("distclean")
    assert done.returncode == 2
    holder = f"the container {stack.project}-mlflow-1"
    assert errors == [f"error: port {stack.port}: taken by {holder} (make up MLFLOW_PORT={stack.port + 1})"]
    assert status(stack.url) == 200


@pytest.fixture
def slow(stack: Stack) -> Stack:
    """Return the stack with an estimator that takes two minutes; config and receipts come back afterwards."""
    kept = stack.path.parent / "kept"
    (stack.path / "build").mkdir(exist_ok=True)
    shutil.copytree(stack.path / "build", kept, dirs_exist_ok=True)
    pipeline = (stack.path / "pipeline.toml").read_text()
    (stack.path / "slow.py").write_text(SLOW)
    stack.edit("pipeline.toml", "sklearn.ensemble.RandomForestClassifier", "slow.Slow")
    stack.edit("pipeline.toml", "n_estimators = 100", "")
    (stack.path / "build/train.json").unlink(missing_ok=True)
    yield stack
    (stack.path / "slow.py").unlink()
    (stack.path / "pipeline.toml").write_text(pipeline)
    shutil.rmtree(stack.path / "build")
    kept.rename(stack.path / "build")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_make_kills_the_run(slow: Stack, engine: docker.DockerClient, number: signal.Signals) -> None:
    """As Ctrl-C does: the run is KILLED, no receipt, no container left."""
    slow.edit("pipeline.toml", "iris_classification", f"killed by {number.name}")
    settings = slow.environment()
    with subprocess.Popen(
        ["make", "train"], cwd=slow.path, env=settings, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert any("fitting now" in line for line in process.stdout)
        os.killpg(process.pid, number)
        assert process.wait(timeout=60) != 0
    client = mlflow.MlflowClient(slow.url)
    experiment = client.get_experiment_by_name(f"killed by {number.name}")
    for _ in range(50):
        [run] = client.search_runs([experiment.experiment_id])
        mounted = [
            mount["Source"] for each in engine.containers.list(ignore_removed=True) for mount in each.attrs["Mounts"]
        ]
        if run.info.status != "RUNNING" and str(slow.path.resolve()) not in mounted:
            break
        time.sleep(0.2)
    assert run.info.status == "KILLED"
    assert str(slow.path.resolve()) not in mounted
    assert not (slow.path / "build/train.json").exists()


@pytest.mark.long
def test_what_a_killed_container_left_running_is_failed_by_the_next(slow: Stack, engine: docker.DockerClient) -> None:
    """SIGKILL leaves it RUNNING; one that is alive in another container stays as it is."""
    slow.edit("pipeline.toml", "iris_classification", "killed with its container")

    def containers() -> dict[str, docker.models.containers.Container]:
        found = engine.containers.list(ignore_removed=True, filters={"name": "modelmake-run-"})
        here = str(slow.path.resolve())
        return {each.name: each for each in found if here in [mount["Source"] for mount in each.attrs["Mounts"]]}

    def training() -> subprocess.Popen[str]:
        words = ["make", "train"]
        return subprocess.Popen(words, cwd=slow.path, env=slow.environment(), stdout=subprocess.PIPE, text=True)

    def until(process: subprocess.Popen[str], text: str) -> str:
        return next(line for line in process.stdout if text in line)

    with training() as alive:
        try:
            until(alive, "fitting now")
            before = set(containers())
            with training() as killed:
                run_id = until(killed, "run ").split()[1]
                until(killed, "fitting now")
                [name] = set(containers()) - before
                containers()[name].kill("SIGKILL")
            client = mlflow.MlflowClient(slow.url)
            assert client.get_run(run_id).info.status == "RUNNING"
            with training() as following:
                assert run_id in until(following, "was left RUNNING by a process that no longer exists")
                until(following, "fitting now")
                found = client.get_run(run_id)
                assert found.info.status == "FAILED"
                assert name in found.data.tags["modelmake.failed"]
                runs = client.search_runs([found.info.experiment_id], "attributes.status = 'RUNNING'")
                assert len(runs) == 2
                for each in containers().values():
                    each.kill("SIGKILL")
        finally:
            for each in containers().values():
                each.kill("SIGKILL")


def test_the_image_holds_no_secret_and_no_root(stack: Stack, engine: docker.DockerClient) -> None:
    """Its user is not root, its size is under 1.1 GB, and neither history nor environment contains CA or proxy."""
    image = engine.images.get(engine.containers.get(f"{stack.project}-mlflow-1").attrs["Config"]["Image"])
    assert image.attrs["Config"]["User"] == "10001:10001"
    assert image.attrs["Size"] < 1.1e9
    told = json.dumps([layer["CreatedBy"] for layer in image.history()]) + json.dumps(image.attrs["Config"])
    assert not [word for word in ("begin certificate", "_proxy", "password", "token") if word in told.lower()]


def test_a_linked_worktree_has_its_commit(stack: Stack, tmp_path: Path) -> None:
    """Its history is in another folder; the container sees it."""
    worktree = tmp_path / "work tree"
    subprocess.run(["git", "worktree", "add", "-q", "--detach", str(worktree)], cwd=stack.path, check=True)
    head = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(head, cwd=worktree, capture_output=True, text=True, check=True).stdout
    words = [str(worktree / "docker/run.sh"), "--", *head]
    done = subprocess.run(words, env=stack.environment(), capture_output=True, text=True, check=False)
    subprocess.run(["git", "worktree", "remove", "--force", str(worktree)], cwd=stack.path, check=True)
    assert done.stdout == commit, done.stderr


def test_doctor_finds_the_engine(stack: Stack) -> None:
    """Exit code 0, and a line each for what make needs."""
    done = stack.make("doctor")
    assert done.returncode == 0
    assert "make all runs in the image" in done.stdout


def test_the_small_commands_run(stack: Stack) -> None:
    """What the README shows beside the pipeline works too: format changes nothing, a shell is in the image."""
    (stack.path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    before = {path: path.read_bytes() for path in (stack.path / "scripts").rglob("*.py")}
    for target in ("format", "image", "base"):
        done = stack.make(target)
        assert done.returncode == 0, done.stderr
    assert {path: path.read_bytes() for path in before} == before
    assert "/api/2.0/mlflow/experiments/search" in stack.make("logs").stdout
    words = ["make", "shell"]
    typed = "echo in $(head -1 /etc/modelmake) at $MLFLOW_TRACKING_URI\n"
    done = subprocess.run(
        words, cwd=stack.path, env=stack.environment(), input=typed, capture_output=True, text=True, check=False
    )
    assert " at http://mlflow:5000" in done.stdout, done.stderr


@pytest.mark.long
def test_a_version_goes_to_production_and_back(registered: Stack) -> None:
    """Two versions, through containers as a user types it: promote, list, roll back, and what was done by whom."""
    client, name = mlflow.MlflowClient(registered.url), registered.receipt("register")["name"]
    assert registered.make("train", "evaluate", "register", "FORCE=1").returncode == 0
    assert registered.make("promote", "REASON=the first").returncode == 0
    assert registered.make("train", "evaluate", "register", "FORCE=1").returncode == 0
    newest = registered.receipt("register")["version"]
    done = registered.make("promote", USER="ada")
    assert f"version {newest} of {name} is the champion" in done.stdout
    assert "is already the champion" in registered.make("promote").stdout
    assert registered.make("rollback", "REASON=it rained").returncode == 0
    aliases = {alias: str(number) for alias, number in client.get_registered_model(name).aliases.items()}
    assert (aliases["previous"], aliases["staging"]) == (newest, newest)
    assert aliases["champion"] != newest
    moves = [line.split() for line in registered.make("history").stdout.splitlines()[2:]]
    assert [(words[4], words[-1]) for words in moves[:3]] == [
        ("rollback", "rained"),
        ("promote", moves[1][-1]),
        ("promote", "first"),
    ]
    assert moves[1][3] == "ada"
    assert "@champion" in registered.make("registry").stdout
    assert "champion version" in registered.make("evaluate", "FORCE=1").stdout


@pytest.mark.long
def test_of_two_promotions_at_once_one_is_told(registered: Stack) -> None:
    """Two terminals: each ends well, or with one clear line; champion and previous are never the same version."""
    client, name = mlflow.MlflowClient(registered.url), registered.receipt("register")["name"]
    assert registered.make("promote", "FORCE=1").returncode == 0
    for _ in range(2):
        assert registered.make("train", "evaluate", "register", "FORCE=1").returncode == 0
    numbers = [version.version for version in client.search_model_versions(f"name = '{name}'")][:2]
    words = [["make", "promote", f"VERSION={number}"] for number in numbers]
    started = [
        subprocess.Popen(
            each,
            cwd=registered.path,
            env=registered.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for each in words
    ]
    said = [each.communicate()[0] for each in started]
    codes = [each.returncode for each in started]
    assert 0 in codes
    for code, text in zip(codes, said, strict=True):
        assert code == 0 or text.count("is being promoted or rolled back by") == 1, text
    aliases = client.get_registered_model(name).aliases
    assert aliases["champion"] != aliases["previous"]


@pytest.mark.long
def test_a_run_is_reproduced_in_its_image(registered: Stack, engine: docker.DockerClient) -> None:
    """On a scratch server, which is gone afterwards; the user's server has no run more than before.

    Whoever may write to the server may write tags: an image of elsewhere is named, and not fetched.
    """
    client = mlflow.MlflowClient(registered.url)
    run_id = client.get_model_version("iris_classifier_rf", "1").run_id
    image = client.get_run(run_id).data.tags["modelmake.image"]
    experiments = [each.experiment_id for each in client.search_experiments()]
    before = len(client.search_runs(experiments))
    names = registered.left(engine)
    done = registered.make("reproduce", "VERSION=1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproduced: all " in done.stdout
    assert "DIFF" not in done.stdout
    assert len(client.search_runs(experiments)) == before
    assert registered.left(engine) == names
    client.set_tag(run_id, "modelmake.image", f"127.0.0.1:9/{image}")
    elsewhere = registered.make("reproduce", "VERSION=1")
    client.set_tag(run_id, "modelmake.image", image)
    assert elsewhere.returncode == 0, elsewhere.stdout + elsewhere.stderr
    assert "the run's image is from 127.0.0.1:9/modelmake, and this one from modelmake" in elsewhere.stdout
    assert "pulling" not in elsewhere.stderr
    assert "DIFF  image " in elsewhere.stdout
