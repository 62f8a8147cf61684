"""register: one version for each run that passes, and nothing for one that does not."""

import os
import threading
from collections.abc import Callable
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from modelmake.config import config
from modelmake.tracking import versions
from modelmake.tracking.runs import Run, Tracking
from tests.conftest import Outcome, Project

Check = Callable[[Outcome, int], str]
NAME = "flower_classifier"


def test_a_passing_run_gets_a_version_with_alias_stage_and_tags(evaluated: Project) -> None:
    """The version is READY, loads by its alias, and says where it came from and how good it is."""
    done = evaluated.stage("register")
    assert done.code == 0
    assert done.out.endswith("next    make promote (version 1 becomes @champion)\n")
    version = evaluated.client.get_model_version_by_alias(NAME, "staging")
    assert (version.status, version.current_stage, str(version.version)) == ("READY", "Staging", "1")
    assert version.run_id == evaluated.receipt("train")["run_id"]
    assert version.tags["modelmake.verdict"] == "pass"
    assert float(version.tags["accuracy"]) == pytest.approx(evaluated.receipt("evaluate")["value"], abs=1e-5)
    assert version.description.startswith("**RandomForestClassifier** trained on data/iris.csv (120 rows, 30 held out)")
    mlflow.set_tracking_uri(os.environ["MLFLOW_TRACKING_URI"])
    rows = pd.read_csv("data/iris.csv").drop(columns="species").head()
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}@staging").predict(rows)) == ["setosa"] * 5


def test_registering_again_gives_the_same_version(evaluated: Project) -> None:
    """MLflow would make a second one."""
    for _ in range(3):
        assert evaluated.stage("register").code == 0
        assert evaluated.receipt("register")["version"] == "1"
    assert len(evaluated.client.search_model_versions(f"name = '{NAME}'")) == 1


@pytest.mark.long
def test_another_run_gets_another_version_and_the_alias(evaluated: Project) -> None:
    """The alias moves to the newest that passed."""
    evaluated.stage("register")
    for stage in ("train", "evaluate", "register"):
        assert evaluated.stage(stage).code == 0
    assert str(evaluated.client.get_model_version_by_alias(NAME, "staging").version) == "2"


def test_below_the_threshold_nothing_is_registered(evaluated: Project, error_line: Check) -> None:
    """The gate is asked again here, with the config as it is now: exit code 3, and the figures."""
    evaluated.edit("accuracy > 0.8", "accuracy > 1.0")
    outcome = evaluated.stage("register")
    assert "below threshold. Not registering." in outcome.out
    assert "is not above the threshold 1" in error_line(outcome, 3)
    assert outcome.err.splitlines()[-1] == "register: the gate refused"
    assert evaluated.receipts == {"train", "evaluate"}
    with pytest.raises(MlflowException):
        evaluated.client.get_registered_model(NAME)


def test_a_refusal_can_be_no_failure(evaluated: Project) -> None:
    """With on_refusal = "skip" the exit code is 0, and the receipt says that there is no version."""
    evaluated.edit('rules = ["accuracy > 0.8"]', 'rules = ["accuracy > 1.0"]\non_refusal = "skip"')
    outcome = evaluated.stage("register")
    assert outcome.code == 0
    assert "below threshold. Not registering." in outcome.out
    assert evaluated.receipt("register")["version"] is None


def test_an_unevaluated_run_is_named(trained: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody goes round the gate by leaving evaluate out."""
    run_id = trained.receipt("train")["run_id"]
    monkeypatch.setenv("MODELMAKE_RUN_ID", run_id)
    line = error_line(trained.stage("register"), 2)
    assert "has no evidence from held-out rows" in line
    assert f"make evaluate RUN_ID={run_id}" in line


def test_a_model_that_does_not_load_makes_no_version(evaluated: Project, error_line: Check) -> None:
    """MLflow would register a version without files, and call it READY."""
    [path] = (evaluated.path / ".mlflow/artifacts").rglob("model.skops")
    path.unlink()
    error_line(evaluated.stage("register"), 2)
    assert evaluated.client.search_model_versions(f"name = '{NAME}'") == []
    assert evaluated.receipts == {"train", "evaluate"}


def test_a_rule_that_was_not_measured_is_named(evaluated: Project, error_line: Check) -> None:
    """A metric or a slice that joined the rules after evaluate."""
    evaluated.edit('"accuracy > 0.8"', '"accuracy > 0.8", "f1_macro > 0.1 by species"')
    line = error_line(evaluated.stage("register"), 2)
    assert "has no f1_macro on held-out rows for 'f1_macro > 0.1 by species'" in line
    assert "make evaluate RUN_ID=" in line


@pytest.mark.long
def test_a_run_that_was_compared_with_another_champion_is_evaluated_again(
    evaluated: Project, error_line: Check
) -> None:
    """Somebody promoted in between: what was compared is not what would be replaced."""
    assert evaluated.stage("register").code == 0
    assert [evaluated.stage(stage).code for stage in ("train", "evaluate", "promote")] == [0, 0, 0]
    line = error_line(evaluated.stage("register"), 2)
    assert "was compared with champion none, but the champion is version 1 now" in line
    assert [evaluated.stage(stage).code for stage in ("evaluate", "register")] == [0, 0]
    assert evaluated.receipt("register")["version"] == "2"


def test_the_champions_own_run_can_be_registered_again(evaluated: Project) -> None:
    """It has its version, also if that version was changed since."""
    assert [evaluated.stage(stage).code for stage in ("register", "promote", "register")] == [0, 0, 0]
    assert evaluated.receipt("register")["version"] == "1"


def registration(project: Project) -> tuple[Run, Callable[[Tracking], str]]:
    """Return the evaluated run, and what registers it with a given client."""
    run = Tracking().run(project.receipt("train")["run_id"])
    settings, model_id = config.load().registry, project.receipt("train")["model_id"]
    tags = {"modelmake.verdict": "pass", "accuracy": "1"}
    return run, lambda with_: versions.register(with_, settings, run, model_id, description="d", tags=tags)


@pytest.mark.long
def test_sixteen_registrations_at_once_make_one_version(evaluated: Project) -> None:
    """MLflow would make sixteen, and the next run's version would be the seventeenth."""
    _, register = registration(evaluated)
    start, numbers = threading.Barrier(16), []

    def one() -> None:
        tracking = Tracking()
        start.wait()
        numbers.append(register(tracking))

    threads = [threading.Thread(target=one) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers == ["1"] * 16
    assert [str(each.version) for each in evaluated.client.search_model_versions(f"name = '{NAME}'")] == ["1"]
    assert [stage for stage in ("train", "evaluate", "register") if evaluated.stage(stage).code] == []
    assert evaluated.receipt("register")["version"] == "2"
    assert [each.name for each in evaluated.client.search_registered_models()] == [NAME]


class Cut(BaseException):
    """The process ends here; a BaseException, as no handler may go on after it."""


STEPS = (
    "create_registered_model",
    "create_model_version",
    "update_model_version",
    "set_model_version_tag",
    "transition_model_version_stage",
    "set_registered_model_alias",
    "delete_registered_model",  # the lock's
)


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_registration_is_completed_by_the_next(
    evaluated: Project, step: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut before or after each step: no alias without a verdict in between, and one version with its alias after it."""
    monkeypatch.setattr(versions, "PATIENCE", 1)  # with a lock that is left by a process that lives: this one
    _, register = registration(evaluated)
    client = evaluated.client
    if step in ("update_model_version", "set_model_version_tag"):  # steps of a version that is there with other words
        register(Tracking())
        number = client.get_model_version_by_alias(NAME, "staging").version
        client.update_model_version(NAME, number, "other")
        client.set_model_version_tag(NAME, number, "accuracy", "0")
    tracking = Tracking()
    real = getattr(tracking.client, step)
    cut = SimpleNamespace(done=False)

    def once(*args: object, **named: object) -> object:
        if cut.done or (step == "create_registered_model" and args[0] != NAME):
            return real(*args, **named)
        cut.done = True
        if when == "after":
            real(*args, **named)
        raise Cut

    setattr(tracking.client, step, once)
    with pytest.raises(Cut):
        register(tracking)
    for version in client.search_model_versions(f"name = '{NAME}'"):
        assert version.tags["modelmake.verdict"] == "pass"
    assert register(Tracking()) == "1"
    [version] = client.search_model_versions(f"name = '{NAME}'")
    assert (version.description, version.tags["accuracy"], version.current_stage) == ("d", "1", "Staging")
    assert str(client.get_model_version_by_alias(NAME, "staging").version) == "1"


@pytest.mark.long
def test_versions_that_others_made_of_the_run_go(evaluated: Project) -> None:
    """Two registrations that took each other for dead: the first version stays, and the alias is its."""
    run, register = registration(evaluated)
    source = f"models:/{evaluated.receipt('train')['model_id']}"
    evaluated.client.create_registered_model(NAME)
    for _ in range(2):
        evaluated.client.create_model_version(NAME, source, run.run_id)
    assert register(Tracking()) == "1"
    [version] = evaluated.client.search_model_versions(f"name = '{NAME}'")
    assert version.tags["modelmake.verdict"] == "pass"
