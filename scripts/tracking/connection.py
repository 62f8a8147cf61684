"""The way to the tracking server: which proxy is in it, and what went wrong there, as one line."""

import ipaddress
import re
from urllib.parse import urlsplit

from requests.exceptions import RequestException
from requests.utils import get_environ_proxies, select_proxy

from scripts.core.errors import TrackingError
from scripts.tracking.address import hidden, said, tracking_uri, uri


def local(address: str) -> bool:
    """Whether the address is one of this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def proxy(address: str) -> str:
    """Return the proxy that requests to `address` go through, with its credentials, or "" for none."""
    return select_proxy(address, get_environ_proxies(address)) or ""


def detour(address: str, through: str) -> tuple[str, str]:
    """Return how an error names the proxy `through`, and how its fix avoids it; both are "" where there is none."""
    if not through:
        return "", ""
    return f", through the proxy {hidden(through)}", f"; NO_PROXY={urlsplit(address).hostname} goes around the proxy"


def unauthorized(address: str, through: str) -> TrackingError:
    """Return the error for a proxy that asks for a login."""
    _, around = detour(address, through)
    what = f"no answer: the proxy {hidden(through)} answers HTTP 407, it asks for a user and a password"
    return TrackingError(uri(), what, f"HTTP_PROXY and HTTPS_PROXY take them: http://user:password@…{around}")


def failure(asked: str, error: Exception) -> TrackingError:
    """Return as one line what became of a request.

    Parameters
    ----------
    asked : str
        What was asked of the server, such as "list experiments".
    error : Exception
        MLflow's, or one of requests or the system. MLflow reports a dead server as a bare exception text, so the text
        has to be read.

    """
    text, address = str(error), tracking_uri()
    by = proxy(address)
    through, around = detour(address, by)
    if by and re.search("error code 407|Tunnel connection failed: 407|407 Client Error", text):
        return unauthorized(address, by)
    if found := re.search(r"too many (5\d\d) error responses", text):
        what = f"answered HTTP {found[1]} again and again{through}, asked to {asked}"
        return TrackingError(uri(), what, f"make logs says why; is there room on its disk?{around}")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        fix = f"MLFLOW_TRACKING_SERVER_CERT_PATH names the file with it, or with its CA{around}"
        return TrackingError(uri(), f"shows a certificate that is not known here{through}", fix)
    if found := re.search(r"Tunnel connection failed: (\d{3})", text):
        through += f", which answers HTTP {found[1]}"
    if "Connection refused" in text or "Max retries exceeded" in text or "timed out" in text:
        reason = "no answer: connection refused" if "refused" in text else "no answer"
        fix = f"is it up? `make up` starts one here; MLFLOW_TRACKING_URI names another{around}"
        return TrackingError(uri(), f"{reason}{through}, asked to {asked}", fix)
    fix = "make logs"
    if re.search(r"error code 40[13]", text):
        fix = "check MLFLOW_TRACKING_USERNAME and its PASSWORD or TOKEN"
    # What MLflow itself answers, by its own codes, has come through every proxy; and a full disk knows of none.
    if not isinstance(error, RequestException) and not re.search("failed with|valid JSON|Response: ", text):
        through = around = ""
    verb = "failed" if isinstance(error, OSError) else "refused"
    return TrackingError(uri(), f"{verb} to {asked}{through}: {said(error)}", f"{fix}{around}")
