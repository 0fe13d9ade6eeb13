"""
One HTTP client for every kind: a keep-alive pool per connector, and every failure in our own words.

It always has a timeout, follows no redirect unless allowed (and then only to the same origin), never
switches TLS verification off (a private CA is a file), caps what an answer may weigh after decompression,
reads no proxy from the environment, retries nothing (the rows do) and lets no library exception out.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import orjson
import urllib3
from urllib3.util import Timeout, make_headers

from connectors.kit import outcomes
from connectors.kit.answers import Response, read_body
from connectors.kit.reach import Reach
from connectors.kit.redact import Redactor
from connectors.kit.timely import TimelyConnection, TimelyTlsConnection, guarded
from connectors.kit.watching import is_watched, note
from core.errors import InputError, SetupError, TielineError
from core.traces.outgoing import TRACEPARENT

MAX_BYTES = 8 * 1024 * 1024
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")
Query = Mapping[str, Any] | Iterable[tuple[str, Any]]


class Client:
    """
    Talks to one base URL over one shared pool. Threads may share it; it keeps no per-call state.

    ``secrets`` are masked in every error. ``accept`` of a request names statuses that the caller wants to
    see as answers; all others outside 2xx are raised as errors of the four families, with the status in
    ``error.facts["status"]`` and the far side's own words in ``error.facts["foreign"]``. ``reach`` judges every
    address that is connected to; ``certificate`` (files of certificate and key, PEM) is shown to the far side.
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout_s: float = 10.0,
        ca_file: str | Path | None = None,
        headers: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        secrets: Iterable[str] = (),
        system: str = "the other system",
        max_bytes: int = MAX_BYTES,
        redirects: int = 0,
        pool_size: int = 16,
        reach: Reach | None = None,
        certificate: tuple[str, str] | None = None,
    ) -> None:
        known = [*secrets, *([basic[1], ":".join(basic)] if basic else [])]
        self.redact = Redactor(known)
        self.system = system
        self.timeout_s, self.max_bytes, self.redirects = timeout_s, max_bytes, redirects
        parts = _checked(base_url, self.redact)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")
        self._headers = {"accept": "application/json", "accept-encoding": "gzip, deflate", "user-agent": "Tieline"}
        self._headers |= {name.lower(): value for name, value in (headers or {}).items()}
        if basic:
            self._headers["authorization"] = make_headers(basic_auth=":".join(basic))["authorization"]
        options: dict[str, Any] = {"maxsize": pool_size, "block": False}
        if parts.scheme == "https":
            options["ssl_context"] = _tls(ca_file, certificate)
        self._pool = urllib3.connection_from_url(self.origin, **options)
        tls = parts.scheme == "https"
        unguarded = TimelyTlsConnection if tls else TimelyConnection
        self._pool.ConnectionCls = unguarded if reach is None else guarded(reach, tls=tls)

    def __repr__(self) -> str:
        return f"<Client of {self.origin}>"

    def get(self, path: str = "", **options: Any) -> Response:
        """Send a GET; options as in ``request``."""
        return self.request("GET", path, **options)

    def post(self, path: str = "", **options: Any) -> Response:
        """Send a POST; options as in ``request``."""
        return self.request("POST", path, **options)

    def request(
        self,
        method: str,
        path: str = "",
        *,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Query | None = None,
        body: bytes | None = None,
        timeout_s: float | None = None,
        accept: Iterable[int] = (),
    ) -> Response:
        """Send one request and return its answer, or raise one of our errors. ``timeout_s`` bounds the whole of it."""
        sent, payload = self._headers | {n.lower(): v for n, v in (headers or {}).items()}, body
        if json is not None:
            payload, sent["content-type"] = orjson.dumps(json), "application/json"
        elif form is not None:
            payload = urlencode(_pairs(form)).encode()
            sent["content-type"] = "application/x-www-form-urlencoded"
        if (traceparent := TRACEPARENT.get()) is not None:
            sent["traceparent"] = traceparent
        target = self._target(path, query)
        ends = time.monotonic() + (timeout_s if timeout_s is not None else self.timeout_s)
        for hop in range(self.redirects + 1):
            answer = self._once(method, target, sent, payload, ends)
            if (
                not 300 <= answer.status < 400
                or answer.status in accept
                or hop == self.redirects
                or method not in ("GET", "HEAD")
            ):
                break
            target = self._next(target, answer)
        if 200 <= answer.status < 300 or answer.status in accept:
            return answer
        raise outcomes.from_status(answer, self.system, self.redact)

    def close(self) -> None:
        """Give the sockets back."""
        self._pool.close()

    def _once(self, method: str, target: str, headers: dict[str, str], body: bytes | None, ends: float) -> Response:
        place = f"{method} {self.redact.address(self.origin + target)}"
        told: dict[str, Any]
        began = time.monotonic()
        left = max(ends - began, 0.001)
        try:
            raw = self._pool.urlopen(
                method,
                target,
                body=body,
                headers=headers,
                timeout=Timeout(total=left),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            try:
                content = read_body(raw, self.max_bytes, ends, f"{self.system} ({place})")
            except BaseException:
                raw.close()  # half read: this socket is of no use to anybody
                raise
            finally:
                raw.release_conn()
        except TielineError:
            raise
        except Exception as error:  # the one place where library exceptions become ours
            told = {"status": None, "answer_headers": {}, "answer": None, "took_ms": (time.monotonic() - began) * 1000}
            note(self.redact, method, self.origin + target, headers, body, **told)
            raise outcomes.from_exception(error, self.system, place, self.redact) from _plain(error, self.redact)
        found = {n.lower(): v for n, v in raw.headers.items()}
        if is_watched():
            took = (time.monotonic() - began) * 1000
            told = {"status": raw.status, "answer_headers": found, "answer": content, "took_ms": took}
            note(self.redact, method, self.origin + target, headers, body, **told)
        if "set-cookie" in found:  # each on a line of its own: a comma would cut their dates
            found["set-cookie"] = "\n".join(raw.headers.getlist("set-cookie"))
        if "content-type" in found:  # it is shown when the body cannot be read
            found["content-type"] = self.redact(found["content-type"])[:200]
        return Response(raw.status, found, content, place, self.system)

    def _target(self, path: str, query: Query | None) -> str:
        if "://" in path.split("?", 1)[0]:
            parts = urlsplit(path)
            if f"{parts.scheme}://{parts.netloc}" != self.origin:
                raise _elsewhere(self.system, self.origin, self.redact(path))
            target = parts.path + (f"?{parts.query}" if parts.query else "")
        else:
            target = f"{self._prefix}/{path.lstrip('/')}" if path else self._prefix or "/"
        if _UNSAFE.search(target):
            raise InputError(
                "The path of a request holds a space or a control character.",
                why="Such a path could smuggle a second request.",
                fix="Percent-encode what goes into the path (urllib.parse.quote).",
            )
        pairs = _pairs(query) if query is not None else []
        return target + (("&" if "?" in target else "?") + urlencode(pairs) if pairs else "")

    def _next(self, target: str, answer: Response) -> str:
        there = urljoin(self.origin + target, answer.headers.get("location", ""))
        parts = urlsplit(there)
        if f"{parts.scheme}://{parts.netloc}" != self.origin:
            raise _elsewhere(self.system, self.origin, self.redact(there))
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _pairs(query: Query) -> list[tuple[str, str]]:
    found = query.items() if isinstance(query, Mapping) else query
    return [(name, str(value)) for name, value in found if value is not None]


def _checked(base_url: str, redact: Redactor) -> Any:
    parts = urlsplit(base_url.strip())
    shown = redact(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SetupError(
            f"The address {shown!r} is not a web address.",
            why="It must begin with http:// or https:// and name a host.",
            fix="Correct the connector's url, for example https://zabbix.example/zabbix.",
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise SetupError(
            f"The address {shown!r} holds more than a place.",
            why="Credentials and parameters in an address end up in logs.",
            fix="Leave them out of url and use the connector's own fields for user, password and token.",
        )
    return parts


def _tls(ca_file: str | Path | None, certificate: tuple[str, str] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if certificate is not None:
        try:
            context.load_cert_chain(*certificate)
        except (OSError, ssl.SSLError) as error:
            raise SetupError(
                "Our own certificate cannot be used.",
                why=f"{type(error).__name__}: {error}.",
                fix="Name a readable PEM certificate and its unencrypted key.",
            ) from error
    if ca_file:
        try:
            context.load_verify_locations(cafile=str(ca_file))
        except (OSError, ssl.SSLError) as error:
            raise SetupError(
                f"The CA file {str(ca_file)!r} cannot be used.",
                why=f"{type(error).__name__}: {error}.",
                fix="Set ca_file to a readable PEM file that holds the private CA's certificate.",
            ) from error
    return context


def _elsewhere(system: str, origin: str, there: str) -> SetupError:
    return SetupError(
        f"{system} sends us to another place: {there}.",
        why=f"This connector talks to {origin} only, so that its credentials go nowhere else.",
        fix="Set the connector's url to the place it really answers at.",
    )


def _plain(error: Exception, redact: Redactor) -> Exception | None:
    """Keep the cause for the traceback only when it shows no secret."""
    shown = str(error)
    return error if redact(shown) == shown else None
