"""Chaos: what becomes of the MLflow server's state under load and faults, on scratch servers."""

import random
import tempfile
import time
from dataclasses import dataclass

from scripts.core import settings
from scripts.core.errors import PipelineError, UserError
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

SHORT = "short" in settings.text("ARGS").split()


class PromiseBroken(PipelineError):
    """The table holds a row that is not as promised."""

    outcome = "a promise of docs/reliability.md does not hold here"


@dataclass(frozen=True)
class Row:
    """One promise: what was done, what came of it, and whether that is what docs/reliability.md promises."""

    what: str
    result: str
    kept: bool


def lost(load: Load, found: dict[str, list[str]], expected: int) -> int:
    """Return how many of `expected` runs did not come to their end, or are not there as acknowledged."""
    ended = {each["run"] for each in load.told if "ended" in each}
    return expected - len(ended - {each.split(":")[0] for each in found["missing"]})


def beside(server: Server, few: int, many: int, runs: int) -> list[Row]:
    """Compare with MLflow's default server: few clients in turns, then many on that one alone."""
    with default(server.network) as theirs:
        turns = []
        for one in (server, theirs):
            Load(one, few, runs=2).end()  # its workers are all there then, and have imported what they need
        for one in (server, theirs, theirs, server):
            turns.append(Load(one, few, runs=runs))
            turns[-1].end()
        mine, other = (turns[0].rate + turns[3].rate) / 2, (turns[1].rate + turns[2].rate) / 2
        each = 2  # with ten it takes a quarter of an hour: its clients wait for one another's connections
        crowd = Load(theirs, many, runs=each)
        memory = theirs.watch(crowd)
        crowd.end()
        gone = lost(crowd, theirs.check(crowd), many * each)
    said = f"{mine:.1f} runs/s, MLflow's default {other:.1f} ({mine / other:.2f})"
    slow = f"{gone} of {many * each} runs lost, {crowd.speed}, {memory:.0f} MB"
    return [
        Row(f"{few} clients, as fast as MLflow's default", said, mine >= other),
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
        while not crowd.told:
            time.sleep(0.1)
        with tempfile.TemporaryDirectory() as scratch:
            archive = f"{scratch}/during.tar.gz"
            ours("state.sh", "backup", archive)
            memory = server.watch(crowd)
            crowd.end()
            verdict = ours("state.sh", "verify-backup", archive)
        found = server.check(crowd)
        gone = lost(crowd, found, many * runs)
        whole = not (gone or found["missing"] or found["twice"] or crowd.errors)
        said = (
            f"{gone} of {many * runs} runs lost, {len(found['twice'])} twice, {len(crowd.errors)} errors, {crowd.speed}"
        )
        limit = int(docker("inspect", "-f", "{{.HostConfig.Memory}}", server.container)) / 1e6
        rows += [
            Row(f"{many} clients, ours", said, whole),
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
            while not crowd.told:
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
            found, sound = server.check(crowd), server.integrity()
            workers = len(server.processes("worker"))
            said = (
                f"back in {back:.0f} s, {len(found['missing'])} acknowledged writes lost, integrity {sound}, "
                f"{len(crowd.errors)} of {len(crowd.told)} runs ended with an error"
            )
            kept = back < 60 and not found["missing"] and sound == "ok" and workers >= 2
            rows.append(Row(f"kill -9 of {victim}, 16 clients", said, kept))
    return rows


def power() -> list[Row]:
    """Copy the volume at random moments under load, as a power cut would leave it."""
    cuts, sound, behind = 3 if SHORT else 10, 0, 0
    with modelmake() as server:
        crowd = Load(server, 16, seconds=cuts * 3)
        while not crowd.told:
            time.sleep(0.1)
        for _ in range(cuts):
            time.sleep(random.uniform(0.1, 1.5))  # noqa: S311  # moments, not secrets
            docker("pause", server.container)
            acknowledged = {each["run"] for each in list(crowd.told) if "ended" in each}
            copy = 'cp -a /mlflow/mlflow.db* /tmp/ && exec python -c "$0" /tmp/mlflow.db'
            words = (*SEALED, image(), "bash", "-c", copy, INTEGRITY)
            said = docker("run", "--rm", "-v", f"{project(SCRATCH)}_mlflow:/mlflow:ro", *words, check=False)
            docker("unpause", server.container)
            first, *ended = said.splitlines() or [""]
            sound += first == "ok"
            behind += len(acknowledged - set(ended))
        crowd.end()
        found = server.check(crowd)
    said = f"{sound} of {cuts} copies open and pass integrity_check, {behind} acknowledged runs missing in them"
    return [Row("power cut, 16 clients", said, sound == cuts and not behind and not found["missing"])]


def full() -> list[Row]:
    """Fill the volume's disk, see what clients are told, and make room again."""
    scratch = f"{SCRATCH}-full"
    labels = (f"com.docker.compose.project={project(scratch)}", "com.docker.compose.volume=mlflow")
    options = [word for each in labels for word in ("--label", each)]
    tmpfs = ("type=tmpfs", "device=tmpfs", "o=size=24m,uid=10001,gid=10001")
    docker(
        "volume",
        "create",
        *options,
        *(word for each in tmpfs for word in ("--opt", each)),
        f"{project(scratch)}_mlflow",
    )
    with modelmake(scratch) as server:
        crowd = Load(server, 4, runs=12, retries=0)
        crowd.end()
        sound = server.integrity()
        found = server.check(crowd)
        reasons = server.logged("disk is full|No space left")
        docker("exec", server.container, "bash", "-c", "rm -r /mlflow/artifacts/*/*")
        again = Load(server, 1, runs=2, retries=0)
        again.end()
    missing = [each for each in found["missing"] if not each.endswith("kept")]
    told = (
        f"{len(crowd.errors)} runs end with an error, the log says '{reasons[-1] if reasons else 'nothing'}', "
        f"integrity {sound}, {len(missing)} acknowledged writes lost, {len(again.errors)} errors once there is room"
    )
    kept = bool(crowd.errors and reasons) and sound == "ok" and not missing and not again.errors
    return [Row("disk full", told, kept)]


def main() -> None:
    """Run all of it, print the table, and fail where a promise was not kept."""
    if settings.text("RUNNER") != "docker":
        raise UserError("chaos", "starts and kills servers in containers", "an engine has to answer: make doctor")
    chosen = [name for name in settings.text("ARGS").split() if name != "short"]
    rows: list[Row] = []
    for part in (load, kill, power, full):
        if not chosen or part.__name__ in chosen:
            print(f"chaos: {part.__doc__.splitlines()[0]}", flush=True)
            rows += part()
    for row in rows:
        print(f"{'ok' if row.kept else 'BROKEN':<7}{row.what:<42}{row.result}")
    if broken := [row.what for row in rows if not row.kept]:
        raise PromiseBroken("chaos", f"not as promised: {', '.join(broken)}", "docs/reliability.md says what is")
