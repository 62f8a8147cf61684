"""Barrage: clients that send the same request again and again on connections of their own, and time the answers."""

import socket
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Barrage:
    """The answers of some clients.

    Parameters
    ----------
    seconds : list of float
        From the request to the end of its answer, of each request that got status 200.
    failures : list of str
        Other statuses, and errors of connections.
    duration : float
        Seconds of the whole.

    """

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    duration: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.duration

    def quantile(self, share: float) -> float:
        """Return the seconds that a share of the answers took at most."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


def request(body: bytes, content_type: str = "application/json") -> bytes:
    """Return the bytes of a request for predictions."""
    head = f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def answer(connection: socket.socket) -> tuple[int, bytes, bytes]:
    """Return status, headers and body of the next answer on a connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(1 << 16)
        if not part:
            raise ConnectionError("the connection is closed")
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lower = head.lower()
    length = int(lower.partition(b"content-length:")[2].split(b"\r\n")[0])
    while len(body) < length:
        part = connection.recv(1 << 20)
        if not part:
            raise ConnectionError("the connection is closed")
        body += part
    return int(head.split(b" ", 2)[1]), lower, body


def barrage(port: int, body: bytes, clients: int, seconds: float) -> Barrage:
    """Send a body from some clients for some seconds."""
    sent, result, lock = request(body), Barrage(), threading.Lock()
    began = time.monotonic()

    def run() -> None:
        taken: list[float] = []
        failed: list[str] = []
        with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.monotonic() - began < seconds:
                started = time.monotonic()
                connection.sendall(sent)
                status, _, _ = answer(connection)
                if status == 200:
                    taken.append(time.monotonic() - started)
                else:
                    failed.append(str(status))
        with lock:
            result.seconds += taken
            result.failures += failed

    threads = [threading.Thread(target=run) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result.duration = time.monotonic() - began
    return result
