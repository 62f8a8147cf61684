"""The caller's shell: whatever stands in it, make does the same and touches nothing of theirs."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import poison
from tests.checkout import Checkout, free_port
from tests.conftest import ROOT

SOURCED = ("lib.sh", "environment.sh", "unbundle.sh")  # the last one leaves the house
SCRIPTS = sorted(p for f in ("docker", "scripts") for p in (ROOT / f).glob("*.sh") if p.name not in SOURCED)


class Host(Checkout):
    """A checkout that runs on the host, in the environment that runs the tests."""

    runner = "host"

    def fill(self, store: Path) -> "Host":
        """Give it a .venv that is this one."""
        import sys

        super().fill(store)
        with (self.path / ".gitignore").open("a") as file:
            file.write("/.venv/\n")
        venv = self.path / ".venv"
        venv.mkdir()
        for each in ("bin", "lib", "pyvenv.cfg"):
            (venv / each).symlink_to(Path(sys.prefix) / each)
        shutil.copy(self.path / "docker/requirements.txt", venv / "lock.txt")
        return self


def history(path: Path) -> tuple[str, ...]:
    """Return all that a user would miss in a repository: commits, branches, staged and unstaged changes, config."""
    asked = (
        ("log", "--all", "--format=%H %an %s"),
        ("branch", "-avv"),
        ("status", "--porcelain"),
        ("diff", "--cached"),
        ("config", "--local", "--list"),
        ("rev-parse", "HEAD", "--is-shallow-repository"),
    )
    return tuple(
        subprocess.run(["git", *words], cwd=path, capture_output=True, text=True, check=False).stdout for words in asked
    )


def staged(path: Path) -> None:
    """Leave a staged and an unstaged change in a repository."""
    for name in ("staged", "unstaged"):
        (path / f"{name}.txt").write_text("mine\n")
    subprocess.run(["git", "add", "staged.txt"], cwd=path, check=True)


def results(checkout: Checkout) -> dict[str, object]:
    """Return what the receipts say that has to be the same in any shell."""
    train, evaluate, register = (checkout.receipt(stage) for stage in ("train", "evaluate", "register"))
    provenance = {name: value for name, value in train["provenance"].items() if name != "modelmake.git.dirty"}
    return {
        "provenance": provenance,
        "params": train["params"],
        "metrics": evaluate["metrics"],
        "predictions": evaluate["predictions_sha256"],
        "verdict": evaluate["verdict"],
        "name": register["name"],
        "inputs": {stage: checkout.receipt(stage)["inputs"] for stage in ("train", "evaluate", "register")},
    }


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_begins_with_a_clean_environment(script: Path) -> None:
    """Called by hand or by a hook too: before its first command it drops what nobody documents."""
    code = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    first = next(line for line in code if not re.match(r"set -|target=|ref=|shift|lock=|die\(\)", line))
    assert "lib.sh" in first


@pytest.mark.parametrize(("kind", "names"), [("settings", "settings"), ("MODELMAKE_", "allowed")])
def test_a_variable_of_make_is_written_once(kind: str, names: str) -> None:
    """What `make help` shows is what docker/environment.sh lets in."""
    shown = set(re.findall(r"^([A-Z_]+) \?=.*##", (ROOT / "Makefile").read_text(), re.M))
    asked = f". docker/environment.sh && echo ${names}"
    listed = subprocess.run(["sh", "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    ours = {name for name in shown if not name.startswith("MLFLOW_")}
    if kind == "settings":
        assert set(listed) == ours
    else:
        assert set(listed) >= {f"MODELMAKE_{name}" for name in ours} | (shown - ours)


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (["FORCE=maybe"], {}, "FORCE=maybe: neither a yes nor a no"),
        ([], {"MODELMAKE_FORCE": "on"}, "FORCE=on: neither a yes nor a no"),
        ([], {"CI": "woodpecker"}, "CI=woodpecker: neither a yes nor a no"),
        (["FOLLOW=2"], {}, "FOLLOW=2: neither a yes nor a no"),
        (["AUTH=on"], {}, "AUTH=on: neither a yes nor a no"),
    ],
)
def test_a_switch_is_a_yes_or_a_no(
    empty_store: Path, tmp_path: Path, words: list[str], environment: dict[str, str], expected: str
) -> None:
    """Anything else is one line and exit code 2, before anything runs."""
    done = Checkout(tmp_path / "a check out").fill(empty_store).make("train", *words, **environment)
    assert done.returncode == 2
    assert [line for line in done.stderr.splitlines() if expected in line] == done.stderr.splitlines()
    assert done.stdout == ""


@pytest.fixture(scope="module")
def tidy(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that nobody changes, whose makefile can be asked for what it has read."""
    checkout = Checkout(tmp_path_factory.mktemp("tidy") / "a check out").fill(empty_store)
    (checkout.path / "asked.mk").write_text("$(info forced=[$(forced)] follow=[$(MODELMAKE_FOLLOW)] ci=[$(CI)])\n")
    return checkout


@pytest.mark.parametrize("word", ["1", "true", "yes", "YES", "0", "false", "no", ""])
def test_only_a_yes_switches_on(tidy: Checkout, word: str) -> None:
    """FORCE=0 does not force, nor does FOLLOW=0 follow, on the command line and as MODELMAKE_…; CI=false is no CI."""
    asked, on = (
        ("-f", "Makefile", "-f", "asked.mk", "--dry-run", "gc", "RUNNER=image"),
        word.lower() in ("1", "true", "yes"),
    )
    expected = f"forced=[{'gc' if on else ''}] follow=[{'1' if on else ''}] ci=[{'1' if on else ''}]"
    assert expected in tidy.make(*asked, f"FORCE={word}", f"FOLLOW={word}", CI=word).stdout
    assert expected in tidy.make(*asked, MODELMAKE_FORCE=word, MODELMAKE_FOLLOW=word, CI=word).stdout


def test_a_short_name_in_the_environment_is_not_read(tidy: Checkout) -> None:
    """And make says so, by its name alone, since its value may be somebody's secret."""
    done = tidy.make("-f", "Makefile", "-f", "asked.mk", "--dry-run", "gc", FORCE="1", FOLLOW="1", KEY="sk-abc123")
    assert "forced=[] follow=[] ci=[]" in done.stdout
    assert "note: not read from the environment: KEY FORCE FOLLOW (" in done.stdout
    assert "sk-abc123" not in done.stdout + done.stderr


def test_no_value_of_the_environment_is_run(empty_store: Path, tmp_path: Path) -> None:
    """A workflow's input is anybody's text: make hands it on as it stands."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    text = f"$(shell touch '{tmp_path}/a') $$(touch {tmp_path}/b) `touch {tmp_path}/c`; touch {tmp_path}/d; '\"#"
    done = checkout.make("train", MODELMAKE_REASON=text, MODELMAKE_VERSION=text, MODELMAKE_ARGS=text)
    assert done.returncode == 0, done.stderr
    assert checkout.receipt("train")["provenance"]["modelmake.reason"] == text
    assert [path.name for path in tmp_path.iterdir()] == ["a check out"]


def test_a_checkout_is_made_nowhere_but_where_nothing_is(empty_store: Path, tmp_path: Path) -> None:
    """Not in somebody's repository, and not in a folder that holds anything."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("years of work")
    for target in (tmp_path / "mine", checkout.path, checkout.path / "build/../data"):
        words = [str(checkout.path / "docker/checkout.sh"), "HEAD", str(target)]
        done = subprocess.run(words, env=checkout.environment(), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.search("is not empty|has .. in it", done.stderr)
    assert (tmp_path / "mine/thesis.txt").exists()
    assert (checkout.path / "data/iris.csv").exists()


@pytest.mark.parametrize("kind", [Checkout, Host], ids=lambda kind: kind.runner)
def test_a_poisoned_shell_changes_nothing(kind: type[Checkout], empty_store: Path, tmp_path: Path) -> None:
    """The same receipts as in a clean one, and the user's commits, index and files as they were."""
    checkout = kind(tmp_path / "a check out").fill(empty_store)
    staged(checkout.path)
    clean = checkout.make("train", "evaluate", "register")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    expected, before = results(checkout), history(checkout.path)
    junk = poison.environment(tmp_path / "junk", checkout.path)
    for words in (["train", "evaluate", "register", "FORCE=1"], ["why"], ["promote"]):
        done = checkout.make(*words, **junk)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "s3cret" not in done.stdout + done.stderr
    assert results(checkout) == expected
    assert history(checkout.path) == before
    assert sorted(path.name for path in (tmp_path / "junk").iterdir()) == ["evil.py", "noise.sh"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a check out", "junk"]


@pytest.mark.long
def test_a_run_is_reproduced_in_a_poisoned_shell(empty_store: Path, tmp_path: Path) -> None:
    """The replay's checkout is made beside the user's repository, never in it."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    staged(checkout.path)
    assert checkout.make("train", "evaluate").returncode == 0
    before = history(checkout.path)
    done = checkout.make("reproduce", **poison.environment(tmp_path / "junk", checkout.path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproduced: all " in done.stdout
    assert history(checkout.path) == before


@pytest.mark.long
def test_an_embedded_server_comes_up_in_a_poisoned_shell(empty_store: Path, tmp_path: Path) -> None:
    """On the port that it is told, which later commands keep; no proxy stands between it and its own clients."""
    checkout, port = Host(tmp_path / "a check out").fill(empty_store), free_port()
    junk = poison.environment(tmp_path / "junk", checkout.path)
    url = f"http://localhost:{port}\n"
    try:
        up = checkout.make("up", MLFLOW_PORT=str(port), **junk)
        assert (up.returncode, up.stdout.splitlines(keepends=True)[-1]) == (0, url), up.stderr
        done = checkout.make("train", MLFLOW_TRACKING_URI=url.strip(), **junk)
        assert done.returncode == 0, done.stdout + done.stderr
        assert checkout.make("down", **junk).returncode == 0
        assert checkout.make("up", **junk).stdout.endswith(url)
    finally:
        checkout.make("distclean")
    assert not (checkout.path / ".mlflow").exists()
