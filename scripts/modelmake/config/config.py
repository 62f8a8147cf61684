"""pipeline.toml as a frozen, typed Config; every error names its key."""

import hashlib
import json
import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import BaseModel, Field, JsonValue, ValidationError, field_validator, model_validator

from modelmake.config.data import Data
from modelmake.config.gate import Gate
from modelmake.config.search import Search
from modelmake.config.section import Section, Text
from modelmake.core import files
from modelmake.core.aliases import CHAMPION, PREVIOUS
from modelmake.core.errors import InvalidValue, UserError, suggestion
from modelmake.core.stages import SHAPING


class Step(Section):
    """An estimator by import path: a class, or a function that returns one, and its parameters.

    A parameter that is a table with the key `estimator` is an estimator too, to any depth.
    """

    estimator: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
    """Import path of a scikit-learn class, or of a function that returns an estimator. A module of yours must be in
    the repository."""
    params: dict[str, JsonValue] = Field(default={})
    """Parameters of the estimator. A parameter may be an estimator too: `{ estimator = "…", params = { … } }`, to
    any depth."""


class Model(Step):
    """`[model]`: the estimator, with its preprocessing.

    `steps` are transformers between the default preprocessing and the estimator.
    """

    steps: list[Step] | None = None
    """Transformers before the estimator, in order: tables with `estimator` and `params`."""
    raw: bool | None = None
    """`true` leaves the default preprocessing out: the first step gets the table as it is, with the columns in the
    order of their names."""
    trusted_types: list[str] = Field(default=[])
    """Types that the saved model may contain in addition to the trusted list."""


class Train(Section):
    """`[train]`: cross-validation on the training rows, in addition to the fit on all of them."""

    folds: int | None = Field(default=None, ge=2, le=100)
    """Number of folds of a cross-validation on the training rows. Its mean and spread are logged, and a rule
    `cv(accuracy) > 0.9` checks the mean."""


class Registry(Section):
    """`[registry]`: the name and the alias under which `register` registers a model that passes."""

    name: Annotated[Text, Field(pattern=r"^[^/:]+$")]
    """Name of the registered model."""
    alias: str = Field(default="staging", pattern=r"^[A-Za-z0-9_-]+$", max_length=250)
    """Alias that the new version gets. `champion` and `previous` belong to `make promote`."""
    stage: Literal["Staging", "Production", "Archived"] | None = None
    """Stage of the new version, for clients that use MLflow's older stages."""

    @field_validator("alias")
    @classmethod
    def not_reserved(cls, alias: str) -> str:
        """MLflow reserves `latest` and `v<number>`, and `make promote` its aliases."""
        if alias in (CHAMPION, PREVIOUS):
            raise InvalidValue(f"make promote sets the alias @{alias}", "choose another alias, such as staging")
        if alias == "latest" or re.fullmatch(r"v\d+", alias, re.IGNORECASE):
            raise InvalidValue(f"MLflow reserves the alias '{alias}'", "choose another alias, such as staging")
        return alias


class Serve(Section):
    """`[serve]`: what the scoring server of `make serve` keeps to itself, and the names that it answers to."""

    private: list[str] = Field(default=[])
    """Columns that the request log leaves out, and whose values no page of the server shows. `make watch` does not
    compare them."""
    hosts: list[Text] = Field(default=[])
    """Names, in addition to localhost, by which clients may reach the scoring server, as their Host header has
    them. `*` allows every name."""


class Watch(Section):
    """`[watch]`: what `make watch` does not compare."""

    ignore: list[str] = Field(default=[])
    """Columns that `make watch` does not compare, such as the weekday and the hour of a request, which differ from one
    window to the next."""


class Config(Section):
    """The whole of pipeline.toml."""

    experiment: Text
    """Name of the MLflow experiment. It is created if it does not exist."""
    seed: int = Field(default=42, ge=0, lt=2**32)
    """Seed of the split, of the intervals, and of every `random_state` that `model.params` leaves open."""
    data: Data
    """The table and its target."""
    model: Model
    """The estimator and its preprocessing."""
    search: Search | None = None
    """What `make tune` tries. See [tune the parameters](../howto/tune.md)."""
    train: Train = Train()
    """What `make train` measures in addition to the fit."""
    gate: Gate
    """The rules that a model must meet on the held-out rows before it is registered."""
    registry: Registry
    """Where a model that passes is registered."""
    serve: Serve = Serve()
    """Private columns and host names of the scoring server of `make serve`."""
    watch: Watch = Watch()
    """Columns that `make watch` does not compare."""

    @model_validator(mode="after")
    def has_folds(self) -> Self:
        """Raise InvalidValue for a rule with `cv` if `folds` is not set."""
        if self.train.folds is None and (asking := [rule for rule in self.gate.rules if rule.cv]):
            raise InvalidValue(f"gate.rules: {asking[0]}: there are no folds", "set folds = 5 under [train]")
        return self

    def check_columns(self, columns: Collection[str]) -> None:
        """Raise UserError for a column that [serve] or [watch] names and the table does not have."""
        check_columns("serve.private", self.serve.private, columns, self.data.path)
        check_columns("watch.ignore", self.watch.ignore, columns, self.data.path)

    @property
    def training_sha256(self) -> str:
        """SHA-256 of the keys that the trained model depends on: not of `experiment`, `[gate]` and `[registry]`."""
        # Keys that are not set are left out, so a new key does not change the hash of older configs.
        values = self.model_dump(mode="json", include=set(SHAPING), exclude_none=True)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def check_columns(key: str, named: Collection[str], columns: Collection[str], table: str) -> None:
    """Raise UserError for a column that a key names and a table, or a model, does not have."""
    for name in named:
        if name not in columns:
            raise UserError(files.entry(key), f"no column '{name}' in {table}", suggestion(name, columns))


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
