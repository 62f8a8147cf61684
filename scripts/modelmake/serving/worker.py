"""Worker: one process of the scoring server, as `make serve` starts it."""

import asyncio
import json
import os
import signal
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from modelmake.core import settings
from modelmake.serving import counts
from modelmake.serving.app import Server
from modelmake.serving.champion import Follower
from modelmake.serving.log import Log
from modelmake.serving.serve import Options
from modelmake.serving.wire import other


def make() -> Starlette:
    """Return the application of one worker, as `make serve` configures it."""
    options = Options(**json.loads(settings.variable("MODELMAKE_SERVE")))
    folder = Path(options.folder)
    warnings.simplefilter("ignore")  # scikit-learn's may quote a value of a row
    counts.forget_the_dead()
    log = Log(folder / "log", options.private)
    follower = Follower(folder, options.name, options.trusted, options.private, say)
    follower.start()
    server = Server(follower, log, options)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        watched = asyncio.create_task(end_with(options.parent))
        yield
        watched.cancel()
        follower.stop()
        server.pool.shutdown()
        log.close()

    app = Starlette(routes=server.routes(), exception_handlers={HTTPException: other}, lifespan=lifespan)
    app.router.redirect_slashes = False  # the redirect would name the request's host, which the client chose
    return app


async def end_with(parent: int | None) -> None:
    """End this worker when the process that started it has ended."""
    while parent is None or os.getppid() == parent:
        await asyncio.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)


def say(line: str) -> None:
    """Print a line for the container's log."""
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}", flush=True)
