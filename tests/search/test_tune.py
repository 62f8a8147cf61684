"""`make tune`: the same trials after any interruption, and what `train` does with the best one."""

import fcntl
import json
import shutil
import signal
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator

import pytest

from modelmake.search.trial import Result, Trial
from modelmake.search.tune import each_once
from tests.conftest import Outcome, Project
from tests.search.conftest import SEARCH, WIDE, Searching

Check = Callable[[Outcome, int], str]


@pytest.mark.long
def test_processes_and_kills_change_nothing(searching: Searching) -> None:
    """Journal and best trial are byte-identical: one process, four, killed at five places with a torn last line."""
    assert searching.tune(MODELMAKE_WORKERS="1").returncode == 0
    first, found = searching.journal, searching.tuned
    assert len(first) == 12
    searching.forget()
    done = searching.tune(MODELMAKE_WORKERS="4")
    assert (searching.journal, searching.tuned) == (first, found), done.stderr
    [path] = (searching.path / "build/search").glob("*.jsonl")
    searching.forget()
    for lines in (1, 3, 5, 7, 9):
        searching.killed_after(lines, MODELMAKE_WORKERS="2")
        with path.open("ab") as file:
            file.write(b'{"number": 11, "par')
    done = searching.tune(MODELMAKE_WORKERS="2")
    assert done.returncode == 0
    assert "continues after " in done.stdout
    assert (searching.journal, searching.tuned) == (first, found)


@pytest.mark.long
def test_ctrl_c_keeps_what_has_finished(own: Callable[[str], Searching]) -> None:
    """It ends at once, with the exit code of a signal, and leaves a journal from which the search continues."""
    searching = own(WIDE)
    searching.allow(2)
    process = searching.start(MODELMAKE_WORKERS="2")
    searching.wait_for(2, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopped by SIGINT" in err
    assert len(searching.journal) == 2
    [run] = searching.client.search_runs([searching.client.get_experiment_by_name("flowers").experiment_id])
    assert run.info.status == "KILLED"


def test_a_trial_that_fails_is_a_result(own: Callable[[str], Searching]) -> None:
    """With its reason, which has no address of an object in it; the others decide."""
    searching = own('what = { choices = ["fit", "fail"] }\nmax_depth = { low = 1, high = 8 }')
    done = searching.tune(MODELMAKE_WORKERS="1")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in searching.journal]
    failed = [line for line in lines if line["params"]["what"] == "fail"]
    assert failed
    assert {line["state"] for line in failed} == {"failed"}
    assert "no luck with Own(" in failed[0]["reason"]
    assert f"{len(failed)} failed" in done.stdout
    assert tomllib.loads(searching.tuned)["params"]["what"] == "fit"


@pytest.mark.long
def test_a_trial_that_kills_its_process_is_a_failed_trial(own: Callable[[str], Searching]) -> None:
    """The other trials are not touched, whichever process they are in."""
    searching = own('what = { choices = ["fit", "kill"] }\nmax_depth = { low = 1, high = 8 }')
    searching.edit("trials = 12", "trials = 4")
    done = searching.tune(MODELMAKE_WORKERS="2")
    assert done.returncode == 0, done.stderr
    states = {(line["params"]["what"], line["state"]) for line in map(json.loads, searching.journal)}
    assert states == {("fit", "complete"), ("kill", "failed")}
    assert "ended by SIGKILL" in done.stderr


def test_a_search_in_which_everything_fails_says_why(own: Callable[[str], Searching]) -> None:
    """The first reason is in the line, and nothing is left that `train` would use."""
    searching = own('what = { choices = ["fail"] }')
    done = searching.tune(MODELMAKE_WORKERS="1")
    assert done.returncode == 1
    assert "none of the 12 trials has a score (trial 0: Own.fit: no luck with Own(" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (searching.path / "build/tuned.toml").exists()


def test_train_without_a_search_says_how_to_tune(searching: Searching) -> None:
    """The parameters of `[model]` are used, and a note names `make tune`."""
    assert "no parameters are tuned yet (make tune)" in searching.stage("train").out


def test_train_uses_what_belongs_to_its_data_and_space(searched: Searching) -> None:
    """Tuned parameters are those of the run; with another space, or other data, a note says that they are not used."""
    params = tomllib.loads(searched.tuned)["params"]
    after = searched.stage("train")
    assert "tuned   trial " in after.out
    assert {name: searched.receipt("train")["params"][name] for name in params} == {
        name: str(value) for name, value in params.items()
    }
    assert searched.stage("evaluate").code == 0
    assert searched.stage("register").code == 0
    searched.edit("high = 8", "high = 9")
    assert "is not used: the data, the space or the code has changed" in searched.stage("train").out
    searched.edit("high = 9", "high = 8")
    assert "tuned   trial " in searched.stage("train").out
    table = searched.path / "data/iris.csv"
    table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    assert "is not used: the data, the space or the code has changed" in searched.stage("train").out


def test_values_outside_of_the_space_are_not_used(searched: Searching) -> None:
    """Whoever wrote them into the file."""
    path = searched.path / "build/tuned.toml"
    text = path.read_text()
    path.write_text(text.partition("[params]")[0] + '[params]\nmax_depth = 99\ncriterion = "gini"\n')
    assert "tuned   trial" not in searched.stage("train").out


def test_the_search_is_one_run(searched: Searching) -> None:
    """With a value for each trial, a table, the page and the journal; the best three are runs below it."""
    client = searched.client
    experiment = client.get_experiment_by_name("flowers").experiment_id
    runs = client.search_runs([experiment])
    [run] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(runs) == 4
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "score")) == 12
    files = {file.path for file in client.list_artifacts(run.info.run_id, "search")}
    assert files == {"search/search.html", "search/tuned.toml", "search/journal.jsonl"}
    html = (searched.path / "build/search.html").read_text()
    assert "than the parameters of [model], whose accuracy is" in html
    for title in ("History", "Importance of the parameters", "Parallel coordinates", "max_depth and accuracy"):
        assert title in html
    assert searched.stage("tune").code == 0
    assert len(client.search_runs([experiment])) == 4


def test_another_machine_takes_the_trials_from_the_server(searched: Searching) -> None:
    """A checkout without build/ on the same server fits nothing, and has the same journal."""
    journal, tuned = searched.journal, searched.tuned
    shutil.rmtree(searched.path / "build")
    again = searched.stage("tune")
    assert "takes 12 trials from run " in again.out
    assert "trials  all are in run " in again.out
    assert (searched.journal, searched.tuned) == (journal, tuned)


@pytest.mark.long
def test_more_trials_go_on(searching: Searching, monkeypatch: pytest.MonkeyPatch) -> None:
    """And FORCE=1 puts the journal aside."""
    monkeypatch.setenv("MODELMAKE_WORKERS", "2")
    assert searching.stage("tune").code == 0
    first = searching.journal
    searching.edit("trials = 12", "trials = 16")
    assert "continues after 12 of 16 trials" in searching.stage("tune").out
    assert len(searching.journal) == 16
    assert set(first) <= set(searching.journal)
    searching.edit("trials = 16", "trials = 1")
    assert searching.stage("tune").code == 0
    assert tomllib.loads(searching.tuned)["trials"] == 1
    searching.edit("trials = 1\n", "trials = 16\n")
    assert searching.stage("tune").code == 0
    assert tomllib.loads(searching.tuned)["trials"] == 16
    monkeypatch.setenv("MODELMAKE_FORCE", "1")
    assert "continues after" not in searching.stage("tune").out
    assert [*(searching.path / "build/search").glob("*.before")]


@pytest.mark.long
def test_halving_with_another_number_of_trials_is_another_search(
    searching: Searching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its later trials depend on how many there were at first."""
    monkeypatch.setenv("MODELMAKE_WORKERS", "2")
    searching.edit("[search]\n", '[search]\nmethod = "halving"\n')
    assert searching.stage("tune").code == 0
    searching.edit("trials = 12", "trials = 15")
    outcome = searching.stage("tune")
    assert outcome.code == 0, outcome.err
    assert "continues after" not in outcome.out


def test_whole_estimators_with_conditions(searching: Searching, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with parameters of its own; `train` fits the class that won."""
    monkeypatch.setenv("MODELMAKE_WORKERS", "1")
    svc = '{ estimator = "sklearn.svm.SVC", params = { tol = 0.01 } }'
    space = f"""estimator.choices = ["sklearn.tree.DecisionTreeClassifier", {svc}]
C = {{ low = 0.1, high = 100.0, log = true, when = {{ estimator = "sklearn.svm.SVC" }} }}
max_depth = {{ low = 1, high = 3, when = {{ estimator = "sklearn.tree.DecisionTreeClassifier" }} }}"""
    searching.edit(SEARCH.partition("[search.space]")[2].strip(), space)
    assert searching.stage("tune").code == 0
    found = tomllib.loads(searching.tuned)["params"]
    done = searching.stage("train")
    kind = found["estimator"] if isinstance(found["estimator"], str) else found["estimator"]["estimator"]
    assert f"fit     {kind.rpartition('.')[2]} on" in done.out


def test_repeated_parameters_are_tried_once() -> None:
    """Each trial has the result of the first one with these parameters, of this batch or of an earlier one."""

    class Counting:
        size = 1
        ran: list[int] = []  # noqa: RUF012

        def run(self, trials: Iterable[Trial], until: float) -> Iterator[Result]:  # noqa: ARG002
            for trial in trials:
                self.ran.append(trial.number)
                yield Result(trial.number, trial.params, scores=[[float(str(trial.params["C"]))]])

    trials = [Trial(number, {"C": value}) for number, value in enumerate([1, 2, 1, 3, 2], start=4)]
    known = [Result(0, {"C": 3}, scores=[[0.5]]), Result(1, {"C": 1}, [10], [[0.1]])]
    found = {one.number: one.score for one in each_once(Counting(), trials, known)}
    assert Counting.ran == [4, 5]
    assert found == {4: 1.0, 5: 2.0, 6: 1.0, 7: 0.5, 8: 2.0}


def test_a_stage_is_no_repetition() -> None:
    """A larger budget is another trial, and so is one that must reach another score."""

    class All:
        size = 1

        def run(self, trials: Iterable[Trial], until: float) -> Iterator[Result]:  # noqa: ARG002
            for trial in trials:
                yield Result(trial.number, trial.params, list(trial.budgets), [[1.0]])

    known = [Result(0, {"C": 3}, [1], [[0.5]]), Result(1, {"C": 3}, [1, 2], [[0.5], [0.5]])]
    trials = [Trial(2, {"C": 3}, (3,)), Trial(3, {"C": 3}, (1, 2), (0.4,)), Trial(4, {"C": 3}, (1,))]
    assert {one.number: one.score for one in each_once(All(), trials, known)} == {2: 1.0, 3: 1.0, 4: 0.5}


@pytest.mark.long
def test_a_finished_search_needs_no_worker(searching: Searching) -> None:
    """Asked again it gives the same answer, also if its cluster is gone."""
    assert searching.tune(MODELMAKE_WORKERS="2").returncode == 0
    found = searching.tuned
    done = searching.tune(MODELMAKE_ENGINE="dask", DASK_SCHEDULER_ADDRESS="tcp://127.0.0.1:1")
    assert (done.returncode, searching.tuned) == (0, found), done.stderr


@pytest.mark.long
def test_minutes_end_what_is_running(own: Callable[[str], Searching]) -> None:
    """Trials that never end are failed trials, and are tried again when `make tune` continues."""
    searching = own(WIDE)
    searching.edit("[search]\n", "[search]\nminutes = 0.01\n")
    searching.allow(0)
    done = searching.tune(MODELMAKE_WORKERS="2")
    assert done.returncode == 1
    assert "has a score (trial 0: was running when the search ended (search.minutes))" in done.stderr
    assert [json.loads(line)["state"] for line in searching.journal] == ["failed", "failed"]
    searching.edit("minutes = 0.01\n", "")
    searching.allow(12)
    done = searching.tune(MODELMAKE_WORKERS="2")
    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["state"] for line in searching.journal} == {"complete"}
    assert len(searching.journal) == 12


def test_without_a_search_there_is_nothing_to_do(project: Project) -> None:
    """It is not an error: the workflow on GitHub calls it for each pipeline."""
    outcome = project.stage("tune")
    assert outcome.code == 0
    assert "has no [search], so there is nothing to tune" in outcome.out


def test_two_at_once(searched: Searching, monkeypatch: pytest.MonkeyPatch, error_line: Check) -> None:
    """The second one says so, and changes nothing."""
    before = searched.journal
    with (searched.path / "build/search/lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for force in ("0", "1"):
            monkeypatch.setenv("MODELMAKE_FORCE", force)
            assert "another make tune writes to it" in error_line(searched.stage("tune"), 2)
    assert searched.journal == before
    assert not [*(searched.path / "build/search").glob("*.before")]


@pytest.mark.long
def test_make_tune_goes_on_with_a_forced_search(own: Callable[[str], Searching]) -> None:
    """Which was killed: the earlier answer is not taken for its own."""
    searching = own(WIDE)
    assert searching.tune(MODELMAKE_WORKERS="2").returncode == 0
    wanted = searching.journal, searching.tuned
    searching.allow(1)
    process = searching.start(MODELMAKE_WORKERS="1", MODELMAKE_FORCE="1")
    while (searching.path / "build/tuned.toml").exists():
        assert process.poll() is None
        time.sleep(0.05)
    searching.wait_for(1, process)
    process.kill()
    process.communicate()
    searching.allow(11)
    done = searching.tune(MODELMAKE_WORKERS="2")
    assert "continues after 1 of 12 trials" in done.stdout, done.stdout + done.stderr
    assert (searching.journal, searching.tuned) == wanted


@pytest.mark.long
def test_force_searches_again_in_a_run_of_its_own(own: Callable[[str], Searching]) -> None:
    """Also if the result differs; every journal that was put aside is kept, and no run is changed."""
    searching = own('what = { choices = ["luck", "fit"] }\nmax_depth = { low = 1, high = 8 }')
    path = searching.path / "models/own.py"
    path.write_text(
        path.read_text().replace('if self.what == "fail":', 'if self.what == "fit" and open("luck").read():')
    )
    (searching.path / "luck").write_text("bad")
    assert searching.tune(MODELMAKE_WORKERS="2").returncode == 0
    first = tomllib.loads(searching.tuned)["params"]
    (searching.path / "luck").write_text("")
    searching.edit("trials = 12", "trials = 10")
    for _ in range(2):
        done = searching.tune(MODELMAKE_WORKERS="2", MODELMAKE_FORCE="1")
        assert done.returncode == 0, done.stderr
        assert "run     " in done.stdout
    assert first["what"] == "luck"
    assert len([*(searching.path / "build/search").glob("*.before")]) == 2
    [experiment] = [searching.client.get_experiment_by_name("flowers").experiment_id]
    runs = searching.client.search_runs([experiment], "tags.modelmake.search != ''")
    assert sorted(run.data.metrics["failed"] for run in runs)[0] == 0
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len({run.info.run_id for run in runs}) == 3
