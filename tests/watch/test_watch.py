"""watch: what the champion was asked against its training rows, and no silence that looks like health."""

import json
import re
from collections.abc import Callable

import pandas as pd
import pytest

from modelmake.serving.log import Log, Record
from modelmake.tracking.runs import Tracking
from modelmake.watch import history
from tests.conftest import Outcome, Project

START = 1_700_000_000.0  # 2023-11-14T22:13:20
NAME, NAMES = "flower_classifier", ["petal_length", "petal_width", "sepal_length", "sepal_width"]
Check = Callable[[Outcome, int], str]


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
        log.put(Record(START + number, f"{name}{number}", *origin, columns, answer))
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
    page = (served.path / "build/watch.html").read_text()
    assert "The data has drifted" in page
    assert "100 rows from 2023-11-14T22:13:20+00:00 to 2023-11-14T22:14:59+00:00" in page
    assert "1 to 6.9, median" in page  # of the training rows' petal_length


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
    facts = history.newest(Tracking(), "flowers", NAME, "2")  # of the version before: nothing about the champion
    assert facts
    assert (facts.version, facts.alert) == ("1", False)
    [first] = [run for run in runs(served) if run.data.tags[history.NUMBER] == "1"]
    served.client.set_tag(first.info.run_id, history.NUMBER, "9")  # the clock was set back since
    assert history.last(Tracking(), "flowers", NAME, "log").run_id == first.info.run_id


def answered(
    project: Project, table: pd.DataFrame, name: str, monkeypatch: pytest.MonkeyPatch, **turned: str
) -> Outcome:
    """Watch with the truth of requests, some classes of which are turned into others."""
    truth = pd.DataFrame(
        {"request_id": [f"{name}{k}" for k in range(len(table))], "species": table["species"].replace(turned)}
    )
    truth.to_csv(project.path / "truth.csv", index=False)
    with monkeypatch.context() as patch:
        patch.setenv("MODELMAKE_TRUTH", "truth.csv")
        return project.stage("watch")


TURNED = {"setosa": "virginica", "virginica": "setosa", "versicolor": "setosa"}


def test_truth_that_comes_later_is_joined(served: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check) -> None:
    """By request id, over all windows; the gate's rules are asked."""
    first = rows(60)
    ask(served, first, "a")
    served.stage("watch")
    ask(served, rows(60, seed=2), "b")
    (served.path / "wrong.csv").write_text("id,species\na1,setosa\n")
    with monkeypatch.context() as patch:
        patch.setenv("MODELMAKE_TRUTH", "wrong.csv")
        assert "has no column 'request_id'" in error_line(served.stage("watch"), 2)  # and the window waits
    done = answered(served, first, "a", monkeypatch)
    assert done.code == 0, done
    assert "truth   60 of 60 targets match a row of the log" in done.out
    assert "live    accuracy > 0.8: 0.9" in done.out
    assert re.search("window  60 rows .*: No drift, and every rule holds", done.out)
    assert ": Too few rows to compare, and every rule holds" in answered(served, first, "a", monkeypatch).out
    newest = max(runs(served), key=lambda run: run.data.tags[history.NUMBER])
    assert newest.data.metrics["live accuracy"] > 0.8


def test_a_broken_rule_is_an_alert_once_for_each_truth(
    served: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check
) -> None:
    """Although no column has moved. The same truth again is not the second window; that of other rows is."""
    first, second = rows(60), rows(60, seed=2)
    ask(served, first, "a")
    done = answered(served, first, "a", monkeypatch, **TURNED)
    assert (done.code, "is not above the threshold 0.8" in done.out) == (0, True)
    assert (
        "60 rows from 2023-11-14T22:13:20+00:00 to 2023-11-14T22:14:19+00:00: A rule of the gate is broken" in done.out
    )
    ask(served, second, "b")
    assert answered(served, first, "a", monkeypatch, **TURNED).code == 0
    done = answered(served, second, "b", monkeypatch, **TURNED)
    assert "is not above the threshold 0.8" in error_line(done, 3)
    assert served.receipt("watch")["headline"] == "A rule of the gate is broken"


def test_a_window_of_another_version_or_of_the_same_table_is_not_the_second(
    served: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the last window is the one with the highest number, whatever the clock said then."""
    rows(100, shift=2.0).to_csv("today.csv", index=False)
    monkeypatch.setenv("MODELMAKE_IN", "today.csv")
    assert [served.stage("watch").code for _ in range(2)] == [0, 0]
    rows(100, seed=3, shift=2.0).to_csv("today.csv", index=False)
    [*_, newest] = sorted(runs(served), key=lambda run: run.data.tags["modelmake.watch.number"])
    served.client.set_tag(newest.info.run_id, "modelmake.watch.version", "7")
    assert served.stage("watch").code == 0
    rows(100, seed=4, shift=2.0).to_csv("today.csv", index=False)
    assert served.stage("watch").code == 3
    numbers = [int(run.data.tags["modelmake.watch.number"]) for run in runs(served)]
    assert sorted(numbers) == [1, 2, 3, 4]


def test_a_column_is_not_compared_where_the_pipeline_says_so(served: Project, error_line: Check) -> None:
    """Such as the hour of a request, or a private one, which the log does not have; the report says so."""
    served.edit("[gate]", '[serve]\nprivate = ["sepal_width"]\n[watch]\nignore = ["petal_length"]\n[gate]')
    ask(served, rows(50, shift=2.0))
    done = served.stage("watch")
    assert done.code == 0
    assert re.findall(r"^not compared +(\S+) +(\S+)$", done.out, re.M) == [
        ("petal_length", "watch.ignore"),
        ("sepal_width", "serve.private"),
    ]
    gauges = json.loads((served.path / ".serve/pipeline/watch.json").read_text())
    assert set(gauges["effects"]) == {"petal_width", "sepal_length", "prediction"}
    assert "not compared: watch.ignore" in (served.path / "build/watch.html").read_text()
    served.edit('ignore = ["petal_length"]', 'ignore = ["petal_lenght"]')
    ask(served, rows(50))
    assert "did you mean 'petal_length'?" in error_line(served.stage("watch"), 2)


def test_a_receipt_tells_an_alert_from_an_error(served: Project) -> None:
    """Make ends with 2 for both: only a window that was judged leaves one."""
    ask(served, rows(50))
    assert served.stage("watch").code == 0
    assert (served.path / "build/watch.json").exists()
    assert served.stage("watch").code == 2
    assert not (served.path / "build/watch.json").exists()


def test_a_table_is_watched_as_the_log_is(served: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check) -> None:
    """With its own targets as truth; a lost column and numbers that became text are findings."""
    monkeypatch.setenv("MODELMAKE_IN", "today.csv")
    rows(100).to_csv("today.csv", index=False)
    done = served.stage("watch")
    assert (done.code, "No drift" in done.out, "live    accuracy" in done.out) == (0, True, True)
    strange = rows(100).drop(columns="sepal_width")
    strange["petal_width"] = (strange["petal_width"] > 1).map({True: "wide", False: "narrow"})
    strange.to_csv("today.csv", index=False)
    done = served.stage("watch")
    assert "the column 'sepal_width' is missing" in done.out
    assert "'petal_width' had numbers or dates, and now has text" in done.out
    few = rows(100).astype({"petal_width": object})
    few.loc[[3, 7], "petal_width"] = "wide"
    few.to_csv("today.csv", index=False)
    done = served.stage("watch")
    assert "note: 2 values of 'petal_width' are not a number, and count as missing" in done.out
    assert re.search("^ok +petal_width ", done.out, re.M)
    assert "live    accuracy" in done.out
    twice = rows(100).assign(second="x").rename(columns={"second": "species"})
    twice.to_csv("today.csv", index=False)
    assert "IN=today.csv: 2 columns have the name 'species', which is the target" in error_line(
        served.stage("watch"), 2
    )
    monkeypatch.setenv("MODELMAKE_IN", "nowhere.csv")
    assert "there is no such file" in error_line(served.stage("watch"), 2)
