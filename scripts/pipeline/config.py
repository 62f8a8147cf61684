"""pipeline.toml, read into a frozen, typed Config; every mistake is named with its key."""

import hashlib
import json
import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, field_validator

from scripts.pipeline.errors import UserError, suggestion

CLASSIFICATION_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "neg_log_loss",
    "roc_auc_ovr",
)
REGRESSION_METRICS = ("r2", "neg_mean_absolute_error", "neg_root_mean_squared_error")
METRICS = CLASSIFICATION_METRICS + REGRESSION_METRICS

Text = Annotated[str, Field(min_length=1, max_length=250, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Section(BaseModel):
    """What every table of pipeline.toml has in common: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Data(Section):
    """`[data]`: the file, the column to predict and the held-out share."""

    path: Text
    target: Text
    test_size: float = Field(default=0.2, gt=0, lt=1)
    stratify: bool = False


class Model(Section):
    """`[model]`: an estimator by import path (a class, or a function that returns one) and its parameters."""

    estimator: str = Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")
    params: dict[str, JsonValue] = {}
    trusted_types: list[str] = []


class Gate(Section):
    """`[gate]`: the model is registered when `metric` is above `threshold` on the held-out rows."""

    metric: str
    threshold: float
    on_refusal: Literal["fail", "skip"] = "fail"

    @field_validator("metric")
    @classmethod
    def known(cls, name: str) -> str:
        """Take scikit-learn's scorer names only, in which higher is always better."""
        if name not in METRICS:
            raise ValueError(f"no metric '{name}'|{suggestion(name, METRICS)}")
        return name

    def check(self, *, classifier: bool) -> None:
        """Raise UserError where a classifier is to be gated by a regressor's metric, or the other way round."""
        fitting = CLASSIFICATION_METRICS if classifier else REGRESSION_METRICS
        if self.metric not in fitting:
            kind = "classifier" if classifier else "regressor"
            raise UserError(
                "pipeline.toml: gate.metric",
                f"'{self.metric}' does not score a {kind}",
                f"one of: {', '.join(fitting)}",
            )


class Registry(Section):
    """`[registry]`: where a model that passes goes."""

    name: Annotated[Text, Field(pattern=r"^[^/:]+$")]
    alias: str = Field(default="staging", pattern=r"^[A-Za-z0-9_-]+$", max_length=250)
    stage: Literal["Staging", "Production", "Archived"] | None = None

    @field_validator("alias")
    @classmethod
    def not_reserved(cls, alias: str) -> str:
        """MLflow keeps `latest` and `v<number>` for itself."""
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
        """SHA-256 of all that shapes the trained model; `[gate]` and `[registry]` do not."""
        shaping = self.model_dump(mode="json", include={"seed", "data", "model"})
        return hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()


def load(path: Path = Path("pipeline.toml")) -> Config:
    """Read and check `path`.

    Raises
    ------
    UserError
        The file is missing, is not TOML, or a key is unknown, missing or of the wrong type or value.

    """
    try:
        return Config.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise UserError(str(path), f"cannot be read: {error.strerror}", "it stands beside the Makefile") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(str(path), f"not TOML: {error}", "see https://toml.io") from None
    except ValidationError as error:
        raise _explain(path, error) from None


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
