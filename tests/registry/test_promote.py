"""promote, rollback, history, registry: who is in production, since when, and the way back."""

import re
import signal
import subprocess
import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
from mlflow.exceptions import MlflowException

from modelmake.core import provenance
from modelmake.core.errors import Interruption, LockError
from modelmake.registry import moves
from modelmake.tracking import lease, versions
from modelmake.tracking.runs import Tracking
from tests.conftest import Outcome, Project

Check = Callable[[Outcome, int], str]
NAME = "flower_classifier"
STAGED, BACK = "▸ promote · the version at @staging\n", f"▸ rollback · @champion of {NAME}\n"  # what each was given
NEXT = "next    make smoke (a running server loads version 2; make rollback returns to version 1)\n"
SERVE = "next    make serve (answers requests with version 2)\n"


def another(project: Project) -> str:
    """Train and register one more version, and return its number."""
    assert [project.stage(stage).code for stage in ("train", "evaluate", "register")] == [0, 0, 0]
    return project.receipt("register")["version"]


def aliases(project: Project) -> dict[str, str]:
    return {name: str(number) for name, number in project.client.get_registered_model(NAME).aliases.items()}


def moved(project: Project) -> list[tuple[str, str, str]]:
    """Return the history, the oldest first."""
    found = moves.history(Tracking(), NAME)
    return [(each.action, each.source, each.target) for each in reversed(found)]


@pytest.fixture
def promoted(after: Callable[..., Project]) -> Project:
    """A project with two promoted, the second at @staging and the first in production."""
    return after("train", "evaluate", "register", "promote", "train", "evaluate", "register")


def test_the_version_at_staging_becomes_the_champion(promoted: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old champion is kept as @previous, and the history has who, when, from, to, run, verdict and reason."""
    monkeypatch.setenv("MODELMAKE_REASON", "it is spring")
    done = promoted.stage("promote")
    assert (done.code, done.out) == (0, f"{STAGED}version 2 of {NAME} is the champion, version 1 was\n{NEXT}")
    assert aliases(promoted) == {"staging": "2", "champion": "2", "previous": "1"}
    last = moves.history(Tracking(), NAME)[0]
    assert (last.action, last.source, last.target, last.verdict, last.reason, last.done) == (
        "promote", "1", "2", "pass", "it is spring", True,
    )  # fmt: skip
    assert last.run_id == promoted.receipt("train")["run_id"]
    assert last.who
    shown = promoted.stage("history").out.splitlines()
    assert shown[0].split() == ["when", "who", "action", "from", "to", "verdict", "run", "reason"]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+ +\S+ +promote +1 +2 +pass +\w{32} +it is spring$", shown[1])
    assert len(shown) == 3


@pytest.mark.long
def test_promoting_again_changes_nothing(promoted: Project) -> None:
    """@previous is not lost to the champion itself, and the history has no new line."""
    promoted.stage("promote")
    done = promoted.stage("promote")
    assert (done.code, done.out) == (0, f"{STAGED}version 2 of {NAME} is already the champion\n{SERVE}")
    assert aliases(promoted)["previous"] == "1"
    assert len(moved(promoted)) == 2


def test_a_rollback_swaps_back_once(promoted: Project) -> None:
    """Typed twice it does not swap back; promoting goes forward again."""
    promoted.stage("promote")
    assert promoted.stage("rollback").out == f"{BACK}version 1 of {NAME} is the champion, version 2 was\n"
    assert aliases(promoted) == {"staging": "2", "champion": "1", "previous": "2"}
    again = promoted.stage("rollback")
    assert (again.code, again.out) == (
        0,
        f"{BACK}already rolled back to version 1; make promote VERSION=2 promotes the newer version again\n",
    )
    assert promoted.stage("promote").code == 0
    assert aliases(promoted) == {"staging": "2", "champion": "2", "previous": "1"}
    assert moved(promoted) == [
        ("promote", "none", "1"),
        ("promote", "1", "2"),
        ("rollback", "2", "1"),
        ("promote", "1", "2"),
    ]


@pytest.mark.long
def test_a_version_can_be_named(promoted: Project, monkeypatch: pytest.MonkeyPatch, error_line: Check) -> None:
    """VERSION=1 is in production already; there is no 9."""
    monkeypatch.setenv("MODELMAKE_VERSION", "1")
    assert "is already the champion" in promoted.stage("promote").out
    for number in ("9", "x", "1 or 1=1"):
        monkeypatch.setenv("MODELMAKE_VERSION", number)
        assert f"has no version {number}" in error_line(promoted.stage("promote"), 2)


@pytest.mark.long
@pytest.mark.parametrize("verdict", ["refuse", "keep", None])
def test_what_did_not_pass_is_not_promoted(promoted: Project, error_line: Check, verdict: str | None) -> None:
    """A version that others made, or whose tag says so: exit code 3, nothing moves."""
    if verdict is None:
        promoted.client.delete_model_version_tag(NAME, "2", "modelmake.verdict")
    else:
        promoted.client.set_model_version_tag(NAME, "2", "modelmake.verdict", verdict)
    line = error_line(promoted.stage("promote"), 3)
    assert f"its verdict is '{verdict or 'none'}', not 'pass'" in line
    assert aliases(promoted)["champion"] == "1"
    assert len(moved(promoted)) == 1


def test_nothing_to_promote_or_to_go_back_to_is_named(project: Project, error_line: Check) -> None:
    """An empty registry, then one with a first champion."""
    assert "has no version at @staging" in error_line(project.stage("promote"), 2)
    assert "has no version at @champion" in error_line(project.stage("rollback"), 2)
    assert "was promoted yet" in project.stage("history").out
    assert "no version of flower_classifier" in project.stage("registry").out


def test_a_first_champion_has_none_before_it(promoted: Project, error_line: Check) -> None:
    """There is nothing to go back to, and the champion stays."""
    assert "has no version to go back to" in error_line(promoted.stage("rollback"), 2)
    assert aliases(promoted)["champion"] == "1"


def test_the_registry_is_listed(promoted: Project) -> None:
    """Newest first, with aliases, verdict, metric, age, runner, commit and run."""
    head, second, first = (line.split() for line in promoted.stage("registry").out.splitlines())
    assert head == ["version", "aliases", "verdict", "accuracy", "age", "runner", "commit", "run"]
    assert second[:4] == ["2", "@staging", "pass", "0.966667"]
    assert first[:2] == ["1", "@champion"]
    assert second[-1] == promoted.receipt("train")["run_id"]


def test_a_version_of_uncommitted_code_is_marked(promoted: Project) -> None:
    """The commit alone does not have the code of the model."""
    promoted.client.set_model_version_tag("flower_classifier", "1", "modelmake.git.commit", "c0ffee")
    promoted.client.set_model_version_tag("flower_classifier", "1", "modelmake.git.dirty", "true")
    _, second, first, legend = promoted.stage("registry").out.splitlines()
    assert (" c0ffee+ " in first, "+" in second) == (True, False)
    assert legend == "+ with uncommitted changes"


def test_of_many_at_once_each_moves_whole_or_says_why_not(promoted: Project) -> None:
    """Eight threads promote two versions: no error but the clear one, and the history is one unbroken chain."""
    results: list[str] = []
    start = threading.Barrier(8)

    def promote(number: str) -> None:
        tracking = Tracking()
        target = next(each for each in versions.of_model(tracking, NAME) if each.number == number)
        start.wait()
        try:
            with moves.alone(tracking, NAME, force=False):
                results.append(moves.move(tracking, NAME, "promote", target, ""))
        except LockError as error:
            results.append(str(error))

    threads = [threading.Thread(target=promote, args=(str(1 + i % 2),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8
    done = [text for text in results if "is the champion, version" in text]
    assert all(
        "is being promoted or rolled back by" in text or "is the champion" in text or "is already the champion" in text
        for text in results
    )
    chain = moved(promoted)
    assert len(chain) == 1 + len(done)
    assert all(before[2] == after[1] for before, after in pairwise(chain))
    assert aliases(promoted)["champion"] == chain[-1][2]
    with pytest.raises(MlflowException):
        promoted.client.get_registered_model(f"{NAME}.promotion")


@pytest.mark.long
def test_the_loser_is_told_and_a_dead_ones_lock_can_be_taken(
    promoted: Project, error_line: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds it and since when; nothing has moved; FORCE=1 is for one that died."""
    promoted.client.create_registered_model(f"{NAME}.promotion", description="ada since 12:00:00 UTC")
    line = error_line(promoted.stage("promote"), 1)
    assert "is being promoted or rolled back by ada since 12:00:00 UTC" in line
    assert "(try again; if that process has died, set FORCE=1)" in line
    assert aliases(promoted)["champion"] == "1"
    monkeypatch.setenv("MODELMAKE_FORCE", "1")
    assert promoted.stage("promote").code == 0
    assert aliases(promoted)["champion"] == "2"


@pytest.mark.long
def test_a_lock_that_was_taken_over_is_not_given_back(promoted: Project) -> None:
    """Who comes back late from the dead leaves the lock to the one that has it now."""
    tracking = Tracking()
    with lease.held(tracking, f"{NAME}.promotion", "promoted"):
        with lease.held(tracking, f"{NAME}.promotion", "promoted", force=True):
            pass
        tracking.client.create_registered_model(f"{NAME}.promotion", description="ada")
    assert tracking.client.get_registered_model(f"{NAME}.promotion").description == "ada"


@pytest.mark.long
def test_the_lock_of_a_process_that_is_surely_gone_holds_nobody(promoted: Project) -> None:
    """It was killed on this machine: the next one takes over without FORCE."""
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    dead = provenance.process() | {"modelmake.pid": str(ended.pid)}
    promoted.client.create_registered_model(f"{NAME}.promotion", description="ada", tags=dead)
    assert promoted.stage("promote").code == 0
    assert aliases(promoted)["champion"] == "2"


@pytest.mark.long
@pytest.mark.parametrize("action", ["promote", "rollback"])
@pytest.mark.parametrize("step", ["previous", "champion", "entry"])
def test_what_was_interrupted_is_completed_by_the_same_command(
    promoted: Project, monkeypatch: pytest.MonkeyPatch, action: str, step: str
) -> None:
    """Whoever loads @champion meets the old version or the new one; the lock is free; then the move is whole."""
    if action == "rollback":
        promoted.stage("promote")
    old, new = ("1", "2") if action == "promote" else ("2", "1")
    client = type(promoted.client)
    real_alias, real_end = client.set_registered_model_alias, client.set_terminated

    def alias(self: object, name: str, which: str, version: str) -> None:
        if which == step:
            raise Interruption(signal.SIGINT)
        real_alias(self, name, which, version)

    def end(self: object, *words: object, **named: object) -> None:
        if step == "entry":
            raise Interruption(signal.SIGINT)
        real_end(self, *words, **named)

    monkeypatch.setattr(client, "set_registered_model_alias", alias)
    monkeypatch.setattr(client, "set_terminated", end)
    assert promoted.stage(action).code == 130
    assert aliases(promoted)["champion"] == (new if step == "entry" else old)
    monkeypatch.setattr(client, "set_registered_model_alias", real_alias)
    monkeypatch.setattr(client, "set_terminated", real_end)
    assert "did not end" in promoted.stage("history").out
    assert promoted.stage(action).code == 0
    assert aliases(promoted) == {"staging": "2", "champion": new, "previous": old}
    assert moves.history(Tracking(), NAME)[0].done
