"""
POST /in/<connector>: verify the raw bytes, commit them, and only then answer 202.

This is a plain WSGI callable in front of Flask, because it is the one place where every microsecond
is paid per event: no routing, no request object, no JSON model, no query but the inbox's shared commit.
The body stays bytes; whoever handles it parses it. A draft or held connector is served like any
other: its deliveries are kept and wait. Whatever is refused is recorded with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, TypeAlias

from sqlalchemy.exc import SQLAlchemyError

from bridges.admission import Admission, store_away
from bridges.inbox import Inbox
from bridges.registered import ConnectorRow, Registered
from bridges.storing import Arrival, Receipt
from connectors.kit import webhooks
from connectors.kit.refusals import DoorSetupError
from core.clock import Clock, SystemClock
from core.errors import MalformedError, TielineError, TransientError
from gateway import problems
from gateway.doorkeys import door_secrets
from gateway.doors.reading import CAP, HEAD, peek, read_body
from gateway.metrics import Counters
from gateway.refusals import ChangedDeliveryError, MethodNotAllowedError, TooLargeError, UnknownDoorError, UnsupportedMediaError

Environ: TypeAlias = dict[str, Any]
Answer: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]
Application: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

PREFIX = "/in/"
KEPT = ("CONTENT_TYPE", "HTTP_USER_AGENT", "HTTP_WEBHOOK_ID", "HTTP_WEBHOOK_TIMESTAMP", "HTTP_X_REQUEST_ID", "HTTP_TRACEPARENT")
"""The headers that are kept with a delivery, beside CloudEvents' and the door's own id: no other may hold a secret."""

_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


class Doors:
    """Answers everything under /in/ and hands the rest on."""

    def __init__(
        self,
        rest: Application,
        registered: Registered,
        inbox: Inbox,
        counters: Counters,
        clock: Clock | None = None,
        cap: int = CAP,
        admission: Admission | None = None,
    ) -> None:
        self._rest, self._registered, self._inbox, self._counters = rest, registered, inbox, counters
        self._clock, self._cap, self._admission = clock or SystemClock(), cap, admission

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        path: str = environ["PATH_INFO"]
        if not path.startswith(PREFIX):
            return self._rest(environ, start_response)
        name, _, secret = path[len(PREFIX) :].partition("/")
        body = b""
        try:
            if environ["REQUEST_METHOD"] != "POST":
                raise _only_post(environ["REQUEST_METHOD"])
            row = self._registered.find(name)
            if row is None:
                raise _no_such(self._masked(_readable(name).encode()).decode())
            if self._admission is not None:
                self._admission.check(row.id, row.name, urgent=row.urgent)
            if environ.get("HTTP_CONTENT_ENCODING", "identity").lower() not in ("identity", ""):
                raise _encoded(environ["HTTP_CONTENT_ENCODING"])
            body = read_body(environ, self._cap)
            if not body:
                raise _empty()
            arrival = self._verified(row, environ, body, secret or None)
        except TielineError as error:
            return self._refuse(environ, start_response, name, error, body)
        except SQLAlchemyError as error:  # a connector that is not known here yet, and nobody to ask
            return self._refuse(environ, start_response, name, store_away(str(error).splitlines()[0]), body)
        return self._store(start_response, arrival, path)

    def quick(self, environ: Environ) -> Arrival | TransientError | None:
        """
        Return what stands at a door and may come in, without asking any database; None when a thread must look closer.

        Short are only the good way and the way of those who come while too much waits already: they may be many, and must
        not keep the others waiting. Whatever else is wrong is left to ``__call__``, which begins anew.
        """
        path: str = environ["PATH_INFO"]
        if not path.startswith(PREFIX) or environ["REQUEST_METHOD"] != "POST" or "HTTP_CONTENT_ENCODING" in environ:
            return None
        name, _, secret = path[len(PREFIX) :].partition("/")
        row = self._registered.known(name)
        if row is None:
            return None
        try:
            if self._admission is not None:
                self._admission.check(row.id, row.name, urgent=row.urgent)
        except TransientError as error:
            return error
        try:
            body = read_body(environ, self._cap)
            return self._verified(row, environ, body, secret or None) if body else None
        except TielineError:
            return None
        finally:
            environ["wsgi.input"].seek(0)

    async def take(self, arrival: Arrival) -> Answer:
        """Store it with whatever else is waiting, and return the answer."""
        begun, start = _begin()
        try:
            answered = self._answer(start, await self._inbox.accept_soon(arrival))
        except TielineError as error:  # the store is away: nothing was promised, the sender keeps it
            self._counters.door(error.code)
            answered = _answer_problem(start, error)
        return _whole(begun, answered)

    def turn_away(self, environ: Environ, error: TransientError, write: Callable[[Callable[[], None]], object]) -> Answer:
        """Return the answer to one that comes while too much waits; what has to be written of it, ``write`` has written."""
        begun, start = _begin()
        name = environ["PATH_INFO"][len(PREFIX) :].partition("/")[0]
        return _whole(begun, self._refuse(environ, start, name, error, b"", write))

    def _verified(self, row: ConnectorRow, environ: Environ, body: bytes, secret: str | None) -> Arrival:
        if not row.inbound:
            raise _closed(row.name)
        headers = headers_of(environ)
        external_id = webhooks.verify(
            row.inbound,
            door_secrets(row),
            headers,
            body,
            now=self._clock.now(),
            path_secret=secret,
            url=environ["PATH_INFO"],
        )
        door = self._registered.find_class(row.kind).kind.door
        if external_id is None and door is not None and door.id_header:
            external_id = headers.get(door.id_header.lower())
        return Arrival(
            row.id,
            body,
            kept_headers(headers, door.id_header if door else None, row.inbound.get("header")),
            external_id[:500] if external_id else None,
            door.window_s if door else 600,
        )

    def _store(self, start_response: Callable[..., Any], arrival: Arrival, path: str) -> Iterable[bytes]:
        try:
            receipt = self._inbox.accept(arrival)
        except TielineError as error:  # the store is away: nothing was promised, the sender keeps it
            self._counters.door(error.code)
            return _answer_problem(start_response, error)
        return self._answer(start_response, receipt)

    def _answer(self, start_response: Callable[..., Any], receipt: Receipt) -> Iterable[bytes]:
        self._counters.door(receipt.status)
        if receipt.status == "conflict":
            return _answer_problem(start_response, _changed(receipt.receipt))
        status = "202 Accepted" if receipt.status == "accepted" else "200 OK"
        text = (
            f'{{"receipt":"{receipt.receipt}","status":"{receipt.status}",'
            f'"links":{{"self":"/api/v1/events/{receipt.receipt}"}}}}'
        )
        answer = text.encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
        return [answer]

    def _refuse(
        self,
        environ: Environ,
        start_response: Callable[..., Any],
        name: str,
        error: TielineError,
        body: bytes,
        write: Callable[[Callable[[], None]], object] = lambda work: work(),
    ) -> Iterable[bytes]:
        announced = environ.get("CONTENT_LENGTH") or ""
        size = len(body) if body else int(announced) if announced.isascii() and announced.isdigit() else None
        self._counters.door(error.code)
        try:
            remote = environ.get("REMOTE_ADDR")
            if isinstance(error, TransientError):  # ours: what came does not matter, and no row is asked for it
                head, told = b"", [_readable(name), f"{error.what} {error.why}"]
            else:
                head = self._masked(body[:CAP] or peek(environ))[:HEAD]
                told = [self._masked(one.encode()).decode() for one in (_readable(name), f"{error.what} {error.why}")]
            self._inbox.refuse(told[0], error.code, told[1], size=size, head=head, remote=remote, write=write)
        except Exception as trouble:  # the refusal stands, also when it cannot be recorded
            problems.log.error("a refusal (%s) could not be recorded", error.code, exc_info=trouble)
        return _answer_problem(start_response, error)

    def _masked(self, shown: bytes) -> bytes:
        """Take the secrets of every connector out of what is shown and kept of a refusal."""
        known = {secret for row in self._registered.all() for one in row.secrets.values() for secret in one.split("\n")}
        for secret in sorted(known, key=len, reverse=True):
            if len(secret) >= 4:
                shown = shown.replace(secret.encode(), b"***")
        return shown


def headers_of(environ: Environ) -> dict[str, str]:
    """
    Return the request's headers by lower-case name.

    >>> headers_of({"HTTP_X_TOKEN": "t", "CONTENT_TYPE": "application/json", "PATH_INFO": "/in/x"})
    {'x-token': 't', 'content-type': 'application/json'}
    """
    found = {key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")}
    if "CONTENT_TYPE" in environ:
        found["content-type"] = environ["CONTENT_TYPE"]
    return found


def kept_headers(headers: dict[str, str], id_header: str | None, proof: Any = None) -> dict[str, str]:
    """
    Return those headers that are stored with the delivery: an allow-list, because any other may hold a secret.

    The header that proves the sender is never kept, whatever it is called.

    >>> kept_headers({"user-agent": "s3cret", "ce-id": "7", "cookie": "x"}, None, "User-Agent")
    {'ce-id': '7'}
    """
    secret = proof.lower() if isinstance(proof, str) else None
    wanted = _KEPT if id_header is None else {*_KEPT, id_header.lower()}
    return {name: value for name, value in headers.items() if (name in wanted or name.startswith("ce-")) and name != secret}


_KEPT = frozenset(key.removeprefix("HTTP_").replace("_", "-").lower() for key in KEPT)


Begun: TypeAlias = list[tuple[str, list[tuple[str, str]]]]


def _begin() -> tuple[Begun, Callable[..., None]]:
    begun: Begun = []
    return begun, lambda status, headers, *_: begun.append((status, headers))


def _whole(begun: Begun, answered: Iterable[bytes]) -> Answer:
    [(status, headers)] = begun
    plain = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return int(status[:3]), plain, b"".join(answered)


def _answer_problem(start_response: Callable[..., Any], error: TielineError) -> Iterable[bytes]:
    raw = problems.body(error)
    headers = [("Content-Type", problems.CONTENT_TYPE), ("Content-Length", str(len(raw)))]
    if isinstance(error, MethodNotAllowedError):
        headers.append(("Allow", "POST"))
    headers += problems.headers(error).items()
    start_response(_STATUS[problems.status_of(error)], headers)
    return [raw]


def _readable(name: str) -> str:
    """Return the name that was asked for, as text that any store takes (WSGI hands paths over as latin-1)."""
    return name.encode("latin-1", "replace").decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


def _only_post(method: str) -> MethodNotAllowedError:
    return MethodNotAllowedError(
        f"{method[:20]} is not allowed at a door.", why="Deliveries are posted.", fix="Use POST.", allowed=["POST"]
    )


def _no_such(name: str) -> UnknownDoorError:
    return UnknownDoorError(
        f"There is no connector {name[:100]!r}.",
        why="No connector is registered under this name.",
        fix="Correct the address in the sending system, or register the connector.",
    )


def _encoded(encoding: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        f"The content encoding {encoding[:40]!r} is not read here.",
        why="A compressed body may grow without limit, so doors take plain bytes only.",
        fix="Switch compression off in the sending system.",
    )


def _empty() -> MalformedError:
    return MalformedError("The body is empty.", why="A delivery without bytes says nothing.", fix="Send the event as the body.")


def _closed(name: str) -> DoorSetupError:
    return DoorSetupError(
        f"The connector {name!r} takes no deliveries.",
        why="No inbound scheme is set for it, and an open door would take anything from anybody.",
        fix="Set its inbound scheme: PATCH /api/v1/connectors/" + name + ' with {"inbound": {"scheme": "path"}}.',
    )


def _changed(receipt: str) -> ChangedDeliveryError:
    return ChangedDeliveryError(
        "This id was delivered before, with another body.",
        why="The first body counts; this one is kept beside it.",
        fix="Give every new event its own id. Both bodies: GET /api/v1/conflicts.",
        receipt=receipt,
        links={"self": f"/api/v1/events/{receipt}"},
    )


__all__ = ["CAP", "Doors", "TooLargeError", "headers_of", "kept_headers"]
