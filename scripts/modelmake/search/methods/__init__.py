"""Methods of search, a module each; a new one is a file here, and its name in `search.method`."""

from importlib import import_module
from typing import get_args

from modelmake.config import search as configuration
from modelmake.config.search import Search
from modelmake.search.methods.method import Method

METHODS: dict[str, Method] = {
    name: import_module(f"{__name__}.{name}").METHOD for name in get_args(configuration.Method)
}


def of(search: Search) -> Method:
    """Return the method of a search."""
    return METHODS[search.method]
