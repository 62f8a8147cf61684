"""pipeline.toml as a frozen, typed Config; every error names its key."""

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator, model_validator

from scripts.core.errors import UserError, few, suggestion

SHAPING = ("seed", "data", "model")  # the keys that the trained model depends on
READ_BY = {
    "train": ("experiment", *SHAPING),
    "evaluate": ("experiment", *SHAPING, "gate"),
    "register": ("experiment", *SHAPING, "gate", "registry"),
}

# scikit-learn's scorer names. The report shows REPORTED for every model, and the other metrics where a rule names them.
REPORTED = (
    *("accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "neg_log_loss", "roc_auc_ovr"),
    *("r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"),
)
OF_CLASS_1 = ("precision", "recall", "f1", "jaccard")  # of class 1, as in scikit-learn
OF_ALL_CLASSES = ("roc_auc", "roc_auc_ovr", "average_precision")  # areas under curves
OF_PROBABILITIES = ("neg_log_loss", "neg_brier_score", *OF_ALL_CLASSES)
CLASSIFICATION_METRICS = (
    *("accuracy", "balanced_accuracy", "matthews_corrcoef"),
    *(f"{name}_{average}" for name in OF_CLASS_1 for average in ("macro", "micro", "weighted")),
    *OF_CLASS_1,
    *OF_PROBABILITIES,
)
REGRESSION_METRICS = (
    *("r2", "explained_variance", "neg_mean_absolute_error", "neg_mean_squared_error", "neg_root_mean_squared_error"),
    *("neg_mean_absolute_percentage_error", "neg_mean_squared_log_error", "neg_root_mean_squared_log_error"),
)
METRICS = CLASSIFICATION_METRICS + REGRESSION_METRICS

Text = Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Section(BaseModel):
    """The base of every table of pipeline.toml: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(Section):
    """`[data]`: the file, the column to predict and the held-out share.

    `missing` lists the texts that mean a missing value in a CSV file, in place of pandas' own list (NA, None, null
    and more). An empty field is always a missing value. In Parquet files `missing` has no effect.
    """

    path: Text
    target: Text
    test_size: float = Field(default=0.2, gt=0, lt=1)
    stratify: bool = False
    missing: list[str] | None = None


class Model(Section):
    """`[model]`: an estimator by import path (a class, or a function that returns one) and its parameters."""

    estimator: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
    params: dict[str, JsonValue] = {}
    trusted_types: list[str] = []


class Rule(Section):
    """One rule of the gate, a line such as `accuracy > 0.9` or `lower(f1_macro) >= 0.8 by sex`.

    `lower(…)` compares the lower bound of the 95 % interval, `by <column>` every slice of the held-out rows.
    """

    metric: str
    threshold: float
    or_equal: bool = False
    lower: bool = False
    by: str | None = None

    @model_validator(mode="before")
    @classmethod
    def read(cls, line: object) -> object:
        """Parse the line; its metric is one of scikit-learn's scorer names, so higher is always better."""
        if not isinstance(line, str) or len(line) > 500:
            raise ValueError(f"'{line!s:.80}' is not a rule|write a rule such as \"{METRICS[0]} > 0.9\"")
        match = re.fullmatch(r"(?:lower\((\w+)\)|(\w+)) *(>=?|<=?) *(\S+?)(?: +by +(.+?))? *", line.strip())
        if not match or match[3].startswith("<"):
            fix = "use >: higher is better in every metric" if match else f'write a rule such as "{METRICS[0]} > 0.9"'
            raise ValueError(f"'{line:.80}' is not a rule|{fix}")
        name, threshold = match[1] or match[2], _number(match[4])
        if name not in METRICS:
            raise ValueError(f"no metric '{name}'|{suggestion(name, METRICS)}")
        if threshold is None:
            raise ValueError(f"'{match[4]:.40}' is not a number|'{line:.80}' needs a number as its threshold")
        equal = match[3] == ">="
        return {"metric": name, "threshold": threshold, "or_equal": equal, "lower": bool(match[1]), "by": match[5]}

    def __str__(self) -> str:
        """Return the line."""
        name = f"lower({self.metric})" if self.lower else self.metric
        return f"{name} {'>=' if self.or_equal else '>'} {self.threshold:g}{f' by {self.by}' if self.by else ''}"


class Gate(Section):
    """`[gate]`: what a model must reach on the held-out rows before `register` registers it.

    In the first rule's metric a model must beat the Dummy estimator, and `evaluate` compares it in that metric with
    the champion, the version that `@champion` names.
    """

    rules: Annotated[list[Rule], Field(min_length=1)]
    champion: Literal["not_worse", "better", "off"] = "not_worse"
    margin: float = Field(default=0.0, ge=0)
    min_test_rows: int = Field(default=30, ge=1)
    max_duplicates: float = Field(default=0.05, ge=0, le=1)
    require_clean: bool = False
    resamples: int = Field(default=2000, ge=100, le=100_000)
    on_refusal: Literal["fail", "skip"] = "fail"

    @property
    def metric(self) -> str:
        """The first rule's metric."""
        return self.rules[0].metric

    def check(self, columns: Iterable[str], classes: Collection[object] | None) -> None:
        """Raise UserError for a rule that does not fit the model's `classes`, or the data's `columns`.

        `classes` is None for a regressor.
        """
        fitting = REGRESSION_METRICS if classes is None else CLASSIFICATION_METRICS
        for rule in self.rules:
            where = f"pipeline.toml: gate.rules: {rule}"
            if rule.metric not in fitting:
                what = f"'{rule.metric}' does not score a {'regressor' if classes is None else 'classifier'}"
                raise UserError(where, what, f"one of: {', '.join(fitting)}")
            if classes is not None and rule.metric in OF_CLASS_1 and not (len(classes) == 2 and 1 in classes):
                what = f"'{rule.metric}' scores class 1 of two classes, and the classes are {few(classes)}"
                raise UserError(where, what, f"use {rule.metric}_macro, which scores all classes")
            if classes is not None and rule.metric == "roc_auc" and len(classes) != 2:
                what = f"'roc_auc' needs two classes, and there are {len(classes)}"
                raise UserError(where, what, "use roc_auc_ovr")
            if rule.by is not None and rule.by not in columns:
                raise UserError(where, f"no column '{rule.by}' in the data", suggestion(rule.by, columns))


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
            raise ValueError(f"make promote sets the alias @{alias}|choose another alias, such as staging")
        if alias == "latest" or re.fullmatch(r"v\d+", alias, re.IGNORECASE):
            raise ValueError(f"MLflow reserves the alias '{alias}'|choose another alias, such as staging")
        return alias


class Config(Section):
    """The whole of pipeline.toml."""

    experiment: Text
    seed: int = Field(default=42, ge=0, lt=2**32)
    data: Data
    model: Model
    gate: Gate
    registry: Registry

    @property
    def training_sha256(self) -> str:
        """SHA-256 of the keys that the trained model depends on: not of `experiment`, `[gate]` and `[registry]`."""
        # Keys that are not set are left out, so a new key does not change the hash of older configs.
        values = self.model_dump(mode="json", include=set(SHAPING), exclude_none=True)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def load(path: Path = Path("pipeline.toml")) -> Config:
    """Read and check `path`.

    Raises
    ------
    UserError
        The file is missing, is not TOML, or a key is unknown, missing or of the wrong type or value.

    """
    try:
        return Config.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise UserError(str(path), f"cannot be read: {error.strerror}", "put it beside the Makefile") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(str(path), f"not TOML: {error}", "see https://toml.io") from None
    except ValidationError as error:
        raise _explain(path, error) from None


def _number(text: str) -> float | None:
    """Return `text` as a finite number, None where it is not one."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _explain(path: Path, error: ValidationError) -> UserError:
    """Return pydantic's first error as one line; an unknown key comes first: if misspelt, it is missing too."""
    first = min(error.errors(include_url=False), key=lambda details: details["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    where = f"{path}: {key}"
    if first["type"] == "extra_forbidden":
        return UserError(where, "unknown key", suggestion(str(first["loc"][-1]), _allowed_keys(first["loc"][:-1])))
    if first["type"] == "missing":
        return UserError(where, "missing", "add it")
    what, _, fix = first["msg"].removeprefix("Value error, ").partition("|")
    return UserError(where, what if fix else f"{what}, not {first['input']!r:.80}", fix or "correct the value")


def _allowed_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table at `location` may have."""
    section: type[BaseModel] = Config
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
