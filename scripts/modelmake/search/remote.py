"""Remote: the functions that are sent to the workers of a cluster.

They are sent by value, with arguments of plain types, so that the scheduler needs no code of modelmake, and a worker
without it can say so.
"""

from collections.abc import Mapping
from typing import Any

Expected = Mapping[str, Mapping[str, str]]


def expected(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return this process's Python, packages, and files of code with their SHA-256."""
    import platform  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    from packaging.utils import canonicalize_name  # noqa: PLC0415

    packages = {str(canonicalize_name(one.name)): one.version for one in metadata.distributions() if one.name}
    return {"python": {"Python": platform.python_version()}, "packages": packages, "files": dict(files)}


def difference(wanted: Expected, pinned: list[str]) -> str:  # noqa: C901, PLR0911  # it is sent as one function
    """Return the first difference of this process from what is wanted, or "".

    `pinned` are the packages that a trial may use; a worker may lack others, such as the linters.
    """
    import hashlib  # noqa: PLC0415
    import importlib.util  # noqa: PLC0415
    import os  # noqa: PLC0415
    import platform  # noqa: PLC0415
    import sys  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    import psutil  # noqa: PLC0415

    if (here := platform.python_version()) != wanted["python"]["Python"]:
        return f"Python {here} on the worker, {wanted['python']['Python']} here"
    for name in pinned:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            version = "not installed"
        if version != wanted["packages"].get(name, version):
            return f"{name} {version} on the worker, {wanted['packages'][name]} here: the locks differ"
    found = importlib.util.find_spec("modelmake")
    if found is None or not found.submodule_search_locations:
        return "the worker does not find the code of modelmake (start it in a checkout of this commit)"
    roots = [Path(next(iter(found.submodule_search_locations))).parents[1], *map(Path, sys.path)]
    began = psutil.Process().create_time()
    loaded = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for name, sha256 in wanted["files"].items():
        path = next((root / name for root in roots if (root / name).is_file()), None)
        if path is None:
            return f"the module {name} is missing on the worker"
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            return f"the module {name} on the worker differs"
        if str(path) in loaded and path.stat().st_mtime > began:
            return f"the worker has loaded an older {name}"
    if os.environ.get("OMP_NUM_THREADS") != "1":
        return "OMP_NUM_THREADS is not 1 on the worker: the last digits of its results may differ"
    if os.environ.get("PYTHONHASHSEED") != "6640":
        return "PYTHONHASHSEED is not 6640 on the worker: the order of its sets may differ"
    return ""


def fingerprint(facts: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the table that these keys of [data] name in this process, "" where it is not there."""
    from modelmake.config.data import Data  # noqa: PLC0415
    from modelmake.tables.location import fingerprint as of_table  # noqa: PLC0415

    try:
        return of_table(Data.model_validate(facts))
    except Exception:  # of any kind: the table is sent instead
        return ""


def prepared(config: bytes, searched: bytes) -> object:
    """Return the Problem of a search, from the table that this process reads itself."""
    import pickle  # noqa: PLC0415
    from contextlib import redirect_stdout  # noqa: PLC0415
    from io import StringIO  # noqa: PLC0415

    from modelmake.model.train import prepare  # noqa: PLC0415
    from modelmake.search.trial import Problem  # noqa: PLC0415

    with redirect_stdout(StringIO()):
        return Problem.of(prepare(pickle.loads(config)), pickle.loads(searched))  # noqa: S301  # the client's own


def unpacked(problem: bytes) -> object:
    """Return the Problem of a search, which the client has sent."""
    import pickle  # noqa: PLC0415

    return pickle.loads(problem)  # noqa: S301  # the client's own


def together(*facts: object) -> tuple[object, ...]:
    """Return what it is given, which all workers can ask for then."""
    return facts


def attempt(trial: bytes, problem: object, comparison: tuple[Any, ...]) -> bytes:
    """Run a trial and return its line of the journal; from a worker that differs, its name and how; or null.

    Each process compares itself once for each client, so that a worker that joins later is compared too.
    """
    import json  # noqa: PLC0415
    import os  # noqa: PLC0415
    import pickle  # noqa: PLC0415

    from distributed import get_worker  # noqa: PLC0415

    compare, wanted, pinned, client = comparison
    if os.environ.get("MODELMAKE_COMPARED") != client:
        worker = get_worker()
        threads = worker.state.nthreads
        what = compare(wanted, pinned) or (f"it has {threads} threads for trials, not 1" if threads != 1 else "")
        if what:
            return json.dumps([f"worker {worker.address}", what]).encode()
        os.environ["MODELMAKE_COMPARED"] = client

    from modelmake.search.journal import line  # noqa: PLC0415
    from modelmake.search.local import alone  # noqa: PLC0415
    from modelmake.search.trial import Problem, run  # noqa: PLC0415

    assert isinstance(problem, Problem)  # noqa: S101  # Dask passes what `prepared` returns
    search, asked = problem.searched.search, pickle.loads(trial)  # noqa: S301  # the client's own
    if search is None or not (search.minutes or search.trial_minutes):
        return line(run(problem, asked))
    result = alone(problem, asked, client)
    return line(result) if result is not None else b"null"


def end(client: str) -> None:
    """End the trial of a client that runs in this process, and let none begin."""
    from modelmake.search import local  # noqa: PLC0415

    local.end(client)
