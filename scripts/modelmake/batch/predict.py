"""Predict: the rows of the table IN with the champion, or with VERSION, into the file OUT.

Imports nothing slow before the libraries' threads are set.
"""

import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from modelmake.config import config as configuration
from modelmake.config.data import Data
from modelmake.core import files, settings
from modelmake.core.aliases import CHAMPION
from modelmake.core.errors import UserError, counted
from modelmake.core.progress import Progress
from modelmake.serving.serve import SINGLE, folder

if TYPE_CHECKING:
    from modelmake.serving.scorer import Scorer
    from modelmake.tracking.readers import Named


def named(config: configuration.Config) -> "Named":
    """Return the version to predict with; raises UserError where it does not exist."""
    from modelmake.tracking.readers import registry  # noqa: PLC0415  # see main

    name, number = config.registry.name, settings.make().version
    version = registry().numbered(name, number) if number else registry().at(name, CHAMPION)
    if version is None:
        missing = f"version {number:.40}" if number else f"version with the alias @{CHAMPION}"
        fix = "" if number else "make promote gives it to a version; VERSION=1 names one; "
        raise UserError(name, f"has no {missing}", f"{fix}make registry lists them")
    return version


def model(version: "Named", config: configuration.Config) -> "Scorer":
    """Return the verified model, from the cache of the scoring server or from the registry."""
    from modelmake.serving.cache import MODEL, is_intact  # noqa: PLC0415  # see main
    from modelmake.serving.scorer import load  # noqa: PLC0415
    from modelmake.tracking.readers import registry  # noqa: PLC0415

    cached = folder() / "cache" / version.model_id
    if is_intact(cached):
        with suppress(OSError):  # the server removes it just now
            return load(cached / MODEL, version.model_id, config.model.trusted_types)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            registry().fetch(version.model_id, Path(scratch))
        except OSError as error:  # shutil.Error has a list of them
            what = f"the model cannot be copied to it: {error.strerror or 'a file cannot be written'}"
            raise UserError(tempfile.gettempdir(), what, "free some space, or set TMPDIR") from None
        return load(Path(scratch), version.model_id, config.model.trusted_types)


def places() -> tuple[Path, Path, Path]:
    """Return IN, OUT, and the file for the rows that cannot be predicted.

    Raises
    ------
    UserError
        One is not given, IN does not exist, OUT has no known suffix, is IN or in it, or exists without FORCE.

    """
    from modelmake.batch.output import suffix  # noqa: PLC0415  # see main

    source, target = settings.make().in_, settings.make().out
    if not source or not target:
        example = "make predict IN=data/new.csv OUT=predictions.parquet"
        raise UserError("IN" if not source else "OUT", "is not given", example)
    if not source.exists():
        raise UserError(f"IN={source!s:.200}", "there is no such file or folder", "name a table")
    others = target.with_name(target.name.removesuffix(suffix(target)) + ".rejected.csv")
    if not target.parent.is_dir():
        raise UserError(f"OUT={target!s:.200}", "its folder does not exist", "create it")
    if any(folder.samefile(source) for folder in target.absolute().parents):
        raise UserError(f"OUT={target.name}", "is in the folder IN, and would be read with it", "name another folder")
    for path in (target, others):
        if path.exists() and path.samefile(source):
            what = "is the table IN itself" if path == target else f"would write {path.name}, which is the table IN"
            raise UserError(f"OUT={target.name}", what, "name another file")
    for path in (target, others):
        if path.exists() and not settings.make().force:
            raise UserError(f"OUT={target.name}", f"{path.name} exists", "name another file, or FORCE=1 replaces it")
    return source, target, others


def written(scorer: "Scorer", data: Data, paths: tuple[Path, Path], version: str) -> tuple[int, int]:
    """Write the predictions of a table and the rows that have none, and return how many of both.

    Raises
    ------
    UserError
        No row can be predicted, the table cannot be read, the model fails, or a file cannot be written.

    """
    from modelmake.batch import batch, notation, output  # noqa: PLC0415  # see main
    from modelmake.tables.table import opened  # noqa: PLC0415

    table, rejected, first = opened(data, scorer.contract.reading, scorer.contract.names), 0, ""
    doubled = ""
    with (
        files.writing(f"OUT={paths[0].name}", "free some space, or name a folder that you can write"),
        files.whole(paths[0]) as aside,
        files.whole(paths[1]) as rest,
        Progress("predicting", table.count(), "rows") as progress,
    ):
        with closing(output.Writer(aside, version=version)) as writer:
            for part in batch.scored(scorer, table):
                doubled = doubled or notation.twice(list(part.chunk.frame.columns), scorer.contract.names)
                if len(part.X):
                    writer.write(part)
                if len(part.rejected):
                    part.rejected.to_csv(rest, mode="a", index=False, header=not rejected)
                    first = first or f": {part.rejected['column'].iloc[0]}: {part.rejected['reason'].iloc[0]}"
                    rejected += len(part.rejected)
                progress.advance(len(part.good))
        if not progress.done:
            raise UserError(data.path, "the file has a header and no rows", "add rows")
        if progress.done == rejected:
            raise UserError(
                data.path, f"none of its {counted(rejected, 'row')} can be predicted{first}", "correct the table"
            )
        if not rejected:
            paths[1].unlink(missing_ok=True)  # those of an earlier OUT
    for note in filter(None, (doubled, table.short)):
        print(f"warning: {note}")
    return progress.done - rejected, rejected


def main() -> None:
    """Write OUT, and a file of the rows that cannot be predicted; raises UserError if no row can be predicted."""
    settings.export(dict.fromkeys(SINGLE, "1"))  # read by the libraries that the functions above import
    began, config = time.monotonic(), configuration.load()
    source, target, others = places()
    version = named(config)
    print(f"▸ predict · {source} with version {version.version} of {version.name}", flush=True)
    keys: dict[str, object] = {
        "path": str(source),
        "source": None,
        "query": None,
        "snapshot": None,
        "format": None,
        "skip_lines": [],
    }
    data = config.data.model_copy(update=keys)
    scorer = model(version, config)
    if not scorer.golden.equal:
        print(f"golden rows: {scorer.golden.words}", flush=True)
    predicted, rejected = written(scorer, data, (target, others), version.version)
    print(f"{counted(predicted, 'row')} predicted in {time.monotonic() - began:.1f} s: {target.name}")
    if rejected:
        print(f"{counted(rejected, 'row')} set aside, with column and reason: {others.name}")
