"""
A stand-in for a Roundup tracker: its real REST interface, our detector's pushes, and pages with buttons for a demo.

Built from what a Roundup 2.6.0 answered and from what our detector posted there (tests/connectors/roundup/recorded);
it speaks the part that ticketing needs: Basic authentication, the Origin and X-Requested-With rules, filters,
sorting, pages, marks (If-Match), `@op`. It keeps its data in a file when it is given one. It is no Roundup:
there is no mail, no search language, no roles beyond "may create".

    python -m lab.standins.roundup --port 28917 --keep tickets.json    # tieline / gw-pass-2026, tech / tech-pass-2026

Buttons without a page: POST /control/{take,resolve,say,open,set} with {"id": …} as the technician,
POST /control/push {"url": …, "secret": …} to switch the detector on, GET /control for everything.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import queue
import re
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit

from lab.standins.roundup_tracker import News, RefusalError, Tracker, moment
from lab.standins.server import Answer, Request, Server

NAME = "demo"
TECHNICIAN = "tech"


class Roundup(Server):
    """The whole stand-in: ``.tracker`` is what it knows; ``push_to`` switches the detector on."""

    def __init__(self, port: int = 0, *, keep: Path | None = None, clock: Callable[[], float] = time.time) -> None:
        super().__init__(port)
        self.origin = self.url
        self.url = f"{self.origin}/{NAME}/"
        self.tracker = Tracker(clock=clock, keep=keep)
        self.tracker.listeners.append(self._hear)
        self.pauses_s: tuple[float, ...] = (0, 2, 10)
        self._door = ("", "")
        self._news: queue.Queue[News | None] = queue.Queue()
        self._sender = threading.Thread(target=self._send_forever, daemon=True)

    def start(self) -> Self:
        """Serve, and post news in a second thread, in order."""
        super().start()
        self._sender.start()
        return self

    def stop(self) -> None:
        """Stop both; what was not posted is found by the poll, as with the real one."""
        super().stop()
        self._news.put(None)

    def push_to(self, url: str, secret: str = "") -> None:
        """Configure the detector; an empty address switches it off."""
        self._door = (url, secret)

    def answer(self, request: Request) -> Answer:
        """Route: REST, the control calls, the pages for people."""
        parts = urlsplit(request.path)
        if parts.path.startswith("/control"):
            return self._control(parts.path.removeprefix("/control").strip("/"), request)
        if not parts.path.startswith(f"/{NAME}/"):
            return Answer(404, f"see /{NAME}/".encode(), {"Content-Type": "text/plain"})
        path = parts.path.removeprefix(f"/{NAME}/").rstrip("/")
        if path != "rest" and not path.startswith("rest/"):
            return self._page(path)
        try:
            who = self._person(request)
            data, status, headers = self._rest(path.removeprefix("rest").strip("/"), parts.query, request, who)
        except RefusalError as error:
            if error.status == 401:
                return Answer(401, error.said.encode(), {"Content-Type": "text/plain"})
            return Answer.of({"error": {"status": error.status, "msg": error.said}}, error.status)
        found = Answer.of({"data": data}, status)
        return Answer(found.status, found.body, found.headers | headers)

    def _person(self, request: Request) -> str:
        """Return who asks: who he is first, whether he may use REST second, the headers of a write third."""
        given = request.headers.get("authorization", "")
        try:
            name, _, password = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        except ValueError:
            name, password = "", ""
        if given and self.tracker.people.get(name) != password:
            raise RefusalError(401, "Invalid Login - Invalid login")
        if name not in self.tracker.may_use_rest:
            raise RefusalError(403, "Forbidden.")
        origin = request.headers.get("origin")
        if origin is None and request.method != "GET":
            raise RefusalError(400, "Required Header Missing")
        # the real one compares the port as well; a test's proxy in between has a port of its own
        if origin is not None and urlsplit(origin).hostname != urlsplit(self.origin).hostname:
            raise RefusalError(400, "Client is not allowed to use Rest Interface.")
        if request.method != "GET" and "x-requested-with" not in request.headers:
            raise RefusalError(400, "Required Header Missing")
        return name

    def _rest(self, path: str, query: str, request: Request, who: str) -> tuple[Any, int, dict[str, str]]:
        tracker, base = self.tracker, f"{self.url}rest/data/"
        if not path:
            return {"default_version": 1, "supported_versions": [1], "links": []}, 200, {}
        found = re.fullmatch(r"data/(\w+)(?:/(\w+))?", path)
        if found is None or found[1] not in tracker.schema:
            raise RefusalError(404, f"Class {path} not found")
        what, number = found[1], found[2]
        asked = dict(parse_qsl(query, keep_blank_values=True))
        with tracker.lock:
            if request.method == "GET":
                if number is None:
                    return self._listed(what, asked, base), 200, {}
                data = self._item(what, number, asked, base)
                return data, 200, {"ETag": data["@etag"]}
            sent = request.json()
            if not isinstance(sent, dict):
                raise RefusalError(400, "Expecting value: line 1 column 1 (char 0)")
            if request.method == "POST" and number is None:
                made = tracker.create(what, sent, who)
                link = f"{base}{what}/{made}"
                return {"id": made, "link": link}, 201, {"Location": link}
            if request.method == "PATCH" and number is not None:
                how = str(sent.pop("@op", "replace"))
                different = tracker.change(what, number, sent, who, request.headers.get("if-match"), how)
                return {"id": number, "type": what, "link": f"{base}{what}/{number}", "attribute": different}, 200, {}
        raise RefusalError(405, f"Method {request.method} not allowed")

    def _item(self, what: str, number: str, asked: dict[str, str], base: str) -> dict[str, Any]:
        tracker = self.tracker
        tracker.row(what, number)
        names = asked["@fields"].split(",") if "@fields" in asked else list(tracker.schema[what])
        return {
            "id": number,
            "type": what,
            "link": f"{base}{what}/{number}",
            "attributes": tracker.shown(what, number, names, int(asked.get("@verbose", 1)), base),
            "@etag": tracker.mark(what, number),
        }

    def _listed(self, what: str, asked: dict[str, str], base: str) -> dict[str, Any]:
        tracker = self.tracker
        names = [name for name in asked.get("@fields", "").split(",") if name]
        for name in [*names, *(name.rstrip(":") for name in asked if not name.startswith("@"))]:
            tracker.kind_of(what, name)
        numbers = [number for number in tracker.rows[what] if self._fits(what, number, asked)]
        for sort in reversed(asked.get("@sort", "id").split(",")):
            name = sort.lstrip("+-")
            numbers.sort(key=lambda number, name=name: self._order(what, number, name), reverse=sort.startswith("-"))  # type: ignore[misc]
        size, index = int(asked.get("@page_size", 0)), int(asked.get("@page_index", 1))
        page = numbers[(index - 1) * size : index * size] if size else numbers
        verbose = int(asked.get("@verbose", 1))
        rows = [
            {"id": one, "link": f"{base}{what}/{one}"} | (tracker.shown(what, one, names, verbose, base) if names else {})
            for one in page
        ]
        return {"collection": rows, "@total_size": len(numbers)}

    def _fits(self, what: str, number: str, asked: dict[str, str]) -> bool:
        row = self.tracker.row(what, number)
        for name, wanted in asked.items():
            if name.startswith("@"):
                continue
            field = name.rstrip(":")
            kind, value = self.tracker.kind_of(what, field), row.get(field)
            if kind == "time":
                fits = value is not None and str(value) >= moment(wanted)
            elif kind.startswith("link"):
                fits = value in wanted.split(",") or (
                    value is not None and self.tracker.label(kind.split()[1], value) == wanted
                )
            elif name.endswith(":"):
                fits = value == wanted
            else:
                fits = value is not None and wanted.casefold() in str(value).casefold()
            if not fits:
                return False
        return True

    def _order(self, what: str, number: str, name: str) -> tuple[Any, ...]:
        value = int(number) if name == "id" else self.tracker.row(what, number).get(name)
        return (value is not None, value if value is not None else 0)

    def _control(self, path: str, request: Request) -> Answer:
        asked = request.json() or {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        number, who = str(asked.get("id", "")), str(asked.get("who", TECHNICIAN))
        try:
            if path == "take":
                self.tracker.as_person(number, who, assignedto=who, status="in-progress")
            elif path == "resolve":
                self.tracker.as_person(number, who, status="resolved")
            elif path == "say":
                self.tracker.say(number, who, str(asked.get("text", "")))
            elif path == "set":
                self.tracker.as_person(number, who, **{name: asked[name] for name in asked if name not in ("id", "who")})
            elif path == "open":
                number = self.tracker.create("issue", {name: asked[name] for name in asked if name != "who"}, who)
            elif path == "push":
                self.push_to(str(asked.get("url", "")), str(asked.get("secret", "")))
            elif path:
                return Answer.of({"error": f"no button {path!r}"}, 404)
        except RefusalError as error:
            return Answer.of({"error": error.said}, error.status)
        if request.headers.get("content-type", "").startswith("application/x-www-form"):
            return Answer(303, b"", {"Location": f"/{NAME}/issue{number}"})
        with self.tracker.lock:
            issues = [self.tracker.news(one, None)["issue"] for one in self.tracker.rows["issue"]]
        return Answer.of({"id": number, "issues": issues, "pushes_to": self._door[0]})

    def _page(self, path: str) -> Answer:
        """Show the list, or one issue with its messages and two buttons."""
        with self.tracker.lock:
            found = re.fullmatch(r"issue(\d+)", path)
            if found is None or found[1] not in self.tracker.rows["issue"]:
                rows = [self.tracker.news(one, None)["issue"] for one in reversed(self.tracker.rows["issue"])]
                lines = "".join(f"<tr><td><a href='/{NAME}/issue{one['id']}'>issue{one['id']}</a>{_cells(one)}" for one in rows)
                return _html("工单 · tickets", f"<table>{lines}</table>")
            one = self.tracker.news(found[1], None)["issue"]
            messages = [self.tracker.row("msg", number) for number in self.tracker.row("issue", found[1])["messages"]]
        said = "".join(f"<pre>{escape(str(message.get('content')))}</pre>" for message in messages)
        fields = "".join(
            f"<tr><th>{escape(name)}<td>{escape(str(value))}" for name, value in one.items() if value not in (None, "")
        )
        buttons = "".join(
            f"<form method=post action=/control/{act}><button name=id value={one['id']}>{text}</button></form>"
            for act, text in (("take", "接单 · take"), ("resolve", "解决 · resolve"))
        )
        return _html(f"issue{one['id']}", f"<table>{fields}</table>{buttons}{said}<p><a href='/{NAME}/'>工单 · tickets</a>")

    def _hear(self, news: News) -> None:
        if self._door[0]:
            self._news.put(news)

    def _send_forever(self) -> None:
        while (news := self._news.get()) is not None:
            url, secret = self._door
            message_id = f"msg_{uuid.uuid4().hex}"
            for pause in self.pauses_s:
                time.sleep(pause)
                if _posted(url, secret, message_id, json.dumps(news).encode()):
                    break


def _posted(url: str, secret: str, message_id: str, body: bytes) -> bool:
    """Post one message as the detector does: signed, or with the shared header."""
    headers = {"Content-Type": "application/json", "webhook-id": message_id}
    if secret.startswith("whsec_"):
        stamp = str(int(time.time()))
        signed = b".".join((message_id.encode(), stamp.encode(), body))
        digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        headers |= {"webhook-timestamp": stamp, "webhook-signature": f"v1,{base64.b64encode(digest).decode()}"}
    elif secret:
        headers["X-Tieline-Secret"] = secret
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=5) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except (OSError, ValueError):
        return False
    return True


def _cells(one: dict[str, Any]) -> str:
    return "".join(
        f"<td>{escape(str(one.get(name) or ''))}" for name in ("status", "priority", "title", "machine", "tieline_ref")
    )


def _html(title: str, inside: str) -> Answer:
    style = "<style>body{font:16px system-ui;margin:2rem}td,th{padding:.2rem .6rem;text-align:left}form{display:inline}</style>"
    return Answer.page(
        f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title>{style}<h1>{escape(title)}</h1>{inside}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m lab.standins.roundup", description=str(__doc__).strip().splitlines()[0])
    parser.add_argument("--port", type=int, default=28917)
    parser.add_argument("--keep", type=Path, help="file to keep the tickets in")
    given = parser.parse_args(arguments)
    with Roundup(given.port, keep=given.keep) as standin:
        print(f"Roundup stand-in at {standin.url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.exit(0)


if __name__ == "__main__":
    main()
