"""Readers of the registry: a kind of store is a file beside this one, and a line below."""

from modelmake.tracking.address import tracking_uri
from modelmake.tracking.readers.database import Database
from modelmake.tracking.readers.registry import Named, Registry
from modelmake.tracking.readers.rest import Rest

__all__ = ["Named", "Registry", "registry"]


def registry() -> Registry:
    """Return the registry at MLFLOW_TRACKING_URI, without a request."""
    address = tracking_uri()
    return Rest(address) if address.startswith("http") else Database(address)
