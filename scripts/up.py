"""Up: wait until the tracking server that MLFLOW_TRACKING_URI names answers."""

import os
import re
import ssl
import time
import urllib.error
import urllib.request

from scripts.pipeline.errors import TrackingError, first_line

PATIENCE = 60  # seconds; a server that is being started takes about ten


def refusal(address: str) -> str:
    """Return why nobody answers at `address`, or "" where somebody does, be it with a demand for a password.

    Raises
    ------
    TrackingError
        The server turns clients away, as MLflow does those who call it by a name that it was not told.

    """
    try:
        trusted = ssl.create_default_context(cafile=os.environ.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or None)
        page = f"{address}/version"  # main has seen to http
        urllib.request.urlopen(page, timeout=10, context=trusted).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        if error.code == 403:
            raise TrackingError(
                address, f"turns clients away: HTTP 403 {error.reason}", "its --allowed-hosts?"
            ) from None
        return f"HTTP {error.code} {error.reason}" if error.code >= 500 else ""
    except (OSError, ValueError) as error:
        return first_line(error)
    return ""


def main() -> None:
    """Wait for the server, and say so after two seconds."""
    address = re.sub(r"//[^/@]*@", "//", os.environ.get("MLFLOW_TRACKING_URI", "")).rstrip("/")
    if not address.startswith(("http://", "https://")):
        print(f"nothing to start: {address or 'the embedded store'} is no server")
        return
    started, told = time.monotonic(), False
    while reason := refusal(address):
        waited = time.monotonic() - started
        if waited > PATIENCE:
            raise TrackingError(address, f"no answer in {PATIENCE} s: {reason}", "is it up, is the address right?")
        if waited > 2 and not told:
            print(f"waiting for {address} ({reason})", flush=True)
            told = True
        time.sleep(0.25)
    print(address)
