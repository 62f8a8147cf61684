"""SQL: the rows of a query, in chunks of bounded memory."""

import json
import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from modelmake.config.position import entry
from modelmake.core.errors import UserError
from modelmake.source.address import VARIABLE, Source

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, Engine

CHUNK = 50_000  # rows
SECONDS = 10  # without a connection
# SQLAlchemy's default driver for PostgreSQL is another package.
DRIVERS = {"postgresql": "postgresql+psycopg2", "postgres": "postgresql+psycopg2"}
PACKAGES = {"MySQLdb": "mysqlclient"}  # whose module has another name
CONVERTED: tuple[tuple[set[type], Callable[[Any], Any]], ...] = (
    ({bool}, bool),
    ({int}, int),
    ({int, float, Decimal}, float),
    ({uuid.UUID}, str),
    ({dict, list}, json.dumps),
    ({memoryview}, bytes),
)
OPTIONS = {"stream_results": True, "yield_per": CHUNK, "no_parameters": True}  # a % in the query is a %


def tables(source: Source) -> Iterator[pa.Table]:
    """Yield the rows of the query, in chunks whose columns may differ in type.

    Raises
    ------
    UserError
        The database does not answer or refuses, or the query fails or returns no table.

    """
    from sqlalchemy import exc  # noqa: PLC0415  # slow, and only `fetch` needs it

    with _connected(source) as connection:
        try:
            result = _read_only(connection).exec_driver_sql(source.query)
            names = _names(result)
            for rows in result.partitions(CHUNK):
                yield _table(names, rows)
        except exc.SQLAlchemyError as error:
            what = f"the database refuses the query: {_reason(error, source)}"
            raise UserError(entry("data.query"), what, "correct the query") from None


def _connected(source: Source) -> "Connection":
    """Return a connection to the database."""
    from sqlalchemy import exc  # noqa: PLC0415  # slow, and only `fetch` needs it

    engine = _engine(source)
    try:
        return engine.connect()
    except exc.SQLAlchemyError as error:
        text = _reason(error, source)
        refused = re.search("password|authentication|Access denied|login", text, re.IGNORECASE)
        fix = "check the user and the password" if refused else "check the host and the port, and that it runs"
        raise UserError(VARIABLE, f"no connection to the database: {text}", fix) from None


def _reason(error: Exception, source: Source) -> str:
    """Return the first line of what the database says; the next ones show where, in a query that SQLAlchemy wraps."""
    text = str(getattr(error, "orig", None) or error).strip()
    return source.message(Exception(text.partition("\n")[0]))


def _read_only(connection: "Connection") -> "Connection":
    """Return a connection that streams rows, and whose queries change nothing."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA query_only = ON")
    readonly = {"postgresql_readonly": True} if connection.dialect.name == "postgresql" else {}
    return connection.execution_options(**OPTIONS, **readonly)


def _names(result: "CursorResult[Any]") -> list[str]:
    """Return the names of the columns, which must differ."""
    if not result.returns_rows:
        raise UserError(entry("data.query"), "returns no rows: it is not a SELECT", "select * from …")
    counts = Counter(result.keys())
    if repeated := [name for name, count in counts.items() if count > 1]:
        what = f"{counts[repeated[0]]} columns have the name '{repeated[0]}'"
        raise UserError(entry("data.query"), what, "name them with AS")
    return list(counts)


def _engine(source: Source) -> "Engine":
    """Return the engine of an address; SQLite itself would create a file that does not exist."""
    import sqlalchemy  # noqa: PLC0415  # slow, and only `fetch` needs it

    scheme, _, rest = source.address.partition("://")
    if rest.partition("?")[0].count("@") > 1:  # else a part of the password would be taken for the host
        raise UserError(VARIABLE, "not an address: it has more than one @", "in a password write %40 for @")
    try:
        url = sqlalchemy.make_url(f"{DRIVERS.get(scheme.lower(), scheme)}://{rest}")
        arguments = {"connect_timeout": SECONDS} if url.get_backend_name() == "postgresql" else {}
        if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
            fix = "sqlite:////folder/file.db has an absolute path; a container has only the files of the checkout"
            raise UserError(VARIABLE, f"no SQLite file '{url.database or ''}'", fix)
        return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, connect_args=arguments)
    except ImportError as error:
        package = PACKAGES.get(error.name or "", error.name or scheme)
        raise UserError(VARIABLE, f"{scheme}:// needs the package {package}", f"make add PKG={package}") from None
    except (sqlalchemy.exc.ArgumentError, ValueError):  # its text may have a part of the password
        what, fix = "not an address that can be read", "in a password write %40 for @, %2F for / and %3A for :"
        raise UserError(VARIABLE, what, fix) from None


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = [_column(name, list(values)) for name, values in zip(names, zip(*rows, strict=True), strict=True)]
    return pa.table(columns, names=names)


def _column(name: str, values: list[Any]) -> pa.Array:
    """Return the values of a column of a chunk in the type that holds them all."""
    types = {type(value) for value in values if value is not None}
    if convert := next((convert for kinds, convert in CONVERTED if types & kinds and types <= kinds), None):
        values = [None if value is None else convert(value) for value in values]
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        what = f"column '{name}' has values of type {', '.join(sorted(kind.__name__ for kind in types))}"
        fix = f"convert it in the query: CAST({name} AS …)"
        raise UserError(entry("data.query"), what, fix) from None
