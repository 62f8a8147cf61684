"""Connection: the scheduler of a Dask cluster, by Dask's own variables, encrypted unless it is on this machine."""

import contextlib
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from distributed import Client
from distributed.security import Security

from modelmake.core import settings
from modelmake.core.errors import ClusterError, UserError, first_line

VARIABLE = "DASK_SCHEDULER_ADDRESS"
TLS = "DASK_DISTRIBUTED__COMM__TLS__"
CONNECT = 10  # seconds for the scheduler to answer


def address() -> str:
    """Return the address of the scheduler; UserError where none is set, or one that is not valid."""
    found = settings.dask().scheduler_address
    if not found:
        raise UserError("ENGINE=dask", "there is no cluster", f"make cluster starts one, or set {VARIABLE}")
    try:
        valid = bool(urlsplit(found).hostname and urlsplit(found).port)
    except ValueError:
        valid = False
    if not valid:
        raise UserError(f"{VARIABLE}={found:.80}", "is not the address of a scheduler", "write tls://<host>:8786")
    return found


def security(address: str) -> Security | None:
    """Return the client's certificates; None for a plain address of this machine.

    Raises
    ------
    UserError
        The address is not encrypted, or a certificate is missing.

    """
    where, parts = f"{VARIABLE}={address:.80}", urlsplit(address)
    if parts.scheme == "tcp" and parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return None
    if parts.scheme != "tls":
        fix = "use tls://<host>:8786: anyone who can reach a scheduler can run code on its workers"
        raise UserError(where, "is not encrypted", fix)
    given = settings.dask()
    files = {
        "CA_FILE": given.distributed__comm__tls__ca_file,
        "CLIENT__CERT": given.distributed__comm__tls__client__cert,
        "CLIENT__KEY": given.distributed__comm__tls__client__key,
    }
    for name, path in files.items():
        if not Path(path).is_file():
            what = f"'{path}' is not a file" if path else "not set"
            raise UserError(f"{TLS}{name}", what, "the certificate of the client, as a file")
    ca, certificate, key = files.values()
    return Security(tls_ca_file=ca, tls_client_cert=certificate, tls_client_key=key, require_encryption=True)


@contextmanager
def client(address: str, secured: Security | None) -> Iterator[Client]:
    """Yield a client of the scheduler; ClusterError if it does not answer."""
    for name in ("distributed", "distributed.client", "distributed.core", "tornado"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = Client(address, security=secured, timeout=CONNECT)
        except (OSError, ValueError, TimeoutError) as error:
            why = f": {first_line(error)}" if "certificate" in str(error).lower() else f" within {CONNECT} seconds"
            fix = "check the address and the certificates; make cluster starts a cluster here"
            raise ClusterError(address, f"does not answer, or refuses the certificate{why}", fix) from None
    try:
        yield made
    finally:
        with contextlib.suppress(Exception):  # what is lost with the scheduler
            made.close(timeout=3)
