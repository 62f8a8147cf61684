"""New: look at a table, and write a commented pipeline for it, which runs without an edit."""

import math
import re
import textwrap
import tomllib
from pathlib import Path

from modelmake.config.config import Config
from modelmake.config.data import Data
from modelmake.config.gate import Gate
from modelmake.core import advice, settings, toml
from modelmake.core.errors import UserError, suggestion
from modelmake.core.files import MAIN
from modelmake.projects import draft, start
from modelmake.projects.draft import Draft
from modelmake.projects.pipelines import NAME, model, present
from modelmake.tables.names import clean
from modelmake.tables.table import opened

WIDTH = 116
KEYS = (
    "encoding",
    "skip_lines",
    "missing",
    "drop_missing_target",
    "drop",
    "group",
    "time",
    "positive",
    "test_size",
    "stratify",
)


def table(text: str) -> Path:
    """Return the path of the table that DATA names: relative if it is in the checkout, else absolute.

    Raises
    ------
    UserError
        There is no such file, or a container could not reach it.

    """
    where, path = f"DATA={text}", Path(text)
    if not text:
        raise UserError("DATA", "is not given", "make new DATA=data/table.csv TARGET=column")
    if "://" in text:
        raise UserError(where, "is an address", "save the table as a file in data/")
    if not path.is_absolute() and ".." in path.parts:
        raise UserError(where, "is outside of the checkout", "copy it into data/, or write its absolute path")
    if not path.exists():
        others = [str(other) for other in sorted(path.parent.iterdir())] if path.parent.is_dir() else []
        raise UserError(where, "no such file or folder", suggestion(text, others) if others else "check the path")
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def target(path: Path, text: str) -> str:
    """Return the column that TARGET names.

    Raises
    ------
    UserError
        The table has no such column.

    """
    if not text:
        raise UserError("TARGET", "is not given", f"make new DATA={path} TARGET=column")
    text = clean(text)
    columns = list(opened(Data(path=str(path), target=text)).frame().columns)
    if text not in columns:
        raise UserError(f"TARGET={text}", f"no such column in {path}", suggestion(text, columns))
    return text


def file(path: Path, text: str) -> Path:
    """Return the file of the new pipeline: pipeline.toml is the first one, others have NAME or the name of the table.

    Raises
    ------
    UserError
        The name is not one of a pipeline, or the file exists.

    """
    name = text or _name(path)
    if not NAME.fullmatch(name) or name == MAIN.stem:
        fix = "use letters, digits, - and _, such as NAME=churn"
        raise UserError(f"NAME={name}", "is not a valid name for a pipeline", fix)
    first = not MAIN.exists() and not any(Path("pipelines").glob("*.toml"))
    new = MAIN if first and not text else Path("pipelines") / f"{name}.toml"
    if new.exists():
        raise UserError(str(new), "exists, and is not overwritten", "choose another name: NAME=…")
    return new


def _name(path: Path) -> str:
    """Return the name of a table as that of a pipeline."""
    return re.sub(r"[^A-Za-z0-9]+", "_", path.name.partition(".")[0]).strip("_") or "table"


def _comment(text: str) -> list[str]:
    """Return a text as lines of comments."""
    return [f"# {line}" for line in textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)]


def _data(made: Draft, how: str) -> list[str]:
    data = made.data
    lines = ["[data]", *_comment(f"read as: {how}")] if how else ["[data]"]
    lines += [f"path = {toml.value(data.path)}", f"target = {toml.value(data.target)}"]
    for key in KEYS:
        if key in made.why:
            lines += [*_comment(made.why[key]), f"{key} = {toml.value(getattr(data, key))}"]
    for warning in made.warnings:
        lines += _comment(f"warning: {warning}")
    for name, why in made.types.items():
        lines += [
            "",
            f"[data.schema.{toml.key(name)}]",
            *_comment(why),
            f"type = {toml.value((data.columns or {})[name].type)}",
        ]
    return lines


def _gate(made: Draft) -> list[str]:
    line, least = start.rule(made)
    lines = ["[gate]", *_comment(f"{least}; raise the threshold to what you need"), f"rules = [{toml.value(line)}]"]
    share, allowed = start.copies(made), Gate.model_fields["max_duplicates"].default
    if share <= allowed:
        return lines
    what = f"{share:.0%} of the rows equal another row in all that a model sees of them"
    held_out = made.data.test_size * len(made.frame)  # a sample: three standard errors above the share
    above = 3 * math.sqrt(share * (1 - share) / held_out)
    limit = f"max_duplicates = {min(1.0, math.ceil(100 * (share + above)) / 100)}"
    if made.ids:
        return [*lines, *_comment(f"{what}, though their ids differ"), limit]
    return [*lines, *_comment(f"{what}: remove the copies, or if they are different cases, set {limit}")]


def written(made: Draft, name: str, how: str) -> str:
    """Return the text of the pipeline `name`; `how` is how the table is written."""
    path, params, why = start.estimator(made)
    kind = "classes" if made.classifier else "a quantity"
    lines = [
        f"# Predicts {made.data.target}, which has {kind}. Written by make new; every key is yours to change.",
        *("", f"experiment = {toml.value(name)}", f"seed = {draft.SEED}", ""),
        *_data(made, how),
        *("", "[model]", *_comment(why), f"estimator = {toml.value(path)}"),
        *([f"params = {toml.value(params)}"] if params else []),
        *("", *_gate(made)),
        *("", "[registry]", f"name = {toml.value(name)}"),
    ]
    return "\n".join(lines) + "\n"


def free(name: str) -> str:
    """Return a name for the model that no other pipeline has."""
    if not MAIN.exists() and not any(Path("pipelines").glob("*.toml")):
        return name
    names = set(map(model, present()))
    return next(other for other in (name, *(f"{name}_{number}" for number in range(2, 1000))) if other not in names)


def main() -> None:
    """Write pipelines/<name>.toml, and print what the table suggests."""
    path = table(settings.make().data)
    new = file(path, settings.make().name)
    with settings.exported({"MODELMAKE_PIPELINE": str(new)}):  # no message is about another pipeline
        made = draft.draft(str(path), target(path, settings.make().target))
        how = "; ".join(filter(None, (str(opened(made.data)), made.reading.words(made.data.stated))))
    text = written(made, free(_name(path) if new == MAIN else new.stem), how)
    config = Config.model_validate(tomllib.loads(text))
    new.parent.mkdir(exist_ok=True)
    with new.open("x", encoding="utf-8") as draft_file:
        draft_file.write(text)
    rows, columns = made.frame.shape
    print(f"read     {path}: {rows} rows, {columns} columns{f', {how}' if how else ''}")
    print(f"target   {config.data.target}: {'classes' if made.classifier else 'a quantity'}")
    for key, why in made.why.items():
        print(f"set      data.{key} = {toml.value(getattr(config.data, key))}: {why}")
    for warning in [*made.warnings, *made.types.values()]:
        print(f"warning  {warning}")
    print(f"rule     {config.gate.rules[0]}")
    print(f"wrote    {new}\nnext     {advice.drafted(new)}")
