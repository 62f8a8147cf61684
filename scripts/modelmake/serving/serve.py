"""Serve: answer requests with the version that the champion alias names, until SIGTERM.

Imports nothing slow: the workers do, after the settings of their libraries are set.
"""

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from modelmake.config import config as configuration
from modelmake.core import files, settings
from modelmake.core.aliases import CHAMPION
from modelmake.core.errors import UserError, counted
from modelmake.core.settings import IMAGE
from modelmake.tracking.address import uri

PORT = 5001
MOST = 64  # processes
DRAIN = 30  # seconds for the requests in progress at the end
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # a request is small; threads wait by spinning


@dataclass(frozen=True)
class Options:
    """What `make serve` tells its workers."""

    folder: str  # of the cache and of the request log
    name: str  # of the registered model
    trusted: Sequence[str]  # types that the model may contain, besides TRUSTED_TYPES
    private: Sequence[str]  # columns that nothing shows
    hosts: Sequence[str]  # further names of the server
    token: str  # that clients send; "" for none
    parent: int | None  # the process that started several workers


def folder() -> Path:
    """Return the folder of the server of this pipeline: its cache and its request log."""
    return Path(".serve", files.pipeline().stem)


def main() -> None:
    """Serve on localhost, or, in a container of its own, on all of its addresses.

    Raises
    ------
    UserError
        WORKERS is too large.

    """
    variables = settings.make()
    workers, port = variables.workers or 1, variables.serve_port or PORT
    if workers > MOST:
        raise UserError(f"WORKERS={workers}", f"more than {MOST} processes", "leave it out for 1")
    inside = IMAGE.exists() and not variables.serve_port
    place, config = folder(), configuration.load()
    key, token = place / "tls.key", place / "token"
    options = Options(
        folder=str(place),
        name=config.registry.name,
        trusted=config.model.trusted_types,
        private=config.serve.private,
        hosts=config.serve.hosts,
        parent=os.getpid() if workers > 1 else None,
        token=token.read_text(encoding="utf-8").strip() if token.exists() else "",
    )
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="metrics-") as metrics:
        settings.export(dict.fromkeys(SINGLE, "1"))
        settings.export({"MODELMAKE_SERVE": json.dumps(asdict(options)), "PROMETHEUS_MULTIPROC_DIR": metrics})
        print(f"serve   @{CHAMPION} of {config.registry.name} on {uri()}, {counted(workers, 'worker')}", flush=True)
        import uvicorn  # noqa: PLC0415  # see above

        uvicorn.run(
            "modelmake.serving.worker:make",
            factory=True,
            host="0.0.0.0" if inside else "127.0.0.1",  # noqa: S104  # compose publishes the port on loopback
            port=port,
            workers=workers,
            http="modelmake.serving.connection:Patient",
            ws="none",
            loop="uvloop",
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=1000,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=DRAIN,
            timeout_worker_healthcheck=60,
            ssl_keyfile=str(key) if key.exists() else None,
            ssl_certfile=str(key.with_suffix(".crt")) if key.exists() else None,
        )
