"""The trail of an event: from the raw bytes over every decision to the last attempt; and what a person may do."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for
from werkzeug.wrappers import Response

from bridges import actions, explain, replay
from gateway.pages.console import Console, back


def add(made: Blueprint, console: Console) -> None:
    """Add the page and its forms."""
    parts = console.parts

    @made.get("/events/<id>")
    def trail(id: str) -> str:  # noqa: A002 the path's own word
        with parts.db.read() as conn:
            found = explain.event(conn, id)
        may = {scope: console.caller.may(scope) for scope in ("actions:write", "events:replay")}
        return render_template("trail.html", one=found, may=may)

    @made.get("/actions/<id>")
    def action(id: str) -> Response:  # noqa: A002 the path's own word
        with parts.db.read() as conn:
            event_id = explain.action_trail(conn, id)["event_id"]
        return back(url_for("pages.trail", id=event_id) + f"#{id}")

    @made.post("/events/<id>/replay")
    def replay_event(id: str) -> Response:  # noqa: A002 the path's own word
        console.caller.require("events:replay")
        replay.run(parts.db, replay.Choice(id=id), by=console.caller.name)
        parts.ring()
        return back(url_for("pages.trail", id=id))

    @made.post("/actions/<id>/<deed>")
    def act_on(id: str, deed: str) -> Response:  # noqa: A002 the path's own word
        console.caller.require("actions:write")
        with parts.db.write() as conn:
            now = parts.db.now(conn)
            event_id = explain.action_trail(conn, id)["event_id"]
            if deed == "retry":
                actions.retry(conn, id, by=console.caller.name, now=now)
            elif deed == "skip":
                actions.skip(conn, id, by=console.caller.name, reason=request.form.get("why") or "console", now=now)
            else:
                actions.release(conn, id, now=now)
        parts.ring()
        return back(url_for("pages.trail", id=event_id) + f"#{id}")
