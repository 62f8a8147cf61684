"""The address of the tracking server, and its form without the password, for messages."""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlencode, urlsplit
from urllib.request import getproxies

from modelmake.core import job, settings
from modelmake.core.errors import UserError, first_line, suggestion

VARIABLE = "MLFLOW_TRACKING_URI"
STORE = Path(".mlflow")  # the embedded store, where no server is named
EMBEDDED = f"sqlite:///{STORE}/mlflow.db"
REPLAY = "the replay's own MLflow server"
EXAMPLES = "such as http://localhost:5000, https://mlflow.example.com or sqlite:///runs.db"
ENCODED = "in a password write %40 for @, %2F for /, %3F for ?, %23 for #; MLFLOW_TRACKING_PASSWORD takes it unencoded"
DATABRICKS = ("databricks", "databricks-uc", "uc")
DATABASES = ("postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle")
SHORT = 4  # characters; a shorter password may be part of any word, so it is hidden only in the address

SCHEME = r"[A-Za-z][A-Za-z0-9+.-]*"
NAME = r"[\w-]{1,63}(?:\.[\w-]{1,63})*\.?"  # of a host
PORT = r"(?::\d{1,5})"
HOST = re.compile(rf"(localhost{PORT}?|\[[0-9A-Fa-f:.]+\]{PORT}?|{NAME}{PORT}|[\w-]+(\.[\w-]+)+)(/[\w./-]*)?")
FOLDER = re.compile(r"[./~][^:@]*|[^:@]+/[^:@]*|[A-Za-z]:\\.*", re.S)


def tracking_uri() -> str:
    """Return the address for requests. It may contain a password: print `uri` instead.

    Raises
    ------
    UserError
        MLFLOW_TRACKING_URI is not an http://, https:// or sqlite:/// address, or another variable selects a place that
        modelmake does not use (docker/environment.sh).

    """
    if refused := settings.variable("MODELMAKE_REFUSED").split():
        fix = f"unset it; {VARIABLE}, MLFLOW_WORKSPACE and the keys of pipeline.toml select it"
        raise UserError(refused[0], "selects a place that modelmake does not use", fix)
    given = settings.server().uri
    if not given:
        return _without_workspaces(EMBEDDED)
    scheme, separator, rest = given.partition("://")
    scheme = scheme.lower()
    if separator and scheme in ("http", "https"):
        address = f"{scheme}://{rest.rstrip('/')}"
        _check(address)
        return address
    if separator and scheme == "sqlite" and rest.startswith("/") and rest not in ("/", "/:memory:"):
        return _without_workspaces(f"sqlite://{rest}")
    raise _unsupported(given)


def uri() -> str:
    """Return the address that the user can open, without credentials, and the workspace there."""
    workspace = settings.workspace()
    return _shown() + (f" (workspace {workspace})" if workspace else "")


def _shown() -> str:
    address = tracking_uri()
    if outside := settings.container().ui:  # in a container the server has another name
        return hidden(outside).rstrip("/")
    if settings.in_act() and urlsplit(address).hostname == "mlflow":
        return REPLAY
    return hidden(address)


def page(path: str) -> str:
    """Return the address of `path` in MLflow's pages, with the store's address where no server runs.

    Without `workflowType` MLflow opens its GenAI mode, whose overview shows no data of such a run.
    """
    shown, workspace = _shown(), settings.workspace()
    if shown == REPLAY:
        return f"{path} (on {REPLAY})"
    if job.owns(shown):
        return f"{path} (on the job's own MLflow server, which is kept as the artifact {job.artifact()})"
    served = STORE / "server.url"  # docker/server/embedded.sh writes it while it serves the embedded store
    if shown == EMBEDDED and served.exists():
        shown = served.read_text(encoding="utf-8").strip()
    if not shown.startswith("http"):
        return f"{shown} (make up shows it)"
    query = {"workflowType": "machine_learning", **({"workspace": workspace} if workspace else {})}
    return f"{shown}/#/{path}?{urlencode(query, quote_via=quote)}"


def hidden(address: str) -> str:
    """Return an address without its possible secrets: all before its last @, its query and its fragment.

    An @ after a ? or # may belong to a query or to a password, so only the scheme remains.
    """
    scheme, rest = _groups(rf"({SCHEME}://)?(.*)", address.strip())
    if scheme.lower() == "sqlite://":  # a file's name may contain an @
        return scheme + rest.partition("?")[0]
    credentials, _, host = rest.rpartition("@")
    return scheme + ("…" if re.search("[?#]", credentials) else re.split("[?#]", host)[0])


def scrubbed(text: str) -> str:
    """Return a text from another program without our credentials, and with the address that the user can open."""
    for secret, shown in sorted(_secrets(), key=lambda pair: -len(pair[0])):
        text = text.replace(secret, shown)
    text = re.sub(r"//[^\s/]*@", "//", text)
    return text.replace(hidden(tracking_uri()), _shown())


def message(error: BaseException) -> str:
    """Return the text of an exception as one line, without credentials, which are removed before the text is cut."""
    return first_line(Exception(scrubbed(str(error)) or type(error).__name__))


def _check(address: str) -> None:
    """Raise UserError unless an http:// or https:// address has a host, and nothing after its path."""
    scheme, authority, rest = _groups(r"(https?://)([^/\\?#]*)(.*)", address)
    host, port = _groups(r"(\[.*\]|[^:]*)(.*)", authority.rpartition("@")[2])
    if re.search(r"[\s\x00-\x1f\x7f]", address):
        raise _mistake(hidden(address), "white space", "remove it; in a password write %20")
    if "@" in rest:
        raise _mistake(hidden(address), r"an @ after its first /, \, ? or #", ENCODED)
    if re.search("[?#]", rest):
        raise _mistake(hidden(address), "a query or a fragment", "remove everything from the ? or # on")
    if not re.fullmatch(NAME, host) and not _ip6(
        host
    ):  # the host and the port may be a password, so the message leaves them out
        raise _mistake(f"{scheme}…", "no host name", EXAMPLES)
    if not re.fullmatch(r"(:[0-9]{0,5})?", port) or int(port[1:] or 0) > 65535:
        raise _mistake(f"{scheme}{host}", "a port that is not a number up to 65535", EXAMPLES)
    try:
        urlsplit(address)
    except ValueError:
        raise _mistake(hidden(address), "a bracket or a letter that a password cannot contain", ENCODED) from None


def _without_workspaces(address: str) -> str:
    """Return the address of an SQLite file, unless a workspace is selected, which it cannot have."""
    if settings.workspace() not in ("", "default"):
        what = "an SQLite file has no workspaces"
        raise UserError(f"MLFLOW_WORKSPACE={settings.workspace()}", what, "unset it, or name a server that has them")
    return address


def _unsupported(given: str) -> UserError:
    """Return the error for an address that is neither a server's nor SQLite's, with the probable correction."""
    shown, kind = _printable(hidden(given)), given.partition(":")[0].lower()
    scheme = kind if re.match(f"{SCHEME}://", given) else ""
    what, fix = "this is not an address", EXAMPLES  # the text may be a password, so the message leaves it out
    if scheme.partition("+")[0] in DATABASES:
        what = f"{scheme}:// is the address of a database, not of a tracking server"
        fix = "name the MLflow server in front of it: http://… or https://…"
    elif given.lower() in DATABRICKS or scheme in DATABRICKS:
        what, fix = "Databricks is not supported", f"name an MLflow server or an SQLite file, {EXAMPLES}"
    elif kind == "sqlite":
        what, fix = "the address does not name an SQLite file", "such as sqlite:///runs.db or sqlite:////tmp/runs.db"
    elif kind == "file" or (FOLDER.fullmatch(given) and not HOST.fullmatch(given)):
        folder = Path(re.sub("^file:(//)?", "", shown, flags=re.I)).expanduser()
        what = f"'{shown}' is a folder; MLflow keeps runs on a server or in an SQLite file"
        fix = f"did you mean sqlite:///{folder}/mlflow.db?"
    elif kind in ("http", "https"):
        rest = hidden(re.sub(":/?", "", given[len(kind) :], count=1)).rstrip("/")
        what = f"the address has no // after {kind}:"
        fix = f"did you mean {kind}://{rest}?" if HOST.fullmatch(rest) else EXAMPLES
    elif HOST.fullmatch(shown) or ("@" in given and not scheme and re.fullmatch(NAME, shown)):
        what, fix = f"'{shown}' has no scheme", f"did you mean http://{shown.rstrip('/')}?"
    elif scheme:
        what, fix = f"{scheme:.20}:// is not supported", suggestion(scheme, ("http", "https", "sqlite"))
    return UserError(VARIABLE, what, fix)


def _mistake(shown: str, has: str, fix: str) -> UserError:
    return UserError(VARIABLE, f"'{_printable(shown)}' has {has}", fix)


def _ip6(host: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]"))) and host.startswith("[")
    except ValueError:
        return False


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _groups(pattern: str, text: str) -> tuple[str, ...]:
    """Return the groups of a pattern that matches every text, "" for a group without a match."""
    match = re.fullmatch(pattern, text, re.S)
    if match is None:
        raise ValueError(f"'{pattern}' does not match")
    return match.groups(default="")


def _secrets() -> Iterator[tuple[str, str]]:
    """Yield each secret, in each of its spellings, and the text that replaces it."""
    proxies = [value for name, value in getproxies().items() if name != "no"]
    passwords = [settings.server().password, settings.server().token]
    for address in [settings.server().uri, *proxies]:
        credentials = re.sub(f"^{SCHEME}://", "", address).rpartition("@")[0]
        if credentials:
            yield from ((spelling, hidden(address)) for spelling in _spellings(address))
            yield from ((f"{spelling}@", "") for spelling in _spellings(credentials))
            passwords += [credentials, credentials.partition(":")[2]]  # a token may have no user
    for password in passwords:
        yield from ((spelling, "…") for spelling in _spellings(password) if len(spelling) >= SHORT)


def _spellings(secret: str) -> set[str]:
    """Return a text unchanged, with the %-codes of quote and of requests, without them, and as `repr` shows it."""
    from requests.utils import requote_uri  # noqa: PLC0415  # 7 MB that a scoring server needs for no request

    spellings = {secret, unquote(secret), quote(secret, safe=""), quote(unquote(secret), safe=""), requote_uri(secret)}
    return (spellings | {repr(spelling)[1:-1] for spelling in spellings}) - {""}
