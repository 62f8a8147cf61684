"""Protocols of the scoring server: a protocol is a module beside this one, and an entry of PROTOCOLS."""

from modelmake.serving.protocols import mlflow
from modelmake.serving.protocols.protocol import Protocol

__all__ = ["PROTOCOLS", "Protocol", "mlflow"]

PROTOCOLS: tuple[Protocol, ...] = (mlflow,)
