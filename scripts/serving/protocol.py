"""Protocol: uvicorn's HTTP, and an end for connections that never send their headers."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

PATIENCE = 10  # seconds from a request's first byte, or from the connection, to the end of its headers


class Patient(HttpToolsProtocol):
    """A connection that is closed if its headers take too long."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        """Begin to wait for the headers of a further request."""
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End the wait."""
        self._end_wait()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        self._end_wait()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._end_wait()
        self._late = self.loop.call_later(PATIENCE, self.transport.close)

    def _end_wait(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
