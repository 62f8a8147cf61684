"""The caller's shell: with any variables in it, make does the same and changes nothing of the caller's."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, get_args, get_type_hints

import pytest
import requests

from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.core.settings import IMAGE
from tests.conftest import ROOT
from tests.support import poison
from tests.support.checkout import Checkout, Repository, Stack, free_port

if TYPE_CHECKING:
    import docker

MAKE = subprocess.run(["make", "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
OLD = pytest.mark.skipif(MAKE.endswith(" 3.81"), reason="GNU Make 3.81 can't undefine a variable, and refuses it")
SOURCED = ("lib.sh", "environment.sh", "registry.sh", "changes.sh", "container.sh", "process.sh", "elsewhere.sh")
COPIED = ("unbundle.sh",)  # to a machine without a checkout
SCRIPTS = sorted(path for path in (ROOT / "docker").rglob("*.sh") if path.name not in SOURCED + COPIED)


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
    """Return what the receipts must say in any shell."""
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
    """Called by hand or by a hook too: it drops undocumented variables before its first command."""
    code = [line for line in script.read_text().splitlines() if line and not line.startswith("#")]
    first = next(line for line in code if not re.match(r"set -|target=|ref=|shift|lock=|die\(\)", line))
    assert "lib.sh" in first


def test_the_image_has_the_same_settings() -> None:
    """Without them MLflow draws bars of progress into the logs of the servers."""
    words = ["sh", "-c", ". docker/environment.sh && echo $constants"]
    constants = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    set_there = re.findall(r"^(?:ENV)? +(\w+=\S+)", (ROOT / "docker/image/Dockerfile").read_text(), re.M)
    assert set(constants) <= set(set_there)


@pytest.mark.parametrize("version", ["3.14", "3.10"])
def test_only_another_python_is_one_line(tmp_path: Path, version: str) -> None:
    """It is named, and nothing is installed."""
    for name in ("python3", "python"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    for tool in ("bash", "sh", "awk", "env", "cat", "sed", "cut", "git", "dirname", "tr"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    words = ["docker/image/venv.sh", str(tmp_path / "venv")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, env={"PATH": str(tmp_path)})
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: python: no Python 3.11 to 3.13 on the PATH, only Python {version} (install one")


def test_nothing_of_gits_own_is_let_in() -> None:
    """Whatever git calls local to a repository, in this version of it."""
    listed = subprocess.run(["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True)
    assert len(listed.stdout.split()) > 10
    asked = ["sh", "-c", ". docker/environment.sh && echo $allowed"]
    allowed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert not set(listed.stdout.split()) & set(allowed)


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (["FORCE=maybe"], {}, "FORCE=maybe: not yes or no"),
        ([], {"MODELMAKE_FORCE": "on"}, "FORCE=on: not yes or no"),
        ([], {"CI": "woodpecker"}, "CI=woodpecker: not yes or no"),
        (["FOLLOW=2"], {}, "FOLLOW=2: not yes or no"),
        (["AUTH=on"], {}, "AUTH=on: not yes or no"),
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


@pytest.mark.parametrize("target", ["train", "why"])
def test_a_venv_that_is_not_the_lock_runs_nothing(empty_store: Path, tmp_path: Path, target: str) -> None:
    """A run would name versions that it does not have: one line with the first difference, and exit code 2."""
    host = Host(tmp_path / "a check out").fill(empty_store)
    lock = host.path / "docker/requirements.txt"
    locked = lock.read_text()
    [version] = re.findall(r"^scikit-learn==(\S+)", locked, re.M)
    lock.write_text(locked.replace(f"scikit-learn=={version}", "scikit-learn==0.1"))
    shutil.copy(lock, host.path / ".venv/lock.txt")
    done = host.make(target)
    assert done.returncode == 2
    line = f"error: .venv: has scikit-learn {version}, and the lock has 0.1 (rm -r .venv, and run make again)"
    assert line in done.stderr.splitlines()


def test_a_workspace_is_part_of_the_identity(empty_store: Path, tmp_path: Path) -> None:
    """Receipts of one workspace do not hold in another, and a place that is not used ends the command."""
    host = Host(tmp_path / "a check out").fill(empty_store)

    def identity(**environment: str) -> str:
        done = host.make("why", **environment)
        assert done.returncode == 0, done.stderr
        lines = (host.path / "build/hashes").read_text().splitlines()
        return next(line for line in lines if line.endswith(" (tracking server)"))

    url = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    assert len({identity(**url), identity(**url, MLFLOW_WORKSPACE="a"), identity(**url, MLFLOW_WORKSPACE="b")}) == 3
    done = host.make("registry", MLFLOW_EXPERIMENT_NAME="mallory")
    assert done.returncode == 2
    assert "error: MLFLOW_EXPERIMENT_NAME: selects a place that modelmake does not use" in done.stderr


@pytest.fixture(scope="module")
def tidy(empty_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout that no test changes, whose makefile can be asked for what it has read."""
    checkout = Checkout(tmp_path_factory.mktemp("tidy") / "a check out").fill(empty_store)
    (checkout.path / "asked.mk").write_text("$(info forced=[$(forced)] follow=[$(MODELMAKE_FOLLOW)] ci=[$(CI)])\n")
    return checkout


def kinds() -> dict[str, str]:
    """Return the kind of each variable of make, as the Makefile lists them."""
    words = ["awk", "-v", "as=kinds", "-f", "docker/host/help.awk", "Makefile"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in listed.split())


def test_a_variable_of_make_is_written_once() -> None:
    """In the Makefile: docker/environment.sh lets each in by its name, and all have a kind that is checked."""
    asked = "product=. && . docker/environment.sh && echo $allowed"
    allowed = subprocess.run(["sh", "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    shown = set(re.findall(r"^([A-Z_]+) \?=", (ROOT / "Makefile").read_text(), re.M))
    assert set(kinds()) == shown
    assert {name if name.startswith("MLFLOW_") else f"MODELMAKE_{name}" for name in shown} <= set(allowed)
    known = {"text", "path", "port", "number", "switch", "toggle"}
    assert {kind for kind in kinds().values() if "|" not in kind} <= known


def test_a_stage_reads_variables_of_the_makefile_with_their_kinds() -> None:
    """The fields of Settings are variables of make, and of the type that their kind says."""
    types = {"text": str, "path": Path | None, "port": int | None, "number": int | None, "switch": bool}
    for field, kind in get_type_hints(settings.Settings).items():
        listed = kinds()[field.rstrip("_").upper()]
        assert kind == types.get(listed) or [*filter(None, get_args(kind))] == listed.split("|"), field


def test_one_module_reads_the_environment() -> None:
    """And those that run where the package is not: on a worker of another machine, and without its requirements."""
    readers = {path.name for path in (ROOT / "scripts").rglob("*.py") if re.search(r"\benviron\b", path.read_text())}
    assert readers <= {"settings.py", "lock.py", "remote.py", "claims.py", "__main__.py"}


def test_a_misspelt_variable_is_an_error() -> None:
    """Not an empty text."""
    with pytest.raises(AttributeError):
        settings.make().versoin  # noqa: B018


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("FORCE", "maybe", "not yes or no"),
        ("WORKERS", "0", "not a number from 1 to 1024"),
        ("WORKERS", "two", "not a number from 1 to 1024"),
        ("SERVE_PORT", "70000", "not a port"),
        ("ENGINE", "ray", "unknown"),
    ],
)
def test_make_refuses_a_wrong_value(name: str, text: str, expected: str, tidy: Checkout) -> None:
    """One line and exit code 2, before anything runs."""
    for words, environment in (([f"{name}={text}"], {}), ([], {f"MODELMAKE_{name}": text})):
        done = tidy.make("lint", *words, **environment)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert f"{name}={text}: {expected}" in done.stderr


@pytest.mark.parametrize(("name", "text"), [("FORCE", "maybe"), ("WORKERS", "two"), ("ENGINE", "ray")])
def test_a_stage_without_make_refuses_a_value_of_another_type(
    name: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line that names the variable."""
    monkeypatch.setenv(f"MODELMAKE_{name}", text)
    with pytest.raises(UserError, match=f"^{name}={text}: not a value of this variable"):
        settings.make()


@pytest.mark.parametrize("word", ["1", "true", "yes", "YES", "0", "false", "no", ""])
def test_only_a_yes_switches_on(tidy: Checkout, word: str) -> None:
    """FORCE=0 does not force, nor does FOLLOW=0 follow, on the command line and as MODELMAKE_…; CI=false is no CI."""
    asked, on = (
        ("-f", "Makefile", "-f", "asked.mk", "--dry-run", "lint", "RUNNER=image"),
        word.lower() in ("1", "true", "yes"),
    )
    expected = f"forced=[{'lint' if on else ''}] follow=[{'1' if on else ''}] ci=[{'1' if on else ''}]"
    assert expected in tidy.make(*asked, f"FORCE={word}", f"FOLLOW={word}", CI=word).stdout
    assert expected in tidy.make(*asked, MODELMAKE_FORCE=word, MODELMAKE_FOLLOW=word, CI=word).stdout


def test_a_variable_of_makes_own_is_refused(tidy: Checkout) -> None:
    """Make lets the environment say which goals it was given, so it is not known what was typed."""
    done = tidy.make("train", MAKECMDGOALS="distclean")
    assert (done.returncode, done.stdout) == (2, "")
    assert "MAKECMDGOALS: is make's own variable (unset it)" in done.stderr


@pytest.mark.parametrize(
    ("goal", "fix"),
    [
        ("tests", "(did you mean test? make help lists them)"),
        ("trian", "(did you mean train? make help lists them)"),
        ("evalute", "(did you mean evaluate? make help lists them)"),
        ("hist", "(did you mean history? make help lists them)"),
        ("data", "(make help lists them)"),
        ("build", "(make help lists them)"),
        ("it's", "(make help lists them)"),
    ],
)
def test_a_target_that_does_not_exist_is_refused(tidy: Checkout, goal: str, fix: str) -> None:
    """Also if a folder has its name, of which make says that nothing is to be done, and beside one that exists."""
    (tidy.path / "tests").mkdir(exist_ok=True)
    for goals in ([goal], ["help", goal]):
        done = tidy.make(*goals, targets=goal)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"make {goal}: no such target {fix}" in done.stderr


@pytest.mark.parametrize(
    ("word", "meant"),
    [("VERISON=2", "VERSION"), ("version=2", "VERSION"), ("FROCE=1", "FORCE"), ("MLFLOW_PROT=1", "MLFLOW_PORT")],
)
def test_a_misspelt_variable_is_refused(tidy: Checkout, word: str, meant: str) -> None:
    """`make promote VERISON=2` would promote another version; with MODELMAKE_ in front it is named in a note."""
    name = word.partition("=")[0]
    done = tidy.make("promote", word)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{name}: not a variable of modelmake (did you mean {meant}? make help lists them)" in done.stderr
    done = tidy.make("--dry-run", "lint", **{f"MODELMAKE_{name}": "1"})
    assert f"note: not read from the environment: MODELMAKE_{name} (" in done.stdout


@pytest.mark.parametrize("given", [{"MAKEFLAGS": "t"}, {"GNUMAKEFLAGS": "-t"}, {"MAKEFLAGS": "kt"}], ids=str)
def test_make_marks_nothing_as_done_that_has_not_run(tidy: Checkout, given: dict[str, str]) -> None:
    """Neither a stage that fails, -i, nor one that is only touched, -t."""
    if "GNUMAKEFLAGS" in given and MAKE.endswith(" 3.81"):
        pytest.skip("GNU Make 3.81 does not read GNUMAKEFLAGS")
    done = tidy.make("lint", "RUNNER=image", **given)
    assert (done.returncode, done.stdout) == (2, "")
    assert "make -t: a stage that has not run would count as done" in done.stderr
    assert not (tidy.path / "build/lint.json").exists()


@OLD
@pytest.mark.parametrize(
    "given",
    [{"MAKEFLAGS": "RUN=true"}, {"GNUMAKEFLAGS": "RUN=true"}, {"MAKEFLAGS": " -- RUN=true access=outside"}],
    ids=str,
)
def test_a_variable_that_is_not_ours_replaces_none(tidy: Checkout, given: dict[str, str]) -> None:
    """A make that calls this one passes its own command line on, and so may the caller's shell."""
    (tidy.path / "own.mk").write_text("targets := show\n")
    (tidy.path / "show.mk").write_text("show: access = fetch\nshow: ; @echo 'run=[$(RUN)] access=[$(access)]'\n")
    words = ("-f", "own.mk", "-f", "Makefile", "-f", "show.mk", "show", "RUNNER=image")
    done = tidy.make(*words, **given)
    assert "run=[] access=[fetch]" in done.stdout, done
    assert "note: no variables of modelmake: " in done.stdout
    done = tidy.make(*words, "RUN=true", "CC=gcc", "SHELL=/bin/false")
    assert "run=[] access=[fetch]" in done.stdout, done


@OLD
def test_a_makefile_of_the_environment_replaces_none(tidy: Checkout, tmp_path: Path) -> None:
    """MAKEFILES names files that make reads before ours."""
    (tmp_path / "own.mk").write_text("override RUN = true\noverride runner = host\n")
    (tidy.path / "show.mk").write_text("targets := show\nshow: ; @echo 'run=[$(RUN)] runner=[$(runner)]'\n")
    done = tidy.make("-f", "show.mk", "-f", "Makefile", "show", "RUNNER=image", MAKEFILES=str(tmp_path / "own.mk"))
    assert "run=[] runner=[image]" in done.stdout, done


@pytest.fixture
def untidy(tidy: Checkout, tmp_path: Path) -> Checkout:
    """A copy of the checkout, which a test may change; programs in its folder bin/ come first on the PATH."""
    shutil.copytree(tidy.path, tmp_path / "a check out", symlinks=True)
    (tmp_path / "a check out/bin").mkdir()
    return Checkout(tmp_path / "a check out")


def made(checkout: Checkout, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make with the programs in bin/."""
    path = f"{checkout.path / 'bin'}:{checkout.environment()['PATH']}"
    return checkout.make(*words, **{"PATH": path, "MODELMAKE_RUNNER": "", **environment})


def program(checkout: Checkout, name: str, script: str) -> None:
    """Put a shell script into bin/."""
    (checkout.path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
    (checkout.path / "bin" / name).chmod(0o755)


@pytest.mark.parametrize("goal", ["help", "doctor", "all"])
def test_a_clone_with_crlf_is_named(untidy: Checkout, goal: str) -> None:
    """One line, in place of a script that cannot be found; git writes no such clone, whatever its configuration."""
    shell = untidy.path / "docker/shell"
    shell.write_bytes(shell.read_bytes().replace(b"\n", b"\r\n"))
    done = untidy.make(goal)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "docker/shell: this checkout has CRLF at the ends of lines (git config" in done.stderr
    asked = ["git", "check-attr", "eol", "--", "docker/shell", "Makefile", "scripts/modelmake/__main__.py"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.count("eol: lf\n") == 3


def test_a_socket_without_permission_is_not_a_missing_engine(untidy: Checkout) -> None:
    """Make and doctor say what to do about it."""
    denied = "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock"
    program(untidy, "docker", f"echo '{denied}' >&2; exit 1")
    expected = "this user may not use the Docker socket (sudo usermod -aG docker "
    assert f"RUNNER=docker: {expected}" in made(untidy, "lint", "RUNNER=docker").stderr
    if not IMAGE.exists():  # in the image no engine is asked
        assert f"runner: host ({expected}" in made(untidy, "--dry-run", "lint").stdout
    assert f"miss engine    {expected}" in made(untidy, "doctor").stdout
    program(untidy, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    assert "RUNNER=docker: no Docker engine answers (start it" in made(untidy, "lint", "RUNNER=docker").stderr


@pytest.mark.parametrize(
    ("git", "expected"),
    [
        (
            "fatal: detected dubious ownership in repository at",
            "git does not read this folder, which belongs to another",
        ),
        ("fatal: not a git repository (or any of the parent", "not a git checkout (git clone it; a downloaded archive"),
        ("fatal: Needed a single revision", "no commit yet (git add -A && git commit)"),
    ],
)
def test_what_git_finds_is_not_guessed(untidy: Checkout, git: str, expected: str) -> None:
    """A folder of another owner, an archive, and a repository without a commit, for doctor and for a replay."""
    program(untidy, "git", f'case "$*" in *rev-parse*) echo \'{git}\' >&2; exit 128 ;; esac; exec /usr/bin/git "$@"')
    assert f"miss checkout  {expected}" in made(untidy, "doctor").stdout
    words = [str(untidy.path / "docker/replay/checkout.sh"), "HEAD", "build/replay"]
    given = untidy.environment() | {"PATH": f"{untidy.path / 'bin'}:{untidy.environment()['PATH']}"}
    done = subprocess.run(words, cwd=untidy.path, env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{untidy.path}: {expected}" in done.stderr


def test_a_full_disk_is_one_line(untidy: Checkout) -> None:
    """In build/, as `make why` writes there first."""
    program(untidy, "mktemp", "echo /dev/full")
    done = made(untidy, "why", MODELMAKE_RUNNER="image")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert lines == ["error: build/: cannot be written (check that it belongs to you and that its disk has space)"]


@pytest.mark.parametrize("end", [" | true", " >&-"], ids=["ended", "closed"])
def test_an_output_that_nobody_reads_is_no_traceback(tidy: Checkout, end: str) -> None:
    """A pipe that has ended, or none."""
    shell = ["bash", "-c", f"python -m modelmake pipelines{end}"]
    done = subprocess.run(shell, cwd=tidy.path, env=tidy.environment(), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize(
    "words", ["docker/run.sh seeled true", "docker/server/compose.sh ups", "docker/server/embedded.sh ups"]
)
def test_a_script_that_is_told_nonsense_says_so(tidy: Checkout, tmp_path: Path, words: str) -> None:
    """An access that is misspelt must not be one with a network."""
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "docker").chmod(0o755)
    told = tidy.environment() | {"PATH": f"{tmp_path}:{tidy.environment()['PATH']}"}
    done = subprocess.run(words.split(), cwd=tidy.path, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done
    assert "unknown (" in done.stderr


def test_a_short_name_in_the_environment_is_not_read(tidy: Checkout) -> None:
    """And make says so, by its name alone, since its value may be somebody's secret."""
    done = tidy.make("-f", "Makefile", "-f", "asked.mk", "--dry-run", "lint", FORCE="1", FOLLOW="1", KEY="sk-abc123")
    assert "forced=[] follow=[] ci=[]" in done.stdout
    assert "note: not read from the environment: KEY FORCE FOLLOW (" in done.stdout
    assert "sk-abc123" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {"RUNNER": "host"},
            "*** RUNNER: is in the environment, where modelmake does not read it (write: make lint why RUNNER=host).",
        ),
        (
            {"RUN_ID": "abc", "PIPELINE": "pipelines/churn.toml", "VERSION": "3"},
            "(write: make lint why PIPELINE=pipelines/churn.toml RUN_ID=abc).",
        ),
    ],
    ids=str,
)
def test_a_variable_before_make_that_only_modelmake_has_is_refused(
    tidy: Checkout, given: dict[str, str], line: str
) -> None:
    """`RUNNER=host make all` would use the other runner; the line says what to write in place of it."""
    done = tidy.make("lint", "why", **given)
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr


@pytest.mark.parametrize(
    "given", [{"RUNNER": ""}, {"RUNNER": "host", "goal": "help"}, {"VERSION": "3", "TO": "x"}], ids=str
)
def test_a_variable_before_make_that_changes_nothing_is_accepted(tidy: Checkout, given: dict[str, str]) -> None:
    """An empty one, one that the target does not use, and a name that other tools have too."""
    environment = {name: value for name, value in given.items() if name != "goal"}
    assert tidy.make("--dry-run", given.get("goal", "lint"), **environment).returncode == 0


@pytest.mark.long
def test_no_value_of_the_environment_is_run(empty_store: Path, tmp_path: Path) -> None:
    """Anybody may write a workflow's input: make passes it on unchanged."""
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
        words = [str(checkout.path / "docker/replay/checkout.sh"), "HEAD", str(target)]
        done = subprocess.run(words, env=checkout.environment(), capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (2, "")
        assert re.search(r"is not empty|contains \.\.", done.stderr)
    assert (tmp_path / "mine/thesis.txt").exists()
    assert (checkout.path / "data/iris.csv").exists()


@pytest.mark.long
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
def test_a_run_is_reproduced_in_a_poisoned_shell(registered: Checkout, tmp_path: Path) -> None:
    """The replay's checkout is made beside the user's repository, never in it."""
    checkout = registered
    staged(checkout.path)
    before = history(checkout.path)
    done = checkout.make("reproduce", **poison.environment(tmp_path / "junk", checkout.path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "reproduced: all " in done.stdout
    assert history(checkout.path) == before


@pytest.mark.long
def test_an_embedded_server_comes_up_in_a_poisoned_shell(empty_store: Path, tmp_path: Path) -> None:
    """On the port that it is told, which later commands keep; its own clients use no proxy."""
    checkout, port = Host(tmp_path / "a check out").fill(empty_store), free_port()
    junk = poison.environment(tmp_path / "junk", checkout.path)
    url = f"http://localhost:{port}\n"
    try:
        up = checkout.make("up", MLFLOW_PORT=str(port), **junk)
        assert (up.returncode, up.stdout.splitlines(keepends=True)[-1]) == (0, url), up.stderr
        for given in ({}, {"MLFLOW_TRACKING_URI": f" {url}"}):
            done = checkout.make("train", "FORCE=1", **(junk | given))
            assert done.returncode == 0, done.stdout + done.stderr
            assert f"url     {url.strip()}/#/experiments/" in done.stdout
        assert checkout.make("down", **junk).returncode == 0
        assert checkout.make("up", **junk).stdout.endswith(url)
    finally:
        checkout.make("distclean")
    assert not (checkout.path / ".mlflow").exists()


def hooked(path: Path, command: str) -> None:
    """Let git run a command before each commit and each push, and fail unless it ends well."""
    asked = ["git", "rev-parse", "--path-format=absolute", "--git-path", "hooks"]
    hooks = Path(subprocess.run(asked, cwd=path, capture_output=True, text=True, check=True).stdout.strip())
    for name in ("pre-commit", "pre-push"):
        (hooks / name).write_text(f"#!/bin/sh\n{command}\n")
        (hooks / name).chmod(0o755)


def commit_and_push(path: Path) -> None:
    """Change a file, `git commit -a`, and push; the commit holds that change alone, and nothing else has moved."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@localhost")
    start = git("rev-parse", "HEAD").strip()
    (path / "pipeline.toml").write_text((path / "pipeline.toml").read_text() + "# mine\n")
    (path / "untracked.txt").write_text("mine\n")
    git(*identity, "commit", "-qam", "Mine")
    assert git("log", "-1", "--format=%an %s %P").split() == ["Ada", "Mine", start]
    assert git("diff", "--name-only", "HEAD~1").split() == ["pipeline.toml"]
    assert git("status", "--porcelain").split() == ["??", "untracked.txt"]
    assert git("rev-parse", "--is-shallow-repository").strip() == "false"
    git("push", "-q", "origin", "HEAD:refs/heads/theirs")
    assert git("ls-remote", "origin", "theirs").split()[0] == git("rev-parse", "HEAD").strip()


@pytest.mark.long
@pytest.mark.parametrize("linked", [False, True], ids=["clone", "worktree"])
def test_a_hook_of_git_may_run_make(linked: bool, empty_store: Path, tmp_path: Path) -> None:
    """Git tells hooks of its repository and of a locked index: none of that reaches our commands, which succeed."""
    checkout = Checkout(tmp_path / "a check out").fill(empty_store)
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "remote")], check=True)
    subprocess.run(["git", "remote", "add", "origin", str(tmp_path / "remote")], cwd=checkout.path, check=True)
    before = history(checkout.path)
    if linked:
        other = Checkout(tmp_path / "a work tree")
        subprocess.run(["git", "worktree", "add", "-qb", "mine", str(other.path)], cwd=checkout.path, check=True)
        (other.path / ".mlflow").mkdir()
        shutil.copy(empty_store, other.path / ".mlflow")
    path = other.path if linked else checkout.path
    path_of_tools = checkout.environment()["PATH"]
    words = f'PATH="{path_of_tools}" make train FORCE=1 RUNNER=image && docker/replay/checkout.sh HEAD build/hooked'
    hooked(path, words)
    commit_and_push(path)
    assert Checkout(path).receipt("train")["provenance"]["modelmake.git.commit"]
    assert (path / "build/hooked/.git/shallow").exists()
    if linked:
        assert history(checkout.path)[2:] == before[2:]


@pytest.fixture
def stack(engine: "docker.DockerClient", empty_store: Path, tmp_path: Path) -> Iterator[Repository]:
    """A repository with an engine, a server's port, and changes of the user's; nothing of it is left on the engine."""
    found = Repository(tmp_path / "a repo sitory", free_port()).fill(empty_store)
    staged(found.path)
    yield found
    found.make("distclean")
    assert found.left(engine) == set()


def poisoned(stack: Stack, folder: Path) -> dict[str, str]:
    """Return a poisoned shell, with a broken .env in the checkout and proxies for every container of the engine."""
    (stack.path / ".env").write_text('TOKEN="s3cret\nCOMPOSE_PROJECT_NAME=mallory\nMLFLOW_PORT=1\n')
    (folder / "docker").mkdir(parents=True)
    proxies = {"httpProxy": poison.PROXY, "httpsProxy": poison.PROXY}
    (folder / "docker/config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
    return poison.environment(folder, stack.path) | {"DOCKER_CONFIG": str(folder / "docker")}


@pytest.mark.long
def test_podman_is_one_line(tidy: Checkout) -> None:
    """It answers as an engine does, and cannot attach to a container as Docker's client asks; so it counts as none."""
    if not shutil.which("podman") or not shutil.which("docker"):
        pytest.skip("no podman here (on Debian and Ubuntu: apt-get install podman)")
    folder = Path(tempfile.mkdtemp())  # Podman takes no path of more than 50 characters
    socket = folder / "podman.sock"
    places = ("--storage-driver", "vfs", "--root", str(folder / "root"), "--runroot", str(folder / "run"))
    command = ["podman", *places, "system", "service", "--time=0", f"unix://{socket}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as service:
        while not socket.exists():
            assert service.poll() is None
        there = {"DOCKER_HOST": f"unix://{socket}", "MODELMAKE_RUNNER": ""}
        doctor = tidy.make("doctor", **there).stdout
        done = tidy.make("why", "RUNNER=docker", **there)
        service.terminate()
    shutil.rmtree(folder)
    fix = "Podman answers, and modelmake needs Docker's engine (start Docker, or RUNNER=host)"
    assert f"miss engine    {fix}" in doctor
    assert (done.returncode, done.stdout) == (2, "")
    assert f"RUNNER=docker: {fix}" in done.stderr


@pytest.mark.stack
def test_a_poisoned_shell_changes_nothing_on_an_engine(stack: Repository, tmp_path: Path) -> None:
    """The same receipts, a server that stays closed, a backup that opens; commits, index and files as they were."""
    clean = stack.make("train", "evaluate", "register")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    junk = poisoned(stack, tmp_path / "junk")
    expected, before, archive = results(stack), history(stack.path), tmp_path / "archive.tar.gz"
    for words in (
        ["up", "AUTH=1"],
        ["train", "evaluate", "register", "FORCE=1"],
        ["backup", f"TO={archive}"],
        ["promote"],
        ["gc"],
        ["logs"],
    ):
        done = stack.make(*words, **junk)
        assert done.returncode == 0, done.stdout + done.stderr
        shown = done.stdout + done.stderr
        assert "s3cret" not in shown
        assert "mallory" not in shown
        assert "http://mlflow:5000" not in shown or words == ["logs"]
    assert results(stack) == expected
    query = f"{stack.url}/api/2.0/mlflow/experiments/search?max_results=1"
    assert requests.get(query, timeout=10).status_code == 401
    for words in (["down"], ["up"], ["verify-backup", f"FROM={archive}"]):
        done = stack.make(*words, **(junk | {"MLFLOW_PORT": ""}))
        assert done.returncode == 0, done.stdout + done.stderr
    assert requests.get(query, timeout=10).status_code == 401  # on the port that it had
    assert history(stack.path) == before
    assert not list(stack.path.glob("sk-*"))


@pytest.mark.stack
@pytest.mark.long
def test_a_replay_leaves_the_repository_of_a_poisoned_shell_alone(stack: Repository, tmp_path: Path) -> None:
    """`make act` of another commit, and `make reproduce`, in a shell in which git means the user's repository."""
    first = stack.commit("Here")
    stack.commit("There")
    staged(stack.path)
    junk = poisoned(stack, tmp_path / "junk")
    before = history(stack.path)
    for words in (["act", f"ACT_REF={first}"], ["train", "evaluate"], ["reproduce"]):
        done = stack.make(*words, **junk)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "s3cret" not in done.stdout + done.stderr
    assert stack.replayed.receipt("train")["provenance"]["modelmake.git.commit"] == first
    assert history(stack.path) == before


@pytest.mark.stack
@pytest.mark.long
@pytest.mark.parametrize("linked", [False, True], ids=["clone", "worktree"])
def test_a_hook_of_git_may_run_make_on_an_engine(stack: Repository, tmp_path: Path, linked: bool) -> None:
    """From a linked worktree too, whose history is in another folder; the container sees its commit."""
    stack.commit("All")
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "remote")], check=True)
    subprocess.run(["git", "remote", "add", "origin", str(tmp_path / "remote")], cwd=stack.path, check=True)
    other = Repository(tmp_path / "a work tree", stack.port) if linked else stack
    if linked:
        subprocess.run(["git", "worktree", "add", "-qb", "mine", str(other.path)], cwd=stack.path, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=stack.path, capture_output=True, text=True, check=True)
    replay = "act JOB=ci" if linked else ""  # once is enough: what it does to a repository is tested above
    hooked(other.path, f"MLFLOW_PORT={stack.port} make train {replay} FORCE=1 RUNNER=docker")
    try:
        commit_and_push(other.path)
        assert other.receipt("train")["provenance"]["modelmake.git.commit"] != head.stdout.strip()
    finally:
        other.make("distclean")


@pytest.mark.stack
@pytest.mark.parametrize("relative", [False, True], ids=["submodule", "relative worktree"])
def test_a_history_that_lies_elsewhere_is_found(stack: Repository, tmp_path: Path, relative: bool) -> None:
    """A submodule, and a worktree with a relative path, have their commit in the container as on the host."""
    stack.commit("All")
    if relative:
        path = tmp_path / "beside"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", str(path)], cwd=stack.path, check=True)
        target = (path / ".git").read_text().removeprefix("gitdir: ").strip()
        (path / ".git").write_text(f"gitdir: {os.path.relpath(target, path)}\n")
    else:
        subprocess.run(["git", "init", "-q", str(tmp_path / "whole")], check=True)
        words = ["git", "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(stack.path), "part"]
        subprocess.run(words, cwd=tmp_path / "whole", check=True)
        path = tmp_path / "whole/part"
    part = Repository(path, stack.port)
    try:
        done = part.make("train")
        assert done.returncode == 0, done.stdout + done.stderr
        asked = ["git", "rev-parse", "HEAD"]
        commit = subprocess.run(asked, cwd=path, capture_output=True, text=True, check=True).stdout.strip()
        assert part.receipt("train")["provenance"]["modelmake.git.commit"] == commit
        assert part.receipt("train")["provenance"]["modelmake.git.dirty"] == "false"
    finally:
        part.make("distclean")


# The engine does not see what is mounted after it has started, in the namespace of one process.
UNSEEN = """
mount -t tmpfs none unseen && cp -r "$1/." unseen && cd unseen
for goal in train act up doctor; do make $goal RUNNER=docker 2>&1 | sed "s/^/$goal: /"; done
"""


@pytest.mark.stack
@pytest.mark.skipif(os.getuid() != 0, reason="mounts a folder")
def test_an_engine_that_does_not_see_the_folder_is_named(stack: Repository, tmp_path: Path) -> None:
    """As from a container that has only the socket of the engine: before anything starts, and by doctor too."""
    (tmp_path / "unseen").mkdir()
    words = ["unshare", "--mount", "sh", "-c", UNSEEN, "sh", str(stack.path)]
    done = subprocess.run(words, cwd=tmp_path, env=stack.environment(), capture_output=True, text=True, check=True)
    unseen = f"the engine does not see the folder {tmp_path}/unseen"
    for goal in ("train", "act", "up"):
        assert f"{goal}: error: docker: {unseen} (mount it at the same path" in done.stdout, done.stdout
    assert f"doctor: miss folder    {unseen}" in done.stdout
    assert "▸ train" not in done.stdout


@pytest.mark.stack
def test_a_backups_key_is_never_left_where_git_would_add_it(stack: Repository) -> None:
    """Under .mlflow/ and by the name *.key git ignores it; elsewhere in a checkout no key is made."""
    done = stack.make("backup", "KEY=sk-abc123")
    assert done.returncode != 0
    assert "error: KEY=sk-abc123: git would add a key at that place to the repository" in done.stderr
    assert not (stack.path / "sk-abc123").exists()
    for name in (".mlflow/backup.key", "mine.key"):
        done = stack.make("backup", f"KEY={name}", "TO=backups/one")
        assert done.returncode == 0, done.stderr
        assert f"note: {name} is inside the checkout, where git ignores it" in done.stderr
        assert stack.make("verify-backup", f"KEY={name}", "FROM=backups/one").returncode == 0
    listed = subprocess.run(
        ["git", "status", "--porcelain"], cwd=stack.path, capture_output=True, text=True, check=True
    )
    assert "key" not in listed.stdout
    (stack.path / "mine.key").rename(stack.path / "mine.txt")
    done = stack.make("backup", "KEY=mine.txt", "TO=backups/two")
    assert "warning: git would add the key mine.txt to the repository" in done.stderr
