"""Up: wait until the tracking server that MLFLOW_TRACKING_URI names answers."""

import os
import ssl
import time
import urllib.error
import urllib.request

from scripts.core.errors import TrackingError
from scripts.tracking.address import VARIABLE, hidden, said, tracking_uri, uri
from scripts.tracking.connection import detour, local, proxy, unauthorized

PATIENCE = 60  # seconds; a server that is being started takes about ten


def refusal(address: str, through: str) -> str:
    """Return why nobody answers at `address`, or "" where somebody does, be it with a demand for a password.

    Parameters
    ----------
    address : str
        The server's, http:// or https://. Its credentials are not sent.
    through : str
        The proxy to ask it through, "" for none.

    Raises
    ------
    TrackingError
        The server turns clients away, as MLflow does those who call it by a name that it was not told; or the proxy
        does, which asks for a login.

    """
    named, around = detour(address, through)
    try:
        trusted = ssl.create_default_context(cafile=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None)
        proxies = urllib.request.ProxyHandler({"http": through, "https": through} if through else {})
        ask = urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=trusted))
        ask.open(f"{hidden(address)}/version", timeout=10).close()
    except urllib.error.HTTPError as error:
        if through and error.code == 407:
            raise unauthorized(address, through) from None
        if error.code == 403:
            what = f"turns clients away: HTTP 403 {error.reason}{named}"
            raise TrackingError(uri(), what, f"its --allowed-hosts?{around}") from None
        return f"HTTP {error.code} {error.reason}" if error.code >= 500 else ""
    except (OSError, ValueError) as error:
        if "Tunnel connection failed: 407" in str(error):
            raise unauthorized(address, through) from None
        return said(error)
    return ""


def main() -> None:
    """Wait for the server, and say so after two seconds."""
    address = tracking_uri()
    if not address.startswith("http"):
        store = uri() if os.environ.get(VARIABLE, "").strip() else "the embedded store"
        print(f"nothing to start: {store} is no server")
        return
    through = "" if local(address) else proxy(address)
    named, around = detour(address, through)
    started, told = time.monotonic(), False
    while reason := refusal(address, through):
        waited = time.monotonic() - started
        if waited > PATIENCE:
            what = f"no answer in {PATIENCE} s{named}: {reason}"
            raise TrackingError(uri(), what, f"is it up, is the address right?{around}")
        if waited > 2 and not told:
            print(f"waiting for {uri()}{named} ({reason})", flush=True)
            told = True
        time.sleep(0.25)
    print(uri())
