"""make: what runs again after which change. The stages run bare, as they do in the image."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Once
from tests.support.checkout import Checkout


def started(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the stages that make ran, in order."""
    return [line.removeprefix("▸ ") for line in done.stdout.splitlines() if line.startswith("▸ ")]


def echoing(folder: Path) -> tuple[str, ...]:
    """Return words for make, with which it prints the commands of stages and runs none."""
    (folder / "build").mkdir(exist_ok=True)
    (folder / "build/echo.mk").write_text("override RUN := echo\n")
    return ("-f", "Makefile", "-f", "build/echo.mk")


@pytest.fixture
def fresh(empty_store: Path, tmp_path: Path) -> Checkout:
    """Return a checkout in which nothing was done yet."""
    return Checkout(tmp_path / "a check out").fill(empty_store)


@pytest.fixture
def checkout(registered: Checkout) -> Checkout:
    """Return a checkout in which `make register` has done all that comes before it."""
    return registered


@pytest.mark.long
def test_nothing_changed_nothing_runs(checkout: Checkout) -> None:
    """The second time each stage says that it is up to date."""
    done = checkout.make("train", "evaluate", "register")
    assert started(done) == []
    assert done.stdout.count("up to date (FORCE=1 runs it anyway)") == 3


@pytest.mark.long
@pytest.mark.parametrize(
    ("file", "old", "new", "runs"),
    [
        ("pipeline.toml", "n_estimators = 100", "n_estimators = 101", {"train", "evaluate", "register"}),
        ("pipeline.toml", "seed = 42", "seed = 43", {"train", "evaluate", "register"}),
        ("pipeline.toml", "accuracy > 0.9", "accuracy > 0.8", {"evaluate", "register"}),
        ("pipeline.toml", 'alias = "staging"', 'alias = "canary"', {"register"}),
        ("pipeline.toml", "# The one file to edit", "# The file to edit", set()),
        ("data/iris.csv", "5.1,3.5", "5.2,3.5", {"train", "evaluate", "register"}),
        ("scripts/modelmake/model/train.py", '"""Train', '"""train', {"train", "evaluate", "register"}),
        ("scripts/modelmake/gate/rules.py", '"""The gate', '"""the gate', {"evaluate", "register"}),
        ("scripts/modelmake/registry/register.py", '"""Register', '"""register', {"register"}),
        ("scripts/modelmake/checks/lint.py", '"""Lint', '"""lint', set()),
        ("docker/requirements.txt", "    # via", "    #  via", {"train", "evaluate", "register"}),
    ],
)
def test_a_change_runs_what_is_downstream_of_it(
    checkout: Checkout, file: str, old: str, new: str, runs: set[str]
) -> None:
    """`make why` names the stages that an edit makes stale, and no others."""
    checkout.edit(file, old, new)
    why = checkout.why()
    assert {stage for stage in ("train", "evaluate", "register") if why[stage].startswith("would run")} == runs
    if runs:
        first = next(stage for stage in ("train", "evaluate", "register") if stage in runs)
        assert file in why[first]
        assert "changed" in why[first]


INLINE = """\
experiment = "churn"
%s
model = { estimator = "mine.forest", params = { n_estimators = 5 } }
gate = { rules = ["accuracy > 0.8"] }
registry = { name = "churn_classifier" }
"""


@pytest.mark.parametrize(
    "data",
    [
        'data = { path = "data/iris.csv", target = "species" }',
        "data={target='species',path='data/iris.csv'}",
        'data.target = "species"\ndata . path = "data/iris.csv" # here',
    ],
)
def test_data_and_estimator_are_inputs_however_toml_says_them(fresh: Checkout, data: str) -> None:
    """Also in inline tables, as the README has them; a gate that is changed there trains nothing anew."""
    (fresh.path / "mine.py").touch()
    (fresh.path / "pipeline.toml").write_text(INLINE % data)
    assert fresh.make("build/train.inputs").returncode == 0
    before = (fresh.path / "build/train.inputs").read_text()
    assert {"data/iris.csv", "mine.py"} <= {line.split(" ", 1)[1] for line in before.splitlines()}
    fresh.edit("pipeline.toml", "accuracy > 0.8", "accuracy > 0.9")
    fresh.make("build/train.inputs")
    assert (fresh.path / "build/train.inputs").read_text() == before


TOML = """\
experiment = "flowers"
data = { "path" = "data/iris.csv", 'target' = "species" }
gate = { rules = [
  "accuracy > 0.8",
  "lower(accuracy) > 0.5", # over several lines
] }
["model"]
estimator = "sklearn.tree.DecisionTreeClassifier"
[registry]
name = "flower_classifier"
["model".params]
max_depth = 2
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new", "runs"),
    [
        ("max_depth = 2", "max_depth = 3", ["train", "evaluate", "register"]),
        ("accuracy > 0.8", "accuracy > 0.7", ["evaluate", "register"]),
        ('name = "flower_classifier"', 'name = "flowers"', ["register"]),
        ("# over several lines", "# over more lines", []),
    ],
    ids=["parameters after [registry]", "a rule over lines", "name", "comment"],
)
def test_pipeline_toml_is_read_as_toml(
    once: Once, empty_store: Path, tmp_path: Path, old: str, new: str, runs: list[str]
) -> None:
    """Tables in any order, quoted keys, inline tables over lines: what changes decides what runs, from end to end."""

    def make(path: Path) -> None:
        checkout = Checkout(path).fill(empty_store)
        (path / "pipeline.toml").write_text(TOML)
        done = checkout.make("register")
        assert done.returncode == 0, done.stdout + done.stderr

    shutil.copytree(once("a toml", make), tmp_path / "a toml")
    checkout = Checkout(tmp_path / "a toml")
    checkout.edit("pipeline.toml", old, new)
    done = checkout.make("register")
    assert done.returncode == 0, done.stdout + done.stderr
    assert started(done) == runs


@pytest.mark.long
def test_another_server_makes_the_receipts_stale(checkout: Checkout) -> None:
    """Half of a stage's result lives in MLflow; a new password is no new server."""
    why = checkout.why(MLFLOW_TRACKING_URI="http://elsewhere:5000")
    assert why["train"] == "would run: tracking server changed"
    assert why["register"].startswith("would run")


@pytest.mark.parametrize(
    ("lost", "runs"),
    [
        ("delete_registered_model('iris_classifier_rf')", ["register"]),
        ("delete_registered_model_alias('iris_classifier_rf', 'staging')", ["register"]),
        ("delete_run('RUN')", ["train", "evaluate", "register"]),
    ],
    ids=["model", "alias", "run"],
)
@pytest.mark.long
def test_what_the_server_has_lost_is_made_again(checkout: Checkout, lost: str, runs: list[str]) -> None:
    """Somebody has deleted it in MLflow's pages: the receipt that names it counts for nothing, and is made anew."""
    call = lost.replace("RUN", str(checkout.receipt("train")["run_id"]))
    store = f"sqlite:///{checkout.path}/.mlflow/mlflow.db"
    asked = ["python", "-c", f"import mlflow; mlflow.MlflowClient('{store}', '{store}').{call}"]
    subprocess.run(asked, env=checkout.environment(), check=True)
    done = checkout.make("train", "evaluate", "register")
    assert started(done) == runs
    assert done.stdout.count("the tracking server no longer has what") == len(runs)
    assert started(checkout.make("register")) == []


@pytest.mark.long
def test_a_run_id_stands_in_for_build(checkout: Checkout) -> None:
    """`make register RUN_ID=…` with an empty build/ runs that one stage, and trains nothing."""
    run_id = str(checkout.receipt("train")["run_id"])
    for environment in ({"MODELMAKE_RUN_ID": run_id}, {"MLFLOW_RUN_ID": run_id}):
        assert checkout.make("clean").returncode == 0
        assert started(checkout.make("register", **environment)) == ["register"]
        assert checkout.receipt("register")["run_id"] == run_id


@pytest.mark.long
def test_a_failing_stage_fails_make_and_is_not_skipped_next_time(checkout: Checkout) -> None:
    """Make runs what `make why` announced: nothing is trained anew. What failed has no receipt, so it runs again."""
    before = checkout.receipt("train")["run_id"]
    checkout.edit("pipeline.toml", "accuracy > 0.9", "accuracy > 1.0")
    done = checkout.make("-j2", "train", "evaluate", "register")
    assert done.returncode == 2
    assert started(done) == ["evaluate"]
    assert checkout.receipt("evaluate")["run_id"] == before
    assert checkout.receipt("evaluate")["verdict"] == "refuse"
    assert "evaluate: the gate refused" in done.stderr
    why = checkout.why()
    assert (why["train"], why["evaluate"]) == ("up to date", "would run: the gate refused")
    assert why["register"].startswith("would run")


@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("git@github.com:Ada/Model.git", "ghcr.io/ada/model"),
        ("https://github.com/Ada/Model", "ghcr.io/ada/model"),
        ("https://t0ken@github.com/Ada/Model.git/", "ghcr.io/ada/model"),
        ("ssh://git@github.com/Ada/Model.git", "ghcr.io/ada/model"),
        ("git@notgithub.com:Ada/Model.git", "modelmake"),
        ("https://example.com/github.com/Ada/Model", "modelmake"),
    ],
)
def test_the_image_has_the_name_that_ci_gives_it(fresh: Checkout, origin: str, name: str) -> None:
    """A laptop pulls what CI has pushed, from the registry of the repository's own GitHub; IMAGE_REPO is another."""
    subprocess.run(["git", "remote", "add", "origin", origin], cwd=fresh.path, check=True)
    for given, expected in (("", name), ("example.com/Team/model", "example.com/team/model")):
        settings = fresh.environment() | {"MODELMAKE_IMAGE_REPO": given}
        words = ["docker/image/image.sh", "name"]
        done = subprocess.run(words, cwd=fresh.path, env=settings, capture_output=True, text=True, check=True)
        assert done.stdout.strip().partition(":")[0] == expected


def test_a_receipt_of_the_tests_holds_in_another_checkout_of_the_same_files(fresh: Checkout, tmp_path: Path) -> None:
    """As GitHub's cache brings it: whatever the dates of the files, and only as long as they are the same."""
    other = tmp_path / "another check out"
    shutil.copytree(fresh.path, other, copy_function=shutil.copy)  # which keeps no dates
    fresh.make("build/test.inputs", "build/owntest.inputs")
    (other / "build").mkdir()
    for name in ("test.inputs", "test.done", "owntest.inputs", "owntest.done"):
        if name.endswith("done"):
            (fresh.path / "build" / name).touch()
        shutil.copy2(fresh.path / "build" / name, other / "build")
    assert Checkout(other).make("test").stdout == fresh.make("test").stdout
    assert "test: up to date" in fresh.make("test").stdout
    with (other / "scripts/modelmake/model/train.py").open("a") as file:
        file.write("# changed")
    assert started(Checkout(other).make(*echoing(other), "test")) == ["test", "owntest"]


def test_only_the_users_tests_run_again_after_an_edit_of_theirs(fresh: Checkout) -> None:
    """A module of the user's or a test of theirs is no input of the product's tests; a file of ours is one of both."""
    stages = ("test", "owntest")

    def inputs() -> list[str]:
        fresh.make(*(f"build/{stage}.inputs" for stage in stages))
        return [(fresh.path / f"build/{stage}.inputs").read_text() for stage in stages]

    (fresh.path / "tests").mkdir()
    before = inputs()
    for name, ours in (("mine.py", False), ("tests/test_mine.py", False), ("scripts/modelmake/core/settings.py", True)):
        with (fresh.path / name).open("a") as file:
            file.write("# changed\n")
        after = inputs()
        assert [old != new for old, new in zip(before, after, strict=True)] == [ours, True]
        before = after


def test_force_runs_what_is_up_to_date(fresh: Checkout) -> None:
    """FORCE=1 is for the targets that were named."""
    fresh.make("build/lint.inputs")
    (fresh.path / "build/lint.done").touch()
    assert started(fresh.make("lint")) == []
    assert started(fresh.make(*echoing(fresh.path), "lint", "FORCE=1")) == ["lint"]


def test_help_shows_every_target_and_variable(fresh: Checkout) -> None:
    """`make` alone explains itself from the Makefile's own comments."""
    shown = fresh.make().stdout
    for word in ("all", "register", "doctor", "RUNNER", "MLFLOW_PORT", "RUN_ID", "FORCE"):
        assert f"\n  {word} " in shown


def test_an_unknown_runner_is_one_line(fresh: Checkout) -> None:
    """The line names the value and the choice."""
    done = fresh.make("train", "RUNNER=dcoker")
    assert done.returncode == 2
    assert "RUNNER=dcoker: unknown (docker, host or image)" in done.stderr
