"""Kinds: the formats of tables, a module each; a new one is a file here, and a name below."""

from modelmake.tables.kinds import delimited, feather, jsonl, parquet, xlsx

KINDS = {kind.name: kind for kind in (parquet.KIND, feather.KIND, xlsx.KIND, jsonl.KIND, delimited.KIND)}
