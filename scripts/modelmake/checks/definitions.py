"""Definitions: what `make test` checks of each pipeline in seconds: its file, the modules it names, and its table."""

from pathlib import Path

from modelmake.config import config as configuration
from modelmake.core import settings
from modelmake.core.progress import Progress
from modelmake.data import schema
from modelmake.data.read import read_table
from modelmake.model.estimator import build
from modelmake.projects import pipelines


def check() -> None:
    """Print a line for each pipeline.

    Raises
    ------
    UserError
        A file is not valid, a module cannot be imported, or a table is not there or breaks its schema.

    """
    paths = pipelines.present()
    pipelines.models(paths)
    for path in paths:
        with settings.exported({"MODELMAKE_PIPELINE": str(path)}), Progress(f"test: checking {path}"):
            line = _checked(path)
        print(line, flush=True)


def _checked(path: Path) -> str:
    config = configuration.load(path)
    build(config.model, seed=config.seed)
    if config.data.source and not Path(config.data.path).exists():
        return f"ok   {path}: no snapshot yet (make fetch)"
    frame = read_table(config.data)
    schema.check(frame, config.data)
    return f"ok   {path}: {len(frame)} rows"
