"""sbom, audit: what the image holds, and what is known against it."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from modelmake.checks import audit
from tests.conftest import Project


def test_the_lock_is_the_bill(project: Project) -> None:
    """Each package with its version and every hash, as CycloneDX, and the same bytes each time."""
    assert project.stage("sbom").code == 0
    text = Path("build/sbom.json").read_text()
    lock = Path("docker/requirements.txt").read_text()
    found = json.loads(text)
    python = {each["name"]: each for each in found["components"] if each["purl"].startswith("pkg:pypi/")}
    pinned = dict(re.findall(r"^([a-z0-9-]+)==([^ ;]+)", lock, re.M))
    assert {name: each["version"] for name, each in python.items()} == pinned
    assert {h["content"] for each in python.values() for h in each["hashes"]} == set(re.findall(r"sha256:(\w+)", lock))
    assert (found["bomFormat"], found["metadata"]["component"]["type"]) == ("CycloneDX", "container")
    assert project.stage("sbom").code == 0
    assert Path("build/sbom.json").read_text() == text


def said(monkeypatch: pytest.MonkeyPatch, report: object, stderr: str = "") -> None:
    """Let pip-audit's answer be this; what it takes to get a real one is a network."""

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        [output] = [word.removeprefix("--output=") for word in command if word.startswith("--output=")]
        if report is not None:
            Path(output).write_text(json.dumps({"dependencies": report}))
        return subprocess.CompletedProcess(command, 1, "", stderr)

    monkeypatch.setattr(audit.subprocess, "run", run)


def test_a_known_vulnerability_is_a_failure(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, the id, and the version that fixes it."""
    known = {"id": "PYSEC-1", "fix_versions": ["2.1"]}
    said(monkeypatch, [{"name": "a", "version": "2.0", "vulns": [known]}, {"name": "b", "version": "1", "vulns": []}])
    outcome = project.stage("audit")
    assert outcome.code == 1
    assert "a  2.0  PYSEC-1  fixed in 2.1" in outcome.out
    assert "1 known vulnerabilities (make lock UPGRADE=1)" in outcome.err


def test_a_project_asks_for_the_fixed_versions_itself(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a package that only modelmake needs, whose version `make lock` keeps."""
    monkeypatch.setenv("MODELMAKE_PRODUCT", ".modelmake")
    known = {"id": "PYSEC-1", "fix_versions": ["1.9.8", "2.1"]}
    said(monkeypatch, [{"name": "a", "version": "2.0", "vulns": [known]}, {"name": "b", "version": "1", "vulns": []}])
    assert "1 known vulnerabilities (make add PKG='a>=2.1')" in project.stage("audit").err


@pytest.mark.parametrize("lock", ["requirements.txt", ".modelmake/docker/requirements.txt"])
def test_the_bill_of_a_project_is_of_its_lock(project: Project, monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    """Its own, or that of modelmake, whose commit gives the time."""
    monkeypatch.setenv("MODELMAKE_PRODUCT", ".modelmake")
    monkeypatch.setenv("MODELMAKE_LOCK", lock)
    path = Path(lock)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"a==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    who = ("-c", "user.name=T", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false")
    for words in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "x", "--date=@1"]):
        environment = os.environ | {"GIT_COMMITTER_DATE": "@86400 +0000"}
        subprocess.run(["git", *words], cwd=path.parents[-2] if path.parent.name else ".", env=environment, check=True)
    assert project.stage("sbom").code == 0
    found = json.loads(Path("build/sbom.json").read_text())
    assert [each["purl"] for each in found["components"] if each["purl"].startswith("pkg:pypi/")] == ["pkg:pypi/a@1.0"]
    assert found["metadata"]["timestamp"].startswith("1970-01-02")


@pytest.mark.long
def test_a_database_out_of_reach_is_one_line(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, from pip-audit itself behind a proxy that is not there."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    Path("docker/requirements.txt").write_text(f"a==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    outcome = project.stage("audit")
    assert outcome.code == 4
    assert "the database of vulnerabilities can't be reached" in outcome.err
    assert "Traceback" not in outcome.err
