"""Plots of a search: its history, and how the score depends on the parameters."""

import warnings
from collections.abc import Sequence

import numpy as np
import optuna
from optuna.importance import PedAnovaImportanceEvaluator
from pydantic import JsonValue

from modelmake.config.search import Search
from modelmake.config.space import Parameter
from modelmake.core.errors import first_line
from modelmake.model.tuning import shown
from modelmake.report.drawing import COLOURS, INK, SHADES, Plot, axes, distinct, short, style
from modelmake.scores.ranking import Floats
from modelmake.search.study import study
from modelmake.search.trial import Result, ranked

LETTERS = 30  # of names that stand side by side
SLICES = 12  # parameters that get a plot of their own
LINES = 300  # trials in parallel coordinates: the best ones
TITLES = {"history": "History", "weights": "Importance of the parameters", "parallel": "Parallel coordinates"}


def draw(search: Search, results: Sequence[Result], metric: str) -> list[Plot]:
    """Return history, importance, parallel coordinates, and a slice for each parameter."""
    whole = ranked(search, results)
    with style():
        plots = [_history(results, whole, metric), _importance(search, whole), _parallel(search, whole, metric)]
        names = list(search.space)[:SLICES]
        return plots + [_slice(name, search.space[name], whole, metric, place) for place, name in enumerate(names)]


def _history(results: Sequence[Result], whole: Sequence[Result], metric: str) -> Plot:
    scored = [one for one in results if one.state == "complete"]
    full = sorted(whole, key=lambda one: one.number)
    with axes(7.6, 3.4) as (drawn, finished):
        numbers, scores = [one.number for one in scored], [one.score for one in scored]
        drawn.scatter(numbers, scores, s=16, color=COLOURS[0], alpha=0.6, linewidths=0)
        tops = np.maximum.accumulate([one.score for one in full])
        drawn.step([one.number for one in full], tops, where="post", color=COLOURS[1])
        drawn.set(xlabel="Trial", ylabel=metric)
        alt = f"{metric} of {len(scored)} trials, and the best so far: {whole[0].score:.4f} in the end."
        return finished("history", TITLES["history"], alt)


def _importance(search: Search, whole: Sequence[Result]) -> Plot:
    name, title = "weights", TITLES["weights"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Optuna's, about its experimental features
            shares = optuna.importance.get_param_importances(
                study(search, whole), evaluator=PedAnovaImportanceEvaluator()
            )
    except (ValueError, RuntimeError, ZeroDivisionError) as error:
        return Plot(name, title, f"Left out: {first_line(error)}.")
    if not shares:
        return Plot(name, title, "Left out: no parameter is in every trial.")
    names = distinct(shares)
    with axes(height=1.2 + 0.3 * len(names)) as (drawn, finished):
        drawn.barh(range(len(names)), list(shares.values()), height=0.6, color=COLOURS[0])
        drawn.set_yticks(range(len(names)), names)
        drawn.invert_yaxis()
        label = "Share of what the best trials have in common\n(PED-ANOVA)"
        drawn.figure.supxlabel(label, fontsize="medium")  # below the names too, since it is wider than the axes
        top = ", ".join(f"{one} {share:.2f}" for one, share in zip(names, shares.values(), strict=True))
        return finished(name, title, f"Importance of the parameters: {top}.")


def _places(parameter: Parameter, values: Sequence[JsonValue]) -> Floats:
    """Return where values are on an axis: choices at 0, 1, 2 and so on."""
    if parameter.choices is not None:
        return np.array([parameter.position(value) for value in values], dtype=float)
    return np.array(values, dtype=float)


def _parallel(search: Search, whole: Sequence[Result], metric: str) -> Plot:
    if len(search.space) < 2:
        return Plot("parallel", TITLES["parallel"], "Left out: there is one parameter.")
    top = whole[:LINES]
    scores = np.array([one.score for one in top])
    spread = np.ptp(scores) or 1.0
    names = list(search.space)[:SLICES]
    with axes(8.6, 4.2) as (drawn, finished):
        columns = []
        for name in names:
            parameter = search.space[name]
            given = [one.params[name] for one in top if name in one.params]
            places = _places(parameter, given)
            ends = [0.0, len(parameter.choices) - 1.0] if parameter.choices else [parameter.low, parameter.high]
            if parameter.log:
                places, ends = np.log(places), np.log(np.array(ends, dtype=float)).tolist()
            heights = iter((places - float(ends[0] or 0)) / ((float(ends[1] or 0) - float(ends[0] or 0)) or 1.0))
            columns.append([next(heights) if name in one.params else np.nan for one in top])
        lines = np.column_stack([*columns, (scores - scores.min()) / spread])
        for line, score in reversed(list(zip(lines, scores, strict=True))):
            shade = SHADES(0.15 + 0.85 * float((score - scores.min()) / spread))
            drawn.plot(range(len(names) + 1), line, color=shade, linewidth=1, marker="o", markersize=2)
        drawn.plot(range(len(names) + 1), lines[0], color=COLOURS[1], linewidth=2)
        drawn.set_xticks(range(len(names) + 1), [*distinct(names, 14), short(metric, 14)], rotation=30, ha="right")
        drawn.set_yticks([0, 1], ["low", "high"])
        alt = f"The {len(top)} best trials as lines over the parameters; the best one is marked."
        return finished("parallel", TITLES["parallel"], alt)


def _slice(name: str, parameter: Parameter, whole: Sequence[Result], metric: str, place: int) -> Plot:
    title, key = f"{short(name)} and {short(metric)}", f"slice-{place}"
    having = [one for one in whole if name in one.params]
    if not having:
        return Plot(key, title, "Left out: no finished trial has this parameter.")
    with axes() as (drawn, finished):
        values = _places(parameter, [one.params[name] for one in having])
        scores = [one.score for one in having]
        colours = [one.number for one in having]
        drawn.scatter(values, scores, s=18, c=colours, cmap=SHADES, edgecolors=INK, linewidths=0.3)
        if parameter.choices is not None:
            names = distinct([shown(one) for one in parameter.choices], 14)
            drawn.set_xticks(range(len(names)), names)
            if len(names) > 3 or sum(map(len, names)) > LETTERS:
                for text in drawn.get_xticklabels():
                    text.set(rotation=30, ha="right", rotation_mode="anchor")
        elif parameter.log:
            drawn.set_xscale("log")
        drawn.set(xlabel=short(name), ylabel=metric)
        return finished(key, title, f"{metric} of {len(having)} trials by {short(name)}; later trials are darker.")
