"""The connection to the tracking server: its proxy, and a failed request as an error of one line."""

import ipaddress
import re
from urllib.parse import urlsplit

from requests.exceptions import RequestException
from requests.utils import get_environ_proxies, select_proxy

from modelmake.core import settings
from modelmake.core.errors import TrackingError
from modelmake.tracking.address import hidden, message, tracking_uri, uri


def local(address: str) -> bool:
    """Whether the address is on this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def proxy(address: str) -> str:
    """Return the proxy that requests to `address` go through, with its credentials, or "" for none."""
    return str(select_proxy(address, get_environ_proxies(address)) or "")


def detour(address: str, through: str) -> tuple[str, str]:
    """Return how an error names the proxy `through`, and how its fix bypasses it; both are "" without a proxy."""
    if not through:
        return "", ""
    return f", through the proxy {hidden(through)}", f"; NO_PROXY={urlsplit(address).hostname} bypasses the proxy"


def unauthorized(address: str, through: str) -> TrackingError:
    """Return the error for a proxy that requires a login."""
    _, around = detour(address, through)
    what = f"no answer: the proxy {hidden(through)} answers HTTP 407: it requires a user and a password"
    return TrackingError(uri(), what, f"put them into HTTP_PROXY and HTTPS_PROXY: http://user:password@…{around}")


def failure(action: str, error: Exception) -> TrackingError:
    """Return the error for a request that failed.

    Parameters
    ----------
    action : str
        What the server was asked to do, such as "list experiments".
    error : Exception
        An exception of MLflow, of requests or of the system. MLflow reports a dead server only in the exception's text,
        so this function reads the text.

    """
    text, address = str(error), tracking_uri()
    by = proxy(address)
    through, around = detour(address, by)
    if by and re.search("error code 407|Tunnel connection failed: 407|407 Client Error", text):
        return unauthorized(address, by)
    if match := re.search(r"too many (5\d\d) error responses|413 Client Error|error code 413", text):
        what = f"answered HTTP {match[1]} repeatedly" if match[1] else "refuses an upload as too large (HTTP 413)"
        fix = "make logs shows why; check the free space on the server's disk"
        if not match[1]:
            fix = "raise the limit of the proxy before the server (nginx: client_max_body_size)"
        return TrackingError(uri(), f"{what}{through}, asked to {action}", f"{fix}{around}")
    if "CERTIFICATE_VERIFY_FAILED" in text:
        fix = f"set MLFLOW_TRACKING_SERVER_CERT_PATH to the file with the certificate or with its CA{around}"
        return TrackingError(uri(), f"its certificate is not trusted{through}", fix)
    if match := re.search(r"Tunnel connection failed: (\d{3})", text):
        through += f", which answers HTTP {match[1]}"
    if "Connection refused" in text or "Max retries exceeded" in text or "timed out" in text:
        reason = "no answer: connection refused" if "refused" in text else "no answer"
        fix = f"check that it runs: `make up` starts a server here, MLFLOW_TRACKING_URI names another server{around}"
        return TrackingError(uri(), f"{reason}{through}, asked to {action}", fix)
    if by and re.search("InvalidProxyURL|Invalid url|Invalid URL|SOCKS|proxy URL", f"{type(error).__name__} {text}"):
        return TrackingError(
            uri(), f"not asked: the proxy {hidden(by)} is not a usable address", f"http://proxy:3128{around}"
        )
    fix = "check MLFLOW_WORKSPACE" if settings.workspace() and "orkspace" in text else "make logs"
    if re.search(r"error code 40[13]", text):
        fix = "check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    # An answer with one of MLflow's own codes passed every proxy, and a full disk has no proxy.
    if not isinstance(error, RequestException) and not re.search("failed with|valid JSON|Response: ", text):
        through = around = ""
    verb = "failed" if isinstance(error, OSError) else "refused"
    return TrackingError(uri(), f"{verb} to {action}{through}: {message(error)}", f"{fix}{around}")
