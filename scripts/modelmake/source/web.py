"""Web: a file from an https:// or http:// address, with a few tries."""

import re
import time
from pathlib import Path

import certifi
import requests

from modelmake.core import settings
from modelmake.core.errors import UserError
from modelmake.core.settings import IMAGE
from modelmake.source.address import Source
from modelmake.source.transfer import BLOCK, Remote, write
from modelmake.tracking.connection import detour, local, proxy

CONNECT, READ = 10, 60  # seconds without an answer
WAITS = (0.5, 2, 5)  # seconds before another try
PATIENCE = 120  # seconds after which there is no other try
AGAIN = (408, 425, 429, 500, 502, 503, 504)  # answers of a server that may soon answer otherwise
FINAL = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted", "set SSL_CERT_FILE to a file with its CA"),
    ("invalid path|Could not find a suitable TLS CA", "no file at SSL_CERT_FILE", "name a file with certificates"),
    ("SSLError", "no TLS connection", "check the scheme and the port"),
    ("InvalidURL|InvalidSchema|InvalidProxyURL", "not a usable address", "such as https://example.com/table.csv"),
    ("TooManyRedirects", "redirects in a circle", "check the address"),
)
PASSING = (  # the last word: whether nothing answered
    ("ChunkedEncoding|Read timed out|IncompleteRead", "the connection broke before the end of the file", False),
    ("NameResolution|getaddrinfo", "the name of the host is unknown", False),
    ("refused", "no answer: connection refused", True),
    ("Timeout", f"no answer within {CONNECT} s", True),
    ("", "no answer: the connection failed", True),
)


class Unfinished(Exception):
    """A try that may be repeated: why, and whether nothing answered."""

    def __init__(self, what: str, *, silent: bool = False) -> None:
        """Keep whether nothing answered."""
        super().__init__(what)
        self.silent = silent


def download(source: Source, path: Path) -> Remote:
    """Write the file at a web address to `path`; try again while that makes sense.

    Raises
    ------
    UserError
        The server does not answer, refuses, or has no such file.

    """
    started = time.monotonic()
    for wait in (*WAITS, None):
        try:
            return _try(source, path)
        except Unfinished as error:
            if wait is None or time.monotonic() - started + wait > PATIENCE:
                raise UserError(source.shown, str(error), _remedy(source, silent=error.silent)) from None
            time.sleep(wait)
    raise AssertionError("the last try ends the loop")


def _try(source: Source, path: Path) -> Remote:
    try:
        with requests.Session() as session:
            bundle = settings.variable("SSL_CERT_FILE") or certifi.where()  # requests reads other variables
            session.headers["Accept-Encoding"] = "identity"  # a .gz stays what it is
            with session.get(source.address, stream=True, timeout=(CONNECT, READ), verify=bundle) as answer:
                _check(answer, source)
                size = int(answer.headers.get("Content-Length") or 0)
                write(answer.iter_content(BLOCK), path, size)
                return Remote(answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""))
    except OSError as error:  # as those of requests are too
        raise _failure(error, source) from None


def _check(answer: requests.Response, source: Source) -> None:
    """Raise for an answer that is not the file."""
    status = answer.status_code
    if status in AGAIN:
        raise Unfinished(f"answers HTTP {status} again and again")
    if status in (401, 403):
        raise UserError(source.shown, f"answers HTTP {status}: access refused", "check the address and its credentials")
    if status in (404, 410):
        raise UserError(source.shown, f"answers HTTP {status}: there is no such file", "check the address")
    if status == 407:
        raise _login(source)
    if status >= 400 or status == 204:
        raise UserError(source.shown, f"answers HTTP {status}", "check the address")


def _failure(error: OSError, source: Source) -> Exception:
    """Return the error for a request that failed: Unfinished where another try may succeed."""
    text = f"{type(error).__name__} {error}"
    through, around = detour(source.address, proxy(source.address))
    if "407 " in text:
        return _login(source)
    for pattern, what, fix in FINAL:
        if re.search(pattern, text):
            return UserError(source.shown, what + through, fix + around)
    what, silent = next((what, silent) for pattern, what, silent in PASSING if re.search(pattern, text))
    return Unfinished(what + through, silent=silent)


def _remedy(source: Source, *, silent: bool) -> str:
    """Return what to do where no try has succeeded."""
    if silent and local(source.address) and IMAGE.exists():
        return "a container does not reach this machine's servers: make fetch RUNNER=host"
    _, around = detour(source.address, proxy(source.address))
    return f"try again later, or check the address{around}"


def _login(source: Source) -> UserError:
    through, around = detour(source.address, proxy(source.address))
    fix = f"put them into HTTPS_PROXY: http://user:password@…{around}"
    return UserError(source.shown, f"no answer{through}, which requires a user and a password", fix)
