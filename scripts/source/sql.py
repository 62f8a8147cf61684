"""SQL: the rows of a query, in chunks of bounded memory."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scripts.core import files
from scripts.core.errors import UserError
from scripts.source.address import VARIABLE, Source

if TYPE_CHECKING:
    from sqlalchemy import Engine

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

    try:
        with _engine(source).connect() as connection:
            options = OPTIONS | ({"postgresql_readonly": True} if connection.dialect.name == "postgresql" else {})
            result = connection.execution_options(**options).exec_driver_sql(source.query)
            if not result.returns_rows:
                raise UserError(files.key("data.query"), "returns no rows: it is not a SELECT", "select * from …")
            names = list(result.keys())
            if repeated := [name for name, count in Counter(names).items() if count > 1]:
                what = f"{Counter(names)[repeated[0]]} columns have the name '{repeated[0]}'"
                raise UserError(files.key("data.query"), what, "name them with AS")
            for rows in result.partitions(CHUNK):
                yield _table(names, rows)
    except exc.SQLAlchemyError as error:
        raise _failure(error, source) from None


def _engine(source: Source) -> "Engine":
    """Return the engine of an address; SQLite itself would create a file that does not exist."""
    import sqlalchemy  # noqa: PLC0415  # slow, and only `fetch` needs it

    scheme, _, rest = source.address.partition("://")
    try:
        url = sqlalchemy.make_url(f"{DRIVERS.get(scheme.lower(), scheme)}://{rest}")
        arguments = {"connect_timeout": SECONDS} if url.get_backend_name() == "postgresql" else {}
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, connect_args=arguments)
    except ImportError as error:
        package = PACKAGES.get(error.name or "", error.name or scheme)
        raise UserError(VARIABLE, f"{scheme}:// needs the package {package}", f"make add PKG={package}") from None
    except (sqlalchemy.exc.ArgumentError, ValueError) as error:
        what = f"not an address: {source.message(error)}"
        raise UserError(VARIABLE, what, "in a password write %40 for @, %2F for / and %3A for :") from None
    return engine


def _failure(error: Exception, source: Source) -> UserError:
    """Return the error for a connection or a query that fails, in the words of the database."""
    text = source.message(getattr(error, "orig", None) or error)
    if "unable to open database file" in text:
        return UserError(VARIABLE, "the SQLite file cannot be opened", "check its path: sqlite:////absolute/path.db")
    if "password authentication failed" in text or "no password supplied" in text or "Access denied" in text:
        return UserError(VARIABLE, f"the database refuses the login: {text}", "check the user and the password")
    if getattr(error, "connection_invalidated", False) or "connection" in text.lower():
        return UserError(VARIABLE, f"no connection: {text}", "check the host, the port and that the database runs")
    return UserError(files.key("data.query"), f"the database refuses the query: {text}", "correct the query")


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
        raise UserError(files.key("data.query"), what, fix) from None
