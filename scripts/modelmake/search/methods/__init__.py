"""Methods of search, a module each; a new one is a file here, a name below, and one in `search.method`."""

from modelmake.config.search import Search
from modelmake.search.methods import grid, halving, random, tpe
from modelmake.search.methods.method import Method

METHODS = {method.name: method for method in (tpe.METHOD, random.METHOD, grid.METHOD, halving.METHOD)}


def of(search: Search) -> Method:
    """Return the method of a search."""
    return METHODS[search.method]
