"""Up: wait until the tracking server at MLFLOW_TRACKING_URI answers."""

import time
import urllib.error
import urllib.request

from modelmake.core import settings
from modelmake.core.errors import TrackingError
from modelmake.core.progress import Progress
from modelmake.tracking.address import hidden, message, tracking_uri, uri
from modelmake.tracking.claims import Unanswered, tls
from modelmake.tracking.connection import detour, local, proxy, unauthorized

PATIENCE = 60  # seconds; a server needs about ten to start


def refusal(address: str, through: str) -> str:
    """Return why no server answers at `address`, or "" if one does, even with a request for a password.

    Parameters
    ----------
    address : str
        The server's address, http:// or https://. Its credentials are not sent.
    through : str
        The proxy for the request, "" for none.

    Raises
    ------
    TrackingError
        The server refuses clients, as MLflow does for a host name that is not allowed, or the proxy needs a login.

    """
    named, around = detour(address, through)
    try:
        proxies = urllib.request.ProxyHandler({"http": through, "https": through} if through else {})
        ask = urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=tls()))
        ask.open(f"{hidden(address)}/version", timeout=10).close()
    except urllib.error.HTTPError as error:
        if through and error.code == 407:
            raise unauthorized(address, through) from None
        if error.code == 403:
            what = f"the server refuses clients: HTTP 403 {error.reason}{named}"
            raise TrackingError(uri(), what, f"check its --allowed-hosts{around}") from None
        return f"HTTP {error.code} {error.reason}" if error.code >= 500 else ""
    except (OSError, ValueError, Unanswered) as error:
        if "Tunnel connection failed: 407" in str(error):
            raise unauthorized(address, through) from None
        return message(error)
    return ""


def main() -> None:
    """Wait for the server; after two seconds, print a note."""
    address = tracking_uri()
    if not address.startswith("http"):
        store = uri() if settings.server().uri else "the embedded store"
        print(f"nothing to start: {store} is not a server")
        return
    through = "" if local(address) else proxy(address)
    named, around = detour(address, through)
    started = time.monotonic()
    with Progress(f"waiting for {uri()}{named}") as waiting:
        while reason := refusal(address, through):
            if time.monotonic() - started > PATIENCE:
                what = f"no answer in {PATIENCE} s{named}: {reason}"
                raise TrackingError(uri(), what, f"check that it runs, and the address{around}")
            waiting.what = f"waiting for {uri()}{named} ({reason})"
            time.sleep(0.25)
    print(uri())
