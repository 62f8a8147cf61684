"""Chaos: the state of the MLflow server, and the scoring server, under load and faults, on scratch servers."""

import random
import tempfile
import time
from dataclasses import dataclass

from modelmake.core import settings
from modelmake.core.errors import PipelineError, UserError
from tests.load import storm
from tests.load.parts import chosen
from tests.load.servers import (
    INTEGRITY,
    SCRATCH,
    SEALED,
    Load,
    Server,
    default,
    docker,
    image,
    modelmake,
    ours,
    project,
)

SHORT = "short" in settings.make().args.split()


class PromiseBroken(PipelineError):
    """A row of the table breaks a promise."""

    outcome = "a promise of docs/explanation/reliability.md is broken"


@dataclass(frozen=True)
class Row:
    """One promise of docs/explanation/reliability.md: the fault, the result, and whether the promise is kept."""

    what: str
    result: str
    kept: bool


def lost(load: Load, report: dict[str, list[str]], expected: int) -> int:
    """Return how many of `expected` runs did not end, or miss an acknowledged step."""
    ended = {record["run"] for record in load.records if "ended" in record}
    return expected - len(ended - {step.split(":")[0] for step in report["missing"]})


def beside(server: Server, few: int, many: int, runs: int) -> list[Row]:
    """Compare with MLflow's default server: few clients alternately, then many on the default server."""
    with default(server.network) as plain:
        turns = []
        for one in (server, plain):
            Load(one, few, runs=2).end()  # starts all workers, with their imports
        for one in (server, plain, plain, server):
            turns.append(Load(one, few, runs=runs))
            turns[-1].end()
        rate, plain_rate = (turns[0].rate + turns[3].rate) / 2, (turns[1].rate + turns[2].rate) / 2
        count = 2  # ten take a quarter of an hour, since clients wait for connections
        crowd = Load(plain, many, runs=count)
        memory = plain.watch(crowd)
        crowd.end()
        gone = lost(crowd, plain.check(crowd), many * count)
    fast = f"{rate:.1f} runs/s, MLflow's default {plain_rate:.1f} ({rate / plain_rate:.2f})"
    slow = f"{gone} of {many * count} runs lost, {crowd.speed}, {memory:.0f} MB"
    return [
        Row(f"{few} clients, as fast as MLflow's default", fast, rate >= plain_rate),
        Row(f"{many} clients, MLflow's default", slow, kept=True),
    ]


def load() -> list[Row]:
    """Log from many clients at once, to our server and to MLflow's default one."""
    few, many, runs = (8, 32, 4) if SHORT else (8, 128, 10)
    rows = []
    with modelmake() as server:
        if not SHORT:
            rows += beside(server, few, many, runs)
        crowd = Load(server, many, runs=runs)
        while not crowd.records:
            time.sleep(0.1)
        with tempfile.TemporaryDirectory() as scratch:
            archive = f"{scratch}/during.tar.gz"
            ours("server/state.sh", "backup", archive)
            memory = server.watch(crowd)
            crowd.end()
            verdict = ours("server/state.sh", "verify-backup", archive)
        report = server.check(crowd)
        gone = lost(crowd, report, many * runs)
        whole = not (gone or report["missing"] or report["twice"] or crowd.errors)
        counts = f"{gone} of {many * runs} runs lost, {len(report['twice'])} twice, {len(crowd.errors)} errors"
        limit = int(docker("inspect", "-f", "{{.HostConfig.Memory}}", server.container)) / 1e6
        rows += [
            Row(f"{many} clients, ours", f"{counts}, {crowd.speed}", whole),
            Row("memory of that server", f"at most {memory:.0f} MB of {limit:.0f}", 0 < memory < limit),
            Row("backup taken meanwhile", verdict, verdict.startswith("verified")),
        ]
    return rows


def kill() -> list[Row]:
    """Kill a worker, the server and the whole container while 16 clients log."""
    rows = []
    with modelmake() as server:
        for victim in ("one worker", "the server", "the container"):
            crowd = Load(server, 16, seconds=8 if SHORT else 20)
            while not crowd.records:
                time.sleep(0.1)
            time.sleep(1)
            began = server.began
            if victim == "the container":
                pid = docker("inspect", "-f", "{{.State.Pid}}", server.container)
                words = (
                    "--rm",
                    "--pid=host",
                    "--user=10001",
                    image(),
                    "bash",
                    "-c",
                    f"kill -9 {pid}",
                )
                docker("run", *words)
            else:
                [pid, *_] = server.processes("worker" if victim == "one worker" else "server")
                docker("exec", server.container, "bash", "-c", f"kill -9 {pid}")
            back = server.wait(since=None if victim == "one worker" else began)
            crowd.end()
            missing, sound = server.check(crowd)["missing"], server.integrity()
            workers = len(server.processes("worker"))
            result = (
                f"back in {back:.0f} s, {len(missing)} acknowledged writes lost, integrity {sound}, "
                f"{len(crowd.errors)} of {len(crowd.records)} runs ended with an error"
            )
            kept = back < 60 and not missing and sound == "ok" and workers >= 2
            rows.append(Row(f"kill -9 of {victim}, 16 clients", result, kept))
    return rows


def power() -> list[Row]:
    """Copy the volume at random moments under load, as a power cut would leave it."""
    cuts, sound, behind = 3 if SHORT else 10, 0, 0
    with modelmake() as server:
        crowd = Load(server, 16, seconds=cuts * 3)
        while not crowd.records:
            time.sleep(0.1)
        for _ in range(cuts):
            time.sleep(random.uniform(0.1, 1.5))  # moments, not secrets
            docker("pause", server.container)
            acknowledged = {record["run"] for record in list(crowd.records) if "ended" in record}
            copy = 'cp -a /mlflow/mlflow.db* /tmp/ && exec python -c "$0" /tmp/mlflow.db'
            words = (*SEALED, image(), "bash", "-c", copy, INTEGRITY)
            output = docker("run", "--rm", "-v", f"{project(SCRATCH)}_mlflow:/mlflow:ro", *words, check=False)
            docker("unpause", server.container)
            first, *ended = output.splitlines() or [""]
            sound += first == "ok"
            behind += len(acknowledged - set(ended))
        crowd.end()
        missing = server.check(crowd)["missing"]
    result = f"{sound} of {cuts} copies open and pass integrity_check, {behind} acknowledged runs missing in them"
    return [Row("power cut, 16 clients", result, sound == cuts and not behind and not missing)]


def full() -> list[Row]:
    """Fill the volume's disk, count the clients' errors, and free space again."""
    scratch = f"{SCRATCH}-full"
    labels = (f"com.docker.compose.project={project(scratch)}", "com.docker.compose.volume=mlflow")
    options = [word for label in labels for word in ("--label", label)]
    tmpfs = ("type=tmpfs", "device=tmpfs", "o=size=24m,uid=10001,gid=10001")
    docker(
        "volume",
        "create",
        *options,
        *(word for option in tmpfs for word in ("--opt", option)),
        f"{project(scratch)}_mlflow",
    )
    with modelmake(scratch) as server:
        crowd = Load(server, 4, runs=12, retries=0)
        crowd.end()
        sound = server.integrity()
        report = server.check(crowd)
        reasons = server.logged("disk is full|No space left")
        docker("exec", server.container, "bash", "-c", "rm -r /mlflow/artifacts/*/*")
        again = Load(server, 1, runs=2, retries=0)
        again.end()
    missing = [step for step in report["missing"] if not step.endswith("kept")]
    result = (
        f"{len(crowd.errors)} runs end with an error, the log says '{reasons[-1] if reasons else 'nothing'}', "
        f"integrity {sound}, {len(missing)} acknowledged writes lost, {len(again.errors)} errors once there is room"
    )
    kept = bool(crowd.errors and reasons) and sound == "ok" and not missing and not again.errors
    return [Row("disk full", result, kept)]


def scorer() -> list[Row]:
    """Ask the scoring server under faults and hostile clients."""
    return [Row(what, result, kept) for what, result, kept in storm.storm(SHORT)]


def main() -> None:
    """Run all parts, print the table, and fail if a promise is broken."""
    if settings.make().runner != "docker":
        raise UserError("chaos", "starts and kills servers in containers", "start a Docker engine: make doctor")
    words = [word for word in settings.make().args.split() if word != "short"]
    rows: list[Row] = []
    for part in chosen((load, kill, power, full, scorer), words):
        print(f"chaos: {(part.__doc__ or '').splitlines()[0]}", flush=True)
        rows += part()
    for row in rows:
        print(f"{'ok' if row.kept else 'BROKEN':<7}{row.what:<42}{row.result}")
    if broken := [row.what for row in rows if not row.kept]:
        raise PromiseBroken("chaos", f"broken: {', '.join(broken)}", "see docs/explanation/reliability.md")
