"""make: what runs again after which change. The stages run bare, as they do in the image."""

import json
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from modelmake.core import settings
from tests.conftest import Once
from tests.support.checkout import Checkout


def started(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the stages that make ran, in order."""
    return [line.removeprefix("▸ ") for line in done.stdout.splitlines() if line.startswith("▸ ")]


def echoing(folder: Path) -> tuple[str, ...]:
    """Return words for make, with which it prints the commands of stages and runs none."""
    (folder / "build").mkdir(exist_ok=True)
    (folder / "build/echo.mk").write_text("override RUN = $(if $(filter judge%,$@),,echo)\n")
    return ("-f", "Makefile", "-f", "build/echo.mk")


# Runs the real judge, and in place of each stage one that writes a receipt and nothing else.
STUB = """\
import importlib, sys, time, uuid
from types import SimpleNamespace
from modelmake import __main__ as entry
from modelmake.core import files, settings
from modelmake.config import inputs, receipt

def stub(stage):
    def main():
        started = time.monotonic()
        if stage in ("lint", "test"):
            {"lint": receipt.Lint, "test": receipt.Test}[stage]().write(started)
            return
        run = settings.run_id() or uuid.uuid4().hex
        if stage == "evaluate" and not settings.run_id():
            run = receipt.Train.read().run_id
        if stage == "register" and not settings.run_id():
            run = receipt.Evaluate.read().run_id
        made = {"train": receipt.Train, "evaluate": receipt.Evaluate, "register": receipt.Register}[stage]
        fields = dict(
            tracking_uri="", run_id=run, model_id="", url="", data_sha256="", params={}, metrics={}, provenance={},
            metric="accuracy", value=1.0, lower=1.0, upper=1.0, predictions_sha256="", verdict="pass", reasons=[],
            bounds={}, refused=False, name="iris", version="1", alias="staging",
        )
        made(**{name: fields[name] for name in made.model_fields if name in fields}).write(started)
    return SimpleNamespace(main=main)

real = importlib.import_module
stubs = {entry.MODULES[name]: stub(name) for name in ("lint", "test", "train", "evaluate", "register")}
importlib.import_module = lambda name, *rest: stubs.get(name) or real(name, *rest)
sys.exit(entry.main(sys.argv[4:]))
"""


class Stubbed(Checkout):
    """A checkout whose stages take no time; its first `make all` has run."""

    def adapt(self) -> None:
        """Put the stub under build/, which is not an input, and let the server have every run."""
        (self.path / "build").mkdir(exist_ok=True)
        (self.path / "build/stub.py").write_text(STUB)
        (self.path / "build/stub.mk").write_text("override RUN = python build/stub.py\n")
        (self.path / "docker/server/claims.sh").write_text("#!/bin/sh\n")
        (self.path / "mine.py").write_text("import other\n\ndef forest():\n    return other.made()\n")
        (self.path / "other.py").write_text("def made():\n    return None\n")
        (self.path / "tests").mkdir()
        (self.path / "tests/test_mine.py").write_text("import mine\n")
        (self.path / "examples").mkdir()
        (self.path / "examples/pipeline.toml").write_text("seed = 1\n")
        (self.path / "pipelines").mkdir()
        (self.path / "pipelines/second.toml").write_text(SECOND)
        (self.path / "models").mkdir()
        (self.path / "models/second.py").write_text("def tree():\n    return None\n")
        (self.path / "data/second.csv").write_text("a,b\n1,2\n")

    def make(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run make, with the stub in place of each stage."""
        return super().make("-f", "Makefile", "-f", "build/stub.mk", *words, **environment)

    def ran(self, *words: str) -> list[str]:
        """Run make, and return the stages that ran."""
        done = self.make(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return started(done)

    def would(self, *words: str) -> list[str]:
        """Return the stages that would run, as `make why` says."""
        done = self.make("why", *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return [line.split()[0] for line in done.stdout.splitlines() if "would run: " in line]


SECOND = """\
experiment = "second"
data = { path = "data/second.csv", target = "b" }
model = { estimator = "models.second.tree" }
gate = { rules = ["accuracy > 0.8"] }
registry = { name = "second" }
"""
CHECKS = ["lint", "test"]
CHAIN = ["train", "evaluate", "register"]


@pytest.fixture
def stubbed(once: Once, empty_store: Path, tmp_path: Path) -> Stubbed:
    """Return a copy of a checkout in which everything is up to date."""

    def make(path: Path) -> None:
        assert Stubbed(path).fill(empty_store).ran("all") == [*CHECKS, *CHAIN]

    shutil.copytree(once("a stubbed check out", make), tmp_path / "a check out")
    return Stubbed(tmp_path / "a check out")


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
        change = f"{file} changed" if file != "pipeline.toml" else " → "
        assert change in why[first]


INLINE = """\
experiment = "churn"
%s
model = { estimator = "mine.forest", params = { n_estimators = 5 } }
gate = { rules = ["accuracy > 0.8"] }
registry = { name = "churn_classifier" }
"""


def inputs(checkout: Checkout) -> dict[str, dict[str, str]]:
    """Return the inputs of each stage, as `make why` sees them."""
    checkout.why()
    return json.loads((checkout.path / "build/inputs.json").read_text())


@pytest.mark.parametrize(
    "data",
    [
        'data = { path = "data/iris.csv", target = "species" }',
        "data={target='species',path='data/iris.csv'}",
        'data.target = "species"\ndata . path = "data/iris.csv" # here',
    ],
)
def test_data_and_estimator_are_inputs_however_toml_says_them(fresh: Checkout, data: str) -> None:
    """Also in inline tables, as the README has them; a gate that is changed there does not train again."""
    (fresh.path / "mine.py").touch()
    (fresh.path / "pipeline.toml").write_text(INLINE % data)
    before = inputs(fresh)
    assert {"data/iris.csv", "mine.py"} <= set(before["train"])
    fresh.edit("pipeline.toml", "accuracy > 0.8", "accuracy > 0.9")
    after = inputs(fresh)
    assert after["train"] == before["train"]
    assert after["evaluate"] != before["evaluate"]


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
    """Half of a stage's result lives in MLflow; a new password is not a new server."""
    why = checkout.why(MLFLOW_TRACKING_URI="http://elsewhere:5000")
    assert why["train"] == "would run: tracking server: .mlflow → http://elsewhere:5000"
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
    """Somebody has deleted it in MLflow's pages: the receipt that names it is ignored, and the stage runs again."""
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
    """Make runs what `make why` announced: nothing is trained again. What failed has no receipt, so it runs again."""
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


def test_a_receipt_of_the_tests_holds_in_another_checkout_of_the_same_files(stubbed: Stubbed, tmp_path: Path) -> None:
    """As GitHub's cache brings it: with any dates of the files, and only if their contents are the same."""
    other = Stubbed(tmp_path / "another check out")
    shutil.copytree(stubbed.path, other.path, copy_function=shutil.copy)  # which keeps no dates
    for path in (other.path / "build").iterdir():
        if path.name not in ("stub.py", "stub.mk", "test.json"):
            path.unlink()
    assert other.ran("test") == []
    with (other.path / "scripts/modelmake/model/train.py").open("a") as file:
        file.write("# changed")
    assert other.ran("test") == ["test"]


def test_a_receipt_says_whether_the_long_tests_ran(stubbed: Stubbed) -> None:
    """CI runs them although a laptop's tests have passed; after CI a laptop has nothing to run."""
    why = stubbed.why(CI="true")
    assert why["test"] == "would run: the long tests have not run"
    assert why["lint"] == "up to date"
    assert started(stubbed.make("test", CI="true")) == ["test"]
    assert stubbed.why(CI="true")["test"] == "up to date"
    assert stubbed.would() == []


def test_the_tests_run_again_after_an_edit_of_what_they_read(stubbed: Stubbed) -> None:
    """Code and tests are inputs of the tests; a table, a pipeline and a page of the user are none."""
    for name, stages in (
        ("other.py", ["test"]),
        ("tests/test_mine.py", ["test"]),
        ("data/iris.csv", []),
        ("notes.md", []),
        ("scripts/modelmake/core/settings.py", ["test"]),
    ):
        with (stubbed.path / name).open("a") as file:
            file.write("# changed\n")
        assert stubbed.ran("test") == stages, name


def test_force_runs_what_is_up_to_date(stubbed: Stubbed) -> None:
    """FORCE=1 is for the targets that were named."""
    assert stubbed.ran("lint", "train") == []
    assert stubbed.ran("lint", "FORCE=1") == ["lint"]
    assert stubbed.ran("evaluate", "FORCE=1") == ["evaluate"]


def test_a_forced_train_runs_what_follows_it(stubbed: Stubbed) -> None:
    """The receipts of evaluate and register name the run before, so they are stale; the same for -j."""
    before = stubbed.receipt("train")["run_id"]
    assert stubbed.ran("train", "FORCE=1") == ["train"]
    now = stubbed.receipt("train")["run_id"]
    assert now != before
    assert f"names run {before}, train run {now}" in stubbed.why()["evaluate"]
    assert stubbed.ran("-j4", "register") == ["evaluate", "register"]
    assert stubbed.receipt("register")["run_id"] == now
    assert stubbed.ran("-j4", "all") == []


def test_a_receipt_edited_by_hand_is_stale(stubbed: Stubbed) -> None:
    """It names another run than the receipt before it, or than RUN_ID."""
    run = str(stubbed.receipt("train")["run_id"])
    for stage, stages in (("register", ["register"]), ("evaluate", ["evaluate", "register"])):
        stubbed.edit(f"build/{stage}.json", run, "0" * 32)
        assert stubbed.would() == stages
        assert stubbed.ran("register") == stages
    assert stubbed.ran("evaluate", "register", f"RUN_ID={run}") == []
    assert stubbed.ran("evaluate", "RUN_ID=another") == ["evaluate"]
    assert stubbed.would() == ["evaluate", "register"]


@pytest.mark.parametrize(
    "stray", ["all.log", ".env", "notes.txt", "predictions.parquet", "pipeline.toml.bak", "data/other.csv"]
)
def test_a_stray_file_runs_nothing(stubbed: Stubbed, stray: str) -> None:
    """Whether make sees it or not, and whether it is still there."""
    (stubbed.path / stray).touch()
    assert stubbed.would() == []
    assert stubbed.ran("all") == []
    (stubbed.path / stray).unlink()
    assert stubbed.would() == []


def test_two_pipelines_share_nothing_but_the_repository(stubbed: Stubbed) -> None:
    """A change of the config, the table or the model of one runs no stage of the other."""
    second = "PIPELINE=pipelines/second.toml"
    assert stubbed.ran("all", second) == CHAIN
    for file, text in (("pipelines/second.toml", "seed = 7\n"), ("data/second.csv", "3,4\n")):
        path = stubbed.path / file
        path.write_text(text + path.read_text() if file.endswith("toml") else path.read_text() + text)
        assert stubbed.would() == []
        assert stubbed.ran("all") == []
        assert stubbed.would(second) == CHAIN
        assert stubbed.ran("all", second) == CHAIN
    with (stubbed.path / "models/second.py").open("a") as file:
        file.write("x = 1\n")
    assert stubbed.would() == CHECKS  # the linters and the tests read each module
    assert stubbed.would(second) == [*CHECKS, *CHAIN]
    stubbed.edit("pipeline.toml", "n_estimators = 100", "n_estimators = 101")
    assert stubbed.would() == [*CHECKS, *CHAIN]
    assert stubbed.ran("all", second) == [*CHECKS, *CHAIN]


IN_AN_IMAGE = {"image": "modelmake:c0ffee"}


def test_the_judge_is_asked_again_only_after_something_has_run(stubbed: Stubbed) -> None:
    """A make with nothing to do hashes the files once; after lint or a test has run, they may have changed."""
    why, asked = stubbed.path / "docker/host/why.sh", stubbed.path / "build/asked"
    why.rename(why.with_name("judge.sh"))
    why.write_text(f'#!/bin/sh\necho asked >>"{asked}"\nexec "${{0%/*}}/judge.sh" "$@"\n')
    why.chmod(0o755)
    assert stubbed.ran("all") != []  # the script is an input of lint and of the tests
    asked.unlink()
    assert stubbed.ran("all") == []
    assert len(asked.read_text().splitlines()) == 1
    (stubbed.path / "README.md").write_text("another page\n")
    asked.unlink()
    assert stubbed.ran("all") != []
    assert len(asked.read_text().splitlines()) == 2


def test_why_says_what_changed(stubbed: Stubbed) -> None:
    """The key with its values; a file that changed, is new or is gone."""
    stubbed.edit("pipeline.toml", "n_estimators = 100", "n_estimators = 200")
    assert stubbed.why()["train"] == "would run: model.params.n_estimators: 100 → 200"
    stubbed.edit("pipeline.toml", "n_estimators = 200", "n_estimators = 100\nmax_depth = 3")
    assert stubbed.why()["train"] == "would run: model.params.max_depth: not set → 3"
    stubbed.edit("pipeline.toml", "max_depth = 3", "")
    (stubbed.path / "tests/test_mine.py").rename(stubbed.path / "tests/test_yours.py")
    why = stubbed.why()
    assert why["test"] == "would run: tests/test_mine.py is gone; tests/test_yours.py is new"
    assert why["train"] == "up to date"
    (stubbed.path / "build/train.json").write_text(json.dumps(stubbed.receipt("train") | {"inputs": IN_AN_IMAGE}))
    assert "would run: image: modelmake:c0ffee → " in stubbed.why()["train"]
    stubbed.edit("pipeline.toml", "seed = ", "sed = ")
    assert stubbed.why()["train"] == "would run: pipeline.toml is not valid"


EDITED = (
    *("pipeline.toml", "data/iris.csv", "docker/requirements.txt", "scripts/modelmake/gate/rules.py", "mine.py"),
    *("scripts/modelmake/checks/lint.py", "tests/test_mine.py", "examples/pipeline.toml", "README.md", "notes.txt"),
    *("build/train.json", "build/lint.json", "build/register.json", "build/summary.txt"),
)
LINES = {
    "pipeline.toml": ("n_estimators = 100", "n_estimators = 101"),
    "data/iris.csv": ("5.1,3.5", "5.2,3.5"),
}


def edited(path: Path, how: str) -> None:
    """Touch, edit, or remove a file; one that does not exist is new."""
    if not path.exists() or how == "touch":
        path.touch()
    elif how == "remove" and path.name not in ("pipeline.toml", "iris.csv", "requirements.txt", "rules.py", "lint.py"):
        path.unlink()
    elif how == "edit" and path.suffix != ".json":
        text = path.read_text()
        old, new = LINES.get(f"{path.parent.name}/{path.name}", LINES.get(path.name, ("", "# changed\n")))
        path.write_text(text.replace(old, new, 1) if old in text else text.replace(new, old, 1))


@pytest.mark.parametrize("seed", range(8 if settings.in_ci() else 2))
def test_make_runs_what_make_why_says(stubbed: Stubbed, seed: int) -> None:
    """After any edits, also ones that are taken back, and with receipts that are gone; then nothing is left to do."""
    choice = random.Random(seed)
    for _ in range(3):
        kept = {name: path.read_bytes() for name in EDITED if (path := stubbed.path / name).exists()}
        for _ in range(choice.randint(1, 3)):
            edited(stubbed.path / choice.choice(EDITED), choice.choice(("touch", "edit", "remove")))
        if choice.random() < 0.3:  # taken back, with other dates
            for name in EDITED:
                (stubbed.path / name).unlink(missing_ok=True)
            for name, text in kept.items():
                (stubbed.path / name).write_bytes(text)
            assert stubbed.would() == []
        assert stubbed.would() == stubbed.ran("all")
        assert stubbed.would() == []


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
