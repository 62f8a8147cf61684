"""Settings: what modelmake reads from the environment, typed. No other module reads it.

Make checks its variables (docker/lib.sh) and passes them as MODELMAKE_<NAME>; the Makefile lists them, and
docker/environment.sh all others.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, PositiveInt, ValidationError
from pydantic.dataclasses import dataclass as typed

from modelmake.core.errors import UserError

IMAGE = Path("/etc/modelmake")  # in the image, its name and that of its base; no environment variable can change it


@typed(frozen=True)
class Settings:
    """The variables of make that a stage reads."""

    runner: Literal["", "docker", "host", "image"] = ""
    pipeline: Path | None = None
    in_: Path | None = None
    out: Path | None = None
    truth: Path | None = None
    data: str = ""  # not a path: an address is refused
    target: str = ""
    name: str = ""
    run_id: str = ""
    version: str = ""
    reason: str = ""
    args: str = ""
    pkg: str = ""
    workflow: str = "mlops-pipeline"
    event: str = ""
    job: str = ""
    engine: Literal["local", "dask"] = "local"
    workers: PositiveInt | None = None
    serve_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    force: bool = False
    retrain: bool = False
    upgrade: bool = False


@dataclass(frozen=True)
class Container:
    """What docker/run.sh and act say to a container about the machine that it runs on."""

    image_id: str = "unknown"
    host: str = ""
    container: str = "none"
    containers: str = "1970-01-01"  # a time on the engine's clock, and the containers that ran at that time
    git_dir: str = ""
    product_git_dir: str = ""
    folder: str = ""  # the name of the project's folder
    ui: str = ""  # the address of the MLflow server outside
    scorer: str = ""  # the address of the scoring server


@dataclass(frozen=True)
class Server:
    """The tracking server, by MLflow's own variables."""

    uri: str = ""
    password: str = ""
    token: str = ""


@dataclass(frozen=True)
class Dask:
    """A Dask cluster of the user, by Dask's own variables."""

    scheduler_address: str = ""
    distributed__comm__tls__ca_file: str = ""
    distributed__comm__tls__client__cert: str = ""
    distributed__comm__tls__client__key: str = ""


@dataclass(frozen=True)
class GitHub:
    """The step of a workflow."""

    actor: str = ""
    api_url: str = ""
    head_ref: str = ""
    output: str = ""
    ref: str = ""
    repository: str = ""
    run_id: str = ""
    server_url: str = ""
    sha: str = ""
    step_summary: str = ""
    token: str = ""


T = TypeVar("T", Settings, Container, Server, Dask, GitHub)


def make() -> Settings:
    """Return the variables of make; UserError where one has a wrong value."""
    return _read(Settings, "MODELMAKE_")


def container() -> Container:
    """Return what docker/run.sh says about the machine; defaults outside of a container."""
    return _read(Container, "MODELMAKE_")


def server() -> Server:
    """Return the variables of the tracking server."""
    return _read(Server, "MLFLOW_TRACKING_")


def dask() -> Dask:
    """Return the variables of a Dask cluster."""
    return _read(Dask, "DASK_")


def github() -> GitHub:
    """Return the variables of GitHub; all are empty outside of GitHub Actions and act."""
    return _read(GitHub, "GITHUB_") if in_github() else GitHub()


def product() -> Path:
    """Return the folder of modelmake, relative to that of the project, where make was called: `.` or `.modelmake`."""
    return Path(variable("MODELMAKE_PRODUCT") or ".")


def page(name: str) -> Path:
    """Return the place of a page of modelmake's documentation, such as howto/tune.md."""
    return product() / "docs" / name


def is_product() -> bool:
    """Return whether the project is modelmake itself."""
    return product() == Path()


def workspace() -> str:
    """Return the workspace on the tracking server, "" for its default."""
    return variable("MLFLOW_WORKSPACE")


def run_id() -> str:
    """Return the run that RUN_ID names, which is used in place of receipts; "" where it is not set."""
    return make().run_id or variable("MLFLOW_RUN_ID")


def in_ci() -> bool:
    """Return whether this runs in CI: the variable CI is on, and act does not replay the workflow."""
    return variable("CI") == "1" and not in_act()


def in_act() -> bool:
    """Return whether act runs this."""
    return variable("ACT") == "true"


def in_github() -> bool:
    """Return whether GitHub Actions or act runs this: only then do GITHUB_ variables count."""
    return variable("GITHUB_ACTIONS") == "true"


def variable(name: str) -> str:
    """Return another variable of docker/environment.sh, or one of our own for a child process; "" without it."""
    return os.environ.get(name, "").strip()


def environment(*without: str) -> dict[str, str]:
    """Return the environment for another program, without the variables whose names start so."""
    return {name: value for name, value in os.environ.items() if not name.startswith(without)}


def export(values: Mapping[str, str]) -> None:
    """Set variables that libraries and child processes read."""
    os.environ.update(values)


@contextmanager
def exported(values: Mapping[str, str]) -> Iterator[None]:
    """Set such variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    export(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else export({name: value})


def _read(kind: type[T], prefix: str) -> T:
    """Return the variables that begin with `prefix` as the fields of `kind`.

    Raises
    ------
    UserError
        One is not of the type of its field, which docker/lib.sh refuses before make runs anything.

    """
    names = {field.name: field.name.rstrip("_").upper() for field in fields(kind)}
    texts: dict[str, Any] = {field: text for field, name in names.items() if (text := variable(prefix + name))}
    try:
        return kind(**texts)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        raise UserError(f"{names[field]}={texts[field]:.40}", "not a value of this variable", "make help") from None
