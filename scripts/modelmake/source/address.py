"""Address: what that data.source names, its form without secrets, and what its errors may say."""

import re
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from modelmake.config.data import Data
from modelmake.config.position import entry
from modelmake.core import settings
from modelmake.core.errors import UserError, first_line, suggestion

VARIABLE = "DATABASE_URL"  # docker/environment.sh lists it
SECRETS = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CONNECTION_STRING"),
)
ENVIRONMENT = "env:"
DATABASES = ("postgresql", "postgres", "sqlite", "mysql", "mariadb", "mssql", "oracle", "snowflake", "duckdb")
EXAMPLES = "such as https://example.com/table.csv, s3://bucket/table.parquet or env:DATABASE_URL"
SHORT = 4  # characters; a shorter secret may be part of any word


@dataclass(frozen=True)
class Source:
    """Where a table comes from.

    Parameters
    ----------
    address : str
        With its secrets, so it is never printed.
    shown : str
        The address without credentials and without the values of its query.
    query : str
        The SELECT statement for a database, "" for a file.

    """

    address: str = field(repr=False)
    shown: str
    query: str = ""

    @property
    def scheme(self) -> str:
        """The scheme of the address, in lower case."""
        return re.split("::|://", self.address)[0].lower()

    @property
    def name(self) -> str:
        """The name of the file, whose suffix may say its format."""
        return re.sub(r"[^\w.=-]", "_", unquote(PurePosixPath(urlsplit(self.address).path).name)) or "table"

    def message(self, error: BaseException) -> str:
        """Return the text of an exception as one line, without the secrets of the address and of the environment."""
        text = str(error)
        for secret in sorted(_secrets(self.address), key=len, reverse=True):
            text = text.replace(secret, "…")
        return first_line(Exception(text or type(error).__name__))


def source(config: Data) -> Source:
    """Return the source of the table.

    Raises
    ------
    UserError
        It is not an address, its variable is not set, or a query is missing or has no use.

    """
    where, given = entry("data.source"), (config.source or "").strip()
    if given.startswith(ENVIRONMENT):
        return _database(given, config.query, where)
    scheme = re.split("::|://", given)[0].lower() if "://" in given else ""
    if scheme.partition("+")[0] in DATABASES:
        what = f"the address of a {scheme.partition('+')[0]} database may contain a password"
        raise UserError(where, what, f'set {VARIABLE} in the environment, and source = "{ENVIRONMENT}{VARIABLE}"')
    if not scheme:
        shown = given if re.fullmatch(r"[\w./ -]{1,80}", given) else "the value"
        raise UserError(where, f"'{shown}' is not an address", f"{EXAMPLES}; a file of this machine is a path")
    if config.query is not None:
        raise UserError(entry("data.query"), "only a database answers a query", "remove it")
    try:
        _ = urlsplit(given).port  # which is read only when it is asked for
    except ValueError:
        raise UserError(where, f"{scheme}://… is not a usable address", EXAMPLES) from None
    return Source(given, hidden(given))


def hidden(address: str) -> str:
    """Return an address without its credentials, and with … for each value of its query.

    Examples
    --------
    >>> hidden("https://user:secret@example.com/table.csv?format=csv&sig=c2VjcmV0")
    'https://example.com/table.csv?format=…&sig=…'

    """
    start, mark, query = address.partition("#")[0].partition("?")
    start = re.sub(r"(://)[^/]*@", r"\1", start)
    names = [name if equals else "…" for name, equals, _ in (part.partition("=") for part in query.split("&"))]
    return start + mark + "&".join(name if name == "…" else f"{name}=…" for name in names if mark)


def _database(given: str, query: str | None, where: str) -> Source:
    name = given.removeprefix(ENVIRONMENT)
    if name != VARIABLE:
        fix = f'source = "{ENVIRONMENT}{VARIABLE}" reads {VARIABLE}'
        raise UserError(where, f"'{name:.40}' is not a variable that modelmake reads", fix)
    if not (query or "").strip():
        raise UserError(entry("data.query"), "missing", 'add the statement: query = "select * from …"')
    address = settings.variable(name)
    if not address:
        raise UserError(name, "not set in the environment", f"export {name}=postgresql://user:password@host/database")
    scheme = address.partition("://")[0].partition("+")[0].lower()
    if "://" not in address or scheme not in DATABASES:
        fix = (
            "such as postgresql://user:password@host/database"
            if "://" not in address
            else suggestion(scheme, DATABASES)
        )
        raise UserError(name, "not the address of a database", fix)
    return Source(address, given, (query or "").strip().rstrip(";"))


def _secrets(address: str) -> set[str]:
    """Return what no message may contain, in each spelling that a library may give it."""
    start, _, query = address.partition("?")
    match = re.match(r"[^:]+(?:::[^:]+)*://(.*)@", start)
    credentials = match[1] if match else ""
    secrets = {address, credentials, credentials.partition(":")[2]}
    secrets |= {part.partition("=")[2] or part for part in query.split("&")}
    secrets |= {settings.variable(name) for name in SECRETS}
    secrets |= {spelling for secret in secrets for spelling in (unquote(secret), quote(secret, safe=""))}
    return {spelling for secret in secrets for spelling in (secret, repr(secret)[1:-1]) if len(spelling) >= SHORT}
