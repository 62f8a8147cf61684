"""Outside: rows go through MLflow's scoring server in another process, which starts early and leaves nothing."""

import json
import signal

import numpy as np
import pandas as pd
import pytest

from modelmake import __main__ as command
from modelmake.gate import evidence, isolation
from modelmake.gate.isolation import Outside
from modelmake.model import store
from modelmake.scores.agreement import Expected
from tests.conftest import Project

FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "gap": [1.0, None, 3.0],
        "true": [True, False, True],
        "text": ["a", None, "b"],
        "date": [pd.Timestamp("2020-01-01"), None, pd.Timestamp("2021-06-01 12:30:00.5")],
    }
)


def test_rows_are_sent_as_json_has_them() -> None:
    """A gap is null in every type, and a date its text."""
    raw = evidence.raw(FRAME)
    rows = json.loads(json.dumps(raw["data"]))
    assert rows[0] == [1, 1.0, True, "a", "2020-01-01T00:00:00.000000"]
    assert rows[1] == [2, None, False, None, None]
    assert rows[2][-1] == "2021-06-01T12:30:00.500000"
    assert raw["numbers"] == ["whole", "gap"]


@pytest.mark.outside
@pytest.mark.long
def test_rows_with_gaps_and_dates_are_served(project: Project) -> None:
    """Whole numbers, truth values, texts and dates, with gaps and without, as JSON and as a frame."""
    frame = pd.read_csv("data/iris.csv")
    frame.insert(0, "age", np.arange(150) % 90)
    frame.insert(1, "rooms", np.where(np.arange(150) % 7, np.arange(150) % 5, np.nan))
    frame.insert(2, "old", np.where(np.arange(150) % 5, np.arange(150) % 2 == 0, None))
    frame.insert(3, "town", ["Kiel", "Ulm", None] * 50)
    frame.insert(4, "day", pd.date_range("2020-01-01", periods=150, freq="9h").where(np.arange(150) % 4 > 0))
    frame.to_csv("data/iris.csv", index=False)
    project.edit('"sklearn.ensemble.RandomForestClassifier"', '"sklearn.linear_model.LogisticRegression"')
    project.edit("[model.params]\nn_estimators = 5\n", "")
    for stage in ("train", "evaluate"):
        done = project.stage(stage)
        assert done.code == 0, done
    pipeline, rows = store.load(project.receipt("train")["model_id"], ())
    served = Outside()
    served.load(store.download(project.receipt("train")["model_id"], (), str(served.scratch)).folder)
    rows = rows.assign(age=[None, 1, 2, 3, 4])
    served.ask(evidence.raw(rows), Expected(pipeline.predict(rows).tolist(), 0.0))
    assert served.result() == ""


def test_a_process_that_nobody_waits_for_is_ended() -> None:
    """An error or a signal between the start and the answer leaves neither the process nor its folder."""
    served = Outside()
    process, scratch = served._process, served.scratch
    assert process.poll() is None
    del served
    assert process.returncode == -signal.SIGKILL
    assert not scratch.exists()


def test_a_process_that_ends_by_itself_is_one_line() -> None:
    """Its exit code and the last line that it printed, such as the end of a traceback."""
    served = Outside()
    served._process.kill()
    served.load(served.scratch)
    served.ask(evidence.raw(FRAME), Expected([0, 0, 0], 0.0))
    assert served.result() == "the served model ends its process: exit code -9"


@pytest.mark.parametrize("stages", [["train", "evaluate"], ["train"]])
def test_the_process_starts_before_the_stages_and_ends_with_them(
    monkeypatch: pytest.MonkeyPatch, stages: list[str]
) -> None:
    """Its imports take as long as those of the stages, whose failure leaves no process."""
    waiting = []
    monkeypatch.setattr(command.why, "stale", lambda named: named)
    monkeypatch.setattr(command, "run", lambda _stage: waiting.extend(isolation._early) or 2)
    assert command.chain(stages) == 2
    assert len(waiting) == stages.count("evaluate")
    assert all(served._process.returncode == -signal.SIGKILL and not served.scratch.exists() for served in waiting)
    assert isolation._early == []
