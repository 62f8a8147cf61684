"""What a protocol is: how clients send rows, and how they get predictions."""

import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelmake.model.contract import Contract
from modelmake.serving.body import Table


@dataclass(frozen=True)
class Example:
    """A request: its form, its body, and the body's Content-Type."""

    form: str
    body: bytes
    content_type: str


@dataclass(frozen=True)
class Description:
    """A protocol in OpenAPI's words: a request by content type, the answer's schema, and schemas that both name."""

    request: dict[str, Any]
    answer: dict[str, Any]
    schemas: dict[str, Any]


class Protocol(typing.Protocol):
    """A module with these functions; every answer is JSON, and every refusal has the one form of `Refusal`."""

    PATHS: tuple[str, ...]  # to which clients POST

    def read(self, sent: bytes, content_type: str, names: Sequence[str]) -> Table:
        """Return the rows of a body; `names` are the model's columns. Raises Refusal for another body."""

    def write(self, predictions: Sequence[Any]) -> bytes:
        """Return the answer's body."""

    def examples(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> Iterator[Example]:
        """Yield a request for these rows in each form that the protocol has."""

    def describe(self, contract: Contract) -> Description:
        """Return the protocol in OpenAPI's words, for a model."""
