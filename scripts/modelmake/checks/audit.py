"""Audit: look up every package of the lock in the database of known vulnerabilities, with pip-audit."""

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import BaseModel

from modelmake.config import receipt
from modelmake.core import settings
from modelmake.core.errors import DatabaseError, VulnerabilityError
from modelmake.core.lock import lockfile


class Vulnerability(BaseModel):
    """A known vulnerability, and the versions that fix it."""

    id: str
    fix_versions: list[str]


class Package(BaseModel):
    """A package of the lock; pip-audit gives no version for one that it skips."""

    name: str
    version: str = ""
    vulns: list[Vulnerability] = []


class Report(BaseModel):
    """The report of pip-audit."""

    dependencies: list[Package]


def report() -> list[Package]:
    """Return the report of pip-audit on each package.

    Raises
    ------
    DatabaseError
        pip-audit has no answer from the database.

    """
    if bundle := settings.variable("SSL_CERT_FILE"):  # a company's CA: requests reads another variable
        settings.export({"REQUESTS_CA_BUNDLE": bundle})
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "audit.json")
        words = ["--requirement", str(lockfile()), "--disable-pip", "--progress-spinner=off", "--timeout=15"]
        words += ["--format=json", f"--output={path}", f"--cache-dir={scratch}"]
        words += shlex.split(settings.make().args)
        command = [sys.executable, "-m", "pip_audit", *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if path.exists() and path.stat().st_size:
            return Report.model_validate_json(path.read_bytes()).dependencies
    reasons = [line for line in done.stderr.splitlines() if "rror" in line][-1:] or ["no reason given"]
    what = f"the database of vulnerabilities can't be reached: {reasons[0]:.160}"
    fix = "behind a proxy set HTTPS_PROXY and SSL_CERT_FILE; ARGS='-s osv' uses another database"
    raise DatabaseError("audit", what, fix)


def _fix(packages: list[Package]) -> str:
    """Return the command that takes fixed versions; a project asks for one itself, also of what modelmake needs."""
    if settings.is_product():
        return "make lock UPGRADE=1"
    fixed = {package.name: one.fix_versions[-1] for package in packages for one in package.vulns if one.fix_versions}
    wanted = " ".join(f"{name}>={version}" for name, version in fixed.items())
    return f"make add PKG='{wanted}'" if wanted else "no version is fixed"


def main() -> None:
    """Print a line for each known vulnerability, and fail if there is one.

    Raises
    ------
    VulnerabilityError
        There is one.

    """
    print(f"looking up every package of {lockfile()} (some seconds) …", flush=True)
    packages = report()
    rows = [
        (package.name, package.version, vulnerability.id, f"fixed in {', '.join(vulnerability.fix_versions) or 'none'}")
        for package in packages
        for vulnerability in package.vulns
    ]
    if rows:
        print(receipt.aligned(rows))
        raise VulnerabilityError(str(lockfile()), f"{len(rows)} known vulnerabilities", _fix(packages))
    print(f"audit: no known vulnerability in the {len(packages)} packages of the lock")
