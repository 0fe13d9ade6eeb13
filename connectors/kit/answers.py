"""What came back from a request: status, headers, bytes, read under a size cap and a deadline."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from typing import Any

import orjson
from urllib3 import BaseHTTPResponse

from core.errors import TransientError

_CHUNK = 64 * 1024


class UnreadableAnswerError(TransientError):
    """The far side answered, but not in the form it promised: a maintenance page, half a body, a flood."""

    code = "unreadable-answer"
    title, title_zh = "The other system's answer cannot be read", "无法读取对方系统的响应"


@dataclass(frozen=True, slots=True)
class Response:
    """One answer. Header names are in lower case; ``place`` is the request line, redacted, for people."""

    status: int
    headers: dict[str, str]
    body: bytes
    place: str
    system: str = "the other system"

    def __repr__(self) -> str:
        return f"<Response {self.status} to {self.place}, {len(self.body)} bytes>"

    @property
    def text(self) -> str:
        """Return the body as text; what is not in its charset is replaced, never fatal."""
        kind = self.headers.get("content-type", "").lower()
        charset = kind.partition("charset=")[2].split(";")[0].strip(" \"'") or "utf-8"
        try:
            return self.body.decode(charset, "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON, or say that a page came where JSON was promised."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            kind = self.headers.get("content-type", "without a content type")
            raise UnreadableAnswerError(
                f"{self.system} answered {self.place} with something that is not JSON.",
                why=f"{error}; {len(self.body)} bytes, {kind}.",
                fix="It is tried again; if it stays, look whether a proxy or a login page answers instead.",
                status=self.status,
            ) from None


def read_body(raw: BaseHTTPResponse, max_bytes: int, ends: float, whose: str) -> bytes:
    """Read and unpack a body; stop at the cap *after* decompression and at the deadline, whatever is promised."""
    unpack = _unpacker(raw.headers.get("content-encoding", ""), whose)
    parts: list[bytes] = []
    size = 0
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the body did not end in time")
        chunk = raw.read1(_CHUNK, decode_content=False)
        if not chunk:
            break
        if unpack is not None:
            chunk = _inflate(unpack, chunk, max_bytes + 1 - size, whose)
        size += len(chunk)
        if size > max_bytes:
            raise UnreadableAnswerError(
                f"The answer of {whose} is too large.",
                why=f"It weighs more than the {max_bytes} bytes that are read here.",
                fix="Ask for smaller pages, or narrow what this connector reads.",
            )
        parts.append(chunk)
    if unpack is not None and parts and not unpack.eof:
        raise UnreadableAnswerError(f"The answer of {whose} is cut off.", why="Its compressed body ends too early.")
    return b"".join(parts)


def _inflate(unpack: Any, chunk: bytes, room: int, whose: str) -> bytes:
    try:
        return bytes(unpack.decompress(chunk, room))
    except zlib.error as error:
        raise UnreadableAnswerError(f"The answer of {whose} cannot be unpacked.", why=f"{error}.") from None


def _unpacker(encoding: str, whose: str) -> Any:
    word = encoding.strip().lower()
    if word in ("", "identity"):
        return None
    if word in ("gzip", "x-gzip"):
        return zlib.decompressobj(16 + zlib.MAX_WBITS)
    if word == "deflate":
        return zlib.decompressobj()
    raise UnreadableAnswerError(
        f"The answer of {whose} is packed in a way we did not ask for.", why=f"Content-Encoding is {word!r}."
    )
