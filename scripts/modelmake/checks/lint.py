"""Lint: every linter and the type checker, without a network; writes nothing outside of build/.

A linter that judges each file alone gets only the files that have changed since it passed them (checks/results.py).
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from modelmake.checks import docs, lock, manifest, reference, results
from modelmake.config import receipt
from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.core.lock import lockfile

BUGS, NOT_BUGS = "F,E9,B,PLE", "B011"  # of ruff


@dataclass(frozen=True)
class Result:
    """The result of one linter; `problems` is empty if there are none, and `seconds` is None if no file has changed."""

    name: str
    seconds: float | None
    problems: str

    def __str__(self) -> str:
        """Give one line, and the problems below it."""
        took = "  unchanged" if self.seconds is None else f"{self.seconds:5.1f} s"
        line = f"{'fail' if self.problems else 'ok':<5}{self.name:<18}{took}"
        return f"{line}\n{self.problems}" if self.problems else line


def commands() -> dict[str, list[str]]:
    """Return each linter's command line: modelmake's own linters, or those of a project."""
    return _own() if settings.is_product() else _of_project()


def _of_project() -> dict[str, list[str]]:
    """Return the linters of a project: the rules that find bugs, unless it has rules of its own."""
    rules = [] if _has_rules() else ["--isolated", f"--select={BUGS}", f"--ignore={NOT_BUGS}", "--line-length=120"]
    linters = {"ruff check": ["ruff", "check", "--no-cache", "--quiet", "--extend-exclude=.modelmake", *rules, "."]}
    return linters | _github([sys.executable, "-m", "check_jsonschema", "--builtin-schema"])


def _has_rules() -> bool:
    tools = manifest.tables(manifest.read()).get("tool", {})
    return "ruff" in tools or any(Path(name).exists() for name in ("ruff.toml", ".ruff.toml"))


def _own() -> dict[str, list[str]]:
    shell = [str(path) for path in sorted(Path("docker").rglob("*.sh"))] + ["docker/shell", ".ci/run"]
    compose = sorted(str(path) for path in Path("docker").rglob("*.yaml"))
    hooks = [str(path) for path in Path().glob(".pre-commit-config.yaml")]
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    dependabot = [str(path) for path in Path(".github").glob("dependabot.yml")]
    actions = sorted(str(path) for path in Path(".github/actions").glob("*/action.yml"))
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    linters = {
        "mypy": [sys.executable, "-m", "mypy", "--no-error-summary"],
        "ruff check": ["ruff", "check", "--no-cache", "--quiet", "."],
        "ruff format": ["ruff", "format", "--no-cache", "--quiet", "--diff", "."],
        "shellcheck": ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *shell],
        "hadolint": ["hadolint", "docker/image/Dockerfile"],
        "yamllint": [
            "yamllint",
            "--strict",
            ".yamllint",
            "compose.yaml",
            *hooks,
            *compose,
            *dependabot,
            *workflows,
            *actions,
        ],
        "compose schema": [*schema, "vendor.compose-spec", "compose.yaml"],
        "make": ["make", "--dry-run", "--warn-undefined-variables", "help"],
    }
    return linters | _github(schema)


def _github(schema: list[str]) -> dict[str, list[str]]:
    """Return the linters of .github/, as far as there is one."""
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.y*ml"))
    actions = sorted(str(path) for path in Path(".github/actions").glob("*/action.yml"))
    dependabot = [str(path) for path in Path(".github").glob("dependabot.yml")]
    linters: dict[str, list[str]] = {}
    product = settings.product()
    if dependabot:
        linters["dependabot schema"] = [*schema, "vendor.dependabot", *dependabot]
    if workflows:
        linters["actionlint"] = ["actionlint", "-no-color", "-shellcheck=", "-pyflakes=", *workflows]
        rules = next(path for path in (Path(".github/zizmor.yml"), product / ".github/zizmor.yml") if path.exists())
        linters["zizmor"] = ["zizmor", "--offline", "--quiet", "--no-progress", f"--config={rules}", ".github"]
        linters["workflow schema"] = [*schema, "vendor.github-workflows", *workflows]
    if actions:
        linters["action schema"] = [*schema, "vendor.github-actions", *actions]
    return linters


def disagreements(project: str, lock: str) -> Iterator[str]:
    """Yield the differences between the direct dependencies of pyproject.toml's text and of the lock's text.

    uv marks each direct dependency in the lock with "via <project> (pyproject.toml…)", and in a project those of
    modelmake with "via modelmake (.modelmake/pyproject.toml…)".
    """
    direct = {canonicalize_name(Requirement(line).name): Requirement(line) for line in manifest.wanted(project)}
    locked = _locked(lock)
    for name, requirement in direct.items():
        if name not in locked:
            yield f"{name} is in pyproject.toml but not locked"
        elif not requirement.specifier.contains(locked[name], prereleases=True):
            yield f"{requirement} is in pyproject.toml but {locked[name]} is locked"
    yield from (f"{name} is locked but not in pyproject.toml" for name in locked if name not in direct)


def _locked(lock: str) -> dict[str, str]:
    """Return the version of each direct dependency in the lock's text, by name."""
    versions: dict[str, str] = {}
    pin: Requirement | None = None
    for line in lock.splitlines():
        if "==" in line and line[0].isalpha():
            pin = Requirement(line.rstrip("\\ "))
        elif pin and "(pyproject.toml" in line:
            versions[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    return versions


def run(name: str, command: list[str]) -> Result:
    """Run one linter; none without a command."""
    if not command:
        return Result(name, None, "")
    started = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Result(name, 0.0, f"cannot run: {error}")
    output = (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"
    return Result(name, time.monotonic() - started, output if done.returncode else "")


def main() -> None:
    """Run all linters, print the results, and write build/lint.json if there are no problems.

    Raises
    ------
    UserError
        A linter has found a problem, or the lock and pyproject.toml differ.

    """
    started = time.monotonic()
    linters = commands()
    passed, now = results.read(), results.current(linters)
    stale = {name: results.changed(name, command, passed, now) for name, command in linters.items()}
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda item: run(*item), stale.items()))
    results.write(now, {result.name for result in found if not result.problems})
    has_lock = settings.is_product() or lockfile() == lock.OWN
    differences = "\n".join(disagreements(manifest.read(), lockfile().read_text() if has_lock else ""))
    if has_lock or differences:
        found.append(Result("lock", 0.0, f"{differences}\nrun `make lock`" if differences else ""))
    if settings.is_product() and Path("docs/reference").is_dir():
        pages = "\n".join([*reference.stale(), *docs.broken()])
        found.append(Result("pages", 0.0, f"{pages}\nrun `make docs`" if pages else ""))
    for result in found:
        print(result)
    if failed := [result.name for result in found if result.problems]:
        raise UserError("lint", f"problems in: {', '.join(failed)}", "`make format` fixes some of them")
    receipt.Lint().write(started)
