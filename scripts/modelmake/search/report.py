"""Report: the search as one HTML page."""

from collections.abc import Sequence
from pathlib import Path

from modelmake.config.config import Config
from modelmake.config.search import Search
from modelmake.model.tuning import Tuned, shown
from modelmake.report import page as pages
from modelmake.search.plots import draw
from modelmake.search.trial import Result, ranked

LISTED = 20  # trials of the table, the best ones
REASONS = 10  # failed trials whose reason is shown


def notes(found: Tuned, results: Sequence[Result], given: Result) -> list[str]:
    """Return how the best trial compares with the other ones, and with the parameters of `[model]` on the same folds.

    Examples
    --------
    >>> found = Tuned("key", 0, 2, "r2", 0.5, "run", {"alpha": 1})
    >>> notes(found, [Result(0, {"alpha": 1}, scores=[[0.5]])], Result(0, {}, scores=[[0.375]]))
    ['the best trial is better by 0.125 than the parameters of [model], whose r2 is 0.3750 on the same folds']

    """
    equal = sum(one.state == "complete" and one.score == found.score for one in results)
    first = f"{equal} trials have the best score; the first one is used"
    if given.state == "failed":
        compared = f"the parameters of [model] cannot be compared: {given.reason}"
    else:
        gain = found.score - given.score
        by = f"better by {gain:.3g} than" if gain > 0 else "not better than"
        compared = f"the best trial is {by} the parameters of [model], whose {found.metric} is {given.score:.4f}"
        compared += " on the same folds"
    return [*([first] if equal > 1 else []), compared]


def page(config: Config, search: Search, found: Tuned, results: Sequence[Result], notes: Sequence[str]) -> str:
    """Return the page: the best trials, the failed ones with their reasons, and the plots."""
    top = ranked(search, results)[:LISTED]
    failed = [one for one in results if one.state == "failed"]
    facts = {
        "title": config.registry.name,
        "found": found,
        "method": search.method,
        "notes": [note[0].upper() + note[1:] for note in notes],
        "names": list(search.space),
        "rows": [(one, {name: shown(value) for name, value in one.params.items()}) for one in top],
        "best": {name: shown(value) for name, value in found.params.items()},
        "failed": failed[:REASONS],
        "counts": {"failed": len(failed), "stopped": sum(one.state == "stopped" for one in results)},
        "plots": draw(search, results, found.metric),
    }
    return pages.render("report.html", facts, autoescape=True, folder=Path(__file__).parent)
