"""The workflow: thin, pinned, and with no more rights than it needs."""

import re
from pathlib import Path

import pytest
import yaml

from modelmake.checks import workflow
from tests.conftest import ROOT

WORKFLOWS = ROOT / ".github/workflows"
TEXT, ONE, PROMOTE, WATCH, RELEASE = (
    (WORKFLOWS / f"{name}.yml").read_text() for name in ("mlops-pipeline", "pipeline", "promote", "watch", "release")
)
WORKFLOW, CALLED = yaml.safe_load(TEXT), yaml.safe_load(ONE)
CALL = WORKFLOW["jobs"]["pipelines"]
JOBS = {"ci": WORKFLOW["jobs"]["ci"]} | CALLED["jobs"]
STEPS = [step for job in JOBS.values() for step in job["steps"]]
ACTIONS = {path.parent.name: path.read_text() for path in (ROOT / ".github/actions").glob("*/action.yml")}
MAKEFILE = (ROOT / "Makefile").read_text()


def test_the_jobs_are_a_chain_that_hands_the_run_on() -> None:
    """ci, then train and cd of each pipeline, and the run's id goes from one to the next as a job output."""
    assert set(WORKFLOW["jobs"]) == {"ci", "pipelines"}
    assert CALL["needs"] == "ci"
    assert {name: job.get("needs") for name, job in JOBS.items()} == {"ci": None, "train": None, "cd": "train"}
    assert JOBS["train"]["outputs"] == {"run_id": "${{ steps.train.outputs.run_id }}"}
    assert JOBS["cd"]["env"]["MODELMAKE_RUN_ID"] == "${{ needs.train.outputs.run_id }}"
    ran = {name: [step["run"].split()[1] for step in job["steps"] if "run" in step] for name, job in JOBS.items()}
    assert ran["ci"] == ["pipelines", "lint", "test"]
    assert ran["train"] == ["up", "exposure", "fetch", "tune", "train", "backup"]
    assert ran["cd"] == ["restore", "evaluate", "register", "comment", "backup"]


def test_every_run_tests_the_examples() -> None:
    """On GitHub and in .ci/run, with an engine and without, and no receipt of an earlier run spares them."""
    [job] = yaml.safe_load((WORKFLOWS / "examples.yml").read_text())["jobs"].values()
    assert job["steps"][-1] == {"run": "make examples"}
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert {"make examples RUNNER=docker", "DOCKER_HOST=unix:///nowhere make examples"} <= set(lines)
    assert "build/examples" not in (ROOT / "Makefile").read_text() + (ROOT / "docker/stages.mk").read_text()


def test_each_pipeline_runs_by_itself() -> None:
    """A matrix of what `make pipelines` lists; a refusal of one stops no other, and each names its own artifacts."""
    assert CALL["uses"] == "./.github/workflows/pipeline.yml"
    assert CALL["strategy"]["matrix"] == {"pipeline": "${{ fromJSON(needs.ci.outputs.pipelines) }}"}
    assert CALL["strategy"]["fail-fast"] is False
    artifacts = [step["with"] for step in STEPS if re.search("actions/(up|down)load$", step.get("uses", ""))]
    names = [name for words in artifacts for name in words.values() if name != "ci"]
    assert len(names) == 8
    assert all(name.endswith("-${{ inputs.pipeline }}") for name in names)


def test_a_called_workflow_gets_what_it_declares() -> None:
    """Every input and secret is handed on by name, and no others; it may do no more than its caller."""
    declared = CALLED[True]["workflow_call"]  # YAML takes `on` for true
    assert set(CALL["with"]) == set(declared["inputs"])
    assert CALL["secrets"] == {name: f"${{{{ secrets.{name} }}}}" for name in declared["secrets"]}
    assert set(re.findall(r"secrets\.(\w+)", ONE)) == set(declared["secrets"])
    for name in ("train", "cd"):
        assert JOBS[name]["permissions"].items() <= CALL["permissions"].items()


def test_a_step_is_one_make_target() -> None:
    """No logic in YAML: each step can be typed on a laptop."""
    for text in (TEXT, ONE, PROMOTE, WATCH, RELEASE, *ACTIONS.values()):
        for line in re.findall(r"^ *(?:- )?run: (.*)$", text, re.M):
            assert re.fullmatch(r"make [a-z]+(-[a-z]+)*( (TO|FROM)=\S+)?", line), line
            assert re.search(rf"^{line.split()[1]}:", MAKEFILE, re.M), line


def test_every_foreign_action_is_pinned() -> None:
    """By its commit, with the version beside it; our own are read from the checkout."""
    texts = (TEXT, ONE, PROMOTE, WATCH, RELEASE, *ACTIONS.values())
    uses = [line for text in texts for line in re.findall(r"uses: (.*)$", text, re.M)]
    foreign = [line for line in uses if not line.startswith("./")]
    assert foreign
    assert [line for line in foreign if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)] == []


def test_what_only_github_can_do_is_left_out_under_act() -> None:
    """Act clones every foreign action beforehand, so each sits in one of ours, behind a guard."""
    assert set(re.findall(r"uses: (actions/[a-z-]+)", TEXT + ONE + PROMOTE + WATCH + RELEASE)) == {"actions/checkout"}
    watched = [step for job in yaml.safe_load(WATCH)["jobs"].values() for step in job["steps"]]
    promoted = yaml.safe_load(PROMOTE)["jobs"]["promote"]["steps"]
    released = [step for job in yaml.safe_load(RELEASE)["jobs"].values() for step in job["steps"]]
    for step in STEPS + watched + promoted + released:
        if step.get("uses", "").startswith("./") or step.get("run", "").split()[1:2] in (
            ["backup"],
            ["restore"],
            ["comment"],
            ["fetch"],
            ["alert"],
            ["approval"],
            ["exposure"],
            ["release-image"],
            ["release-publish"],
        ):
            assert "!env.ACT" in step["if"], step


def test_a_push_runs_on_the_default_branch_only() -> None:
    """Whatever its name; a merge queue has branches of its own, and is tested as a pull request is."""
    events = WORKFLOW[True]  # YAML takes `on` for true
    assert {"push", "pull_request", "merge_group", "schedule", "workflow_dispatch"} == set(events)
    assert events["push"] == {"branches": ["**"]}
    branch = "github.event_name != 'push' || github.ref_name == github.event.repository.default_branch"
    assert JOBS["ci"]["if"] == f"${{{{ {branch} || github.actor == 'nektos/act' }}}}"  # which knows no default branch


def test_a_failed_job_can_run_again() -> None:
    """The artifacts of its first attempt are replaced."""
    uploads = yaml.safe_load(ACTIONS["upload"])["runs"]["steps"]
    assert [step["with"]["overwrite"] for step in uploads] == [True] * 3


def test_fetch_has_the_credentials_that_its_page_names() -> None:
    """Of S3, Google and Azure; each is a secret, or a variable where it is no secret."""
    [fetch] = [step for step in JOBS["train"]["steps"] if step.get("run") == "make fetch"]
    named = re.search(r"^sources=\"([^\"]+)\"", (ROOT / "docker/environment.sh").read_text(), re.M)
    assert named
    assert set(fetch["env"]) == set(named[1].split())
    for name, value in fetch["env"].items():
        assert value in (f"${{{{ secrets.{name} }}}}", f"${{{{ vars.{name} }}}}")


def test_a_pull_request_never_registers() -> None:
    """Nor does a merge queue, or a dispatch that says no; a registration is not cancelled by the next push."""
    [register] = [step for step in STEPS if step.get("run") == "make register"]
    assert register["if"] == "${{ inputs.register }}"
    assert "github.event_name != 'pull_request' && github.event_name != 'merge_group' &&" in CALL["with"]["register"]
    assert "inputs.register" in CALL["with"]["register"]
    assert CALLED[True]["workflow_call"]["inputs"]["register"]["default"] is False
    assert WORKFLOW["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def test_each_job_has_the_rights_it_needs() -> None:
    """None by default; only `ci` writes images, only `cd` writes a comment, and no checkout keeps the token."""
    assert WORKFLOW["permissions"] == CALLED["permissions"] == {}
    written = {name: [k for k, v in job["permissions"].items() if v == "write"] for name, job in JOBS.items()}
    assert written == {"ci": ["packages"], "train": [], "cd": ["pull-requests"]}
    assert all(job["timeout-minutes"] <= 60 for job in JOBS.values())
    checkouts = [step for step in STEPS if step.get("uses", "").startswith("actions/checkout")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * 3


def test_no_secret_reaches_a_job_that_does_not_need_it() -> None:
    """`ci` runs the code of a pull request: it sees no tracking server."""
    assert "env" not in JOBS["ci"]
    assert "secrets" not in str(WORKFLOW["env"]) + str(CALLED["env"])


def test_a_promotion_is_approved_and_asked_for_by_hand() -> None:
    """Dispatch alone, behind the environment's approval, never two at once, with no right to write."""
    workflow = yaml.safe_load(PROMOTE)
    [job] = workflow["jobs"].values()
    assert list(workflow[True]) == ["workflow_dispatch"]  # YAML takes `on` for true
    assert job["environment"] == "production"
    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert workflow["permissions"] == {}
    assert set(job["permissions"].values()) == {"read"}
    ran = [step["run"] for step in job["steps"] if "run" in step]
    assert ran == [
        "make approval",
        "make up",
        "make promote",
        "make rollback",
        "make serve",
        "make smoke",
        "make history",
    ]
    assert job["steps"][0]["with"]["persist-credentials"] is False


def test_the_watch_never_promotes_and_may_write_no_code() -> None:
    """Daily or by hand; it writes issues and starts the pipeline, nothing else; without a server it does nothing."""
    workflow = yaml.safe_load(WATCH)
    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {}
    job = workflow["jobs"]["watch"]
    assert {name for name, right in job["permissions"].items() if right == "write"} == {"issues", "actions"}
    assert [step["run"] for step in job["steps"] if "run" in step] == ["make up", "make watch", "make alert"]
    assert job["if"] == "${{ needs.pipelines.outputs.pipelines }}"
    checkout, *listing = workflow["jobs"]["pipelines"]["steps"]
    assert checkout["uses"].startswith("actions/checkout@")
    assert all("env.MLFLOW_TRACKING_URI" in step["if"] for step in listing)  # else not even the image is pulled
    tokens = [step.get("env", {}).get("GITHUB_TOKEN") for step in job["steps"]]
    assert tokens == [None, None, None, None, "${{ github.token }}"]
    assert job["strategy"]["max-parallel"] == 1  # each asks whether the one before it has started the pipeline
    assert "secrets" not in str(workflow["env"])
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert job["steps"][0]["with"]["persist-credentials"] is False


def test_an_alert_is_reported_although_it_fails_the_watch() -> None:
    """The step runs after a red one, and gets RETRAIN from the repository's variables."""
    [alert] = [step for step in yaml.safe_load(WATCH)["jobs"]["watch"]["steps"] if step.get("run") == "make alert"]
    assert "!cancelled()" in alert["if"]
    assert alert["env"]["MODELMAKE_RETRAIN"] == "${{ vars.RETRAIN }}"


@pytest.mark.parametrize(
    "events", ["on: push", "on: [push, fork]", "on:\n    push:\n        branches: [main]\n    fork:"]
)
def test_the_events_of_a_workflow_are_read_as_yaml(
    events: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they are written: as one word, a list or a table."""
    folder = tmp_path / workflow.FOLDER
    folder.mkdir(parents=True)
    (folder / "mine.yml").write_text(f'{events}\njobs:\n    "one": {{}}\n')
    monkeypatch.chdir(tmp_path)
    found = workflow.read("mine")
    assert workflow.event("mine", found, "") == "push"
    assert list(found["jobs"]) == ["one"]


def test_a_release_is_checked_before_it_is_built_and_built_before_it_is_published() -> None:
    """On a tag alone; for both processors; each job may do what its step needs, and only one may write a release."""
    workflow = yaml.safe_load(RELEASE)
    jobs = workflow["jobs"]
    assert workflow[True] == {"push": {"tags": ["v*"]}}  # YAML takes `on` for true
    assert workflow["permissions"] == {}
    assert workflow["concurrency"]["cancel-in-progress"] is False
    assert {name: job.get("needs") for name, job in jobs.items()} == {
        "check": None,
        "image": "check",
        "publish": "image",
    }
    assert jobs["image"]["strategy"]["matrix"] == {"machine": ["ubuntu-24.04", "ubuntu-24.04-arm"]}
    written = {name: [k for k, v in job["permissions"].items() if v == "write"] for name, job in jobs.items()}
    assert written == {"check": [], "image": ["packages"], "publish": ["contents", "packages"]}
    ran = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert ran["check"] == ["make notes", "make lint", "make test"]
    assert "secrets" not in str(jobs["check"]["steps"][2:]) + str(workflow["env"])
    checkouts = [step for job in jobs.values() for step in job["steps"] if "checkout" in step.get("uses", "")]
    assert [step["with"]["persist-credentials"] for step in checkouts] == [False] * 3


def test_what_builds_a_release_is_pinned() -> None:
    """The base, BuildKit and the program that lists the packages, each by version and digest."""
    text = (ROOT / "docker/image/Dockerfile").read_text()
    images = dict(re.findall(r"^FROM (\S+@\S+) AS (\w+)$", text, re.M))
    assert sorted(images.values()) == ["buildkit", "pinned", "sbom"]
    assert all(re.fullmatch(r"[a-z/-]+:v?\d+\.[\w.-]+@sha256:[0-9a-f]{64}", image) for image in images)
    text = (ROOT / "docker/image/registry.sh").read_text()
    for words in ("--provenance mode=max", '--sbom "generator=$(stage sbom)"', "push-by-digest=true"):
        assert words in text


def test_dependabot_looks_at_every_pin() -> None:
    """Actions, images and the lock; in files with the names that it knows."""
    every = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    updates = {each["package-ecosystem"]: each for each in every}
    assert updates["github-actions"]["directories"] == ["/", "/.github/actions/*"]
    assert (ROOT / updates["docker"]["directory"].strip("/") / "Dockerfile").exists()
    assert (ROOT / updates["docker-compose"]["directory"].strip("/") / "compose.yaml").exists()
    assert (ROOT / updates["pip"]["directory"].strip("/") / "requirements.txt").exists()
    pinned = {path for path in (ROOT / "docker").rglob("*") if path.is_file() and "@sha256:" in path.read_text()}
    assert {str(path.relative_to(ROOT)) for path in pinned} == {
        "docker/image/Dockerfile",
        "docker/dashboard/compose.yaml",
    }
