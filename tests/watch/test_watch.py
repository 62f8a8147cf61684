"""watch: what the champion was asked against its training rows, and no silence that looks like health."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from modelmake.serving.log import Log, Record
from tests.conftest import Once, Outcome, Project, copy, forget
from tests.serving.conftest import promoted

NAME, NAMES = "flower_classifier", ["petal_length", "petal_width", "sepal_length", "sepal_width"]
Check = Callable[[Outcome, int], str]


@pytest.fixture
def served(once: Once, empty_store: Path, project: Project) -> Project:
    """A project with a champion."""
    copy(promoted(once, empty_store, 1), project.path)
    forget()
    return project


def rows(count: int, seed: int = 1, shift: float = 0.0) -> pd.DataFrame:
    table = pd.read_csv("data/iris.csv").sample(count, replace=True, random_state=seed).reset_index(drop=True)
    table["petal_length"] += shift
    return table


def ask(project: Project, table: pd.DataFrame, name: str = "a", predictions: list[str] | None = None) -> None:
    """Write requests of one row each into the log, as the server does."""
    version = project.client.get_model_version_by_alias(NAME, "champion")
    log = Log(project.path / ".serve/pipeline/log", [])
    for number, row in enumerate(table.to_dict("records")):
        columns = {column: [row[column]] for column in NAMES}
        answer = [row["species"] if predictions is None else predictions[number]]
        origin = (version.version, version.source.removeprefix("models:/"))
        log.put(Record(1_700_000_000.0 + number, f"{name}{number}", *origin, columns, answer))
    log.close()


def runs(project: Project) -> list:
    experiment = project.client.get_experiment_by_name("flowers.watch")
    return project.client.search_runs([experiment.experiment_id]) if experiment else []


def test_rows_as_before_are_quiet(served: Project) -> None:
    """The window is a run in MLflow with report, table and profile; the gauges of /metrics are left for the server."""
    ask(served, rows(200))
    done = served.stage("watch")
    assert done.code == 0, done
    assert "No drift" in done.out
    [run] = runs(served)
    assert run.data.tags["modelmake.watch.alert"] == "false"
    kept = {file.path for file in served.client.list_artifacts(run.info.run_id, "watch")}
    assert kept == {f"watch/{name}" for name in ("report.html", "watch.json", "window.parquet", "profile.json")}
    assert not served.receipt("watch")["alert"]
    gauges = json.loads((served.path / ".serve/pipeline/watch.json").read_text())
    assert gauges["values"]["modelmake_watch_rows"] == 200
    assert set(gauges["effects"]) == {*NAMES, "prediction"}


def test_two_windows_running_are_an_alert(served: Project, error_line: Check) -> None:
    """One is a note; the second one ends with exit code 3; after a quiet one the count begins again."""
    for name, shift, code in (("a", 2.0, 0), ("b", 2.0, 3), ("c", 0.0, 0), ("d", 2.0, 0)):
        ask(served, rows(100, shift=shift), name)
        done = served.stage("watch")
        assert done.code == code, done
        assert ("'petal_length'" in done.out) == (shift > 0)
        assert served.receipt("watch")["alert"] == (code == 3)
        if code:
            assert "version 1 of flower_classifier" in error_line(done, 3)
    assert "The data has drifted" in (served.path / "build/watch.html").read_text()


def test_too_few_rows_wait(served: Project) -> None:
    """They have no verdict and count in the next window."""
    ask(served, rows(20))
    done = served.stage("watch")
    assert (done.code, "no verdict: 20 rows" in done.out, runs(served)) == (0, True, [])
    ask(served, rows(20, seed=2), "b")
    assert "40 rows" in served.stage("watch").out


def test_no_request_is_not_green(served: Project, error_line: Check) -> None:
    """Neither without a log, nor without a request since the last window."""
    assert "no requests are logged" in error_line(served.stage("watch"), 2)
    ask(served, rows(50))
    assert served.stage("watch").code == 0
    assert "no request was logged since" in error_line(served.stage("watch"), 2)


def test_a_replay_has_nothing_to_watch(served: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check) -> None:
    """Under act it says so and succeeds, with a champion and without one."""
    monkeypatch.setenv("ACT", "true")
    assert "nothing to watch" in served.stage("watch").out
    served.client.delete_registered_model_alias(NAME, "champion")
    done = served.stage("watch")
    assert (done.code, "nothing to watch" in done.out) == (0, True)
    monkeypatch.delenv("ACT")
    assert "make promote" in error_line(served.stage("watch"), 2)


def test_another_machine_reads_the_last_window(served: Project, error_line: Check) -> None:
    """It has no log; the tracking server is enough. An alert is one there too."""
    for name in "ab":
        ask(served, rows(100, shift=2.0), name)
        served.stage("watch")
    (served.path / ".serve").rename(served.path / "elsewhere")
    (served.path / "build/watch.json").unlink()
    assert "'petal_length'" in error_line(served.stage("watch"), 3)
    assert served.receipt("watch")["alert"]
    assert len(runs(served)) == 2


def test_truth_that_comes_later_is_joined(served: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By request id, over all windows; the gate's rules are asked, with intervals."""
    first, second = rows(60), rows(60, seed=2)
    ask(served, first, "a")
    served.stage("watch")
    ask(served, second, "b")
    ids = [f"a{k}" for k in range(60)] + [f"b{k}" for k in range(60)]
    truth = pd.DataFrame({"request_id": ids, "species": [*first["species"], *second["species"]]})
    truth.to_csv(tmp_path / "truth.csv", index=False)
    monkeypatch.setenv("MODELMAKE_TRUTH", str(tmp_path / "truth.csv"))
    done = served.stage("watch")
    assert done.code == 0, done
    assert "live    accuracy > 0.8: 0.9" in done.out
    newest = max(runs(served), key=lambda run: run.info.start_time)
    assert newest.data.metrics["live accuracy"] > 0.8


def test_a_rule_that_is_broken_is_an_alert(served: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although no column has moved: what the target depends on has."""
    table = rows(100)
    ask(served, table)
    turned = table["species"].map({"setosa": "virginica", "virginica": "setosa", "versicolor": "setosa"})
    truth = pd.DataFrame({"request_id": [f"a{k}" for k in range(100)], "row": 0, "species": turned})
    truth.to_parquet(tmp_path / "truth.parquet")
    monkeypatch.setenv("MODELMAKE_TRUTH", str(tmp_path / "truth.parquet"))
    done = served.stage("watch")
    assert "accuracy 0.0" in done.out
    assert "is not above the threshold 0.8" in done.out
    assert runs(served)[0].data.tags["modelmake.watch.alert"] == "true"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id,species\nr1,setosa\n", "has no column 'request_id'"),
        ("request_id\nr1\n", "has no column 'species'"),
        ("request_id,species\nnobody,setosa\n", "none of its 1 request ids"),
    ],
)
def test_a_truth_that_does_not_fit_is_one_line(
    served: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check, text: str, says: str
) -> None:
    """Exit code 2, and the window waits."""
    ask(served, rows(50))
    (served.path / "truth.csv").write_text(text)
    monkeypatch.setenv("MODELMAKE_TRUTH", "truth.csv")
    assert says in error_line(served.stage("watch"), 2)
    monkeypatch.delenv("MODELMAKE_TRUTH")
    assert "50 rows" in served.stage("watch").out


def test_a_table_is_watched_as_the_log_is(served: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check) -> None:
    """With its own targets as truth; a lost column and numbers that became text are findings."""
    monkeypatch.setenv("MODELMAKE_IN", "today.csv")
    rows(100).to_csv("today.csv", index=False)
    done = served.stage("watch")
    assert (done.code, "No drift" in done.out, "live    accuracy" in done.out) == (0, True, True)
    strange = rows(100).drop(columns="sepal_width")
    strange["petal_width"] = strange["petal_width"].map("{} cm".format)
    strange.to_csv("today.csv", index=False)
    done = served.stage("watch")
    assert "the column 'sepal_width' is missing" in done.out
    assert "'petal_width' had numbers or dates, and now has text" in done.out
    monkeypatch.setenv("MODELMAKE_IN", "nowhere.csv")
    assert "there is no such file" in error_line(served.stage("watch"), 2)


def test_a_private_column_is_not_missed(served: Project) -> None:
    """The log does not have it, on purpose."""
    served.edit("[gate]", '[serve]\nprivate = ["sepal_width"]\n[gate]')
    ask(served, rows(50))
    done = served.stage("watch")
    assert (done.code, "sepal_width" in done.out) == (0, False)
