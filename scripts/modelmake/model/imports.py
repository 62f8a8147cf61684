"""Imports: a class or a function by its path, made with parameters that may be estimators themselves."""

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping

from sklearn.base import BaseEstimator

from modelmake.config.position import entry
from modelmake.core.errors import UserError, first_line, suggestion
from modelmake.model.needs import is_of

KEYS = {"estimator", "params"}  # of a table that stands for an estimator
ALIKE = 0.85  # from this similarity on, a name that only **kwargs accepts is a misspelt one
SAME = {  # names of CatBoost for one parameter
    "verbose": {"verbose", "verbose_eval", "silent", "logging_level"},
    "random_seed": {"random_seed", "random_state"},
}
Factory = Callable[..., object]


class UnknownParameter(UserError):
    """An estimator does not have the parameter."""


def make(path: str, params: Mapping[str, object], where: str, *, seed: int) -> object:
    """Return what the class or function at `path` makes of `params`.

    Parameters
    ----------
    path : str
        The import path.
    params : mapping of str to object
        A table with the key `estimator` is made too, at any depth; `svc__C` sets a parameter of what is inside.
    where : str
        The key in the pipeline's file, such as `model`.
    seed : int
        Every `random_state` that is not set becomes this number.

    Raises
    ------
    UserError
        Nothing can be imported from `path`, or it does not have one of the parameters, or refuses its value.

    """
    factory = _imported(path, f"{where}.estimator")
    given = {name: _value(value, f"{where}.params.{name}", seed) for name, value in params.items()}
    signature = _signature(factory)
    accepted = _parameters(factory, signature)
    inner = {name for name in given if "__" in name and accepted is not None and name not in accepted}
    _check(set(given) - inner, accepted, path, f"{where}.params")
    defaults = {name: one.default for name, one in signature.items()}
    direct = {name: _as_default(given[name], defaults.get(name)) for name in given if name not in inner}
    try:
        made = factory(**direct)
    except (TypeError, ValueError) as error:
        raise UserError(entry(f"{where}.params"), first_line(error), f"see {path}") from None
    if inner:
        _set(made, {name: given[name] for name in inner}, path, f"{where}.params")
    _set_catboost(made, seed)
    return _seeded(made, seed)


def _imported(path: str, where: str) -> Factory:
    """Return the class or function at the import path `path`."""
    module_name, _, name = path.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's own module may fail in any way
        what = f"cannot import '{module_name}': {first_line(error)}"
        raise UserError(entry(where), what, "name an installed module") from None
    if not hasattr(module, name):
        classes = [member for member in dir(module) if member[0].isupper()]
        raise UserError(entry(where), f"no '{name}' in {module_name}", suggestion(name, classes))
    factory: object = getattr(module, name)
    if not callable(factory):
        raise UserError(
            entry(where), f"'{path}' is neither a class nor a function", "name one that returns an estimator"
        )
    return factory


def _value(value: object, where: str, seed: int) -> object:
    """Return a parameter's value, with estimators in place of the tables that stand for them."""
    if isinstance(value, dict):
        if "estimator" not in value and "params" not in value:
            return {name: _value(inner, f"{where}.{name}", seed) for name, inner in value.items()}
        if unknown := sorted(set(value) - KEYS):
            raise UserError(entry(f"{where}.{unknown[0]}"), "unknown key", suggestion(unknown[0], sorted(KEYS)))
        path, params = value.get("estimator"), value.get("params", {})
        if not isinstance(path, str) or "." not in path or not isinstance(params, dict):
            raise UserError(
                entry(where), "is not an estimator", 'write { estimator = "package.Class", params = { … } }'
            )
        return make(path, params, where, seed=seed)
    if isinstance(value, list):
        values = [_value(inner, f"{where}.{place}", seed) for place, inner in enumerate(value)]
        named = any(isinstance(inner, list) and any(_is_made(part) for part in inner) for inner in values)
        return [tuple(inner) if named and isinstance(inner, list) else inner for inner in values]
    return value


def _is_made(value: object) -> bool:
    return not isinstance(value, str | int | float | bool | list | dict | None)


def _signature(factory: Factory) -> Mapping[str, inspect.Parameter]:
    """Return the parameters that a class or function declares; `**kwargs` where that is not known."""
    try:
        return inspect.signature(factory).parameters
    except (TypeError, ValueError):
        return {"kwargs": inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)}


def _parameters(factory: Factory, signature: Mapping[str, inspect.Parameter]) -> dict[str, bool] | None:
    """Return the names that a class or function accepts, False where it may accept more; None if that is not known."""
    declared = signature.values()
    named = [one.name for one in declared if one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)]
    if not any(one.kind == one.VAR_KEYWORD for one in declared):
        return dict.fromkeys(named, True)
    if not (isinstance(factory, type) and issubclass(factory, BaseEstimator)):
        return None
    try:
        named += factory().get_params()
    except TypeError:
        return None
    return dict.fromkeys(named, False)


def _as_default(value: object, default: object) -> object:
    """Return a list as a tuple where the default is one, since TOML has no tuples."""
    return tuple(value) if isinstance(value, list) and isinstance(default, tuple) else value


def _check(names: Iterable[str], accepted: dict[str, bool] | None, path: str, where: str) -> None:
    """Raise UserError for a name that is not among the accepted ones, or that is almost one of them."""
    if accepted is None:
        return
    whole = all(accepted.values())
    for name in sorted(set(names) - set(accepted)):
        if whole or difflib.get_close_matches(name, accepted, n=1, cutoff=ALIKE):
            raise _unknown(name, accepted, path, where)


def _set(made: object, params: dict[str, object], path: str, where: str) -> None:
    """Set parameters of estimators inside an estimator, such as `svc__C`."""
    if not isinstance(made, BaseEstimator):
        raise _unknown(min(params), (), path, where)
    for name, value in sorted(params.items()):
        accepted = made.get_params()
        if name not in accepted:
            raise _unknown(name, accepted, path, where)
        made.set_params(**{name: _as_default(value, accepted[name])})


def _unknown(name: str, accepted: Iterable[str], path: str, where: str) -> UnknownParameter:
    names = list(accepted)
    fix = suggestion(name, names) if names else f"{path.rpartition('.')[2]} has no parameters"
    return UnknownParameter(entry(f"{where}.{name}"), f"no parameter '{name}' in {path.rpartition('.')[2]}", fix)


def _seeded(made: object, seed: int) -> object:
    """Set every `random_state` that is not set, also inside; a splitter that does not shuffle has none."""
    if isinstance(made, BaseEstimator):
        unseeded = [name for name, value in made.get_params().items() if _is_unset(name, value)]
        return made.set_params(**dict.fromkeys(unseeded, seed))
    if getattr(made, "random_state", seed) is None and getattr(made, "shuffle", True):
        made.random_state = seed  # type: ignore[attr-defined]
    return made


def _set_catboost(made: object, seed: int) -> None:
    """Set what CatBoost does not list among its parameters until the user sets it, also inside: the seed.

    Nor does it write a line for each tree, or a folder catboost_info beside the project.
    """
    for part in (made, *(made.get_params().values() if isinstance(made, BaseEstimator) else ())):
        if hasattr(part, "set_params") and not isinstance(part, type) and is_of(part, ("catboost",)):
            given = part.get_params()
            ours = {"allow_writing_files": False, "verbose": False, "random_seed": seed}
            part.set_params(**{name: value for name, value in ours.items() if not SAME.get(name, {name}) & set(given)})


def _is_unset(name: str, value: object) -> bool:
    return value is None and name.rpartition("__")[2] == "random_state"
