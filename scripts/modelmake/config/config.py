"""pipeline.toml as a frozen, typed Config; every error names its key."""

import hashlib
import json
import re
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, JsonValue, ValidationError, field_validator, model_validator

from modelmake.config import mistakes, syntax
from modelmake.config.data import Data
from modelmake.config.gate import Gate
from modelmake.config.position import entry
from modelmake.config.search import Search
from modelmake.config.section import ImportPath, Name, Section, Text
from modelmake.core import files
from modelmake.core.aliases import CHAMPION, PREVIOUS
from modelmake.core.errors import InvalidValue, UserError, suggestion
from modelmake.core.stages import SHAPING


class Step(Section):
    """An estimator by import path: a class, or a function that returns one, and its parameters.

    A parameter that is a table with the key `estimator` is an estimator too, to any depth.
    """

    estimator: ImportPath
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

    name: Text
    """Name of the registered model."""
    alias: Text = "staging"
    """Alias that the new version gets. `champion` and `previous` belong to `make promote`."""
    stage: Literal["Staging", "Production", "Archived"] | None = None
    """Stage of the new version, for clients that use MLflow's older stages."""

    @field_validator("name")
    @classmethod
    def in_an_address(cls, name: str) -> str:
        """Raise InvalidValue for a name that `models:/name/version` cannot have."""
        if re.search("[/:]", name):
            raise InvalidValue(f"'{name}' contains / or :", "leave them out")
        return name

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

    private: list[Name] = Field(default=[])
    """Columns that the request log leaves out, and whose values no page of the server shows. `make watch` does not
    compare them."""
    hosts: list[Text] = Field(default=[])
    """Names, in addition to localhost, by which clients may reach the scoring server, as their Host header has
    them. `*` allows every name."""


class Watch(Section):
    """`[watch]`: what `make watch` does not compare."""

    ignore: list[Name] = Field(default=[])
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
            raise UserError(entry(key), f"no column '{name}' in {table}", suggestion(name, columns))


def load(path: Path | None = None) -> Config:
    """Read and check `path`, by default the file of the pipeline that PIPELINE names.

    Raises
    ------
    UserError
        The file is missing, is not TOML, or a key is unknown, missing or of the wrong type or value; with `others`
        for all mistakes after the first one.

    """
    path = path or files.pipeline()
    try:
        text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except OSError as error:
        others = sorted(Path("pipelines").glob("*.toml"))
        fix = f"name a pipeline: PIPELINE={others[0]}" if others else "put it beside the Makefile"
        raise UserError(str(path), f"cannot be read: {error.strerror}", fix) from None
    except UnicodeDecodeError as error:
        number = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"{path}:{number}", "the file is not UTF-8", "save it as UTF-8") from None
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        raise mistakes.together(list(syntax.mistakes(path, text))) from None
    try:
        return Config.model_validate(table)
    except ValidationError as error:
        raise mistakes.of_values(path, text, table, error, Config) from None
