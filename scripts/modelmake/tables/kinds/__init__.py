"""Kinds: the formats of tables, a module each; a new one is a file here, and its name in `config.data.Format`."""

from importlib import import_module
from typing import get_args

from modelmake.config.data import Format
from modelmake.tables.kinds.kind import Kind

KINDS: dict[str, Kind] = {name: import_module(f"{__name__}.{name}").KIND for name in get_args(Format)}
