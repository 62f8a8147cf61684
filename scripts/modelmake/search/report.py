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


def page(config: Config, search: Search, found: Tuned, results: Sequence[Result]) -> str:
    """Return the page: the best trials, the failed ones with their reasons, and the plots."""
    top = ranked(search, results)[:LISTED]
    failed = [one for one in results if one.state == "failed"]
    facts = {
        "title": config.registry.name,
        "found": found,
        "method": search.method,
        "names": list(search.space),
        "rows": [(one, {name: shown(value) for name, value in one.params.items()}) for one in top],
        "best": {name: shown(value) for name, value in found.params.items()},
        "failed": failed[:REASONS],
        "counts": {"failed": len(failed), "stopped": sum(one.state == "stopped" for one in results)},
        "plots": draw(search, results, found.metric),
    }
    return pages.render("report.html", facts, autoescape=True, folder=Path(__file__).parent)
