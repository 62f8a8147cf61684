"""Lint: every linter over what it is made for, without a network; writes nothing."""

import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.core import receipt
from scripts.core.errors import UserError
from scripts.core.provenance import LOCK


def commands() -> dict[str, list[str]]:
    """Return each linter's command line."""
    shell = sorted(
        str(path)
        for path in (*Path("docker").glob("*.sh"), Path("docker/shell"), *Path("scripts").glob("*.sh"), Path(".ci/run"))
    )
    workflows = sorted(str(path) for path in Path(".github/workflows").glob("*.yml"))
    actions = sorted(str(path) for path in Path(".github/actions").glob("*/action.yml"))
    schema = [sys.executable, "-m", "check_jsonschema", "--builtin-schema"]
    found = {
        "ruff check": ["ruff", "check", "--no-cache", "--quiet", "."],
        "ruff format": ["ruff", "format", "--no-cache", "--quiet", "--diff", "."],
        "shellcheck": ["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *shell],
        "hadolint": ["hadolint", "docker/image/Dockerfile"],
        "yamllint": ["yamllint", "--strict", "compose.yaml", ".yamllint", *workflows, *actions],
        "compose schema": [*schema, "vendor.compose-spec", "compose.yaml"],
        "make": ["make", "--dry-run", "--warn-undefined-variables", "help"],
    }
    if workflows:
        found["zizmor"] = ["zizmor", "--offline", "--quiet", "--no-progress", ".github"]
        found["workflow schema"] = [*schema, "vendor.github-workflows", *workflows]
    if actions:
        found["action schema"] = [*schema, "vendor.github-actions", *actions]
    return found


def disagreements(project: str, lock: str) -> Iterator[str]:
    """Say where the direct dependencies of pyproject.toml's text and the lock's text differ.

    uv marks each pin that a project asks for itself with "via <project> (pyproject.toml…)".
    """
    table = tomllib.loads(project)
    lines = table["project"]["dependencies"] + [each for group in table["dependency-groups"].values() for each in group]
    wanted = {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}
    direct, pin = {}, None
    for line in lock.splitlines():
        if "==" in line and line[0].isalpha():
            pin = Requirement(line.rstrip("\\ "))
        elif "(pyproject.toml" in line:
            direct[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    for name, requirement in wanted.items():
        if name not in direct:
            yield f"{name} is asked for but not locked"
        elif not requirement.specifier.contains(direct[name], prereleases=True):
            yield f"{requirement} is asked for but {direct[name]} is locked"
    yield from (f"{name} is locked but no longer asked for" for name in direct if name not in wanted)


def run(name: str, command: list[str]) -> tuple[str, float, str]:
    """Run one linter; return its name, its seconds, and what it says where it is not content."""
    started = time.monotonic()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return name, 0.0, f"cannot run: {error}"
    said = (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"
    return name, time.monotonic() - started, said if done.returncode else ""


def main() -> None:
    """Run them all, show what they say, and leave build/lint.json if nothing."""
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda item: run(*item), commands().items()))
    locked = "\n".join(disagreements(Path("pyproject.toml").read_text(), LOCK.read_text()))
    results.append(("lock", 0.0, f"{locked}\n`make lock` brings it up to date" if locked else ""))
    for name, seconds, said in results:
        print(f"{'fail' if said else 'ok':<5}{name:<18}{seconds:5.1f} s" + (f"\n{said}" if said else ""))
    if failed := [name for name, _, said in results if said]:
        raise UserError("lint", f"not content: {', '.join(failed)}", "`make format` mends what can be mended by itself")
    receipt.Lint(**receipt.common("lint", started)).write()
