"""Tuned: the parameters that `make tune` found, in build/tuned.toml, and whether they belong to what is trained."""

import hashlib
import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import tomli_w
from pydantic import JsonValue

import modelmake
from modelmake.config import modules
from modelmake.config.config import Config, Model, Step
from modelmake.config.inputs import estimators
from modelmake.config.search import ROWS, Params
from modelmake.core import files
from modelmake.core.lock import lockfile
from modelmake.core.provenance import sha256
from modelmake.core.stages import SHAPING
from modelmake.model.estimator import steps

TITLE = "# Written by `make tune`: the parameters that `make train` uses while data, space and code are the same.\n"
DECIDING = tuple(f"scripts/modelmake/search/{name}.py" for name in ("methods/__init__", "trial", "journal"))
FREE = {"trials", "minutes"}  # of [search]: more trials continue the same search


@dataclass(frozen=True)
class Tuned:
    """The best trial of a search.

    Parameters
    ----------
    search : str
        The key of the search (`key`).
    trial, trials : int
        Its number, counted from 0, and how many trials were made.
    metric : str
        What the folds were scored with.
    score : float
        The mean over the folds.
    run_id : str
        The MLflow run of the search; empty if it is not logged.
    params : dict
        The value of each parameter of the space that the trial has.

    """

    search: str
    trial: int
    trials: int
    metric: str
    score: float
    run_id: str
    params: Params

    def write(self) -> None:
        """Write build/tuned.toml."""
        files.replace(files.TUNED, self.text())

    def text(self) -> str:
        """Return the text of build/tuned.toml."""
        return TITLE + tomli_w.dumps(asdict(self))

    def __str__(self) -> str:
        """Give the parameters and the score in one line."""
        values = ", ".join(f"{name}={shown(value)}" for name, value in self.params.items())
        return f"trial {self.trial} of {self.trials}, {self.metric} {self.score:.4f}: {values}"


def shown(value: JsonValue) -> str:
    """Return a parameter's value as text; an estimator as the name of its class."""
    if isinstance(value, dict) and isinstance(path := value.get("estimator"), str):
        return path.rpartition(".")[2]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def read(path: Path | None = None) -> Tuned | None:
    """Return what build/tuned.toml says; None where it does not exist or another version wrote it."""
    try:
        return Tuned(**tomllib.loads((path or files.place(files.TUNED)).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def key(config: Config, data_sha256: str) -> str:
    """Return the SHA-256 of all that the scores of a search depend on: data, space, code and lock."""
    values = config.model_dump(mode="json", include=set(SHAPING), exclude_none=True)
    asked = values.get("search", {})
    free = FREE - ({"trials"} if asked.get("method") == "halving" else set())  # its stages depend on their number
    values["search"] = {name: value for name, value in asked.items() if name not in free}
    values["search"] |= {
        "metric": metric(config),
        "folds": folds(config),
        "space": list(values["search"]["space"].items()),
    }
    facts = [data_sha256, values, sha256(lockfile()), *code(config)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def code(config: Config) -> Iterator[tuple[str, str]]:
    """Yield path and SHA-256 of each file of modelmake, and of the user's modules, on which trials depend."""
    root = Path(modelmake.__file__).parents[2]
    for path in sorted(set().union(*(modules.imported(Path(name), root) for name in DECIDING))):
        yield path.as_posix(), sha256(root / path)
    for path in sorted(modules.files({name.rpartition(".")[0] for name in estimators(config)})):
        yield path.as_posix(), sha256(path)


def metric(config: Config) -> str:
    """Return the metric of the search: by default that of the gate's first rule."""
    return (config.search and config.search.metric) or config.gate.metric


def folds(config: Config) -> int:
    """Return the number of folds of the search: by default those of the training, or 5."""
    return (config.search and config.search.folds) or config.train.folds or 5


def applied(config: Config, params: Params) -> Config:
    """Return the config with the parameters of a trial in `[model]`.

    `estimator` replaces the estimator. The parameters of `[model]` go with it only if it is the same class; a table
    brings parameters of its own instead.
    `pca__n_components` is a parameter of the step `pca`, as in a scikit-learn pipeline, unless the estimator itself
    has parts of that name.
    """
    model, rest = config.model, dict(params)
    chosen = rest.pop("estimator", None)
    if isinstance(chosen, dict):
        model = model.model_copy(update={"estimator": chosen["estimator"], "params": chosen.get("params", {})})
    elif isinstance(chosen, str) and chosen != model.estimator:
        model = model.model_copy(update={"estimator": chosen, "params": {}})
    prefixes = {name.partition("__")[0] for name in rest if "__" in name}
    if prefixes and model.steps:
        model, rest = _in_steps(model, rest, seed=config.seed)
    return config.model_copy(update={"model": model.model_copy(update={"params": {**model.params, **rest}})})


def _in_steps(model: Model, params: Params, *, seed: int) -> tuple[Model, Params]:
    """Return the model with the parameters of its steps in them, and the parameters that are left."""
    places = {name: place for place, (name, _) in enumerate(steps(model, seed=seed))}
    changed: list[Step] = list(model.steps or [])
    left: Params = {}
    for name, value in params.items():
        prefix, _, inner = name.partition("__")
        if prefix in places and inner:
            step = changed[places[prefix]]
            changed[places[prefix]] = step.model_copy(update={"params": {**step.params, inner: value}})
        else:
            left[name] = value
    return model.model_copy(update={"steps": changed}), left


def chosen(config: Config, data_sha256: str) -> Config:
    """Return the config with the parameters of build/tuned.toml, if they belong to this data, space and code.

    One line says which parameters are used, where the config has a search.
    """
    if config.search is None:
        return config
    found = read()
    if found is None:
        print("note: [search] is not used: no parameters are tuned yet (make tune)", flush=True)
        return config
    if found.search != key(config, data_sha256) or not config.search.contains(found.params):
        why = "the data, the space or the code has changed (make tune)"
        print(f"note: {files.place(files.TUNED)} is not used: {why}", flush=True)
        return config
    print(f"tuned   {found}", flush=True)
    whole = {} if config.search.growing == ROWS else {config.search.growing: config.search.stages[-1]}
    return applied(config, {**found.params, **whole})
