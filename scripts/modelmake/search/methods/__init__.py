"""Methods of search, a module each; a new one is a file here, a name below, and one in `search.method`."""

from modelmake.search.methods import grid, halving, random, tpe

METHODS = {method.name: method for method in (tpe.METHOD, random.METHOD, grid.METHOD, halving.METHOD)}
