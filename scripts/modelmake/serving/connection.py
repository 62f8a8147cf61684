"""Connection: uvicorn's HTTP, with an end for clients that send no whole request, and one form for what is none."""

import asyncio
import uuid
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from modelmake.serving.refusal import Refusal
from modelmake.serving.wire import refused

PATIENCE = 10  # seconds from a request's first byte, or from the connection, to the end of its headers
LIMIT = 1 << 20  # bytes of the headers, by whole reads; the parser copies what it has with each further read
TOO_LARGE = Refusal(431, f"the headers are larger than {LIMIT >> 20} MB: send the rows in the body")
NO_REQUEST = Refusal(400, "the request is not HTTP/1.1: send one length of the body")


class Parser(httptools.HttpRequestParser):
    """A parser for which a request that asks for another protocol, such as HTTP/2, is one of HTTP/1.1, as it may be.

    The parser of httptools takes the headers of such a request for its end, so it gets them again without Upgrade.
    """

    def __init__(self, connection: "Patient") -> None:
        """Parse for a connection, as uvicorn does."""
        super().__init__(connection)
        self.connection = connection
        self.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed_data(self, data: bytes) -> None:  # type: ignore[override]  # uvicorn has nothing else
        """Parse bytes."""
        while data:
            try:
                super().feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                data = self.connection.head() + data[upgrade.args[0] :]


class Patient(HttpToolsProtocol):
    """A connection that is closed if its headers take too long, or are too large."""

    _late: asyncio.TimerHandle | None = None
    _read: int | None = None  # bytes of headers that have not ended; None between two requests

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self.parser = Parser(self)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Read bytes; those that begin no request, such as an empty line, end uvicorn's wait for one, so begin ours."""
        super().data_received(data)
        if self._read is not None:
            self._read += len(data)
            if self._read > LIMIT:
                self._refuse(TOO_LARGE)
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self._late is None and self.timeout_keep_alive_task is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of a further request."""
        self._read = 0
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End the wait; raises ValueError for CONNECT, which asks for what is not HTTP."""
        if not self.parser.should_upgrade():
            self._read = None
            self._end_wait()
            super().on_headers_complete()
        elif self.parser.get_method() == b"CONNECT":
            raise ValueError

    def on_message_complete(self) -> None:
        """End the body, if there is a request: one that asks for another protocol comes again."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def head(self) -> bytes:
        """Return the headers of the request without the wish for another protocol."""
        first = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        kept = (b"%s: %s\r\n" % (name, value) for name, value in self.headers if name != b"upgrade")
        return first + b"".join(kept) + b"\r\n"

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's own text
        """Answer data that is not a request."""
        self._refuse(NO_REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._end_wait()
        super().connection_lost(exc)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer and end the connection, but not before the answers to earlier requests."""
        if self.pipeline or (self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body):
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self._read = None
        response = refused(refusal, uuid.uuid4().hex)
        headers = b"".join(b"%s: %s\r\n" % header for header in (*response.raw_headers, (b"connection", b"close")))
        first = f"HTTP/1.1 {refusal.status} {HTTPStatus(refusal.status).phrase}\r\n".encode()
        self.transport.write(first + headers + b"\r\n" + bytes(response.body))
        self.transport.close()

    def _wait(self) -> None:
        self._end_wait()
        if not self.transport.is_closing():
            self._late = self.loop.call_later(PATIENCE, self._cut)

    def _cut(self) -> None:
        """Close the connection, but not before the answer to an earlier request."""
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            self._wait()

    def _end_wait(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
