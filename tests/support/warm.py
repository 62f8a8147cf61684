"""A Python that starts warm: each command is a process of its own, forked from one that has imported what it needs.

It has its own environment, folder, streams, exit code and signals, as a `python -m modelmake` has, but it starts in a
twentieth of a second in place of two.
"""

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from shlex import quote

PRELOADED = (  # not prometheus_client, which reads its folder from the environment when it is imported
    *("mlflow.sklearn", "mlflow.store.tracking.sqlalchemy_store", "mlflow.store.model_registry.sqlalchemy_store"),
    *(f"modelmake.{name}" for name in ("__main__", "model.train", "gate.evaluate", "registry.register")),
    *(f"modelmake.{name}" for name in ("registry.promote", "serving.champion", "batch.predict", "search.tune")),
)
SHIM = """\
#!/bin/sh
case $1:$2 in
  -m:modelmake | *.py:*) exec {python} -IS {file} {socket} "$@" ;;
  *) exec {python} "$@" ;;
esac
"""


def python() -> Path:
    """Return a command to use as Python, in a folder of its own; with CI=true it is Python itself."""
    from modelmake.core import settings

    if settings.in_ci():
        return Path(sys.executable)
    import fcntl
    import tempfile

    owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"modelmake-warm-{os.getuid()}-{owner}"  # all workers of pytest share it
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / "lock").open("a") as lock, socket.socket(socket.AF_UNIX) as asked:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if asked.connect_ex(str(folder / "socket")):
            _start(folder, owner)
    return folder / "python"


def _start(folder: Path, owner: int) -> None:
    """Start the process that forks for the tests of `owner`, and wait for it; it ends when `owner` has ended."""
    import subprocess

    kept = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment = kept | {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(Path(__file__).parents[2] / "scripts")}
    started = subprocess.Popen(
        [sys.executable, "-P", __file__, str(folder), str(owner)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert started.stdout is not None
    with started.stdout as output:
        assert output.readline() == b"ready\n"
    started.returncode = 0  # nobody waits for it


# The process that forks


def listen(folder: Path, owner: int) -> None:
    """Import what commands need, and fork for each of them until `owner` has ended."""
    import gc
    import importlib
    import shutil
    import warnings

    gc.disable()
    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()
    gc.enable()
    place = folder / "socket"
    place.unlink(missing_ok=True)
    (folder / "python").write_text(
        SHIM.format(python=quote(sys.executable), file=quote(__file__), socket=quote(str(place)))
    )
    (folder / "python").chmod(0o700)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(64)
        print("ready", flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        listener.settimeout(1)
        while _lives(owner):
            with suppress(TimeoutError), listener.accept()[0] as asked, warnings.catch_warnings(action="ignore"):
                if not os.fork():  # also with the threads of BLAS, which nothing has used yet
                    listener.close()
                    attend(asked)
    shutil.rmtree(folder)


def _lives(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def attend(asked: socket.socket) -> None:
    """Fork for one command, pass its signals on, and say how it has ended; kill it if nobody waits for it."""
    import threading
    import warnings

    asked.setblocking(True)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, streams, _, _ = socket.recv_fds(asked, 1 << 20, 3)
    while data and not data.endswith(b"\n"):
        data += asked.recv(1 << 20)
    pid = os.fork() if data else os._exit(0)  # without a word it was asked whether it listens
    if not pid:
        asked.close()
        warnings.filters.pop(0)
        become(streams, **json.loads(data))

    def forward() -> None:
        while number := asked.recv(1):
            os.kill(pid, number[0])
        os.kill(pid, signal.SIGKILL)

    threading.Thread(target=forward, daemon=True).start()
    for stream in streams:
        os.close(stream)
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        asked.sendall(b"%d" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def become(streams: list[int], words: list[str], environment: dict[str, str], folder: str) -> None:
    """Run the command in this process as Python does, and end."""
    import runpy
    import traceback

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    module = words[0] == "-m"
    sys.modules.pop("modelmake.__main__", None)  # it runs as __main__
    sys.argv = words[module:]
    first = folder if module else str(Path(words[0]).parent)
    sys.path[:0] = [first, *filter(None, environment.get("PYTHONPATH", "").split(":"))]
    code: object = 0
    try:
        if module:
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
        code = 1
    if not isinstance(code, int | None):
        print(code, file=sys.stderr)
        code = 1
    sys.stdout.flush()
    os._exit(code or 0)


# The command


def command(place: str, words: list[str]) -> int:
    """Run a command there, pass signals on, and return its exit code, or end by the signal that has ended it."""
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(place)
        request = {"words": words, "environment": dict(os.environ), "folder": str(Path.cwd())}
        data = json.dumps(request).encode() + b"\n"
        sent = socket.send_fds(asked, [data], [0, 1, 2])
        asked.sendall(data[sent:])
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda caught, _: asked.sendall(bytes([caught])))
        code = int(asked.recv(16) or b"1")
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return code


if __name__ == "__main__":
    if sys.flags.isolated:
        sys.exit(command(sys.argv[1], sys.argv[2:]))
    listen(Path(sys.argv[1]), int(sys.argv[2]))
