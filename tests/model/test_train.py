"""train: what it leaves in MLflow, and what it does with bad input."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelmake.__main__ import interrupt
from modelmake.config import config as configuration
from modelmake.core import provenance
from modelmake.model import train
from modelmake.tracking.runs import Tracking
from tests.conftest import ROOT, Outcome, Project

Check = Callable[[Outcome, int], str]
SLOW = """
import time
from sklearn.dummy import DummyClassifier

class Slow(DummyClassifier):
    def fit(self, X, y):
        print("fitting now", flush=True)
        time.sleep(60)
"""


def test_a_run_tells_where_it_comes_from(trained: Project) -> None:
    """Parameters, data set, model and every tag of provenance are in the run, and the receipt names it."""
    found = trained.receipt("train")
    run = trained.client.get_run(found["run_id"])
    data_sha256 = hashlib.sha256((trained.path / "data/iris.csv").read_bytes()).hexdigest()
    lock_sha256 = hashlib.sha256((trained.path / "docker/requirements.txt").read_bytes()).hexdigest()
    assert run.info.status == "FINISHED"
    assert run.data.params["n_estimators"] == "5"
    assert run.data.params["random_state"] == "42"
    assert run.data.metrics["fit_seconds"] > 0
    assert (run.data.metrics["train_rows"], run.data.metrics["test_rows"]) == (120, 30)
    assert run.data.tags["modelmake.data"] == found["data_sha256"] == data_sha256
    assert run.data.tags["modelmake.lock"] == lock_sha256
    assert run.data.tags["modelmake.runner"] == "local"
    assert run.info.run_name == "pipeline RandomForestClassifier"
    assert run.inputs.dataset_inputs[0].dataset.digest == data_sha256[:36]
    assert found["tracking_uri"] == os.environ["MLFLOW_TRACKING_URI"]


def test_a_model_is_saved_without_pickle_and_with_the_lock(trained: Project) -> None:
    """It is READY, as skops, with signature and example, pinned by the lock that lies beside it."""
    found = trained.receipt("train")
    assert trained.client.get_logged_model(found["model_id"]).status == "READY"
    [folder] = (trained.path / ".mlflow/artifacts/models").iterdir()
    files = {str(path.relative_to(folder / "artifacts")) for path in folder.rglob("*") if path.is_file()}
    assert {"model.skops", "input_example.json", "extra_files/requirements.txt"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]
    assert "signature" in (folder / "artifacts/MLmodel").read_text()
    pins = (folder / "artifacts/requirements.txt").read_text().split()
    lock = (ROOT / "docker/requirements.txt").read_text()
    assert {pin.split("==")[0] for pin in pins} == {"mlflow", "numpy", "pandas", "scikit-learn", "skops"}
    assert all(f"\n{pin} \\" in lock for pin in pins)


@pytest.mark.long
def test_the_same_input_gives_the_same_predictions(project: Project) -> None:
    """Two runs of one config agree in every metric to the last bit."""
    values = []
    for _ in range(2):
        assert project.stage("train").code == project.stage("evaluate").code == 0
        values.append(project.receipt("evaluate")["metrics"])
    assert values[0] == values[1]


@pytest.mark.long
def test_a_regressor_is_trained_and_scored(project: Project) -> None:
    """Numbers as target, a regressor, and its metrics: nothing in the stages knows about classes."""
    project.edit('target = "species"', 'target = "petal_width"')
    project.edit("RandomForestClassifier", "RandomForestRegressor")
    project.edit("accuracy >", "r2 >")
    assert [project.stage(name).code for name in ("train", "evaluate", "register")] == [0, 0, 0]
    assert set(project.receipt("evaluate")["metrics"]) == {
        "r2",
        "neg_mean_absolute_error",
        "neg_root_mean_squared_error",
    }


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"data/iris.csv"', '"data/irish.csv"', "no file 'data/irish.csv'"),
        ('"species"', '"specie"', "did you mean 'species'?"),
        ("seed = 42", "sede = 42", "did you mean 'seed'?"),
        ("RandomForestClassifier", "RandomForest", "no 'RandomForest' in sklearn.ensemble"),
        ("n_estimators", "estimators", "no parameter 'estimators' in RandomForestClassifier (did you mean 'n_est"),
        ("accuracy >", "r2 >", "'r2' does not score a classifier"),
        ("accuracy >", "f1 >", "'f1' scores class 1 of two classes, and the classes are 'setosa', 'versicolor'"),
        ("accuracy >", "roc_auc >", "'roc_auc' needs two classes, and there are 3 (use roc_auc_ovr)"),
        ('> 0.8"', '> 0.8 by specis"', "no column 'specis' in the data (did you mean 'species'?)"),
    ],
)
def test_bad_input_leaves_nothing(project: Project, error_line: Check, old: str, new: str, expected: str) -> None:
    """One line, exit code 2, no receipt, no run."""
    project.edit(old, new)
    assert expected in error_line(project.stage("train"), 2)
    assert project.receipts == set()
    assert project.client.get_experiment_by_name("flowers") is None


def test_a_refused_parameter_marks_the_run_failed(project: Project, error_line: Check) -> None:
    """scikit-learn finds it only when fitting, so there is a run, and it says FAILED."""
    project.edit("n_estimators = 5", "n_estimators = 0")
    assert "n_estimators" in error_line(project.stage("train"), 2)
    experiment = project.client.get_experiment_by_name("flowers")
    [run] = project.client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert project.receipts == set()


@pytest.mark.outside
@pytest.mark.long
def test_an_untrusted_type_is_refused_and_can_be_trusted(
    project: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class that is not the user's own needs the line that the error shows; without it there is no run."""
    library = project.path.parent / "library"
    library.mkdir()
    (library / "installed.py").write_text(
        "from sklearn.naive_bayes import GaussianNB\n\nclass Other(GaussianNB):\n    pass\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(str(library))
    project.edit("sklearn.ensemble.RandomForestClassifier", "installed.Other")
    project.edit("n_estimators = 5", "")
    line = error_line(project.stage("train"), 2)
    assert "contains the type 'installed.Other', which is not on the trusted list" in line
    [trusts] = re.findall(r"trusted_types = \[[^]]*\]", line)
    assert project.client.get_experiment_by_name("flowers") is None
    project.edit("[model.params]", f"{trusts}\n[model.params]")
    assert project.stage("train").code == 0
    assert "can't be loaded outside of this repository: No module named 'installed'" in error_line(
        project.stage("evaluate"), 3
    )


def test_a_dead_server_is_one_line_and_fast(
    project: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed port is exit code 4 with the address, not minutes of retries."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
    line = error_line(project.stage("train"), 4)
    assert "http://127.0.0.1:9: no answer: connection refused" in line
    assert "make up" in line
    assert "secret" not in line
    assert project.receipts == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_the_shells_exit_code(
    project: Project, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    """Both are handled alike: the run is KILLED, and there is no receipt."""

    def fit(*_: object) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr("modelmake.model.train.fit", fit)
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(number, interrupt)
    done = project.stage("train")
    for each, handler in before.items():  # the first signal has switched both off
        signal.signal(each, handler)
    assert done.code == 128 + number
    assert done.err.splitlines()[-1] == f"train: stopped by {number.name}"
    experiment = project.client.get_experiment_by_name("flowers")
    assert [run.info.status for run in project.client.search_runs([experiment.experiment_id])] == ["KILLED"]
    assert project.receipts == set()


@pytest.mark.long
def test_a_signal_kills_the_run_and_leaves_no_receipt(project: Project) -> None:
    """SIGTERM from outside, in the middle of a fit: the run is KILLED, the exit code is the shell's."""
    number = signal.SIGTERM
    (project.path / "slow.py").write_text(SLOW)
    project.edit("sklearn.ensemble.RandomForestClassifier", "slow.Slow")
    project.edit("n_estimators = 5", "")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'scripts'}:{project.path}", "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "modelmake", "train"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert any("fitting now" in line for line in process.stdout)
        process.send_signal(number)
        err = process.stderr.read()
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == f"train: stopped by {number.name}"
    assert "Traceback" not in err
    [run] = project.client.search_runs([project.client.get_experiment_by_name("flowers").experiment_id])
    assert run.info.status == "KILLED"
    assert project.receipts == set()


def test_a_receipt_is_whole_or_not_there(trained: Project) -> None:
    """No temporary file is left beside it, and everyone may read it."""
    assert sorted(path.name for path in (trained.path / "build").iterdir()) == ["train.json", "train.md"]
    assert (trained.path / "build/train.json").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("status", "expected"), [(403, "403"), (401, "401"), (503, "answered HTTP 503 repeatedly")])
def test_a_refusing_server_is_one_line(
    project: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch, status: int, expected: str
) -> None:
    """A server that is there and turns the client away is exit code 4 with what it answered."""

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_error(status)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        line = error_line(project.stage("train"), 4)
        server.shutdown()
    assert expected in line
    assert project.receipts == set()


@pytest.mark.long
def test_a_run_whose_process_was_killed_is_failed_by_the_next(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGKILL leaves it RUNNING; one of a live process, and one of another machine, stay as they are."""
    monkeypatch.setenv("MODELMAKE_HOST", "here")  # without a network a container has no address of its own
    (project.path / "slow.py").write_text(SLOW)
    project.edit('"sklearn.ensemble.RandomForestClassifier"', '"slow.Slow"')
    project.edit("[model.params]\nn_estimators = 5\n", "")
    with subprocess.Popen(
        [sys.executable, "-m", "modelmake", "train"],
        env=os.environ | {"PYTHONPATH": f"{ROOT / 'scripts'}{os.pathsep}{project.path}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert any("fitting now" in line for line in process.stdout)
        process.kill()
    experiment = project.client.get_experiment_by_name("flowers").experiment_id
    [orphan] = project.client.search_runs([experiment])
    assert orphan.info.status == "RUNNING"
    alive = project.client.create_run(experiment, tags=provenance.process())
    elsewhere = project.client.create_run(experiment, tags=orphan.data.tags | {"modelmake.host": "another"})
    project.edit('"slow.Slow"', '"sklearn.dummy.DummyClassifier"')
    outcome = project.stage("train")
    assert f"run {orphan.info.run_id} was left RUNNING by a process that no longer exists" in outcome.out
    found = project.client.get_run(orphan.info.run_id)
    assert found.info.status == "FAILED"
    assert (
        f"process {process.pid} in container none on {provenance.host()} ended without ending the run"
        in found.data.tags["modelmake.failed"]
    )
    for other in (alive, elsewhere):
        assert project.client.get_run(other.info.run_id).info.status == "RUNNING"


def test_a_run_that_is_worked_on_names_its_process(evaluated: Project) -> None:
    """Its tags name the new process before it is RUNNING again, so that no process ends it as abandoned."""
    run = Tracking().run(evaluated.receipt("train")["run_id"])
    tracking = Tracking()
    tracking.client.set_tag(run.run_id, "modelmake.pid", "0")
    with tracking.open(run):
        tags = tracking.run(run.run_id).tags
        assert tags["modelmake.pid"] == str(os.getpid())
        assert tracking.fail_orphans("flowers") == []


def test_a_rule_that_no_model_can_meet_is_named_before_the_fit(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    """A class of one row is in one part alone, and in one fold; the report has the warning too."""
    table = project.path / "data/iris.csv"
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, f"{rows[0].rpartition(',')[0]},rare", *rows[1:], ""]))
    project.edit("[gate]", "[train]\nfolds = 3\n[gate]")
    rules = '"roc_auc_ovr > 0.8", "cv(roc_auc_ovr) > 0.8", "roc_auc_ovr > 0.1 by species"'
    project.edit('"accuracy > 0.8"', f'"accuracy > 0.8", "accuracy > 0.1 by species", {rules}')
    task = train.prepare(configuration.load())
    said = [line for line in capsys.readouterr().out.splitlines() if "cannot hold" in line]
    undefined = "roc_auc_ovr is not defined on"
    assert any(f"'cv(roc_auc_ovr) > 0.8' cannot hold: {undefined} fold " in line for line in said), said
    assert any(
        f"by species' cannot hold: {undefined} the held-out rows where species is setosa" in line for line in said
    )
    assert all(", where no row is of class " in line for line in said)
    assert [line.removeprefix("warning: ") for line in said] == [one for one in task.findings if "cannot hold" in one]


def test_dates_far_from_today_pass_the_gate(project: Project) -> None:
    """9999-12-31 stands for an open end in many tables; MLflow's dates end in 2262."""
    table = project.path / "data/iris.csv"
    header, *rows = table.read_text().splitlines()
    dates = ("9999-12-31", "1066-10-14", "2020-02-29")
    lines = [f"{dates[place % 3]},{row}" for place, row in enumerate(rows)]
    table.write_text("\n".join([f"until,{header}", *lines, ""]))
    for stage in ("train", "evaluate"):
        done = project.stage(stage)
        assert done.code == 0, done.err
    assert re.search("pass +served as logged +the same", done.out), done.out
