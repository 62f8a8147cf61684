"""Predict: the rows of the table IN with the champion, or with VERSION, into the file OUT.

Imports nothing slow before the libraries' threads are set.
"""

import os
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.core import config as configuration
from scripts.core import settings
from scripts.core.errors import UserError
from scripts.serving.serve import ALIAS, SINGLE, folder

if TYPE_CHECKING:
    from scripts.serving.scorer import Scorer
    from scripts.tracking.light import Named

EVERY = 10  # seconds between two lines where there is no terminal


def named(config: configuration.Config) -> "Named":
    """Return the version to predict with; raises UserError where it does not exist."""
    from scripts.tracking.light import Registry  # noqa: PLC0415  # see main

    name, number = config.registry.name, settings.text("VERSION")
    version = Registry().numbered(name, number) if number else Registry().at(name, ALIAS)
    if version is None:
        missing = f"version {number:.40}" if number else f"version with the alias @{ALIAS}"
        raise UserError(name, f"has no {missing}", "make registry lists the versions")
    return version


def model(version: "Named", config: configuration.Config) -> "Scorer":
    """Return the verified model, from the cache of the scoring server or from the registry."""
    from scripts.model.trust import TRUSTED_TYPES  # noqa: PLC0415  # see main
    from scripts.serving.cache import FILES, MODEL  # noqa: PLC0415
    from scripts.serving.scorer import load  # noqa: PLC0415
    from scripts.tracking.light import Registry  # noqa: PLC0415

    trusted = (*TRUSTED_TYPES, *config.model.trusted_types)
    cached = folder() / "cache" / version.model_id
    if (cached / FILES).exists():
        return load(cached / MODEL, version.model_id, trusted)
    with tempfile.TemporaryDirectory() as scratch:
        Registry().fetch(version.model_id, Path(scratch))
        return load(Path(scratch), version.model_id, trusted)


def places() -> tuple[Path, Path]:
    """Return IN and OUT.

    Raises
    ------
    UserError
        One is not given, IN does not exist, OUT exists and FORCE is not set, or both are the same.

    """
    source, target = settings.text("IN"), settings.text("OUT")
    if not source or not target:
        example = "make predict IN=data/new.csv OUT=predictions.parquet"
        raise UserError("IN" if not source else "OUT", "is not given", example)
    if not Path(source).exists():
        raise UserError(f"IN={source:.200}", "there is no such file or folder", "name a table")
    if Path(target).exists() and not settings.switch("FORCE"):
        raise UserError(f"OUT={Path(target).name}", "exists", "name another file, or FORCE=1 replaces it")
    if Path(target).exists() and Path(target).samefile(source):
        raise UserError(f"OUT={Path(target).name}", "is the table IN itself", "name another file")
    if not Path(target).parent.is_dir():
        raise UserError(f"OUT={target:.200}", "its folder does not exist", "create it")
    return Path(source), Path(target)


class Progress:
    """A bar on a terminal, else a line every ten seconds; neither for what takes less than two."""

    def __init__(self, total: int | None) -> None:
        """Begin; `total` is the number of rows where the files say it."""
        from rich.console import Console  # noqa: PLC0415  # see main
        from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn  # noqa: PLC0415
        from rich.progress import Progress as Bar  # noqa: PLC0415

        console = Console(stderr=True)
        parts = ("rows", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Bar(*parts, console=console, transient=True) if console.is_terminal else None
        self.task = self.bar.add_task("rows", total=total) if self.bar else None
        self.total, self.done, self.printed = total, 0, time.monotonic() - EVERY + 2

    def advance(self, rows: int) -> None:
        """Count rows."""
        self.done += rows
        if self.bar and self.task is not None:
            self.bar.advance(self.task, rows)
        elif time.monotonic() - self.printed > EVERY:
            self.printed = time.monotonic()
            of = f" of {self.total}" if self.total else ""
            print(f"predict {self.done}{of} rows", file=sys.stderr, flush=True)


def main() -> None:
    """Write OUT, and beside it the rows that cannot be predicted; raises UserError where that is every row."""
    os.environ.update(dict.fromkeys(SINGLE, "1"))
    from scripts.serving import batch, output  # noqa: PLC0415  # their libraries read the variables above
    from scripts.tables.chunks import count  # noqa: PLC0415

    started, config = time.monotonic(), configuration.load()
    source, target = places()
    ending = output.suffix(target)
    version = named(config)
    print(f"▸ predict · {source} with version {version.version} of {version.name}", flush=True)
    scorer = model(version, config)
    keys = {"path": str(source), "source": None, "query": None, "snapshot": None, "format": None}
    data = config.data.model_copy(update=keys)
    progress, rejected = Progress(count(data)), 0
    others = target.with_name(target.name.removesuffix(ending) + ".rejected.csv")
    with output.whole(target) as aside, output.whole(others) as rest:
        writer = output.Writer(aside, version=version.version)
        try:
            with progress.bar or nullcontext():
                for part in batch.scored(scorer, data):
                    if len(part.X):
                        writer.write(part)
                    if len(part.rejected):
                        part.rejected.to_csv(rest, mode="a", index=False, header=not rejected)
                        rejected += len(part.rejected)
                    progress.advance(len(part.good))
        finally:
            writer.close()
        if progress.done == rejected:
            first = "" if not rejected else f": {part.rejected['column'].iloc[0]}: {part.rejected['reason'].iloc[0]}"
            raise UserError(str(source), f"none of its {rejected} rows can be predicted{first}", "correct the table")
    if not rejected:
        others.unlink()
    seconds = time.monotonic() - started
    print(f"{progress.done - rejected} rows predicted in {seconds:.1f} s: {target.name}")
    if rejected:
        print(f"{rejected} rows set aside, with column and reason: {others.name}")
