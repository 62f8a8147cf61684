"""`make tune ENGINE=dask`, with schedulers and workers of Dask as processes: the same trials, also if processes die."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelmake.search.local import ALIKE
from tests.conftest import ROOT, Outcome
from tests.search.conftest import WIDE, Searching
from tests.support.checkout import free_port


class Dask:
    """A scheduler and workers in processes of their own, on loopback."""

    def __init__(self, folder: Path) -> None:
        """Keep the folder in which the workers run."""
        self.folder, self.port = folder, free_port()
        self.scheduler: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []
        self.tls: dict[str, Path] = {}

    @property
    def address(self) -> str:
        """The address of the scheduler."""
        return f"{'tls' if self.tls else 'tcp'}://127.0.0.1:{self.port}"

    def started(self, command: str, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a process of Dask."""
        options = [f"--tls-{name}={path}" for name, path in self.tls.items()]
        own = os.environ | ALIKE | {"PYTHONPATH": f"{ROOT / 'scripts'}:{self.folder}"} | environment
        with (self.folder / "dask.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "dask", command, *words, "--no-dashboard", *options],
                env=own,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )

    def up(self, workers: int) -> None:
        """Start the scheduler, which needs no code of modelmake, and workers."""
        host = ["--host", self.address.rpartition(":")[0]]
        self.scheduler = self.started("scheduler", *host, "--port", str(self.port), PYTHONPATH="")
        for _ in range(workers):
            self.add()

    def add(self, *words: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start one more worker, by default without a nanny: nothing starts it again."""
        options = ("--nthreads=1", "--no-nanny", "--memory-limit=0", f"--local-directory={self.folder}/work")
        worker = self.started("worker", self.address, *options, *words, **environment)
        self.workers.append(worker)
        return worker

    def down(self) -> None:
        """End all of it."""
        for process in (*self.workers, *([self.scheduler] if self.scheduler else [])):
            process.kill()
            process.wait()
        self.workers = []


@pytest.fixture
def dask(project: object, tmp_path: Path) -> Iterator[Dask]:
    """A cluster for the project, not started yet."""
    cluster = Dask(tmp_path / "project")
    yield cluster
    cluster.down()


def settings(dask: Dask) -> dict[str, str]:
    """Return the variables of a user of the cluster."""
    tls = {"CA_FILE": "ca-file", "CLIENT__CERT": "cert", "CLIENT__KEY": "key"}
    files = {f"DASK_DISTRIBUTED__COMM__TLS__{name}": str(dask.tls[of]) for name, of in tls.items() if dask.tls}
    return {"MODELMAKE_ENGINE": "dask", "DASK_SCHEDULER_ADDRESS": dask.address, **files}


def locally(searching: Searching) -> tuple[list[str], str]:
    """Return journal and best trial of local processes, and put them aside."""
    done = searching.tune(MODELMAKE_WORKERS="2")
    assert done.returncode == 0, done.stderr
    found = searching.journal, searching.tuned
    searching.forget()
    return found


@pytest.mark.long
def test_a_cluster_gives_what_processes_give(searching: Searching, dask: Dask) -> None:
    """Byte for byte, with one worker, two and four; the scheduler has no code of modelmake."""
    wanted = locally(searching)
    dask.up(1)
    for more in (1, 2, 0):
        done = searching.tune(**settings(dask))
        assert done.returncode == 0, done.stderr
        assert (searching.journal, searching.tuned) == wanted
        searching.forget()
        for _ in range(more):
            dask.add()


@pytest.mark.long
def test_whatever_is_killed(own: Callable[[str], Searching], dask: Dask) -> None:
    """A worker costs its trial; scheduler and all workers cost one line, and make tune goes on elsewhere."""
    searching = own(WIDE)
    wanted = locally(searching)
    searching.allow(3)
    dask.up(3)
    process = searching.start(**settings(dask))
    searching.wait_for(3, process)
    dask.workers[0].kill()
    searching.allow(4)
    searching.wait_for(7, process)
    dask.down()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 4, (out, err)
    assert f"error: {dask.address}: " in err
    assert "make tune goes on" in err
    assert "Traceback" not in err
    assert len(searching.journal) == 7
    searching.allow(1)
    searching.killed_after(8, MODELMAKE_WORKERS="1")
    assert len(searching.journal) == 8
    searching.allow(4)
    dask.port = free_port()
    dask.up(2)
    done = searching.tune(**settings(dask))
    assert done.returncode == 0, done.stderr
    assert (searching.journal, searching.tuned) == wanted


@pytest.mark.long
@pytest.mark.parametrize("words", [(), ("--nanny",)])
def test_minutes_end_what_is_running_on_a_cluster(
    own: Callable[[str], Searching], dask: Dask, words: tuple[str, ...]
) -> None:
    """Trials that never end leave their worker free, with a nanny and without; another `make tune` makes them."""
    searching = own(WIDE)
    wanted = locally(searching)
    searching.edit("[search]\n", "[search]\nminutes = 0.2\n")
    searching.allow(0)
    dask.up(0)
    dask.add(*words)
    done = searching.tune(**settings(dask))
    assert done.returncode == 1, done.stderr
    assert "none of the " in done.stderr
    searching.edit("minutes = 0.2\n", "trial_minutes = 60\n")
    searching.forget()
    searching.allow(13)  # one more scores the parameters of [model], in a process too
    done = searching.tune(**settings(dask))
    assert done.returncode == 0, done.stderr
    assert searching.journal == wanted[0]


@pytest.mark.long
def test_a_trial_that_kills_its_workers(own: Callable[[str], Searching], dask: Dask) -> None:
    """It is a failed trial as on one machine, and the trials beside it are not."""
    searching = own('what = { choices = ["fit", "kill"] }\nmax_depth = { low = 1, high = 8 }')
    searching.edit("trials = 12", "trials = 4")
    wanted = locally(searching)
    words = ("scheduler", "--host", "tcp://127.0.0.1", "--port", str(dask.port))
    dask.scheduler = dask.started(*words, DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="1")  # 3 take much longer
    for _ in range(2):  # with nannies, which start their workers again
        dask.workers.append(
            dask.started("worker", dask.address, "--nthreads=1", "--memory-limit=0", "--local-directory=work")
        )
    done = searching.tune(**settings(dask))
    for nanny in dask.workers:
        nanny.send_signal(signal.SIGTERM)
        nanny.wait(timeout=30)
    assert done.returncode == 0, done.stderr
    assert (searching.journal, searching.tuned) == wanted


@pytest.mark.long
def test_a_worker_that_joins_later_is_compared_too(own: Callable[[str], Searching], dask: Dask, tmp_path: Path) -> None:
    """One with other code ends the search in one line, and none of its trials is kept."""
    searching = own(WIDE)
    wanted = locally(searching)
    searching.allow(1)
    dask.up(1)
    process = searching.start(**settings(dask))
    searching.wait_for(1, process)
    other = tmp_path / "other"
    shutil.copytree(ROOT / "scripts", other / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(searching.path / "models", other / "models")
    with (other / "scripts/modelmake/scores/metrics.py").open("a") as file:
        file.write("\ndef score(*facts: object) -> float:\n    return 9.0\n")
    dask.add(PYTHONPATH=f"{other}/scripts:{other}")
    dask.workers[0].kill()  # in its second trial, so that the other worker gets it
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2, err
    assert "the module scripts/modelmake/scores/metrics.py on the worker differs" in err
    [line] = searching.journal
    assert line in wanted[0]


@pytest.mark.long
def test_other_code_on_a_worker(own: Callable[[str], Searching], dask: Dask, tmp_path: Path) -> None:
    """A module that is missing, one that differs, another package, threads: one line each, before anything is sent."""
    searching = own(WIDE)
    bare = tmp_path / "bare"
    shutil.copytree(ROOT / "scripts", bare / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    dask.up(0)
    dask.folder = tmp_path / "elsewhere"
    dask.folder.mkdir()
    whole = f"{ROOT}/scripts:{searching.path}"

    def refused(*words: str, **environment: str) -> str:
        worker = dask.add(*words, **environment)
        done = searching.tune(**settings(dask))
        worker.kill()
        worker.wait()
        assert done.returncode == 2, (done.stdout, done.stderr)
        assert not (searching.path / "build/search").exists() or not searching.journal
        [line] = [line for line in done.stderr.splitlines() if line.startswith("error: worker tcp://")]
        return line

    assert "the module models/own.py is missing on the worker" in refused(PYTHONPATH=f"{bare}/scripts:{bare}")
    (bare / "models").mkdir()
    (bare / "models/own.py").write_text("x = 1\n")
    assert "the module models/own.py on the worker differs" in refused(PYTHONPATH=f"{bare}/scripts:{bare}")
    fake = tmp_path / "fake/scikit_learn-1.0.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: scikit-learn\nVersion: 1.0\n")
    assert "scikit-learn 1.0 on the worker, " in refused(PYTHONPATH=f"{fake.parent}:{whole}")
    assert "start it with --nthreads 1" in refused("--nthreads=2", PYTHONPATH=whole)
    assert "OMP_NUM_THREADS is not 1" in refused(OMP_NUM_THREADS="2", PYTHONPATH=whole)
    assert "PYTHONHASHSEED is not 6640" in refused(PYTHONHASHSEED="0", PYTHONPATH=whole)


@pytest.mark.long
def test_a_worker_without_modelmake(searching: Searching, dask: Dask, tmp_path: Path) -> None:
    """It says so; joblib's client would wait without end."""
    (tmp_path / "empty").mkdir()
    dask.up(0)
    dask.folder = tmp_path / "empty"
    dask.add(PYTHONPATH="")
    done = searching.tune(**settings(dask))
    assert done.returncode == 2
    assert "the worker does not find the code of modelmake" in done.stderr


@pytest.mark.long
def test_rows_travel_where_no_file_is_shared(searching: Searching, dask: Dask, tmp_path: Path) -> None:
    """The workers have the code and no table."""
    wanted = locally(searching)
    dask.up(0)
    (tmp_path / "elsewhere").mkdir()
    dask.folder = tmp_path / "elsewhere"
    dask.add(PYTHONPATH=str(ROOT / "scripts"))
    done = searching.tune(**settings(dask))
    assert done.returncode == 0, done.stderr
    assert (searching.journal, searching.tuned) == wanted


def certificate(folder: Path) -> dict[str, Path]:
    """Make a key and its certificate."""
    folder.mkdir()
    key, cert = folder / "key.pem", folder / "cert.pem"
    words = "openssl req -x509 -nodes -days 2 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost".split()
    subprocess.run([*words, "-keyout", str(key), "-out", str(cert)], check=True, capture_output=True)
    return {"ca-file": cert, "cert": cert, "key": key}


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_only_with_the_right_certificate(searching: Searching, dask: Dask, tmp_path: Path) -> None:
    """A cluster with TLS works; another certificate, none, or an address without encryption is one line."""
    wanted = locally(searching)
    dask.tls = certificate(tmp_path / "right")
    dask.up(1)
    done = searching.tune(**settings(dask))
    assert done.returncode == 0, done.stderr
    assert (searching.journal, searching.tuned) == wanted
    searching.forget()
    given = settings(dask)
    dask.tls = certificate(tmp_path / "wrong")
    wrong = searching.tune(**settings(dask))
    assert wrong.returncode == 4, wrong.stderr
    assert "does not answer, or refuses the certificate" in wrong.stderr
    missing = searching.tune(**given | {"DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": ""})
    assert (missing.returncode, "CLIENT__KEY: not set" in missing.stderr) == (2, True)
    plain = searching.tune(**given | {"DASK_SCHEDULER_ADDRESS": "tcp://scheduler.example.com:8786"})
    assert (plain.returncode, "is not encrypted" in plain.stderr) == (2, True)


@pytest.mark.parametrize("address", ["junk", "tls://[::1", "tls://host", "tcp://localhost:1x", "tls://host:99999"])
def test_what_is_no_address(
    searching: Searching, monkeypatch: pytest.MonkeyPatch, error_line: Callable[[Outcome, int], str], address: str
) -> None:
    """One line, before there is a run."""
    monkeypatch.setenv("MODELMAKE_ENGINE", "dask")
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    assert f"={address}: is not the address of a scheduler" in error_line(searching.stage("tune"), 2)
    assert searching.client.get_experiment_by_name("flowers") is None


@pytest.mark.long
def test_nobody_answers(searching: Searching) -> None:
    """One line, and exit code 4."""
    address = f"tcp://127.0.0.1:{free_port()}"
    done = searching.tune(MODELMAKE_ENGINE="dask", DASK_SCHEDULER_ADDRESS=address)
    assert done.returncode == 4
    assert f"error: {address}: does not answer" in done.stderr
