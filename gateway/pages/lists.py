"""The long lists: events, deliveries, actions, connectors, snapshots."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from gateway import listings
from gateway.pages.console import Console, asked, asked_state, next_of
from gateway.pages.overview import connector_rows


def add(made: Blueprint, console: Console) -> None:
    """Add the pages."""

    @made.get("/events")
    def events() -> str:
        with console.parts.db.read() as conn:
            rows, after = listings.events(
                conn, console.turn(), connector_name=asked("connector"), state=asked_state(), type_=asked("type")
            )
        return render_template("events.html", rows=rows, next=next_of(after), **_filters(console))

    @made.get("/deliveries")
    def deliveries() -> str:
        with console.parts.db.read() as conn:
            rows, after = listings.deliveries(conn, console.turn(), connector_name=asked("connector"), state=asked_state())
        return render_template("deliveries.html", rows=rows, next=next_of(after), **_filters(console))

    @made.get("/actions")
    def actions() -> str:
        with console.parts.db.read() as conn:
            rows, after = listings.actions(
                conn, console.turn(), connector_name=asked("connector"), state=asked_state(), bridge=asked("bridge")
            )
        return render_template("actions.html", rows=rows, next=next_of(after), **_filters(console))

    @made.get("/connectors")
    def connectors() -> str:
        with console.parts.db.read() as conn:
            return render_template("connectors.html", connectors=connector_rows(conn))

    @made.get("/snapshots")
    def snapshots() -> str:
        with console.parts.db.read() as conn:
            rows, after = listings.snapshots(conn, console.turn(), recipe=asked("recipe"))
        return render_template("snapshots.html", rows=rows, next=next_of(after), **_filters(console))


def _filters(console: Console) -> dict[str, object]:
    return {"arguments": request.args.to_dict(), "connectors": console.names()}
