"""Bench: what modelmake costs, as ratios of two things run side by side in one run."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.core import settings
from scripts.core.errors import UserError
from tests.load import servers

ROUNDS = 3


@dataclass(frozen=True)
class Figure:
    """One measured figure and the most that it may be."""

    name: str
    value: float
    limit: float
    how: str


def seconds(command: list[str], **environment: str) -> float:
    """Run a command and return the seconds that it took.

    Raises
    ------
    UserError
        It failed: there is nothing to measure.

    """
    started = time.monotonic()
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UserError(" ".join(command)[:80], f"exit code {done.returncode}: {' '.join(last)}", "run it by hand")
    return time.monotonic() - started


def said(*command: str) -> str:
    """Return what a command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def warm() -> Figure:
    """Compare the three stages by make with one plain process, on one server, in turns."""
    url = said("make", "--no-print-directory", "up").splitlines()[-1]
    bare = [sys.executable, "tests/support/fixtures/bare.py"]
    ours = ["make", "train", "evaluate", "register", "FORCE=1"]
    for command in (bare, ours):  # files into the page cache
        seconds(command, **({"MLFLOW_TRACKING_URI": url} if command is bare else {}))
    plain, made = [], []
    for _ in range(ROUNDS):
        plain.append(seconds(bare, MLFLOW_TRACKING_URI=url))
        made.append(seconds(ours))
    a, b = statistics.median(made), statistics.median(plain)
    return Figure("train evaluate register / plain process", a / b, 2.0, f"{a:.1f} s / {b:.1f} s, medians of {ROUNDS}")


def idle() -> Figure:
    """Time the three stages when nothing has changed."""
    took = statistics.median(seconds(["make", "train", "evaluate", "register"]) for _ in range(ROUNDS))
    return Figure("train evaluate register, nothing changed", took, 1.0, "seconds")


@contextmanager
def forgetting() -> Iterator[None]:
    """Remove afterwards what builds leave in the engine's cache, a layer after those that stand on it."""
    before = cached()
    try:
        yield
    finally:
        new = cached() - before
        while new:
            for each in new:
                said("docker", "buildx", "prune", "-af", "--filter", f"id={each}")
            left = cached() - before
            new = left if left != new else set()  # somebody else's, in use


def cached() -> set[str]:
    """Return the ids of what the engine keeps of its builds."""
    return set(re.findall(r"^(\w{25})\b", said("docker", "buildx", "du"), re.M))


def cold() -> Figure:
    """Compare the image's build, without any cache but its base, with pip's install of the same lock."""
    image = said("docker/image/image.sh", "name")
    base = said("docker", "image", "inspect", "-f", '{{index .Config.Labels "modelmake.base"}}', image)
    ca = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    with tempfile.TemporaryDirectory() as scratch, forgetting():
        text = Path("docker/image/Dockerfile").read_text(encoding="utf-8")
        dockerfile = Path(scratch, "Dockerfile")
        dockerfile.write_text(text.replace("type=cache,", f"type=cache,id=bench-{os.getpid()},"), encoding="utf-8")
        build = ["docker", "buildx", "build", "--no-cache", "--load", "--build-arg", f"BASE={base}"]
        build += ["--secret", f"id=ca,src={ca}"] if Path(ca).is_file() else []
        ours = seconds([*build, "-f", str(dockerfile), "-t", "modelmake-bench", "."])
        subprocess.run(["docker", "image", "rm", "modelmake-bench"], capture_output=True, check=False)
        # The lock is complete; asked to see to that, pip trips over the extra of a package that has a newer release.
        pip = [
            f"{scratch}/pip/bin/python",
            "-m",
            "pip",
            "install",
            "-q",
            "--no-cache-dir",
            "--require-hashes",
            "--no-deps",
        ]
        theirs = seconds([sys.executable, "-m", "venv", f"{scratch}/pip"])
        theirs += seconds([*pip, "-r", "docker/requirements.txt"])
    return Figure("build of the image / pip install of the lock", ours / theirs, 0.5, f"{ours:.0f} s / {theirs:.0f} s")


def article(scratch: Path, url: str) -> list[str]:
    """Lay the article's repository out in `scratch`, and return the command that replays its workflow."""
    shutil.copytree("tests/support/fixtures/article", scratch, dirs_exist_ok=True)
    shutil.copytree("data", scratch, dirs_exist_ok=True)
    shutil.copy(".actrc", scratch)
    (scratch / ".github/workflows").mkdir(parents=True)
    (scratch / "workflow.yml").rename(scratch / ".github/workflows/article.yml")
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "article"]):
        subprocess.run(["git", "-C", str(scratch), *words], check=True)
    image, ca = said("docker/image/image.sh", "name"), "/etc/ssl/certs/ca-certificates.crt"
    base = said("docker", "image", "inspect", "-f", '{{index .Config.Labels "modelmake.base"}}', image)
    proxies = [f"--env={name}" for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "no_proxy")]
    options = f"--user 0 -v {os.environ.get('SSL_CERT_FILE', ca)}:{ca}:ro"
    return [
        *("docker", "run", "--rm", "--network=none", "--tmpfs=/tmp", "--user=0", f"--volume={scratch}:{scratch}"),
        *("--volume=/var/run/docker.sock:/var/run/docker.sock", f"--workdir={scratch}", *proxies, image),
        *(
            "act",
            "push",
            "--bind",
            "--network=host",
            f"--platform=ubuntu-24.04={base}",
            f"--container-options={options}",
        ),
        *(f"--var=MLFLOW_TRACKING_URI={url}", f"--env=PIP_CERT={ca}", *proxies),
    ]


@contextmanager
def tidied() -> Iterator[None]:
    """Remove afterwards the volume that act makes, unless it was there before."""
    find = ("docker", "volume", "ls", "-q", "--filter", "name=^act-toolcache$")
    before = said(*find)
    try:
        yield
    finally:
        if not before and said(*find):
            said("docker", "volume", "rm", "act-toolcache")


def replay() -> list[Figure]:
    """Compare `make act` with the article's workflow, and with `make all`."""
    url = said("make", "--no-print-directory", "up").splitlines()[-1]
    straight = ["make", "-C", "build/bench", "all", "RUNNER=docker", f"MLFLOW_TRACKING_URI={url}"]
    with tempfile.TemporaryDirectory() as scratch, tidied():
        theirs = article(Path(scratch), url)
        act, direct = [], []
        for between in (None, theirs):
            act.append(seconds(["make", "act"]))
            seconds(["docker/replay/checkout.sh", "HEAD", "build/bench"])
            direct.append(seconds(straight))
            whole = seconds(between) if between else 0
    a, b = statistics.mean(act), statistics.mean(direct)
    return [
        Figure("make act / the article's workflow", a / whole, 0.25, f"{a:.0f} s / {whole:.0f} s"),
        Figure("make act / make all", a / b, 1.5, f"{a:.0f} s / {b:.0f} s"),
    ]


def large() -> list[Figure]:
    """Evaluate a model on a million test rows, and time the prediction alone."""
    python, fixture = str(Path(sys.executable).absolute()), str(Path("tests/support/fixtures/large.py").absolute())
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree("docker", Path(scratch, "docker"))
        alone = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "RUN_ID"))}
        alone |= {"PYTHONPATH": str(Path.cwd()), "MLFLOW_DISABLE_TELEMETRY": "true"}

        def run(*words: str) -> str:
            return subprocess.run(
                [python, *words], cwd=scratch, env=alone, capture_output=True, text=True, check=True
            ).stdout

        run(fixture, "make")
        run("-m", "scripts", "train")
        predicted, rows = map(float, run(fixture, "predict").split())
        started = time.monotonic()
        evaluate = subprocess.Popen(
            [python, "-m", "scripts", "evaluate"], cwd=scratch, env=alone, stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(evaluate.pid, 0)
        took = time.monotonic() - started
        evaluate.returncode = os.waitstatus_to_exitcode(status)
    if evaluate.returncode:
        raise UserError("evaluate", f"exit code {evaluate.returncode} on {rows:.0f} rows", "run it by hand")
    how = f"{took:.0f} s / (3 x {predicted:.1f} s + 10 s), {rows:.0f} rows, 2000 resamples"
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    return [
        Figure("evaluate / 3 times the prediction and 10 s", took / (3 * predicted + 10), 1.0, how),
        Figure("memory of that", peak, 4.0, "GB"),
    ]


def sizes() -> list[Figure]:
    """Read the image's size and the running server's memory."""
    image = int(said("docker", "image", "inspect", "-f", "{{.Size}}", said("docker/image/image.sh", "name"))) / 1e6
    server = f"{servers.project()}-mlflow-1"
    processes = said("docker", "top", server, "-o", "pid,rss").splitlines()[1:]
    resident = sum(int(line.split()[1]) for line in processes) * 1.024e-3
    return [
        Figure("image", image, 900, "MB"),
        Figure("server with two workers", resident, 900, "MB resident, after the runs above"),
    ]


def main() -> None:
    """Measure, print each figure once it is there, and fail if a limit is missed."""
    if settings.text("RUNNER") != "docker":
        raise UserError("bench", "compares the image with the host", "an engine has to answer: make doctor")
    figures, chosen = [], settings.text("ARGS").split()
    for name in ("MODELMAKE_ARGS", "MAKEFLAGS"):  # which would hand ARGS on to each make that is measured
        os.environ.pop(name, None)
    for measure in (warm, idle, sizes, large, cold, replay):
        if chosen and measure.__name__ not in chosen:
            continue
        print(f"measuring: {measure.__doc__.splitlines()[0]}", flush=True)
        found = measure()
        found = found if isinstance(found, list) else [found]
        figures += found
        for each in found:
            verdict = "ok" if each.value <= each.limit else "MISSED"
            print(f"{each.name:<46}{each.value:8.2f}  limit {each.limit:<6g} {verdict:<7}{each.how}", flush=True)
    if missed := [each.name for each in figures if each.value > each.limit]:
        raise UserError("bench", f"over the limit: {', '.join(missed)}", "docs/benchmarks.md has the method")
