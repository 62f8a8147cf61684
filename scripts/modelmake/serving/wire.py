"""Wire: the bytes of a request within their limits, and the one form of a refusal."""

import asyncio
import gzip
import io
import re
import uuid
import zlib
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from modelmake.serving.refusal import Refusal

LIMIT = 8 << 20  # bytes of a body; as JSON objects they take up to fifty times as much
MOST = 1 << 28  # bytes that are read, and forgotten, of a larger one: only then do most clients read the answer
SMALL = 1 << 16  # bytes; a thread would cost such a request more than the wait costs the others
PATIENCE = 10  # seconds for a body to arrive
SMOKE = "x-modelmake-smoke"  # the header of requests by `make smoke`
GZIP = b"\x1f\x8b"  # with which it starts
ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


async def read(request: Request, hold: Callable[[int], None]) -> bytes:
    """Return the body; its bytes are counted, because Content-Length may be wrong.

    `hold` takes the number of bytes of each part that is kept, and may raise Refusal.

    Raises
    ------
    Refusal
        With 413 for too large a body, with 408 for one that takes too long, with 400 and 415 for one that is packed in
        a way that cannot be read.

    """
    too_large = Refusal(413, f"the body is larger than {LIMIT >> 20} MB: send fewer rows, or use make predict")
    body, size = bytearray(), 0
    if "expect" in request.headers and int(request.headers.get("content-length", 0)) > LIMIT:
        raise too_large  # the client waits for a word before it sends the body
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= LIMIT:
                    hold(len(chunk))
                    body += chunk
                elif size > MOST:
                    raise too_large
    except TimeoutError:
        raise Refusal(408, f"the body did not arrive within {PATIENCE} seconds") from None
    if size > LIMIT:
        raise too_large
    unpacked = _unpacked(bytes(body), request.headers.get("content-encoding", "identity").lower())
    if len(unpacked) > LIMIT:
        raise too_large
    hold(max(0, len(unpacked) - size))
    return unpacked


def _unpacked(body: bytes, encoding: str) -> bytes:
    """Return a body as it was before the client packed it, or the first LIMIT bytes of it and one more."""
    if encoding == "identity" and not body.startswith(GZIP):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise Refusal(415, "the body is packed: send gzip with the header Content-Encoding: gzip, or the plain body")
    try:
        with gzip.open(io.BytesIO(body)) as file:
            return file.read(LIMIT + 1)
    except (OSError, EOFError, zlib.error):
        raise Refusal(400, "the body is not gzip, though its Content-Encoding says so") from None


def identity(request: Request) -> str:
    """Return the request's id: the client's, if it is one, else a new one."""
    given = request.headers.get("x-request-id", "")
    return given if ID.fullmatch(given) else uuid.uuid4().hex


def refused(refusal: Refusal, request_id: str) -> Response:
    """Return the answer for a refusal; a connection whose body was not read ends with it."""
    headers = {"x-request-id": request_id}
    if refusal.status in (401, 408, 413, 503):
        headers["connection"] = "close"
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    if refusal.status == 503:
        headers["retry-after"] = "1"
    return JSONResponse(refusal.answer(request_id), refusal.status, headers)


async def other(request: Request, error: Exception) -> Response:
    """Answer an unknown path or method in the same form."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    known = {404: "no such path: see /openapi.json", 405: "method not allowed: use POST /invocations"}
    text = known.get(status, "refused")
    response = refused(Refusal(status, text), identity(request))
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response
