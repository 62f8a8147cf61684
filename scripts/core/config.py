"""pipeline.toml, read into a frozen, typed Config; every mistake is named with its key."""

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

# scikit-learn's scorer names. What is measured of every model, then what is if a rule asks for it.
SHAPING = ("seed", "data", "model")  # the keys that shape a trained model
READ_BY = {
    "train": ("experiment", *SHAPING),
    "evaluate": ("experiment", *SHAPING, "gate"),
    "register": ("experiment", *SHAPING, "gate", "registry"),
}

REPORTED = (
    *("accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "f1_macro", "neg_log_loss", "roc_auc_ovr"),
    *("r2", "neg_mean_absolute_error", "neg_root_mean_squared_error"),
)
OF_CLASS_1 = ("precision", "recall", "f1", "jaccard")  # of class 1, as scikit-learn has it
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
    """What every table of pipeline.toml has in common: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(Section):
    """`[data]`: the file, the column to predict and the held-out share.

    `missing` lists the texts that stand for a missing value in a CSV, in place of pandas' own list (NA, None, null
    and more); an empty field always does. Parquet has missing values of its own, so there it has no effect.
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

    `lower(…)` asks it of the lower bound of the 95 % interval, `by <column>` of every slice of the held-out rows.
    """

    metric: str
    threshold: float
    or_equal: bool = False
    lower: bool = False
    by: str | None = None

    @model_validator(mode="before")
    @classmethod
    def read(cls, line: object) -> object:
        """Take the line apart; scikit-learn's scorer names only, in which higher is always better."""
        if not isinstance(line, str) or len(line) > 500:
            raise ValueError(f"'{line!s:.80}' is no rule|such as \"{METRICS[0]} > 0.9\"")
        found = re.fullmatch(r"(?:lower\((\w+)\)|(\w+)) *(>=?|<=?) *(\S+?)(?: +by +(.+?))? *", line.strip())
        if not found or found[3].startswith("<"):
            fix = "in every metric higher is better: >" if found else f'such as "{METRICS[0]} > 0.9"'
            raise ValueError(f"'{line:.80}' is no rule|{fix}")
        name, threshold = found[1] or found[2], _number(found[4])
        if name not in METRICS:
            raise ValueError(f"no metric '{name}'|{suggestion(name, METRICS)}")
        if threshold is None:
            raise ValueError(f"'{found[4]:.40}' is no number|'{line:.80}' needs one as its threshold")
        equal = found[3] == ">="
        return {"metric": name, "threshold": threshold, "or_equal": equal, "lower": bool(found[1]), "by": found[5]}

    def __str__(self) -> str:
        """Give the line."""
        name = f"lower({self.metric})" if self.lower else self.metric
        return f"{name} {'>=' if self.or_equal else '>'} {self.threshold:g}{f' by {self.by}' if self.by else ''}"


class Gate(Section):
    """`[gate]`: what a model has to show on the held-out rows before it is registered.

    The first rule's metric is the one in which a model has to beat the Dummy estimator and is compared with the
    champion, the version that `@champion` names.
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
        """Raise UserError for a rule that a model of these classes can't be asked, or data with these columns.

        `classes` is None for a regressor.
        """
        fitting = REGRESSION_METRICS if classes is None else CLASSIFICATION_METRICS
        for rule in self.rules:
            where = f"pipeline.toml: gate.rules: {rule}"
            if rule.metric not in fitting:
                what = f"'{rule.metric}' does not score a {'regressor' if classes is None else 'classifier'}"
                raise UserError(where, what, f"one of: {', '.join(fitting)}")
            if rule.metric in OF_CLASS_1 and not (len(classes) == 2 and 1 in classes):
                what = f"'{rule.metric}' is of class 1 of two, and the classes are {few(classes)}"
                raise UserError(where, what, f"{rule.metric}_macro is of all classes, whatever their names")
            if rule.metric == "roc_auc" and len(classes) != 2:
                raise UserError(where, f"'roc_auc' is of two classes, and there are {len(classes)}", "roc_auc_ovr")
            if rule.by is not None and rule.by not in columns:
                raise UserError(where, f"no column '{rule.by}' in the data", suggestion(rule.by, columns))


class Registry(Section):
    """`[registry]`: where a model that passes goes."""

    name: Annotated[Text, Field(pattern=r"^[^/:]+$")]
    alias: str = Field(default="staging", pattern=r"^[A-Za-z0-9_-]+$", max_length=250)
    stage: Literal["Staging", "Production", "Archived"] | None = None

    @field_validator("alias")
    @classmethod
    def not_reserved(cls, alias: str) -> str:
        """MLflow keeps `latest` and `v<number>` for itself, `make promote` keeps two more."""
        if alias in ("champion", "previous"):
            raise ValueError(f"@{alias} is moved by make promote|choose another, such as staging")
        if alias == "latest" or re.fullmatch(r"v\d+", alias, re.IGNORECASE):
            raise ValueError(f"MLflow reserves the alias '{alias}'|choose another, such as staging")
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
        """SHA-256 of all that shapes the trained model; its experiment, `[gate]` and `[registry]` do not."""
        # Without what is not set, so that a new key leaves the hash of older configs as it is.
        shaping = self.model_dump(mode="json", include=set(SHAPING), exclude_none=True)
        return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


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
        raise UserError(str(path), f"cannot be read: {error.strerror}", "it stands beside the Makefile") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(str(path), f"not TOML: {error}", "see https://toml.io") from None
    except ValidationError as error:
        raise _explain(path, error) from None


def _number(text: str) -> float | None:
    """Return the finite number that `text` is, None where it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _explain(path: Path, error: ValidationError) -> UserError:
    """Make one line of the first thing that pydantic found; a key that is misspelt is missing too, so it goes first."""
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"])
    where = f"{path}: {key}"
    if first["type"] == "extra_forbidden":
        return UserError(where, "unknown key", suggestion(str(first["loc"][-1]), _known_keys(first["loc"][:-1])))
    if first["type"] == "missing":
        return UserError(where, "missing", "add it")
    what, _, fix = first["msg"].removeprefix("Value error, ").partition("|")
    return UserError(where, what if fix else f"{what}, not {first['input']!r:.80}", fix or "correct the value")


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table at `location` may have."""
    section: type[BaseModel] = Config
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
