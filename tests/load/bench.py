"""Bench: the cost of modelmake, as ratios of two commands that run alternately."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from modelmake.core import settings
from modelmake.core.errors import UserError
from tests.load import searching, servers, serving, tables
from tests.load.figure import Figure
from tests.load.parts import chosen

ROUNDS = 3


def seconds(command: list[str], **environment: str) -> float:
    """Run a command and return its duration in seconds.

    Raises
    ------
    UserError
        The command failed.

    """
    started = time.monotonic()
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise UserError(" ".join(command)[:80], f"exit code {done.returncode}: {' '.join(last)}", "run it by hand")
    return time.monotonic() - started


def output(*command: str) -> str:
    """Return the output of a command."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def warm() -> Figure:
    """Compare the three stages by make with one plain process, alternately on one server."""
    url = output("make", "--no-print-directory", "up").splitlines()[-1]
    bare = [sys.executable, "tests/support/fixtures/bare.py"]
    stages = ["make", "train", "evaluate", "register", "FORCE=1"]
    for command in (bare, stages):  # loads the files into the page cache
        seconds(command, **({"MLFLOW_TRACKING_URI": url} if command is bare else {}))
    plain, staged = [], []
    for _ in range(ROUNDS):
        plain.append(seconds(bare, MLFLOW_TRACKING_URI=url))
        staged.append(seconds(stages))
    a, b = statistics.median(staged), statistics.median(plain)
    return Figure("train evaluate register / plain process", a / b, 2.0, f"{a:.1f} s / {b:.1f} s, medians of {ROUNDS}")


def idle() -> Figure:
    """Time the three stages when nothing has changed."""
    duration = statistics.median(seconds(["make", "train", "evaluate", "register"]) for _ in range(ROUNDS))
    return Figure("train evaluate register, nothing changed", duration, 1.0, "seconds")


@contextmanager
def uncached() -> Iterator[None]:
    """Remove afterwards the layers that builds add to the engine's cache, a layer after those that depend on it."""
    before = cached()
    try:
        yield
    finally:
        new = cached() - before
        while new:
            for layer in new:
                output("docker", "buildx", "prune", "-af", "--filter", f"id={layer}")
            left = cached() - before
            new = left if left != new else set()  # the rest is in use by another build


def cached() -> set[str]:
    """Return the ids of the layers in the engine's build cache."""
    return set(re.findall(r"^(\w{25})\b", output("docker", "buildx", "du"), re.M))


def cold() -> Figure:
    """Compare the image's build, without a cache except its base, with pip's install of the same lock."""
    image = output("docker/image/image.sh", "name")
    base = output("docker", "image", "inspect", "-f", '{{index .Config.Labels "modelmake.base"}}', image)
    ca = os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
    with tempfile.TemporaryDirectory() as scratch, uncached():
        text = Path("docker/image/Dockerfile").read_text(encoding="utf-8")
        dockerfile = Path(scratch, "Dockerfile")
        dockerfile.write_text(text.replace("type=cache,", f"type=cache,id=bench-{os.getpid()},"), encoding="utf-8")
        build = [
            "docker",
            "buildx",
            "build",
            "--no-cache",
            "--load",
            "--build-arg",
            f"BASE={base}",
            "--build-arg",
            "NAME=bench",
        ]
        build += ["--secret", f"id=ca,src={ca}"] if Path(ca).is_file() else []
        image_seconds = seconds([*build, "-f", str(dockerfile), "-t", "modelmake-bench", "."])
        subprocess.run(["docker", "image", "rm", "modelmake-bench"], capture_output=True, check=False)
        # The lock is complete; with dependencies, pip fails on the extra of a package that has a newer release.
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
        pip_seconds = seconds([sys.executable, "-m", "venv", f"{scratch}/pip"])
        pip_seconds += seconds([*pip, "-r", "docker/requirements.txt"])
    how = f"{image_seconds:.0f} s / {pip_seconds:.0f} s"
    return Figure("build of the image / pip install of the lock", image_seconds / pip_seconds, 0.5, how)


def article(scratch: Path, url: str) -> list[str]:
    """Create the article's repository in `scratch`, and return the command that replays its workflow."""
    shutil.copytree("tests/support/fixtures/article", scratch, dirs_exist_ok=True)
    shutil.copytree("data", scratch, dirs_exist_ok=True)
    shutil.copy(".actrc", scratch)
    (scratch / ".github/workflows").mkdir(parents=True)
    (scratch / "workflow.yml").rename(scratch / ".github/workflows/article.yml")
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "article"]):
        subprocess.run(["git", "-C", str(scratch), *words], check=True)
    image, ca = output("docker/image/image.sh", "name"), "/etc/ssl/certs/ca-certificates.crt"
    base = output("docker", "image", "inspect", "-f", '{{index .Config.Labels "modelmake.base"}}', image)
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
    """Remove afterwards the volume that act creates, unless it existed before."""
    find = ("docker", "volume", "ls", "-q", "--filter", "name=^act-toolcache$")
    before = output(*find)
    try:
        yield
    finally:
        if not before and output(*find):
            output("docker", "volume", "rm", "act-toolcache")


def replay() -> list[Figure]:
    """Compare `make act` with the article's workflow, and, with the tests repeated, with `make all`."""
    url = output("make", "--no-print-directory", "up").splitlines()[-1]
    straight = ["make", "-C", "build/bench", "all", "RUNNER=docker", f"MLFLOW_TRACKING_URI={url}"]
    seconds(["make", "test", "RUNNER=docker"])  # later pushes do not repeat them, here and on GitHub
    with tempfile.TemporaryDirectory() as scratch, tidied():
        command = article(Path(scratch), url)
        act, forced, direct = [], [], []
        for between in (None, command):
            act.append(seconds(["make", "act"]))
            forced.append(seconds(["make", "act", "FORCE=1"]))
            seconds(["docker/replay/checkout.sh", "HEAD", "build/bench"])
            direct.append(seconds(straight))
            whole = seconds(between) if between else 0
    a, b, c = statistics.mean(act), statistics.mean(forced), statistics.mean(direct)
    return [
        Figure("make act / the article's workflow", a / whole, 0.25, f"{a:.0f} s / {whole:.0f} s"),
        Figure("make act FORCE=1 / make all", b / c, 1.5, f"{b:.0f} s / {c:.0f} s"),
    ]


def large() -> list[Figure]:
    """Evaluate a model on a million test rows, and time the prediction alone."""
    python, fixture = str(Path(sys.executable).absolute()), str(Path("tests/support/fixtures/large.py").absolute())
    with tempfile.TemporaryDirectory() as scratch:
        shutil.copytree("docker", Path(scratch, "docker"))
        alone = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "RUN_ID"))}
        alone |= {"PYTHONPATH": str(Path("scripts").absolute()), "MLFLOW_DISABLE_TELEMETRY": "true"}

        def run(*words: str) -> str:
            return subprocess.run(
                [python, *words], cwd=scratch, env=alone, capture_output=True, text=True, check=True
            ).stdout

        run(fixture, "make")
        run("-m", "modelmake", "train")
        predicted, rows = map(float, run(fixture, "predict").split())
        started = time.monotonic()
        evaluate = subprocess.Popen(
            [python, "-m", "modelmake", "evaluate"], cwd=scratch, env=alone, stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(evaluate.pid, 0)
        duration = time.monotonic() - started
        evaluate.returncode = os.waitstatus_to_exitcode(status)
    if evaluate.returncode:
        raise UserError("evaluate", f"exit code {evaluate.returncode} on {rows:.0f} rows", "run it by hand")
    how = f"{duration:.0f} s / (3 x {predicted:.1f} s + 10 s), {rows:.0f} rows, 2000 resamples"
    peak = used.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9
    return [
        Figure("evaluate / 3 times the prediction and 10 s", duration / (3 * predicted + 10), 1.0, how),
        Figure("memory of that", peak, 4.0, "GB"),
    ]


def sizes() -> list[Figure]:
    """Read the image's size and the running server's memory."""
    image = int(output("docker", "image", "inspect", "-f", "{{.Size}}", output("docker/image/image.sh", "name"))) / 1e6
    server = f"{servers.project()}-mlflow-1"
    processes = output("docker", "top", server, "-o", "pid,rss").splitlines()[1:]
    resident = sum(int(line.split()[1]) for line in processes) * 1.024e-3
    return [
        Figure("image", image, 1100, "MB"),
        Figure("server with two workers", resident, 900, "MB resident, after the runs above"),
    ]


def main() -> None:
    """Measure, print each figure, and fail if one is over its limit."""
    if settings.make().runner != "docker":
        raise UserError("bench", "compares the image with the host", "start a Docker engine: make doctor")
    figures: list[Figure] = []
    words = settings.make().args.split()
    for name in ("MODELMAKE_ARGS", "MAKEFLAGS"):  # with them, each measured make would get ARGS
        os.environ.pop(name, None)
    of_tables = (tables.read, tables.preprocessing, tables.wide)
    of_serving = (serving.forest, serving.boosting, serving.overhead, serving.start, serving.batch)
    measures: tuple[Callable[[], Figure | list[Figure]], ...]
    of_search = (searching.search, searching.boosted, searching.nothing)
    measures = (warm, idle, sizes, large, *of_tables, *of_serving, *of_search, cold, replay)
    for measure in chosen(measures, words):
        print(f"measuring: {(measure.__doc__ or '').splitlines()[0]}", flush=True)
        result = measure()
        measured = result if isinstance(result, list) else [result]
        figures += measured
        for figure in measured:
            verdict = "ok" if figure.value <= figure.limit else "MISSED"
            print(
                f"{figure.name:<46}{figure.value:8.2f}  limit {figure.limit:<6g} {verdict:<7}{figure.how}", flush=True
            )
    if missed := [figure.name for figure in figures if figure.value > figure.limit]:
        raise UserError("bench", f"over the limit: {', '.join(missed)}", "see docs/explanation/benchmarks.md")
