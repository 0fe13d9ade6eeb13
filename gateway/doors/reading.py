"""Reading a body off the wire: never more than the cap, whatever the sender says its length is."""

from __future__ import annotations

from typing import Any

from core.errors import MalformedError, TielineError
from gateway.refusals import TooLargeError

CAP = 1 << 20
"""One MiB: the longest body a door takes."""

HEAD = 256
"""How much of a refused body is kept for people to recognise it by."""

_PIECE = 1 << 16


class CutOffError(MalformedError):
    """The sender stopped before the length it had announced."""

    code = "cut-off"
    title, title_zh = "The body was cut off", "消息内容不完整"


def read_body(environ: dict[str, Any], cap: int = CAP) -> bytes:
    """
    Return the whole body, or raise as soon as it is known to be too long.

    A chunked body has no announced length: it is read piece by piece and given up at the first byte
    over the cap, so that no request can make us hold more than that.
    """
    announced = environ.get("CONTENT_LENGTH") or ""
    stream = environ["wsgi.input"]
    if announced:
        length = int(announced) if announced.isascii() and announced.isdigit() else -1
        if length < 0:
            raise MalformedError(
                "The length of the body cannot be read.",
                why=f"Content-Length is {announced[:40]!r}.",
                fix="Send the number of bytes, or no such header and a chunked body.",
            )
        if length > cap:
            raise TooLargeError(cap)
        body = _take(stream, length)
        if len(body) < length:
            raise CutOffError(
                "The body was cut off.",
                why=f"{length} bytes were announced and {len(body)} came.",
                fix="Send it again; nothing of it was stored.",
            )
        return body
    if not environ.get("wsgi.input_terminated"):
        return b""
    body = _take(stream, cap + 1)
    if len(body) > cap:
        raise TooLargeError(cap)
    return body


def peek(environ: dict[str, Any]) -> bytes:
    """Return the first bytes of a body that is refused unread; one that came broken gives nothing."""
    if not environ.get("CONTENT_LENGTH") and not environ.get("wsgi.input_terminated"):
        return b""
    try:
        return bytes(environ["wsgi.input"].read(HEAD))
    except (OSError, TielineError):
        return b""


def _take(stream: Any, most: int) -> bytes:
    first = stream.read(min(most, _PIECE))
    if len(first) == most or not first:
        return bytes(first)
    pieces, have = [first], len(first)
    while have < most:
        piece = stream.read(min(most - have, _PIECE))
        if not piece:
            break
        pieces.append(piece)
        have += len(piece)
    return b"".join(pieces)
