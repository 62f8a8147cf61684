"""Audit: ask the database of known vulnerabilities, by pip-audit, for every package of the lock."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.core import provenance, receipt, settings
from scripts.core.errors import PipelineError


class Vulnerable(PipelineError):
    """A package of the lock has a known vulnerability."""

    outcome = "the lock holds what is known to be vulnerable"


class Unreachable(PipelineError):
    """Nobody answers who would know."""

    exit_code = 4
    outcome = "stopped, the database is the matter"


def report() -> list[dict[str, object]]:
    """Return what pip-audit says of each package.

    Raises
    ------
    Unreachable
        It could not ask.

    """
    environment = dict(os.environ)
    if bundle := environment.get("SSL_CERT_FILE"):  # a company's CA, which requests looks for elsewhere
        environment["REQUESTS_CA_BUNDLE"] = bundle
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch, "audit.json")
        words = ["--requirement", str(provenance.LOCK), "--disable-pip", "--progress-spinner=off", "--timeout=15"]
        words += ["--format=json", f"--output={path}", f"--cache-dir={scratch}"]
        words += shlex.split(settings.text("ARGS"))
        command = [sys.executable, "-m", "pip_audit", *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if path.exists() and path.stat().st_size:
            return json.loads(path.read_bytes())["dependencies"]
    said = [line for line in done.stderr.splitlines() if "rror" in line][-1:] or ["it says nothing"]
    what = f"the database of vulnerabilities can't be reached: {said[0]:.160}"
    raise Unreachable("audit", what, "behind a proxy set HTTPS_PROXY and SSL_CERT_FILE; ARGS='-s osv' asks another one")


def main() -> None:
    """Print a line for each known vulnerability, and fail if there is one.

    Raises
    ------
    Vulnerable
        There is.

    """
    print(f"asking for every package of {provenance.LOCK} (some seconds) …", flush=True)
    found = report()
    rows = [
        (
            each["name"],
            each["version"],
            known["id"],
            f"mended in {', '.join(known['fix_versions']) or 'no version yet'}",
        )
        for each in found
        for known in each.get("vulns", [])
    ]
    if rows:
        print(receipt.aligned(rows))
        raise Vulnerable(str(provenance.LOCK), f"{len(rows)} known vulnerabilities", "make lock UPGRADE=1")
    print(f"audit: nothing is known against the {len(found)} packages of the lock")
