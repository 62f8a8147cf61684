"""The workflow, replayed for real by act: what it does, how it fails, and what it leaves behind (nothing)."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest

import docker
from tests.conftest import ROOT
from tests.support.checkout import Repository, free_port

pytestmark = pytest.mark.stack


def jobs(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    """Return how each job of a replay ended."""
    return dict(re.findall(r"\[(?:mlops-pipeline|pipeline/pipeline|release)/([\w-]+) *\] 🏁  Job (\w+)", done.stdout))


def steps(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the make targets that a replay ran, in order."""
    return re.findall(r"(?:Success|Failure) - Main make (\w+)", done.stdout)


@pytest.fixture(scope="module")
def pristine(engine: docker.DockerClient, tmp_path_factory: pytest.TempPathFactory, empty_store: Path) -> Repository:
    """Return a repository whose one commit is fine."""
    assert engine.ping()
    return Repository(tmp_path_factory.mktemp("act") / "a repo sitory", free_port()).fill(empty_store)


@pytest.fixture
def repository(pristine: Repository, engine: docker.DockerClient) -> Iterator[Repository]:
    """Return the repository; afterwards nothing of the test is left in it, nor of the replay on the engine."""
    before = left(pristine, engine)
    start = pristine.commit("Before")
    yield pristine
    for words in (["reset", "-q", "--hard", start], ["clean", "-fdq"]):
        subprocess.run(["git", *words], cwd=pristine.path, check=True)
    pristine.make("distclean")
    assert left(pristine, engine) == before


def image(path: Path = ROOT) -> str:
    """Return the name of a checkout's image."""
    words = ["docker/image/image.sh", "name"]
    return subprocess.run(words, cwd=path, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def turn(engine: docker.DockerClient) -> Iterator[None]:
    """Have the turn of a replay on this engine, which other clones then wait for."""
    while True:
        try:
            mine = engine.containers.create(image(), "true", name="modelmake-act")
            break
        except docker.errors.APIError as error:
            if error.status_code != 409:
                raise
            time.sleep(1)
    try:
        yield
    finally:
        mine.remove()


def left(repository: Repository, engine: docker.DockerClient) -> set[str]:
    """Return the names of what is the repository's own on the engine, and of volumes that act has left behind."""
    with turn(engine):
        volumes = {each.name for each in engine.volumes.list() if re.match("act-(?!toolcache)", each.name)}
    return repository.left(engine) | volumes


def test_a_push_is_replayed(repository: Repository, engine: docker.DockerClient) -> None:
    """HEAD and no uncommitted file; every target of the workflow; tagged; the caller's files; no trace."""
    commit, before = repository.commit("Go"), left(repository, engine)
    (repository.path / "scripts/modelmake/model/train.py").write_text("not yet committed")
    done = repository.act()
    assert done.returncode == 0, done.stdout
    assert jobs(done) == {"ci": "succeeded", "train": "succeeded", "cd": "succeeded"}
    assert steps(done) == ["pipelines", "lint", "test", "up", "tune", "train", "evaluate", "register"]
    assert "1 uncommitted files are not in this replay" in done.stdout
    provenance = repository.replayed.receipt("train")["provenance"]
    assert (provenance["modelmake.git.commit"], provenance["modelmake.git.dirty"]) == (commit, "false")
    assert provenance["modelmake.runner"] == "act"
    assert provenance["modelmake.image.id"] == engine.images.get(provenance["modelmake.image"]).id
    assert repository.replayed.receipt("register")["version"] == "1"
    assert {path.lstat().st_uid for path in repository.path.rglob("*")} == {os.getuid()}
    assert left(repository, engine) == before
    assert ": pass" in (repository.replayed.path / "build/report.md").read_text()
    assert "next    docs/howto/github.md (GitHub runs the same)" in done.stderr


@pytest.mark.long
def test_tests_that_have_passed_are_not_repeated(repository: Repository) -> None:
    """As on GitHub, where a cache has their receipt; of other files the receipt does not hold, and FORCE repeats."""
    assert repository.make("test").returncode == 0
    skipped = "| test: up to date"
    done = repository.act(JOB="ci")
    assert skipped in done.stdout
    assert jobs(done) == {"ci": "succeeded"}  # and no other job
    assert skipped not in repository.act(JOB="ci", FORCE="1").stdout
    repository.edit("scripts/modelmake/model/train.py", "import time", "import time  # changed")
    repository.commit("Change the product")
    assert skipped not in repository.act(JOB="ci").stdout


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "old", "new", "job", "target"),
    [
        ("scripts/modelmake/model/train.py", "import time", "import time, sys", "ci", "lint"),
        ("tests/test_inside.py", "assert not Path", "assert Path", "ci", "test"),
        ("pipeline.toml", '"species"', '"specie"', "train", "train"),
        ("pipeline.toml", "> 0.9", "> 1.0", "cd", "evaluate"),
    ],
)
def test_a_broken_commit_fails_where_it_would_on_github(
    repository: Repository, engine: docker.DockerClient, file: str, old: str, new: str, job: str, target: str
) -> None:
    """In the same job and step; no later job runs, and the last line says how to run that step alone."""
    before = left(repository, engine)
    repository.edit(file, old, new)
    repository.commit("Break it")
    done = repository.act()
    assert done.returncode != 0
    found = jobs(done)
    assert list(found)[-1] == job
    assert found.pop(job) == "failed"
    assert set(found.values()) <= {"succeeded"}
    assert steps(done)[-1] == target
    assert f"act: job {job} failed; to run that step alone: make {target}" in done.stderr
    assert left(repository, engine) == before


@pytest.mark.long
def test_a_workflow_that_cannot_be_read_runs_no_job(repository: Repository, engine: docker.DockerClient) -> None:
    """As on GitHub; act names the line, lint finds it too, and of the server that was just starting nothing is left."""
    before = left(repository, engine)
    repository.edit(".github/workflows/mlops-pipeline.yml", "    needs: ci", "    needz: ci")
    repository.commit("Break it")
    done = repository.act()
    assert done.returncode != 0
    assert jobs(done) == {}
    assert "needz" in done.stdout
    assert "the workflow did not run to its end" in done.stderr
    assert left(repository, engine) == before
    lint = repository.make("lint")
    assert lint.returncode != 0
    assert "fail workflow schema" in lint.stdout


@pytest.mark.long
@pytest.mark.parametrize(("event", "options"), [("pull_request", ""), ("workflow_dispatch", "--input register=false")])
def test_some_events_never_register(repository: Repository, event: str, options: str) -> None:
    """A pull request, and a dispatch that says no, train and evaluate."""
    done = repository.act(EVENT=event, ARGS=options)
    assert done.returncode == 0, done.stdout
    assert steps(done)[-1] == "evaluate"
    assert not (repository.replayed.path / "build/register.json").exists()


@pytest.mark.long
def test_the_tree_as_it_lies_can_be_replayed(repository: Repository) -> None:
    """ACT_REF=worktree takes what is not committed, new files and deletions too; JOB chooses."""
    (repository.path / "new.py").write_text("import os\n")
    (repository.path / "CHANGELOG.md").unlink(missing_ok=True)
    done = repository.act(ACT_REF="worktree", JOB="ci")
    assert jobs(done) == {"ci": "failed"}
    assert "new.py" in done.stdout
    assert "fail ruff check" in done.stdout


@pytest.mark.long
def test_a_replay_can_log_to_the_users_server(repository: Repository) -> None:
    """ACT_TRACKING=local: the runs are on localhost afterwards, with runner=act; a dispatch's reason is their tag."""
    done = repository.act(ACT_TRACKING="local", EVENT="workflow_dispatch", ARGS="--input reason=because")
    assert done.returncode == 0, done.stdout
    run_id = repository.replayed.receipt("register")["run_id"]
    tags = mlflow.MlflowClient(repository.url).get_run(run_id).data.tags
    assert (tags["modelmake.runner"], tags["modelmake.reason"]) == ("act", "because")


def test_ctrl_c_leaves_nothing(repository: Repository, engine: docker.DockerClient) -> None:
    """While a job runs: it is in one internal network, has no socket and the caller's id; then it is gone."""
    before = left(repository, engine)
    (repository.path / "tests/test_slow.py").write_text("import time\n\n\ndef test_slow():\n    time.sleep(60)\n")
    repository.edit("pyproject.toml", '"tests/*" = [', '"tests/test_slow.py" = ["D", "ANN"]\n"tests/*" = [')
    repository.commit("Slow")
    words = ["make", "act"]
    with subprocess.Popen(
        words,
        cwd=repository.path,
        env=repository.environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert any("Run Main make test" in line for line in process.stdout)
        [job] = engine.containers.list(
            ignore_removed=True, filters={"label": f"modelmake.act={repository.project}-act"}
        )
        [network] = job.attrs["NetworkSettings"]["Networks"]
        assert network == f"{repository.project}-act_stages"
        assert engine.networks.get(network).attrs["Internal"]
        assert not [mount for mount in job.attrs["Mounts"] if "docker.sock" in mount["Source"]]
        assert job.attrs["Config"]["User"] == f"{os.getuid()}:{os.getgid()}"
        assert job.attrs["HostConfig"]["CapDrop"] == ["ALL"]
        act = engine.containers.get("modelmake-act")
        assert list(act.attrs["NetworkSettings"]["Networks"]) == ["none"]
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
        assert process.wait(timeout=60) != 0
    assert left(repository, engine) == before


@pytest.mark.long
def test_an_installed_act_needs_no_options(repository: Repository, engine: docker.DockerClient) -> None:
    """Bare `act` after `make image` and `make up`: .actrc says the rest. Only its tool cache is left, as always.

    The workflows are those of a project: act takes every workflow that begins with a push, also of a tag.
    """
    for name in ("examples", "release"):
        (repository.path / f".github/workflows/{name}.yml").unlink()
    act = str(Path(sys.executable).parent / "act")  # out of the lock
    assert repository.make("image").returncode == repository.make("up").returncode == 0
    words = [act, "push", "--var", f"MLFLOW_TRACKING_URI={repository.url}"]
    with turn(engine):
        cached = [each for each in engine.volumes.list() if each.name == "act-toolcache"]
        done = subprocess.run(
            words, cwd=repository.path, env=repository.environment(), capture_output=True, text=True, check=False
        )
        if not cached:
            engine.volumes.get("act-toolcache").remove()
    assert done.returncode == 0, done.stdout + done.stderr
    assert jobs(done) == {"ci": "succeeded", "train": "succeeded", "cd": "succeeded"}
    client = mlflow.MlflowClient(repository.url)
    version = client.get_model_version_by_alias("iris_classifier_rf", "staging")
    assert client.get_run(version.run_id).data.tags["modelmake.runner"] == "act"


SEEDED = '''\
"""An estimator that listens to the environment, as far as it can: just what parity is there to find."""

import os

from sklearn.ensemble import RandomForestClassifier


def forest(n_estimators: int) -> RandomForestClassifier:
    """Return a forest whose seed depends on where it runs."""
    return RandomForestClassifier(n_estimators, max_depth=2, random_state=int(os.environ.get("MODELMAKE_REASON") or 1))
'''


@pytest.mark.long
def test_parity_holds_until_something_differs(repository: Repository, engine: docker.DockerClient) -> None:
    """The same commit gives the same bits on both roads; another lock and a seed from the environment are found out."""
    (repository.path / "seeded.py").write_text(SEEDED)
    repository.edit("pipeline.toml", "sklearn.ensemble.RandomForestClassifier", "seeded.forest")
    repository.edit("pipeline.toml", "random_state = 42\n", "")
    here = repository.commit("Listen to the environment")
    same = repository.make("parity")
    assert same.returncode == 0, same.stdout + same.stderr
    assert "DIFF" not in same.stdout
    assert "parity: all " in same.stdout
    repository.edit("docker/requirements.txt", "    # via", "    #  via")
    there = repository.commit("Another lock")
    # The image of that lock is this one by another name, which spares its build.
    name = image(repository.path)
    engine.images.get(image()).tag(*name.split(":"))
    subprocess.run(["git", "reset", "-q", "--hard", here], cwd=repository.path, check=True)
    other = repository.make("parity", f"ACT_REF={there}", "ARGS=--env MODELMAKE_REASON=2")
    engine.images.remove(name)
    assert other.returncode != 0
    differing = set(re.findall(r"^DIFF +([a-z._]+(?: random_state)?)", other.stdout, re.M))
    assert differing >= {"git.commit", "lock", "param random_state"}
    assert not differing & {"data", "config", "python", "platform", "cpu"}
    assert "parity: the runs differ" in other.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            {"EVENT": "pish"},
            "EVENT=pish: no event of this workflow (push, pull_request, merge_group, schedule or workflow_dispatch)",
        ),
        ({"ACT_TRACKING": "mine"}, "ACT_TRACKING=mine: unknown (scratch or local)"),
        ({"JOB": "nope"}, "JOB=nope: no job of this workflow (ci or pipelines)"),
        ({"ACT_REF": "nowhere"}, "nowhere: no such commit here"),
        (
            {"WORKFLOW": "pish"},
            "WORKFLOW=pish: no workflow of this commit (examples, mlops-pipeline, pipeline, promote, release or watch)",
        ),
        ({"WORKFLOW": "../x"}, "WORKFLOW=../x: no workflow of this commit"),
        ({"WORKFLOW": "pipeline"}, "WORKFLOW=pipeline: other workflows call it"),
        ({"WORKFLOW": "watch", "JOB": "ci"}, "JOB=ci: no job of this workflow (pipelines or watch)"),
        ({"WORKFLOW": "promote", "EVENT": "push"}, "EVENT=push: no event of this workflow (workflow_dispatch)"),
    ],
)
def test_a_wrong_word_is_one_line(repository: Repository, words: dict[str, str], expected: str) -> None:
    """It names the value and the choice, and starts nothing."""
    done = repository.act(**words)
    assert done.returncode == 2
    assert len([line for line in done.stderr.splitlines() if expected in line]) == 1
    assert "🚀" not in done.stdout


@pytest.mark.long
def test_a_promotion_is_replayed(repository: Repository) -> None:
    """The other workflow, on the user's own server: dispatched by hand, it moves the alias, and rolls it back."""
    repository.edit("pipeline.toml", 'alias = "staging"', 'alias = "candidate"')
    repository.commit("Another alias")
    for _ in range(2):
        assert repository.make("train", "evaluate", "register", "FORCE=1").returncode == 0
    client = mlflow.MlflowClient(repository.url)
    champions = []
    assert repository.make("promote", "VERSION=1").returncode == 0
    for action, version in (("promote", ""), ("rollback", "")):
        inputs = f"--input action={action} --input version={version} --input reason=why"
        done = repository.act(WORKFLOW="promote", ACT_TRACKING="local", ARGS=inputs)
        assert done.returncode == 0, done.stdout
        assert re.findall(r"Success - Main make (\w+)", done.stdout) == ["up", action, "serve", "smoke", "history"]
        champions.append(str(client.get_model_version_by_alias("iris_classifier_rf", "champion").version))
    assert champions == ["2", "1"]


@pytest.mark.long
def test_a_watch_is_replayed(repository: Repository) -> None:
    """Offline there is nothing to watch, and it says so and succeeds."""
    done = repository.act(WORKFLOW="watch")
    assert done.returncode == 0, done.stdout
    assert re.findall(r"Success - Main make (\w+)", done.stdout) == ["pipelines", "up", "watch"]
    assert "watch: nothing to watch" in done.stdout


@pytest.mark.long
def test_a_release_is_replayed_as_far_as_it_goes(repository: Repository) -> None:
    """Its checks run; the jobs that need an engine, a registry and GitHub only check out. A version it must have."""
    done = repository.act(WORKFLOW="release")
    assert done.returncode != 0
    assert "error: CHANGELOG.md: no such file (releases are of modelmake itself)" in done.stdout
    assert steps(done) == ["notes"]
    (repository.path / "CHANGELOG.md").write_text("# Changelog\n\n## [0.1.0] - 2026-11-30\n\n- The first one.\n")
    repository.commit("Release 0.1.0")
    done = repository.act(WORKFLOW="release")
    assert done.returncode == 0, done.stdout
    assert steps(done) == ["notes", "lint", "test"]
    assert "- The first one." in done.stdout
    assert jobs(done) == {"check": "succeeded", "image-1": "succeeded", "image-2": "succeeded", "publish": "succeeded"}
