"""pipeline.toml as a frozen, typed Config; every error names its key."""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, Field, JsonValue, ValidationError, field_validator, model_validator

from modelmake.core import files
from modelmake.core.column import Column
from modelmake.core.errors import InvalidValue, UserError, suggestion
from modelmake.core.gate import Gate
from modelmake.core.search import Search
from modelmake.core.section import Section, Text
from modelmake.core.types import MISSING

SHAPING = ("seed", "data", "model", "search")  # the keys that the trained model depends on
READ_BY = {
    "tune": ("experiment", *SHAPING, "train", "gate"),
    "train": ("experiment", *SHAPING, "train"),
    "evaluate": ("experiment", *SHAPING, "train", "gate"),
    "register": ("experiment", *SHAPING, "train", "gate", "registry"),
}
SNAPSHOTS = "data/snapshots"
READING = ("format", "delimiter", "decimal", "encoding", "comment", "sheet", "missing")  # keys of [data]


def snapshot(data: Mapping[str, object]) -> str:
    """Return the path of the snapshot that `make fetch` takes of a source: another one if it is read in another way."""
    read_by = {key: data[key] for key in READING if key in data}
    address = json.dumps([data["source"], data.get("query"), *([read_by] if read_by else [])], default=str)
    return f"{SNAPSHOTS}/{hashlib.sha256(address.encode()).hexdigest()[:12]}.parquet"


class Data(Section):
    """`[data]`: the table, the column to predict, and which rows are held out.

    `path` is a file or a folder that is read as it is. `source` stands in its place: an address that `make fetch`
    takes a snapshot of, which then is the `path`.
    `group` keeps the rows of one value together, in the training rows or in the held-out rows. `time` holds the
    latest rows out. `positive` is the class that f1, precision, recall and the like score.
    `missing` lists the texts that mean a missing value in a text file, in place of pandas' own list (NA, None, null
    and more). An empty field is always a missing value. In Parquet files `missing` has no effect.
    """

    path: Text
    source: Text | None = None
    query: Text | None = None
    snapshot: Literal["file", "mlflow"] | None = None
    format: Literal["csv", "parquet", "xlsx", "jsonl", "feather"] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal: Literal[".", ","] | None = None
    encoding: Text | None = None
    comment: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    sheet: Text | None = None
    missing: list[str] | None = None
    target: Text
    positive: str | int | float | bool | None = None
    drop: list[str] | None = None
    id: Text | None = None
    group: Text | None = None
    time: Text | None = None
    test_size: float = Field(default=0.2, gt=0, lt=1)
    stratify: bool = False
    columns: dict[str, Column] | None = Field(default=None, alias="schema")

    @property
    def gaps(self) -> tuple[str, ...]:
        """The texts that stand for a missing value where every value is a text, and in a workbook."""
        return MISSING if self.missing is None else ("", *self.missing)

    @property
    def not_features(self) -> list[str]:
        """The columns that are read but that no model is trained on, beside the target."""
        return [*(self.drop or []), *(name for name in (self.id, self.group) if name)]

    @model_validator(mode="before")
    @classmethod
    def locate(cls, table: object) -> object:
        """Name the snapshot of `source` as the path."""
        if not isinstance(table, dict) or "source" not in table:
            return table
        if "path" in table:
            raise InvalidValue("both 'path' and 'source'", "keep 'path' for a local table, 'source' for one to fetch")
        return table | {"path": snapshot(table)}

    @model_validator(mode="after")
    def is_consistent(self) -> Self:
        """Raise InvalidValue for keys that exclude each other."""
        if self.stratify and self.time is not None:
            raise InvalidValue("'stratify' and 'time': the latest rows are held out, whatever their class", "keep one")
        return self


class Step(Section):
    """An estimator by import path: a class, or a function that returns one, and its parameters.

    A parameter that is a table with the key `estimator` is an estimator too, to any depth.
    """

    estimator: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
    params: dict[str, JsonValue] = Field(default={})


class Model(Step):
    """`[model]`: the estimator, with its preprocessing.

    `steps` are transformers between the default preprocessing and the estimator. `raw` leaves the default
    preprocessing out, so the first step gets the table as it is, with its columns in the order of their names.
    """

    steps: list[Step] | None = None
    raw: bool | None = None
    trusted_types: list[str] = Field(default=[])


class Train(Section):
    """`[train]`: cross-validation on the training rows, beside the fit on all of them."""

    folds: int | None = Field(default=None, ge=2, le=100)


class Registry(Section):
    """`[registry]`: the name and the alias under which `register` registers a model that passes."""

    name: Annotated[Text, Field(pattern=r"^[^/:]+$")]
    alias: str = Field(default="staging", pattern=r"^[A-Za-z0-9_-]+$", max_length=250)
    stage: Literal["Staging", "Production", "Archived"] | None = None

    @field_validator("alias")
    @classmethod
    def not_reserved(cls, alias: str) -> str:
        """MLflow reserves `latest` and `v<number>`; `make promote` reserves `champion` and `previous`."""
        if alias in ("champion", "previous"):
            raise InvalidValue(f"make promote sets the alias @{alias}", "choose another alias, such as staging")
        if alias == "latest" or re.fullmatch(r"v\d+", alias, re.IGNORECASE):
            raise InvalidValue(f"MLflow reserves the alias '{alias}'", "choose another alias, such as staging")
        return alias


class Serve(Section):
    """`[serve]`: what the scoring server of `make serve` keeps to itself, and the names that it answers to.

    `private` lists columns that its request log leaves out. `hosts` lists the names, beside localhost, by which clients
    may reach it, as their Host header has them; "*" allows every name.
    """

    private: list[str] = Field(default=[])
    hosts: list[Text] = Field(default=[])


class Config(Section):
    """The whole of pipeline.toml."""

    experiment: Text
    seed: int = Field(default=42, ge=0, lt=2**32)
    data: Data
    model: Model
    search: Search | None = None
    train: Train = Train()
    gate: Gate
    registry: Registry
    serve: Serve = Serve()

    @model_validator(mode="after")
    def has_folds(self) -> Self:
        """Raise InvalidValue for a rule that asks the folds where there are none."""
        if self.train.folds is None and (asking := [rule for rule in self.gate.rules if rule.cv]):
            raise InvalidValue(f"gate.rules: {asking[0]}: there are no folds", "set folds = 5 under [train]")
        return self

    @property
    def training_sha256(self) -> str:
        """SHA-256 of the keys that the trained model depends on: not of `experiment`, `[gate]` and `[registry]`."""
        # Keys that are not set are left out, so a new key does not change the hash of older configs.
        values = self.model_dump(mode="json", include=set(SHAPING), exclude_none=True)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def load(path: Path | None = None) -> Config:
    """Read and check `path`, by default the file of the pipeline that PIPELINE names.

    Raises
    ------
    UserError
        The file is missing, is not TOML, or a key is unknown, missing or of the wrong type or value.

    """
    path = path or files.pipeline()
    try:
        return Config.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        others = sorted(Path("pipelines").glob("*.toml"))
        fix = f"name a pipeline: PIPELINE={others[0]}" if others else "put it beside the Makefile"
        raise UserError(str(path), f"cannot be read: {error.strerror}", fix) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(str(path), f"not TOML: {error}", "see https://toml.io") from None
    except ValidationError as error:
        raise _explain(path, error) from None


def _explain(path: Path, error: ValidationError) -> UserError:
    """Return pydantic's first error as one line; an unknown key comes first: if misspelt, it is missing too."""
    first = min(error.errors(include_url=False), key=lambda details: details["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    where = f"{path}: {key}" if key else str(path)
    if first["type"] == "extra_forbidden":
        return UserError(where, "unknown key", suggestion(str(first["loc"][-1]), _allowed_keys(first["loc"][:-1])))
    if first["type"] == "missing":
        return UserError(where, "missing", "add it")
    if isinstance(problem := first.get("ctx", {}).get("error"), InvalidValue):
        return UserError(where, problem.what, problem.fix)
    return UserError(where, f"{first['msg']}, not {first['input']!r:.80}", "correct the value")


def _allowed_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table at `location` may have."""
    section: type[BaseModel] = Config
    for part in location:
        fields = {field.alias or name: field for name, field in section.model_fields.items()}
        if part not in fields:  # the name of an entry, or its place in a list
            continue
        if (inner := _section(fields[str(part)].annotation)) is None:
            return []
        section = inner
    return [field.alias or name for name, field in section.model_fields.items()]


def _section(annotation: object) -> type[BaseModel] | None:
    """Return the table of pipeline.toml that a type contains, such as `list[Step] | None`; None if there is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _section(part))), None)
